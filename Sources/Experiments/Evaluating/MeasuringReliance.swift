import Balancing
import Datasets
import Evaluation
import Multimodal
import Records
import Torch

extension ModelEvaluation {
  /// The share of each modality in each test sample's prediction under a condition, by modality; nil of a method that does
  /// not tell.
  func reliance(under condition: String) throws -> [String: [Double]]? {
    guard let telling = method as? any TellsReliance else { return nil }
    let none = try withoutGradients { try model(builder.missingInputs()) }
    let (shares, _) = try builder.evaluator.allLogits(model, builder.prepared(set.test(under: condition).split)) {
      try telling.reliance($0, missing: none, absent: []).values.map { try $0.to(.float64) }
    }
    return Dictionary(
      try zip(modalities, shares).map { ($0.name, try $1.array()) }, uniquingKeysWith: { first, _ in first })
  }

  /// The same with everything there and with each modality impaired, but not with any missing or absent; by condition.
  fileprivate func relianceByCondition() throws -> [String: [String: [Double]]]? {
    var found: [String: [String: [Double]]] = [:]
    for condition in try set.conditions() {
      let kind = Condition(condition, modalities: modalities.map(\.name)).kind
      if kind == Condition.missing || kind == Condition.absent { continue }
      guard let shares = try reliance(under: condition) else { return nil }
      found[condition] = shares
    }
    return found
  }
}

extension ModelReliance {
  /// That of several models of one kind: shares are means over them, and a modality's own models are right where most are.
  ///
  /// - Parameter alone: by modality, the predictions of models trained on it alone.
  init?(_ trials: [ModelEvaluation], alone: [(modality: String, predictions: [Predictions])]) throws {
    let found = try trials.compactMap { try $0.relianceByCondition() }
    guard let first = found.first, found.count == trials.count else { return nil }
    var means = first
    for (condition, modalities) in first {
      for modality in modalities.keys {
        let all = found.compactMap { $0[condition]?[modality] }
        means[condition]?[modality] = modalities[modality]?.indices.map { row in
          all.reduce(0) { $0 + $1[row] } / Double(all.count)
        }
      }
    }
    let right = alone.map { modality, predictions in
      let rows = predictions.first?.count ?? 0
      return (
        modality, (0..<rows).map { row in 2 * predictions.count { $0.isRight(row) } > predictions.count }
      )
    }
    self.init(samples: means, right: Dictionary(right, uniquingKeysWith: { first, _ in first }))
  }
}
