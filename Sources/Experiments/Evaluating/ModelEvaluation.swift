import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

/// A finished model's predictions on the test split: under each condition, and with each set of modalities there.
///
/// What was asked for once is kept. Sets are numbered by their members: modality m is there where bit m is set.
final class ModelEvaluation {
  let builder: RunBuilder
  let model: MultimodalModel
  let method: any BalancingMethod
  private var known: [String: Predictions] = [:]
  private var worths: [UInt64: [Double]] = [:]
  private var measures: [UInt64: WeightedScore] = [:]
  private var onValidation: [Set<Modality>: (logits: Tensor, labels: Tensor)] = [:]
  /// The modalities for whose missing features zeros stood.
  private(set) var zeroFeatures: Set<Modality> = []

  /// How absence is answered; nil: not known yet.
  private var knownAbsence: Absence?

  init(
    _ builder: RunBuilder, _ model: MultimodalModel, _ method: any BalancingMethod, absence: Absence? = nil
  ) {
    self.builder = builder
    self.model = model
    self.method = method
    knownAbsence = absence
  }

  /// How the model answers declared absence; fitted where the run does not say.
  func absence() throws -> Absence {
    if let knownAbsence { return knownAbsence }
    let found = try Absence(fitting: builder, model, method)
    knownAbsence = found
    return found
  }

  var set: FeatureSet { builder.data.set }
  var modalities: [Modality] { self.set.modalities }
  private var everything: UInt64 { 1 << UInt64(modalities.count) - 1 }

  /// Keeps predictions that were made elsewhere.
  func keep(_ predictions: Predictions, under condition: String) { known[condition] = predictions }

  /// What the model says under a condition.
  func predictions(under condition: String) throws -> Predictions {
    if let found = known[condition] { return found }
    let (split, missing, zero) = try set.test(under: condition)
    if zero { zeroFeatures.formUnion(missing) }
    let found = try predictions(on: split, told: told(condition, missing))
    known[condition] = found
    return found
  }

  /// What a model is told under a condition: of what is absent, not of what is missing.
  func told(_ condition: String, _ missing: Set<Modality>) -> Set<Modality> {
    Condition(condition, modalities: modalities.map(\.name)).kind == Condition.absent ? missing : []
  }

  /// How predictions are made of a forward pass, knowing what is absent.
  func rule(told absent: Set<Modality>) throws -> (Outputs) throws -> Tensor {
    if absent.isEmpty { return prediction(of: method) }
    let absence = try absence()
    return { try absence.logits($0, absent: absent) }
  }

  /// What the model says with only those modalities there, silently: nobody tells it; with none, the best constant
  /// prediction: nobody who sees nothing asks a model.
  func predictions(present: UInt64) throws -> Predictions {
    if present == 0 { return try set.constantPredictions() }
    let absent = Set(modalities.indices.filter { present >> UInt64($0) & 1 == 0 }.map { modalities[$0] })
    if absent.isEmpty { return try predictions(under: Condition.full) }
    if absent.count == 1, let one = absent.first {
      return try predictions(under: "\(one.name)-\(Condition.missing)")
    }
    let (split, zeros) = try set.test(without: absent)
    zeroFeatures.formUnion(zeros)
    return try predictions(on: split, told: [])
  }

  /// What the model says with only those modalities there, and some rows [1, …] in place of the others.
  func predictions(present: UInt64, standing rows: PerModality<Tensor>) throws -> Predictions {
    guard var split = set.test else { throw MetricError.noSamples }
    for (place, modality) in modalities.enumerated() where present >> UInt64(place) & 1 == 0 {
      split = try split.replacing(modality, with: rows[modality])
    }
    return try predictions(on: split, told: [])
  }

  /// What the model says with only those modalities there, and knowing so.
  func predictions(told present: UInt64) throws -> Predictions {
    let absent = Set(modalities.indices.filter { present >> UInt64($0) & 1 == 0 }.map { modalities[$0] })
    if absent.count == 1, let one = absent.first {
      return try predictions(under: "\(one.name)-\(Condition.absent)")
    }
    return try predictions(on: set.test(without: absent).split, told: absent)
  }

  /// What the model says with nothing but one modality there.
  func predictions(only modality: Int) throws -> Predictions { try predictions(present: 1 << UInt64(modality)) }

  /// What the model says where nothing is there and nobody tells it.
  func predictionsOfNothing() throws -> Predictions {
    try predictions(on: set.test(without: Set(modalities)).split, told: [])
  }

  private func predictions(on split: FeatureSplit, told absent: Set<Modality>) throws -> Predictions {
    let (logits, labels) = try builder.evaluator.logits(model, builder.prepared(split), rule(told: absent))
    return try predictions(logits, labels, of: split)
  }

