import Multimodal
public import Records

/// The test samples that show best what a model leans on.
public struct TellingSamples {
  /// Predictions of the model by condition; `full`, and `<modality>-missing` for what can be removed.
  public let conditions: [String: Predictions]
  /// Predictions of each modality alone.
  public let alone: [(modality: String, predictions: Predictions)]
  /// The modality the model leans on least.
  public let weak: String?
  public let classes: [String]

  public init(
    conditions: [String: Predictions], alone: [(modality: String, predictions: Predictions)], weak: String?,
    classes: [String]
  ) {
    self.conditions = conditions
    self.alone = alone
    self.weak = weak
    self.classes = classes
  }

  /// The `limit` clearest of each kind, and of each removed modality; a sample stands only once, under its first kind.
  ///
  /// Clearest is, where a removal flips the answer, what the truth's probability loses by it; where modalities disagree,
  /// how sure the less sure of the two surest opponents is; where the weak modality alone is right, how much more it gives
  /// to the truth.
  public func clearest(_ limit: Int) -> [TellingSample] {
    // Of a regression nothing is right or wrong.
    guard let full = conditions[Condition.full], full.task.hasClasses, limit > 0 else { return [] }
    var shown: Set<Int> = []
    var found: [TellingSample] = []
    func take(_ kind: TellingSample.Kind, _ modality: String?, _ clearness: (Int) -> Double?) {
      let ranked = (0..<full.count).compactMap { row in clearness(row).map { (row: row, value: $0) } }
        .sorted { ($1.value, $0.row) < ($0.value, $1.row) }
      for (row, _) in ranked.lazy.filter({ !shown.contains($0.row) }).prefix(limit) {
        shown.insert(row)
        found.append(sample(kind, modality, row))
      }
    }
    for modality in removable {
      guard let without = conditions["\(modality)-missing"] else { continue }
      take(.removalFlips, modality) { row in
        full.isRight(row) && !without.isRight(row) ? full.trueProbability(row) - without.trueProbability(row) : nil
      }
    }
    if let weak, let own = alone.first(where: { $0.modality == weak })?.predictions {
      take(.weakAloneRight, weak) { row in
        !full.isRight(row) && own.isRight(row) ? own.trueProbability(row) - full.trueProbability(row) : nil
      }
    }
    take(.disagreement, nil, disagreement)
    return found
  }

  /// The modalities that can be removed: a model need not have been asked about each alone.
  private var removable: [String] {
    let known = alone.map(\.modality)
    let others = conditions.keys.filter { $0.hasSuffix("-missing") }.map { String($0.dropLast("-missing".count)) }
    return known + others.filter { !known.contains($0) }.sorted()
  }

  /// How sure the less sure of the two surest opponents is; nil where all say the same.
  private func disagreement(_ row: Int) -> Double? {
    var surest: Double?
    for (place, one) in alone.enumerated() {
      for other in alone[(place + 1)...]
      where one.predictions.predicted(row) != other.predictions.predicted(row) {
        let less = min(one.predictions.confidence(row), other.predictions.confidence(row))
        surest = max(surest ?? less, less)
      }
    }
    return surest
  }

  private func sample(_ kind: TellingSample.Kind, _ modality: String?, _ row: Int) -> TellingSample {
    TellingSample(
      kind: kind, modality: modality, row: row,
      truth: (conditions[Condition.full]?.labels(of: row) ?? []).map { classes[$0] },
      answers: conditions.mapValues { answer($0, row) },
      alone: Dictionary(
        alone.map { ($0.modality, answer($0.predictions, row)) }, uniquingKeysWith: { first, _ in first }))
  }

  private func answer(_ predictions: Predictions, _ row: Int) -> TellingSample.Answer {
    TellingSample.Answer(
      labels: predictions.predicted(row).map { classes[$0] }, probability: predictions.confidence(row),
      truth: predictions.trueProbability(row), isRight: predictions.isRight(row))
  }
}
