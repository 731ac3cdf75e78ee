public import Records

/// How much of a data set may be left out before that is a failure and no longer a note.
///
/// Too much is more than 5 % of the rows, but for a single row; a class of which no row is left; a modality that no row has
/// any more.
public struct LossLimit {
  /// What a data set holds.
  public struct Contents: Equatable, Sendable {
    public var rows: Int
    /// Those that some row has.
    public var classes: Set<String>
    /// Those that some row has.
    public var modalities: Set<String>

    public init(rows: Int, classes: Set<String>, modalities: Set<String>) {
      self.rows = rows
      self.classes = classes
      self.modalities = modalities
    }
  }

  /// The share of rows that may be left out.
  public static let share = 0.05

  /// What has been lost on the way from one to the other; nil where it is little enough to go on.
  ///
  /// - Parameters:
  ///   - before: all that the files name.
  ///   - after: what can be used of it.
  ///   - place: the file or folder.
  ///   - reasons: why rows were left out, a line each; the first are shown.
  public static func diagnosis(
    before: Contents, after: Contents, place: String, reasons: [String] = []
  ) -> Diagnosis? {
    var losses: [String] = []
    let lost = before.rows - after.rows
    if lost > 1, Double(lost) > share * Double(before.rows) {
      losses.append("\(lost) of \(before.rows) rows (\(Int((100 * Double(lost) / Double(before.rows)).rounded())) %)")
    }
    losses += words(before.classes.subtracting(after.classes), "class", "classes")
    losses += words(before.modalities.subtracting(after.modalities), "modality", "modalities")
    guard !losses.isEmpty else { return nil }
    let last = losses.count > 1 ? " and " + losses.removeLast() : ""
    return Diagnosis(
      "too much of the data would be lost: \(losses.joined(separator: ", "))\(last)", place: place,
      found: Array(reasons.prefix(shown)) + (reasons.count > shown ? ["… and \(reasons.count - shown) more"] : []),
      remedy: "correct these rows, or add --allow-loss to go on without them", exitStatus: .input)
  }

  private static let shown = 10

  /// `the class 'red'`, `all of the classes 'red', 'blue'`; none where nothing is lost.
  private static func words(_ names: Set<String>, _ one: String, _ many: String) -> [String] {
    guard !names.isEmpty else { return [] }
    let quoted = names.sorted().prefix(shown).map { "'\($0)'" }.joined(separator: ", ")
    let more = names.count > shown ? " and \(names.count - shown) more" : ""
    return ["all of the \(names.count == 1 ? one : many) \(quoted)\(more)"]
  }
}