  /// Predictions of logits on a split, whose labels these are as batches have them.
  func predictions(_ logits: Tensor, _ labels: Tensor, of split: FeatureSplit) throws -> Predictions {
    if let targets = set.targets {
      return try Predictions(outputs: logits, targets: split.labels, scale: targets)
    }
    return try Predictions(
      task: set.manifest.task, logits: logits, labels: labels, thresholds: builder.thresholds)
  }

  /// The score with only those modalities there.
  func score(present: UInt64) throws -> Double { try worth(present)[0] }

  /// The score with only those modalities there, with samples weighted.
  func measure(present: UInt64) throws -> WeightedMeasure {
    _ = try worth(present)
    guard let found = measures[present] else { return { _ in nil } }
    return { found($0) }
  }

  /// The score under a condition, with samples weighted.
  func measure(under condition: String) throws -> WeightedMeasure {
    let found = WeightedScore(try predictions(under: condition), metric: set.manifest.metric)
    return { found($0) }
  }

  /// The score on the validation split with some modalities not there.
  ///
  /// - Parameter told: whether the model knows.
  func validationScore(without absent: Set<Modality>, told: Bool = false) throws -> Double {
    guard let (logits, labels) = try validationLogits(without: absent, told: told) else { throw MetricError.noSamples }
    return try builder.evaluator.score(
      builder.evaluator.metrics(logits, labels, thresholds: builder.thresholds))
  }

  /// What the model says of the validation split with some modalities not there; nil without such a split.
  func validationLogits(
    without absent: Set<Modality>, told: Bool = false
  ) throws -> (logits: Tensor, labels: Tensor)? {
    if !told, let found = onValidation[absent] { return found }
    guard let split = try set.validation(without: absent) else { return nil }
    let found = try builder.evaluator.logits(model, builder.prepared(split), rule(told: told ? absent : []))
    if !told { onValidation[absent] = found }
    return found
  }

  /// The scores on the validation split that rows are chosen by; nil without such a split, or where the metric has none there.
  func validation() throws -> ValidationScores? {
    guard let labels = set.validation?.labels else { return nil }
    do {
      let full = try validationScore(without: [])
      guard modalities.count > 1 else { return ValidationScores(full: full, missing: [:]) }
      var missing: [String: Double] = [:]
      for modality in modalities { missing[modality.name] = try validationScore(without: [modality]) }
      var shapley: [String: Double]?
      if modalities.count <= ModalityValues.mostModalities, let nothing = try set.constant().score(labels) {
        let worths = try (0...everything).map { present in
          let absent = Set(modalities.indices.filter { present >> UInt64($0) & 1 == 0 }.map { modalities[$0] })
          return try present == 0 ? nothing : validationScore(without: absent)
        }
        shapley = Dictionary(
          zip(modalities.map(\.name), try Shapley.values(worths)), uniquingKeysWith: { first, _ in first })
      }
      return ValidationScores(full: full, missing: missing, shapley: shapley)
    } catch is MetricError {
      return nil
    }
  }

  /// Of several labels, the probabilities above which the model should predict each; nil: one half.
  func fittedThresholds() throws -> [Double]? {
    guard let (logits, labels) = try validationLogits(without: []) else { return nil }
    return try Thresholds.fitted(logits, labels, task: set.manifest.task, metric: set.manifest.metric)
  }

  /// How probabilities are to be read with everything there and with each modality missing or absent; nil without
  /// validation, and of a regression.
  func calibration() throws -> [String: Calibration]? {
    guard set.manifest.task.hasClasses else { return nil }
    var found: [String: Calibration] = [:]
    let kinds = modalities.count > 1 ? [Condition.missing, Condition.absent] : []
    let impaired = kinds.flatMap { kind in modalities.map { ("\($0.name)-\(kind)", Set([$0])) } }
    for (condition, absent) in [(Condition.full, Set<Modality>())] + impaired {
      let told = !told(condition, absent).isEmpty
      guard let (logits, labels) = try validationLogits(without: absent, told: told) else { return nil }
      var calibration = Calibration(
        temperature: try Temperature.fitted(logits, labels, task: set.manifest.task), samples: labels.shape[0])
      if set.test != nil {
        let test = try predictions(under: condition)
        calibration.error = test.reliability?.error
        calibration.calibratedError = try test.tempered(calibration.temperature).reliability?.error
      }
      found[condition] = calibration
    }
    return found
  }

  /// The score of a set of modalities, and what each sample is worth: the probability that its truth is given.
  private func worth(_ present: UInt64) throws -> [Double] {
    if let found = worths[present] { return found }
    let predictions = try predictions(present: present)
    let weighted = WeightedScore(predictions, metric: set.manifest.metric)
    guard let score = weighted([Double](repeating: 1, count: predictions.count)) else {
      throw predictions.targets.first.map(MetricError.oneTargetOnly)
        ?? .oneClassOnly(label: predictions.truth.first ?? 0)
    }
    measures[present] = weighted
    let found = [score] + predictions.worths
    worths[present] = found
    return found
  }

