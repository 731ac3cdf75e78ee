/// What a diagnosis says on other splits of the same rows.
public struct SplitVerdicts: Codable, Equatable, Sendable {
  public var resampling: Resampling
  /// On each split, what adds most.
  public var leads: [String]
  /// By modality, what it adds: the mean over splits, with an interval that contains the split's luck.
  public var adds: [String: Estimate]
  /// What the first split's modality adds above the mean of the others.
  public var above: Estimate
  /// On each split, the method that validation chose; empty where nothing was wrong, or nothing was better.
  public var chosen: [String]
  /// Of the first split's choice, where every split tried it: test score with a modality missing or absent, less the
  /// baseline's.
  public var gain: Estimate?

  /// - Parameter answers: one a split, the first of which is the one that is told.
  public init?(_ answers: [ModelDiagnosis], testShare: Double) {
    guard let first = answers.first, answers.count > 1 else { return nil }
    let resampling = Resampling(count: answers.count, seeds: first.seeds.count, testShare: testShare)
    self.resampling = resampling
    func estimate(_ values: [Double]) -> Estimate {
      Estimate(
        Statistics.mean(values) ?? .nan, interval95: Statistics.interval95(values, overlap: resampling.overlap))
    }
    func added(_ answer: ModelDiagnosis, _ name: String) -> Double { answer.worth[name]?.adds.value ?? .nan }
    leads = answers.map(\.leaning.modality)
    adds = Dictionary(
      first.modalities.map { name in (name, estimate(answers.map { added($0, name) })) },
      uniquingKeysWith: { first, _ in first })
    let top = first.leaning.modality
    above = estimate(
      answers.map { answer in
        let others = first.modalities.filter { $0 != top }.map { added(answer, $0) }
        return added(answer, top) - (Statistics.mean(others) ?? .nan)
      })
    chosen = answers.map { $0.trial?.helps == true ? $0.trial?.chosen ?? "" : "" }
    if let pick = first.trial?.chosen {
      let gains = answers.compactMap { answer in
        answer.trial?.methods.first { $0.name == pick }.map { ($0.without ?? $0.missing).value }
      }
      if gains.count == answers.count { gain = estimate(gains) }
    }
  }

  /// Whether what the first split says of the leaning holds over the splits, beyond noise.
  public var holds: Bool { above.isAbove(0) }
}
