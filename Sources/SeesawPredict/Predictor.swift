import Balancing
import Encoders
public import Foundation
import Multimodal
public import Records
import Synchronization
package import Torch
import TorchNN

/// A finished run's model, ready to predict, with any modality absent.
///
/// It may be asked from several threads. They take turns, since encoders and networks say nothing of threads: that is why
/// it is unchecked, all else being constant. ``BatchingPredictor`` lets many ask at once.
public final class Predictor: @unchecked Sendable {
  /// Whose turn it is.
  private let turn = Mutex<Void>(())
  private let folder: RunFolder
  /// What the model makes of no modality; whoever has the turn makes it.
  private var ofNothing: Outputs?
  package let model: MultimodalModel
  package let method: any BalancingMethod
  /// The names of the classes, in the model's order.
  public let classes: [String]
  /// Whether a number is predicted, and no class.
  public var isRegression: Bool { targets != nil }
  /// How many frames stood for a clip in the data that it was trained on; nil where there were no clips.
  public let clipFrames: Int?
  private let metric: String
  private let scores: [String: Double]
  /// By condition, then name: of a regression the errors in the target's unit.
  private let metrics: [String: [String: Double]]
  /// Of a regression, what the target was standardized by.
  package let targets: TargetScale?
  package let calibration: [String: Calibration]
  /// Of several labels, the probability above which each is predicted; nil: one half.
  package let thresholds: [Double]?
  package let missing: PerModality<[Float]>
  /// What features are multiplied by.
  package let scales: FeatureScales
  /// How absence is answered; nil for runs of versions that knew the method's own rule alone.
  package let absence: Absence?
  /// Whether an empty input is absent.
  let detectsEmpty: Bool
  /// What a sample of each modality is to the model.
  package let forms: PerModality<InputForm>
  let encoders: [String: any RawEncoder]
  /// The modalities that its data had and the run was not shown: what is given of them is passed over.
  public let leftOut: [String]

  /// The run's folder, for messages.
  package var place: String { folder.url.relativePath }
  /// The modalities' names, in the model's order.
  public var modalities: [String] { model.modalities.map(\.name) }
  /// Which model this is: the SHA-256 of its files, 64 hexadecimal digits.
  ///
  /// In the run's folder, `sha256sum FILES | sha256sum` gives the same, where FILES are the `.safetensors` that there are of
  /// absence, encoders/*, method, missing and weights, in this order.
  public let digest: String
  /// How many numbers a sample of each modality has, where it is given as features.
  public var featureCounts: [String: Int] {
    Dictionary(uniqueKeysWithValues: forms.map { ($0.name, $1.count) })
  }
  /// Whether a sample may have several labels.
  public var isMultiLabel: Bool { model.task == .multiLabel }
  /// The modalities that pictures, texts and sounds can be encoded for; the others need features.
  public var encodable: [String] { encoders.keys.sorted() }

