import Balancing
import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

extension Experiment {
  /// Runs a method's step on a batch from given weights, without moving them, and takes it apart.
  ///
  /// The model is read off the weights: every `<modality>.embedding.weight` is a modality. Their order is that of
  /// `modalities` in the file's header, where nobody says another. Several updates of one step are written as their sum.
  /// Losses are weighted and directions shortened as `training.class_weights` and `optimizer.gradient_clip` say; the classes'
  /// frequencies are those of the training split of `dataset`.
  public static func gradients(_ request: GradientRequest) throws -> GradientReport {
    guard (0...1).contains(request.progress) else {
      throw Diagnosis("the progress is \(request.progress), must be from 0 to 1", exitStatus: .usage)
    }
    guard request.steps >= 1 else {
      throw Diagnosis("the number of steps is \(request.steps), must be at least 1", exitStatus: .usage)
    }
    guard let task = PredictionTask(rawValue: request.task) else {
      let known = PredictionTask.allCases.map(\.rawValue)
      throw Diagnosis("'\(request.task)' is not one of \(known.joined(separator: ", "))", exitStatus: .usage)
    }
    guard let elementType = [ElementType.float64, .float32].first(where: { "\($0)" == request.precision }) else {
      throw Diagnosis("'\(request.precision)' is not one of float64, float32", exitStatus: .usage)
    }
    let (configuration, _) = try resolve(
      method: request.method, seed: request.seed, files: request.files, settings: request.settings)
    let entry = try MethodRegistry.entry(configuration.methodName)
    try entry.requirements.check(task, method: entry.card.name)
    try RunBuilder.checkLoss(configuration.training, task, place: nil)
    let weights = try SafeTensors(reading: request.weights)
    let modalities = try modalities(of: weights, asked: request.modalities, fusion: configuration.model.fusion)
    guard entry.card.modalities.admits(modalities.count) else {
      throw Diagnosis(
        "'\(entry.card.name)' needs \(entry.card.modalities.words) modalities, the weights have \(modalities.count)",
        place: request.weights.relativePath, exitStatus: .usage)
    }
    var method = try entry(configuration.methodSettings)
    if let state = request.state {
      guard let checkpointed = method as? any Checkpointed else {
        throw Diagnosis(
          "'\(entry.card.name)' remembers nothing from step to step", place: state.relativePath,
          remedy: "leave --state out", exitStatus: .usage)
      }
      method = try ModelFile.restored(checkpointed, from: state, elementType: elementType)
    }
    let model = try model(over: weights, modalities, task, configuration, method, elementType)
    let batch = try batch(reading: request.batch, model, elementType)

    var clock = TrainingClock(steps: request.steps, epochs: 1)
    clock.step = Int((request.progress * Double(request.steps - 1)).rounded())
    clock.exactProgress = request.progress
    let session = TrainingSession(
      model, optimizer: try RunBuilder.optimizer(configuration.optimizer, model.store),
      learningRate: RunBuilder.learningRate(configuration.optimizer), clock: clock,
      random: RandomSource(seed: request.seed), classWeights: try classWeights(configuration, model, elementType),
      gradientClip: configuration.optimizer.gradientClip, path: configuration.training.gradients,
      missing: try missingInputs(reading: request.batch, model, elementType), focus: configuration.training.focus)
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }

