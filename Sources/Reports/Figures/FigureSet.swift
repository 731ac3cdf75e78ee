public import Records

/// Figures as self-contained SVG files: no scripts, nothing fetched, light and dark.
public enum FigureSet {
  /// Every figure that there is data for.
  ///
  /// - `losses`: each modality's loss by epoch, training and validation (BalGrad paper, figures 2b and 6);
  /// - `cosines`: how often target and divergence gradients point how far apart (figure 7);
  /// - `sweep`: scores and gaps against the share of impaired test samples (figure 4);
  /// - `first-order`: predicted against actual change of the loss (eq. 1 and 5).
  ///
  /// - Parameter runs: runs under one label are taken together: means over their epochs, all of their steps.
  public static func figures(
    runs: [(label: String, epochs: [EpochRow], steps: [StepRow])], sweep: SweepTable? = nil
  ) -> [(name: String, svg: String)] {
    var labels: [String] = []
    for run in runs where !labels.contains(run.label) { labels.append(run.label) }
    let groups = labels.map { label in
      let own = runs.filter { $0.label == label }
      return RunGroup(label: label, epochs: own.map(\.epochs), steps: own.flatMap(\.steps))
    }
    let all = [
      ("losses", lossFigure(groups)), ("cosines", cosineFigure(groups)), ("sweep", sweep.flatMap(sweepFigure)),
      ("first-order", firstOrderFigure(groups)),
    ]
    return all.compactMap { name, svg in svg.map { (name, $0) } }
  }
}

/// The runs under one label.
struct RunGroup {
  let label: String
  /// By run.
  let epochs: [[EpochRow]]
  /// Of all runs.
  let steps: [StepRow]
}

/// `1 run`, `5 runs`, `1,200 steps`.
func counted(_ count: Int, _ noun: String) -> String {
  let digits = String(count)
  var grouped = ""
  for (place, digit) in digits.enumerated() {
    if place > 0, (digits.count - place) % 3 == 0 { grouped += "," }
    grouped.append(digit)
  }
  return "\(grouped) \(noun)\(count == 1 ? "" : "s")"
}