  /// Opens a run folder; its data is not needed.
  ///
  /// - Parameters:
  ///   - detectsEmpty: takes an input that is empty (a text of white space, a black picture, silence, features equal to
  ///     those of a missing input) as absent.
  ///   - events: is told before an encoder is run that is a program of its own.
  public init(run: URL, detectsEmpty: Bool = true, events: EventSink = { _ in }) throws {
    self.detectsEmpty = detectsEmpty
    folder = RunFolder(run)
    guard folder.exists else {
      throw Diagnosis("there is no run here", place: run.relativePath, exitStatus: .input)
    }
    let record = try folder.readRecord()
    guard record.status == .finished else {
      throw Diagnosis(
        "the run is not finished: its status is '\(folder.status(of: record).rawValue)'", place: run.relativePath,
        remedy: "seesaw train --resume --out \(run.relativePath)", exitStatus: .input)
    }
    clipFrames = record.data.frames
    let configuration = try RunConfiguration(recorded: record.configuration, in: folder.record.relativePath)
    let entry = try MethodRegistry.entry(recorded: configuration.methodName, in: folder.record.relativePath)
    let weights = try SafeTensors(reading: folder.weights)
    let modalities = record.data.modalities.map { Modality($0) }
    guard let task = weights.metadata["task"].flatMap(PredictionTask.init(rawValue:)) else {
      throw Diagnosis(
        "the weights do not say what they predict", place: folder.weights.relativePath, exitStatus: .input)
    }
    targets = try ModelFile.targets(weights)
    guard (targets != nil) == !task.hasClasses, targets.map({ $0.mean.isFinite && $0.deviation.isFinite }) ?? true
    else {
      throw Diagnosis(
        task.hasClasses
          ? "the weights say of a task with classes how its target was standardized"
          : "the weights do not say how the target was standardized", place: folder.weights.relativePath,
        exitStatus: .input)
    }
    let faults = task.faults(modalities: record.data.modalities, classes: record.data.classes)
    guard faults.isEmpty else {
      throw Diagnosis(
        "the run's record does not describe a model", place: folder.record.relativePath, found: faults,
        exitStatus: .input)
    }
    let shapes = try modalities.map { modality in
      let name = "\(modality.name).embedding.weight"
      guard let shape = weights.entry(name)?.shape, shape.count == 2 else {
        throw SafeTensorsError.missing(name, in: weights)
      }
      return shape
    }
    let elementType: ElementType = configuration.training.precision == .float64 ? .float64 : .float32
    // Before anything is made: what the record asks for cannot be more than the file has.
    let store = ParameterStore(
      random: RandomSource(seed: configuration.seed), elementType: elementType,
      atMost: weights.entries.reduce(0) { $0 + $1.shape.reduce(1, *) })
    do {
      let trained = try ModelFile.encoders(weights)
      forms = PerModality(
        modalities, zip(modalities, shapes).map { trained[$0]?.input ?? .features(width: $1[1]) })
      model = try MultimodalModel(
        modalities: modalities, inputWidths: shapes.map { $0[1] }, embeddingWidths: shapes.map { $0[0] },
        classes: task.hasClasses ? record.data.classes.count : 1, task: task, store: store,
        encoders: trained.mapValues(TrainedNetwork.init), fusion: FusionRegistry.maker(configuration.model))
      let fresh = try entry(configuration.methodSettings)
      try model.addParameters(of: fresh)
      try model.store.load(weights)
      method = try ModelFile.restored(fresh, in: folder)
      absence = try Absence(in: folder, record, model, method)
    } catch let error where Diagnosis(describing: error).exitStatus == .defect {
      throw Diagnosis(
        "the weights are not of the model that the record describes", place: folder.weights.relativePath,
        found: ["\(error)"], exitStatus: .input)
    }
    classes = record.data.classes
    leftOut = record.data.leftOut ?? []
    scales = try FeatureScales(recorded: configuration.data.scale, modalities: modalities, leftOut: leftOut)
    let evaluation = try folder.readEvaluation()
    metric = evaluation.metric
    scores = evaluation.scores
    metrics = task.hasClasses ? [:] : evaluation.metrics
    thresholds = record.thresholds.flatMap { $0.count == record.data.classes.count ? $0 : nil }
    calibration = (record.calibration ?? [:]).filter { $1.temperature.isFinite && $1.temperature > 0 }
    let missingFile = try SafeTensors(reading: run.appending(path: "missing.safetensors"))
    missing = try forms.map { modality, form in
      let width = form.count
      let values: [Float] = try missingFile.tensor(modality.name).array()
      guard values.count == width else {
        throw Diagnosis(
          "what stands for a missing '\(modality.name)' is \(values.count) wide, the model was built for \(width)",
          place: missingFile.path, exitStatus: .input)
      }
      return values
    }
    var encoders: [String: any RawEncoder] = [:]
    for modality in modalities {
      let url = run.appending(path: "encoders/\(modality.name).safetensors")
      if FileManager.default.fileExists(atPath: url.path) {
        encoders[modality.name] = try EncoderFile.read(url) { events(.warning($0)) }
      }
    }
    self.encoders = encoders
    digest = try Self.digest(of: run, encoders: encoders.keys.sorted())
  }