    let update = try inspection.updates.dropFirst().reduce(
      inspection.updates.first ?? Gradients.none(model.store)
    ) { try $0 + $1 }
    let named = try update.named()
    if let out = request.out {
      var tensors = named
      for part in inspection.parts { tensors += try part.gradients.named().map { ("\(part.name)/\($0.0)", $0.1) } }
      let metadata = ["modalities": modalities.map(\.name).joined(separator: ","), "method": entry.card.name]
      try SafeTensors.write(tensors, metadata: metadata, to: out)
    }
    return GradientReport(
      method: entry.card.name, modalities: modalities.map(\.name), progress: request.progress, losses: report.losses,
      scalars: report.scalars,
      updateNorms: try Dictionary(uniqueKeysWithValues: named.map { ($0.0, try $0.1.norm().scalar()) }),
      out: request.out?.relativePath)
  }

  private static func modalities(of weights: SafeTensors, asked: [String], fusion: FusionForm) throws -> [Modality] {
    let suffix = ".embedding.weight"
    let found = weights.names.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }
    let known = asked.isEmpty ? weights.metadata["modalities"]?.split(separator: ",").map(String.init) : asked
    // Tensors lie in a file by name or by size, not in the order of a fusion's columns.
    let order = known ?? found.sorted()
    guard !found.isEmpty else {
      throw Diagnosis(
        "the weights name no modality", place: weights.path,
        found: ["expected names such as image\(suffix), found \(weights.names.prefix(8).joined(separator: ", "))"],
        exitStatus: .input)
    }
    guard known != nil || found.count == 1 || [.addition, .crossAttention].contains(fusion) else {
      throw Diagnosis(
        "the order of the modalities in the fusion cannot be known", place: weights.path,
        found: ["the header has no 'modalities', and the weights are of \(found.sorted().joined(separator: ", "))"],
        remedy: "name them in the order of the fusion's columns: --modalities \(found.sorted().joined(separator: ","))",
        exitStatus: .usage)
    }
    guard Set(order) == Set(found), order.count == found.count else {
      throw Diagnosis(
        "the modalities \(order.joined(separator: ", ")) are not those of the weights", place: weights.path,
        found: ["the weights have \(found.joined(separator: ", "))"], exitStatus: .usage)
    }
    return order.map { Modality($0) }
  }

  /// The weight of each class, as a run on the configuration's data set would have it; nil where all count alike.
  private static func classWeights(
    _ configuration: RunConfiguration, _ model: MultimodalModel, _ elementType: ElementType
  ) throws -> Tensor? {
    guard configuration.training.classWeights == .balanced else { return nil }
    guard !configuration.dataset.isEmpty else {
      throw Diagnosis(
        "class weights are of a training split, and no data set is named", place: "training.class_weights",
        remedy: "--set dataset=DATA, or --set training.class_weights=none", exitStatus: .usage)
    }
    let set = try LoadedData(at: URL(filePath: configuration.dataset)).set
    guard set.manifest.task == model.task, set.manifest.classes.count == model.classes else {
      throw Diagnosis(
        "the data set does not fit the weights", place: set.folder.relativePath,
        found: [
          "it has \(set.manifest.classes.count) classes and is \(set.manifest.task.rawValue), "
            + "the weights have \(model.classes) and are \(model.task.rawValue)"
        ], exitStatus: .usage)
    }
    return try RunBuilder.balancedWeights(set).to(elementType)
  }

  private static func model(
    over weights: SafeTensors, _ modalities: [Modality], _ task: PredictionTask, _ configuration: RunConfiguration,
    _ method: any BalancingMethod, _ elementType: ElementType
  ) throws -> MultimodalModel {
    func shape(_ name: String, rank: Int) throws -> [Int] {
      guard let shape = weights.entry(name)?.shape else {
        throw SafeTensorsError.missing(name, in: weights)
      }
      guard shape.count == rank else {
        throw Diagnosis(
          "'\(name)' has the shape \(shape), expected \(rank) dimensions", place: weights.path, exitStatus: .input)
      }
      return shape
    }
    let embeddings = try modalities.map { try shape("\($0.name).embedding.weight", rank: 2) }
    let classes = try shape("fusion.classifier.weight", rank: 2)[0]
    let store = ParameterStore(random: RandomSource(seed: 0), elementType: elementType)
    let encoders = try ModelFile.encoders(weights).mapValues(TrainedNetwork.init)
    let model = try MultimodalModel(
      modalities: modalities, inputWidths: embeddings.map { $0[1] }, embeddingWidths: embeddings.map { $0[0] },
      classes: classes, task: task, store: store, encoders: encoders,
      fusion: FusionRegistry.maker(configuration.model))
    try model.addParameters(of: method)
    try model.store.load(weights)
    return model
  }

  /// What stands for missing modalities, `<modality>-missing` [1, …] in the batch's file; zeros where it is not there.
  private static func missingInputs(
    reading url: URL, _ model: MultimodalModel, _ elementType: ElementType
  ) throws -> PerModality<Tensor> {
    let file = try SafeTensors(reading: url)
    return try PerModality(model.modalities) { modality in
      let name = "\(modality)-\(Condition.missing)"
      let form = (model.encoders[modality] as? TrainedNetwork)?.form.input
      let expected = [1] + (form?.shape ?? [model.embeddings[modality].weight.shape[1]])
      let type = form?.elementType ?? elementType
      guard file.entry(name) != nil else { return try .zeros(expected, type) }
      let row = try file.tensor(name)
      guard row.shape == expected else {
        throw Diagnosis(
          "the batch does not fit the weights", place: url.relativePath,
          found: ["'\(name)' has the shape \(row.shape), expected \(expected)"], exitStatus: .input)
      }
      return try row.to(type)
    }
  }

  private static func batch(reading url: URL, _ model: MultimodalModel, _ elementType: ElementType) throws -> Batch {
    let file = try SafeTensors(reading: url)
    let labels = try file.tensor("labels")
    let count = labels.shape.first ?? 0
    func refuse(_ what: String) -> Diagnosis {
      Diagnosis("the batch does not fit the weights", place: url.relativePath, found: [what], exitStatus: .input)
    }
    guard count > 0 else { throw refuse("'labels' is empty") }
    let inputs = try PerModality(model.modalities) { modality in
      let features = try file.tensor(modality.name)
      let encoder = model.encoders[modality] as? TrainedNetwork
      let expected = [count] + (encoder?.form.input.shape ?? [model.embeddings[modality].weight.shape[1]])
      guard features.shape == expected else {
        throw refuse("'\(modality.name)' has the shape \(features.shape), expected \(expected)")
      }
      return encoder == nil ? try features.to(elementType) : features
    }
    if model.task == .multiLabel {
      guard labels.shape == [count, model.classes] else {
        throw refuse("'labels' has the shape \(labels.shape), expected [\(count), \(model.classes)]")
      }
      return Batch(samples: Array(0..<count), inputs: inputs, labels: labels)
    }
    if model.task == .regression {
      guard labels.shape == [count], model.classes == 1 else {
        throw refuse(
          "a regression has one output and 'labels' of shape [\(count)], there are \(model.classes) outputs and labels of "
            + "shape \(labels.shape)")
      }
      return Batch(samples: Array(0..<count), inputs: inputs, labels: try labels.to(.float64))
    }
    let values: [Int] = try labels.array()
    guard labels.rank == 1, values.allSatisfy({ (0..<model.classes).contains($0) }) else {
      throw refuse("'labels' must be [B] numbers from 0 to \(model.classes - 1)")
    }
    return Batch(samples: Array(0..<count), inputs: inputs, labels: try labels.to(.int64))
  }
}
