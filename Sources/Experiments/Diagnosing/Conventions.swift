import Datasets
import Evaluation
import Multimodal
import Records
import Torch

/// What a diagnosis would say with something else in place of a missing input.
struct Conventions {
  private let trials: [ModelEvaluation]
  private let game: CoalitionGame

  init(_ trials: [ModelEvaluation], _ game: CoalitionGame) {
    self.trials = trials
    self.game = game
  }

  /// Each convention with what adds most under it; means over the models.
  func found() throws -> [ModelDiagnosis.Convention] {
    guard let set = trials.first?.set, set.modalities.count > 1 else { return [] }
    let zeros = try PerModality(set.modalities) { try set.zeros($0) }
    var found = [try convention(.zeros) { try $0.predictions(present: $1, standing: zeros) }]
    if let means = try Self.means(set) {
      found.append(try convention(.mean) { try $0.predictions(present: $1, standing: means) })
    }
    found.append(
      try convention(.told) { trial, present in
        // Nobody answers for nothing: what is said with everything missing is all alike to every modality.
        try present == 0 ? trial.predictions(present: 0) : trial.predictions(told: present)
      })
    return found
  }

  private func convention(
    _ form: ModelDiagnosis.Convention.Form, _ predictions: (ModelEvaluation, UInt64) throws -> Predictions
  ) throws -> ModelDiagnosis.Convention {
    let names = trials[0].modalities.map(\.name)
    let everything: UInt64 = 1 << UInt64(names.count) - 1
    var worths: [UInt64: Double] = [:]
    for present in game.coalitions {
      let scores = try trials.map { trial in
        let found = try present == everything ? trial.predictions(under: Condition.full) : predictions(trial, present)
        let score = WeightedScore(found, metric: trial.set.manifest.metric)
        return score([Double](repeating: 1, count: found.count)) ?? .nan
      }
      worths[present] = Statistics.mean(scores) ?? .nan
    }
    let adds = game.values { worths[$0] ?? .nan }
    let order = adds.indices.sorted { (-adds[$0], $0) < (-adds[$1], $1) }
    return ModelDiagnosis.Convention(form: form, modality: names[order[0]], above: adds[order[0]] - adds[order[1]])
  }

  /// Nil where some modality is no features, of which a mean would mean something.
  private static func means(_ set: FeatureSet) throws -> PerModality<Tensor>? {
    guard set.forms.allSatisfy({ !$0.needsEncoder }) else { return nil }
    let rows = set.train.evenlySpaced()
    return try PerModality(set.modalities) { modality in
      let features = set.train.rows[modality]
      if features.shape[0] == 1 { return try features.tensor().to(.float32) }
      return try features.indexed(rows).to(.float64).mean(0, keeping: true).to(.float32)
    }
  }
}