  private static func digest(of run: URL, encoders: [String]) throws -> String {
    let names = ["absence"] + encoders.map { "encoders/\($0)" } + ["method", "missing", "weights"]
    let lines = try names.map { "\($0).safetensors" }.filter {
      FileManager.default.fileExists(atPath: run.appending(path: $0).path)
    }.map { "\(try FileDigest.sha256(of: run.appending(path: $0)))  \($0)\n" }
    return FileDigest.sha256(of: lines.joined())
  }

  /// The modalities that are given of some inputs and passed over, as the model was trained without them.
  public func passedOver(_ inputs: [PredictionInput]) -> [String] {
    leftOut.filter { name in inputs.contains { $0.given.contains(name) || $0.features[name] != nil } }
  }

  /// Predictions in the order of the inputs; throws at the first that cannot be predicted.
  public func predict(_ inputs: [PredictionInput]) throws -> [Prediction] {
    try results(for: inputs).map { try $0.get() }
  }

  /// A prediction for each input, or what is wrong with it.
  public func results(for inputs: [PredictionInput]) -> [Result<Prediction, Diagnosis>] {
    turn.withLock { _ in answers(to: inputs) }
  }

  private func answers(to inputs: [PredictionInput]) -> [Result<Prediction, Diagnosis>] {
    let encoded = encoded(inputs)
    var rows: [Result<PerModality<[Float]?>, Diagnosis>] = inputs.enumerated().map { index, input in
      do { return .success(try features(of: input, encoded: encoded[index])) } catch {
        return .failure(Diagnosis(describing: error))
      }
    }
    var results = [Result<Prediction, Diagnosis>?](repeating: nil, count: inputs.count)
    var empty = [[String]](repeating: [], count: inputs.count)
    // Samples with the same modalities absent go through the model together.
    var groups: [Set<Modality>: [Int]] = [:]
    for (index, row) in rows.enumerated() {
      switch row {
      case .failure(let diagnosis): results[index] = .failure(diagnosis)
      case .success(let features):
        let absent = Set(features.filter { $1 == nil }.map(\.0))
        if !absent.isEmpty {
          let given = Set(inputs[index].given).union(inputs[index].features.keys)
          empty[index] = absent.map(\.name).filter(given.contains).sorted()
        }
        if absent.count == model.modalities.count {
          results[index] = .failure(
            Diagnosis(
              empty[index].isEmpty
                ? "nothing is given: at least one of \(modalities.joined(separator: ", ")) is needed"
                : "nothing is left to predict from: \(empty[index].joined(separator: ", ")) empty",
              remedy: empty[index].isEmpty ? nil : "--no-detect-empty shows the model what is empty as it is",
              exitStatus: .usage))
        } else {
          groups[absent, default: []].append(index)
        }
      }
    }
    for (absent, members) in groups {
      do {
        let found = try probabilities(members.map { try rows[$0].get() }, absent)
        for (position, index) in members.enumerated() {
          var prediction = prediction(
            inputs[index].id, Array(found.plain[position]), found.calibrated.map { Array($0[position]) }, absent)
          prediction.empty = empty[index].isEmpty ? nil : empty[index]
          prediction.reliance = found.reliance?.mapValues { $0[position] }
          results[index] = .success(prediction)
        }
      } catch {
        for index in members { results[index] = .failure(Diagnosis(describing: error)) }
      }
    }
    rows.removeAll()
    return results.map { $0 ?? .failure(Diagnosis("no prediction was made", exitStatus: .defect)) }
  }

  /// Rows of a modality as the model takes them.
  package func input(_ modality: Modality, _ values: [Float]) throws -> Tensor {
    let form = forms[modality]
    let shape = [values.count / max(form.count, 1)] + form.shape
    if form.needsEncoder { return try Tensor(values, shape: shape).to(form.elementType) }
    let scale = scales[modality]
    guard model.store.elementType == .float32 else {
      return try Tensor(values, shape: shape).to(model.store.elementType) * scale
    }
    // As the tensor's product, which takes longer than all else that is done to a row.
    return try Tensor(scale == 1 ? values : values.map { $0 * Float(scale) }, shape: shape)
  }

