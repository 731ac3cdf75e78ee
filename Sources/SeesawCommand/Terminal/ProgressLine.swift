import Experiments

/// How far one piece of work has come, as a line.
struct ProgressLine: Equatable {
  var label: String
  var done: Int
  var total: Int
  var detail: String

  /// Cells of the bar.
  static let cells = 15

  /// `epoch 7/20  loss 0.612`; the count is said once.
  var sentence: String {
    guard total > 0, !detail.contains("\(done)/\(total)") else { return detail }
    return detail.isEmpty
      ? "\(Words.count(done))/\(Words.count(total))" : "\(Words.count(done))/\(Words.count(total))  \(detail)"
  }

  /// How much is done, in blocks: `████████░░░░░░░`.
  var bar: String {
    let full = total > 0 ? min(max(done, 0), total) * Self.cells / total : 0
    return String(repeating: "█", count: full) + String(repeating: "░", count: Self.cells - full)
  }

  /// For a pipe: a word and a sentence.
  var line: String { Words.phase(label, sentence) }

  /// For a terminal: with a bar, and no wider than it is.
  func drawn(width: Int) -> String {
    let text = Words.phase(label, "\(bar)  \(sentence)")
    return text.count < width ? text : String(text.prefix(max(width - 1, 0)))
  }
}

/// Which of many reports on a pipe deserve a line: those that came further, and at most twenty of a piece of work.
struct ProgressFilter {
  private var label = ""
  private var total = 0
  private var done = 0

  /// The most lines that one piece of work fills.
  static let lines = 20

  mutating func admits(_ line: ProgressLine) -> Bool {
    if line.label != label || line.total != total || line.done < done {
      label = line.label
      total = line.total
      done = 0
    }
    guard line.total > 0, line.done > done else { return false }
    let isStep =
      line.total <= Self.lines || line.done >= line.total
      || line.done * Self.lines / line.total > done * Self.lines / line.total
    if isStep { done = line.done }
    return isStep
  }
}
