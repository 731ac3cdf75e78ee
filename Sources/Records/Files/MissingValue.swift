/// What counts as missing, wherever a value is read that somebody wrote: cells of tables, values of JSON, what is asked of a
/// model.
package enum MissingValue {
  /// Whether a cell says that nothing is there: it is empty or blank, or spells out a missing value as programs write one.
  ///
  /// The spellings are those that pandas reads as missing; `nan`, `null`, `n/a` and `nat` in any case. `none` and `na` in
  /// small letters are words, and may be names of classes.
  package static func isMissing(_ text: some StringProtocol) -> Bool {
    let plain = text.drop(while: \.isWhitespace)
    guard !plain.isEmpty else { return true }
    // No spelling is longer; a text of many megabytes is not looked through.
    guard plain.utf8.count <= 64 else { return false }
    var word = String(plain)
    while word.last?.isWhitespace == true { word.removeLast() }
    return exact.contains(word) || inAnyCase.contains(word.lowercased())
  }

  /// Whether a name looks like a missing value and is none by ``isMissing(_:)``: `none`, `?`, `-`.
  package static func isLike(_ name: String) -> Bool { alike.contains(name.lowercased()) }

  /// The cell, unless it is missing.
  package static func present<Text: StringProtocol>(_ text: Text?) -> Text? {
    text.flatMap { isMissing($0) ? nil : $0 }
  }

  private static let exact: Set<String> = [
    "None", "NONE", "NA", "<NA>", "#N/A", "#N/A N/A", "#NA", "#NULL!", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
  ]
  private static let inAnyCase: Set<String> = ["nan", "-nan", "+nan", "null", "n/a", "nat"]
  private static let alike: Set<String> = [
    "none", "na", "n.a.", "missing", "unknown", "undefined", "nil", "empty", "?", "-", "--", "—", ".",
  ]
}
