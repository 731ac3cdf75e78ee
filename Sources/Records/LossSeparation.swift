/// The moment from which one modality's training loss stays below another's.
///
/// The steps are cut into windows. In each the two losses have parted where the mean of their difference is more than two
/// of its standard errors, and more than ``threshold`` of the losses' mean. The moment is the first window from which all
/// that follow, to the last, have parted the same way.
public struct LossSeparation: Codable, Equatable, Sendable {
  /// Whose loss was looked at.
  public enum Losses: String, SettingChoice {
    /// Classifiers on each modality that a probe trains beside the model.
    case probe = "probe.loss"
    /// The unimodal classifiers that the method itself trains.
    case own
    /// Each modality's part of the fused logits.
    case split
  }

  /// The modality whose loss is lower.
  public var ahead: String
  /// The modality whose loss is higher; of more than two the highest at the end.
  public var behind: String
  /// From 0, the first step of the window.
  public var step: Int
  /// From 0.
  public var epoch: Int
  /// How many steps there were.
  public var steps: Int
  /// How many epochs there were.
  public var epochs: Int
  public var losses: Losses
  /// Mean loss in that window, by modality.
  public var then: [String: Double]
  /// Mean loss in the last window, by modality.
  public var end: [String: Double]

  /// The least difference, as a share of the two losses' mean, that counts.
  public static let threshold = 0.05
  /// How many windows the steps are cut into, where there are enough.
  static let windows = 40

  public init(
    ahead: String, behind: String, step: Int, epoch: Int, steps: Int, epochs: Int, losses: Losses,
    then: [String: Double], end: [String: Double]
  ) {
    self.ahead = ahead
    self.behind = behind
    self.step = step
    self.epoch = epoch
    self.steps = steps
    self.epochs = epochs
    self.losses = losses
    self.then = then
    self.end = end
  }

  /// What a run's steps show; `nil` where the losses do not part, or no loss of each modality was recorded.
  public init?(_ steps: [StepRow], modalities: [String]) {
    guard modalities.count > 1, let (source, rows) = Self.series(steps, modalities), rows.count >= 4 else { return nil }
    let size = max(4, rows.count / Self.windows)
    let windows = stride(from: 0, to: rows.count - size + 1, by: size).map { start in
      // What is left over goes into the last.
      rows[start..<(start + 2 * size > rows.count ? rows.count : start + size)]
    }
    guard let last = windows.last else { return nil }
    func means(_ window: ArraySlice<(row: StepRow, losses: [Double])>) -> [Double] {
      modalities.indices.map { m in window.reduce(0) { $0 + $1.losses[m] } / Double(window.count) }
    }
    let end = means(last)
    guard let low = end.indices.min(by: { end[$0] < end[$1] }), let high = end.indices.max(by: { end[$0] < end[$1] }),
      low != high
    else { return nil }
    func hasParted(_ window: ArraySlice<(row: StepRow, losses: [Double])>) -> Bool {
      let differences = window.map { $0.losses[high] - $0.losses[low] }
      guard let mean = Statistics.mean(differences), let deviation = Statistics.standardDeviation(differences) else {
        return false
      }
      let level = means(window)
      return mean > 2 * deviation / Double(differences.count).squareRoot()
        && mean > Self.threshold * (level[low] + level[high]) / 2
    }
    let together = windows.lastIndex { !hasParted($0) }
    let place = together.map { $0 + 1 } ?? 0
    guard place < windows.count, let first = windows[place].first?.row else { return nil }
    let then = means(windows[place])
    self.init(
      ahead: modalities[low], behind: modalities[high], step: first.step, epoch: first.epoch,
      steps: (steps.last?.step ?? 0) + 1, epochs: (steps.last?.epoch ?? 0) + 1, losses: source,
      then: Dictionary(uniqueKeysWithValues: zip(modalities, then)),
      end: Dictionary(uniqueKeysWithValues: zip(modalities, end)))
  }

  /// The steps that know a loss of every modality, by the first kind of loss that there is.
  private static func series(
    _ steps: [StepRow], _ modalities: [String]
  ) -> (Losses, [(row: StepRow, losses: [Double])])? {
    for source in Losses.allCases {
      let rows = steps.compactMap { row -> (row: StepRow, losses: [Double])? in
        let losses = modalities.compactMap { name in
          (source == .own ? row.losses[name] : row.scalars["\(source.rawValue).\(name)"]).flatMap {
            $0.isFinite ? $0 : nil
          }
        }
        return losses.count == modalities.count ? (row, losses) : nil
      }
      if !rows.isEmpty { return (source, rows) }
    }
    return nil
  }
}