  /// Of each row as the model has them, calibrated where that is known, and the shares of the modalities in them.
  private func probabilities(
    _ rows: [PerModality<[Float]?>], _ absent: Set<Modality>
  ) throws -> (plain: [ArraySlice<Double>], calibrated: [ArraySlice<Double>]?, reliance: [String: [Double]]?) {
    try withoutGradients {
      let inputs = try PerModality(model.modalities) { modality in
        try input(modality, rows.flatMap { $0[modality] ?? missing[modality] })
      }
      let outputs = try model(inputs)
      let logits = try
        (absence?.logits(outputs, absent: absent)
        ?? SeesawPredict.prediction(of: method, absent: absent)(outputs)).to(.float64)
      func rowwise(_ logits: Tensor) throws -> [ArraySlice<Double>] {
        let values: [Double] = try model.task.probabilities(logits).array()
        return rows.indices.map { values[($0 * model.classes)..<(($0 + 1) * model.classes)] }
      }
      let known = condition(absent).flatMap { calibration[$0] }
      var reliance: [String: [Double]]?
      let answer = absent.isEmpty ? nil : absence?.answer(to: absent)
      if answer == nil || answer == .own, let telling = method as? any TellsReliance {
        let none = try outputsOfNothing()
        reliance = try Dictionary(
          uniqueKeysWithValues: telling.reliance(outputs, missing: none, absent: absent).map {
            ($0.name, try $1.to(.float64).array())
          })
      }
      return (try rowwise(logits), try known.map { try rowwise(logits / $0.temperature) }, reliance)
    }
  }

  /// Of one sample without any modality; computed once.
  private func outputsOfNothing() throws -> Outputs {
    if let known = ofNothing { return known }
    let outputs = try model(PerModality(model.modalities) { try input($0, missing[$0]) })
    ofNothing = outputs
    return outputs
  }

  /// What the run was tried under; nil with several modalities absent.
  private func condition(_ absent: Set<Modality>) -> String? {
    guard let one = absent.first else { return Condition.full }
    guard absent.count == 1 else { return nil }
    return "\(one.name)-\(absence == nil ? Condition.missing : Condition.absent)"
  }

  private func prediction(
    _ id: String?, _ probabilities: [Double], _ calibrated: [Double]?, _ absent: Set<Modality>
  ) -> Prediction {
    if let targets {
      let condition = condition(absent)
      let score = condition.flatMap { scores[$0] }
      var found = Prediction(
        id: id, value: probabilities.first.map(targets.original), labels: [], probabilities: [:],
        present: model.modalities.filter { !absent.contains($0) }.map(\.name),
        condition: score == nil ? nil : condition, score: score, metric: metric)
      found.mae = condition.flatMap { metrics[$0]?["mae"] }
      found.rmse = condition.flatMap { metrics[$0]?["rmse"] }
      return found
    }
    let order = probabilities.indices.sorted { (-probabilities[$0], $0) < (-probabilities[$1], $1) }
    let chosen =
      model.task == .multiLabel
      ? order.filter { probabilities[$0] > (thresholds?[$0] ?? 0.5) } : order.first.map { [$0] } ?? []
    let condition = condition(absent)
    let score = condition.flatMap { scores[$0] }
    return Prediction(
      id: id, labels: chosen.map { classes[$0] },
      probabilities: Dictionary(zip(classes, probabilities), uniquingKeysWith: { first, _ in first }),
      calibrated: calibrated.map { Dictionary(zip(classes, $0), uniquingKeysWith: { first, _ in first }) },
      present: model.modalities.filter { !absent.contains($0) }.map(\.name),
      condition: score == nil ? nil : condition, score: score, metric: metric,
      calibration: condition.flatMap { calibration[$0] }, model: digest)
  }
}
