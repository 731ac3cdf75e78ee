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
  private let detectsEmpty: Bool
  /// What a sample of each modality is to the model.
  package let forms: PerModality<InputForm>
  private let encoders: [String: any RawEncoder]
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
        let given = Set(inputs[index].given).union(inputs[index].features.keys)
        empty[index] = absent.map(\.name).filter(given.contains).sorted()
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

  /// The features of the inputs' pictures, texts and sounds, by modality; encoded together, and what cannot be read left for
  /// its own input to answer for.
  private func encoded(_ inputs: [PredictionInput]) -> [[String: Result<[Float], any Error>]] {
    var found = [[String: Result<[Float], any Error>]](repeating: [:], count: inputs.count)
    for (name, encoder) in encoders {
      let members = inputs.indices.filter { index in
        inputs[index].features[name] == nil && inputs[index].given.contains(name)
      }
      // A trained encoder is shown one picture, as in training.
      let looks = members.flatMap { index in
        let count = encoder.form.needsEncoder ? 1 : inputs[index].count(of: type(of: encoder).kind)
        return (0..<count).map { (index: index, number: $0) }
      }
      var rows: [Int: Result<[[Float]], any Error>] = [:]
      for start in stride(from: 0, to: looks.count, by: max(encoder.chunk, 1)) {
        let some = Array(looks[start..<min(start + max(encoder.chunk, 1), looks.count)])
        for (look, result) in zip(some, encoded(some.map { (inputs[$0.index], $0.number) }, encoder)) {
          let known = rows[look.index] ?? .success([])
          // Of several pictures, those that are empty say nothing.
          if case .failure(is EmptyInput) = result {
            rows[look.index] = known
          } else {
            rows[look.index] = known.flatMap { rows in result.map { rows + [$0] } }
          }
        }
      }
      for (index, rows) in rows {
        found[index][name] = rows.flatMap { rows in
          rows.isEmpty ? .failure(EmptyInput()) : .success(Self.mean(rows))
        }
      }
    }
    return found
  }

  /// As `encode` takes it of a sample with several pictures.
  private static func mean(_ rows: [[Float]]) -> [Float] {
    guard rows.count > 1, var mean = rows.first?.map({ _ in Float(0) }) else { return rows.first ?? [] }
    for row in rows { for place in mean.indices { mean[place] += row[place] / Float(rows.count) } }
    return mean
  }

  /// Features of each look; `EmptyInput` for one that is empty, where that counts as absent.
  private func encoded(
    _ looks: [(input: PredictionInput, number: Int)], _ encoder: any RawEncoder
  ) -> [Result<[Float], any Error>] {
    let detectsEmpty = detectsEmpty
    let prepared: [Result<PreparedInput, any Error>]
    do {
      prepared = try parallelMap(looks.count) { index in
        Result {
          let raw = try looks[index].input.read(type(of: encoder).kind, looks[index].number)
          if detectsEmpty, raw.isEmpty || looks[index].input.isMissing(type(of: encoder).kind) { throw EmptyInput() }
          return try encoder.prepare(raw)
        }
      }
      let width = encoder.width
      let taken = prepared.compactMap { try? $0.get() }
      let made = try encoder.encoded(taken.map { .success($0) }, threads: 0)
      var (place, next) = (0, 0)
      return prepared.map { input in
        input.flatMap { _ -> Result<[Float], any Error> in
          defer { place += 1 }
          if case .failure(let error) = made.results[place] { return .failure(error) }
          defer { next += width }
          return .success(Array(made.rows[next..<next + width]))
        }
      }
    } catch {
      return looks.map { _ in .failure(error) }
    }
  }

  /// What is given of an input, as features; nil for a modality that is absent.
  private func features(
    of input: PredictionInput, encoded: [String: Result<[Float], any Error>]
  ) throws -> PerModality<[Float]?> {
    for name in input.features.keys where !modalities.contains(name) && !leftOut.contains(name) {
      throw Diagnosis(
        "there is no modality '\(name)'", found: ["the model has \(modalities.joined(separator: ", "))"],
        exitStatus: .usage)
    }
    for name in input.given where !leftOut.contains(name) { try needEncoder(name) }
    return try PerModality(model.modalities) { modality in
      if let given = input.features[modality.name] {
        let width = forms[modality].count
        guard given.count == width else {
          throw Diagnosis(
            "features of '\(modality.name)' are \(given.count) wide, the model was built for \(width)",
            exitStatus: .input)
        }
        // Python writes NaN for what is not there.
        if detectsEmpty, given.allSatisfy(\.isNaN) || given == missing[modality] { return nil }
        guard given.areFinite else {
          throw Diagnosis("features of '\(modality.name)' are not finite", exitStatus: .input)
        }
        return given
      }
      do {
        let found = try encoded[modality.name]?.get()
        return detectsEmpty && found == missing[modality] ? nil : found
      } catch is EmptyInput { return nil }
    }
  }

  private func needEncoder(_ name: String) throws {
    guard modalities.contains(name) else {
      throw Diagnosis(
        "the model has no modality '\(name)'", found: ["it has \(modalities.joined(separator: ", "))"],
        exitStatus: .usage)
    }
    guard encoders[name] != nil else {
      throw Diagnosis(
        "the run has no encoder for '\(name)': it was trained on features made elsewhere",
        remedy: "give the features themselves, as \"features\": {\"\(name)\": [...]}", exitStatus: .usage)
    }
  }

  /// Rows of a modality as the model takes them.
  package func input(_ modality: Modality, _ values: [Float]) throws -> Tensor {
    let form = forms[modality]
    let rows = try Tensor(values, shape: [values.count / max(form.count, 1)] + form.shape)
    return form.needsEncoder ? try rows.to(form.elementType) : try rows.to(model.store.elementType) * scales[modality]
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
        let none = try model(PerModality(model.modalities) { try input($0, missing[$0]) })
        reliance = try Dictionary(
          uniqueKeysWithValues: telling.reliance(outputs, missing: none, absent: absent).map {
            ($0.name, try $1.to(.float64).array())
          })
      }
      return (try rowwise(logits), try known.map { try rowwise(logits / $0.temperature) }, reliance)
    }
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

/// An input that is there and holds nothing.
private struct EmptyInput: Error {}

extension PredictionInput {
  /// The modalities that are there as pictures, texts and sounds themselves.
  fileprivate var given: [String] {
    [("image", image != nil), ("text", text != nil), ("audio", audio != nil)].filter(\.1).map(\.0)
  }

  /// Whether its text spells out a missing value, which encoding takes for no text.
  fileprivate func isMissing(_ kind: RawInput.Kind) -> Bool {
    kind == .text && text.map { MissingValue.isMissing($0) } ?? false
  }

  /// How many inputs of a kind there are.
  fileprivate func count(of kind: RawInput.Kind) -> Int { kind == .image ? 1 + frames.count : 1 }

  /// - Parameter number: of its pictures, the first is 0.
  fileprivate func read(_ kind: RawInput.Kind, _ number: Int) throws -> RawInput {
    switch kind {
    case .image:
      try (number == 0 ? image : frames[number - 1]).map { url in
        .image(try bytes.map { try RGBImage(decoding: $0(url)) } ?? RGBImage(contentsOf: url))
      } ?? .missing(kind)
    case .text: .text(text ?? "")
    case .audio:
      try audio.map { url in .audio(try bytes.map { try Waveform(decoding: $0(url)) } ?? Waveform(contentsOf: url)) }
        ?? .missing(kind)
    }
  }
}
