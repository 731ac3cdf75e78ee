import Balancing
import Datasets
import Multimodal
import Records
import Torch
import TorchNN

/// A run's model as a function of tensors alone, rows in and rows out, with its answer to absence.
///
/// The answers to every set of modalities are computed, and each row takes that of what is there:
///
///     z = z_S where S = {m : presentₘ},   z = NaN where S is empty
struct ExportedModel {
  let predictor: Predictor
  /// Whether it takes, beside the modalities, which of them are there.
  let answersAbsence: Bool
  /// The modalities that are given as their trained encoder's features, since that encoder is no graph.
  let encodedElsewhere: [Modality]

  /// The input that says which modalities are there: boolean, [rows, modalities].
  static let present = "present"
  /// So many modalities have 254 sets that something may be missing from.
  private static let most = 8

  private var model: MultimodalModel { predictor.model }

  /// - Parameter answersAbsence: of a model of one modality there is no absence to answer.
  /// - Throws: a `Diagnosis` where there are too many modalities for their sets.
  init(_ predictor: Predictor, answersAbsence: Bool) throws {
    self.predictor = predictor
    let modalities = predictor.model.modalities
    self.answersAbsence = answersAbsence && modalities.count > 1
    guard !self.answersAbsence || modalities.count <= Self.most else {
      throw Diagnosis(
        "the model has \(modalities.count) modalities, and at most \(Self.most) can be absent in an exported one",
        remedy: "--no-absence exports it for samples with everything there", exitStatus: .usage)
    }
    // How long a text is decides what is computed for it.
    encodedElsewhere = modalities.filter { if case .tokens = predictor.forms[$0] { true } else { false } }
  }

  /// What a row of a modality is.
  func form(_ modality: Modality) -> InputForm {
    guard encodedElsewhere.contains(modality), let encoder = model.encoders[modality] else {
      return predictor.forms[modality]
    }
    return .features(width: encoder.width)
  }

  var outputs: [String] { model.task.hasClasses ? ["probabilities", "logits"] : ["value"] }

  /// The graph of it.
  ///
  /// - Throws: a `Diagnosis` where the method's prediction is no graph.
  func graph() throws -> TensorGraph {
    do {
      return try TensorGraph(inputs: trial, outputs: outputs) { try self($0) }
    } catch let error as TorchError {
      throw Diagnosis(
        "this model's prediction depends on its inputs in a way that no graph says", place: predictor.place,
        found: ["\(error)"], remedy: "seesaw predict and seesaw serve answer with it", exitStatus: .input)
    }
  }

  /// Made-up inputs of so many rows, none of which is empty.
  func trial(rows: Int) throws -> [(name: String, tensor: Tensor)] {
    let random = RandomSource(seed: rows)
    var inputs = try model.modalities.map { modality in
      let (form, generator) = (form(modality), try random.generator("export/\(modality.name)"))
      let shape = [rows] + form.shape
      let numbers =
        try form.needsEncoder
        ? generator.uniform(shape, in: 1..<255).to(form.elementType) : generator.normal(shape)
      return (name: modality.name, tensor: numbers)
    }
    if answersAbsence {
      inputs.append((Self.present, try .ones([rows, model.modalities.count], .bool)))
    }
    return inputs
  }

  /// What the model says.
  ///
  /// - Parameter inputs: rows of each modality in the model's order, and which modalities are there, where that is asked.
  /// - Returns: probabilities and logits, [rows, C] each; of a regression the target in its own unit, [rows, 1].
  func callAsFunction(_ inputs: [Tensor]) throws -> [Tensor] {
    try withoutGradients {
      let present = answersAbsence ? inputs.last : nil
      var features: [Tensor] = []
      for (place, modality) in model.modalities.enumerated() {
        let isThere = try present?.narrowed(1, from: place, length: 1)
        features.append(try model.embeddings[modality](encoded(modality, inputs[place], isThere)))
      }
      let logits = try logits(model.outputs(ofFeatures: PerModality(model.modalities, features)), present)
      guard let targets = predictor.targets else {
        return try [model.task.probabilities(logits).to(.float32), logits.to(.float32)]
      }
      return [try (logits.to(.float64) * targets.deviation + targets.mean).to(.float32)]
    }
  }

  /// Features as the embedding layer takes them, [rows, D], with what stands for a missing input where a row has none.
  private func encoded(_ modality: Modality, _ input: Tensor, _ isThere: Tensor?) throws -> Tensor {
    let type = model.store.elementType
    let standing = try model.encoded(modality, predictor.input(modality, predictor.missing[modality]))
    guard model.encoders[modality] != nil, !encodedElsewhere.contains(modality) else {
      let own = try input.to(type)
      let scaled = try encodedElsewhere.contains(modality) ? own : own * predictor.scales[modality]
      return try isThere?.choose(scaled, standing) ?? scaled
    }
    // An input of zeros is not there: zeros stand for its features.
    let width = form(modality).count
    let isSomething = try input.to(type).reshaped([-1, width]).max(1, keeping: true).greater(than: 0)
    let own = try model.encoded(modality, input)
    let seen = try isSomething.choose(own, Tensor.zeros([1, 1], type))
    return try isThere?.choose(seen, standing) ?? seen
  }

  private func logits(_ outputs: Outputs, _ present: Tensor?) throws -> Tensor {
    func logits(_ absent: Set<Modality>) throws -> Tensor {
      try predictor.absence?.logits(outputs, absent: absent)
        ?? prediction(of: predictor.method, absent: absent)(outputs)
    }
    var found = try logits([])
    guard let present else { return found }
    let modalities = model.modalities
    let set = try (present.to(.int64) * Tensor(modalities.indices.map { 1 << $0 })).sum(1, keeping: true)
    for number in 1..<(1 << modalities.count) - 1 {
      let absent = Set(modalities.indices.filter { number & 1 << $0 == 0 }.map { modalities[$0] })
      found = try set.equal(to: Double(number)).choose(logits(absent), found)
    }
    return try set.equal(to: 0).choose(Tensor.full([1, 1], .nan, found.elementType), found)
  }
}