  /// How many orders of joining are tried where there are too many modalities for all sets.
  static func permutations(samples: Int, modalities: Int) -> Int {
    max(8, min(64, 4_000_000 / max(samples * modalities, 1)))
  }

  /// What each modality adds.
  func shares() throws -> ShapleyShares {
    let names = modalities.map(\.name)
    var values: [[Double]]
    var errors: [[Double]]?
    var permutations: Int?
    if modalities.count <= ModalityValues.mostModalities {
      values = try Shapley.values((0...everything).map(worth))
    } else {
      let count = Self.permutations(samples: set.test?.count ?? 0, modalities: modalities.count)
      var numbers = SeededNumbers(seed: UInt64(bitPattern: Int64(builder.configuration.seed)), stream: "shapley")
      let sampled = try Shapley.sampled(
        players: modalities.count, permutations: count, using: &numbers, worth: worth)
      (values, errors, permutations) = (sampled.values, sampled.standardErrors, count)
    }
    let full = try predictions(under: Condition.full)
    let classes = full.task.hasClasses ? full.classes : 0
    let members = (0..<classes).map { label in (0..<full.count).filter { full.labels(of: $0).contains(label) } }
    func byName<Value>(_ value: (Int) -> Value) -> [String: Value] {
      Dictionary(names.enumerated().map { ($1, value($0)) }, uniquingKeysWith: { first, _ in first })
    }
    return ShapleyShares(
      permutations: permutations,
      score: byName { .init(values[$0][0], standardError: errors?[$0][0]) },
      probability: byName { player in
        // Orders are shared by all samples, so that the errors of their values do not average out.
        let error = errors.map { $0[player].dropFirst().reduce(0, +) / Double(full.count) }
        return .init(values[player].dropFirst().reduce(0, +) / Double(full.count), standardError: error)
      },
      classes: byName { player in
        members.map { rows in
          rows.isEmpty ? nil : rows.reduce(0) { $0 + values[player][$1 + 1] } / Double(rows.count)
        }
      },
      samples: byName { .init(Array(values[$0].dropFirst())) })
  }

  // MARK: What is kept of a run

  /// Everything that the predictions show.
  ///
  /// - Parameter alone: each modality's own predictions; nil takes the model's with nothing else there.
  func evidence(
    _ table: EvaluationTable, parting: LossSeparation?, alone: [(modality: String, predictions: Predictions)]? = nil,
    samples limit: Int? = nil
  ) throws -> RunEvidence {
    let manifest = set.manifest
    let shares = try shares()
    let own = try alone ?? modalities.enumerated().map { ($1.name, try predictions(only: $0)) }
    let all = try table.conditions.map { ($0, try predictions(under: $0)) }
    let weak = manifest.modalities.min { (shares.score[$0]?.value ?? 0) < (shares.score[$1]?.value ?? 0) }
    let telling = TellingSamples(
      conditions: Dictionary(all, uniquingKeysWith: { first, _ in first }), alone: own,
      weak: modalities.count > 1 ? weak : nil, classes: manifest.classes)
    let origins = try set.origins(of: "test")
    let reliance = try reliance(under: Condition.full)
    return RunEvidence(
      dataset: manifest.name, task: manifest.task.rawValue, metric: manifest.metric.rawValue,
      samples: set.test?.count ?? 0, classes: manifest.classes, modalities: manifest.modalities,
      conditions: all.map { $1.evidence($0, score: table.scores[$0] ?? .nan) }, shapley: shares, parting: parting,
      alone: alone == nil ? .onlyPresent : .trainedAlone,
      telling: telling.clearest(limit ?? max(1, 12 / (modalities.count + 2))).map { sample in
        var sample = sample
        sample.reliance = reliance?.mapValues { $0[sample.row] }
        guard let origin = origins?[sample.row] else { return sample }
        sample.id = origin.id
        sample.show(origin)
        return sample
      },
      raw: set.rawFolder?.path(percentEncoded: false), notes: table.notes)
  }

  /// Writes what a run keeps of its predictions: `predictions.safetensors` and `evidence.json`.
  func write(_ table: EvaluationTable, parting: LossSeparation?, to folder: RunFolder) throws {
    let all = try table.conditions.map { ($0, try predictions(under: $0)) }
    guard let full = all.first?.1, let labels = set.test?.labels else { return }
    try SafeTensors.write(
      [("labels", labels)]
        + all.map { name, predictions in
          let shape = [full.count, full.classes]
          let numbers = predictions.probabilities
          // Numbers in a unit of their own are kept as they are: float32 would round them.
          return (
            name,
            try full.task.hasClasses ? Tensor(numbers.map(Float.init), shape: shape) : Tensor(numbers, shape: shape)
          )
        },
      metadata: ["format": "seesaw-predictions/1", "task": set.manifest.task.rawValue], to: folder.predictions)
    try folder.write(evidence(table, parting: parting))
  }
}
