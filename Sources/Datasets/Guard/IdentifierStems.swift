/// Groups guessed from ids that begin alike, such as `film12_scene3` and `film12_scene4`.
struct IdentifierStems {
  /// Rows by stem; each with at least two.
  let groups: [String: [Int]]

  /// nil where ids do not look as if they said so: few have a stem in common, or one stem has most of them.
  ///
  /// A stem is what stands before the last `_`, `-`, `/`, `.`, `:` or `#`.
  init?(_ ids: [String]) {
    var found: [String: [Int]] = [:]
    for (row, id) in ids.enumerated() {
      guard let end = id.lastIndex(where: { "_-/.:#".contains($0) }), end > id.startIndex else { continue }
      let stem = id[..<end]
      guard stem.count >= 2, stem.contains(where: { $0.isLetter || $0.isNumber }) else { continue }
      found[String(stem), default: []].append(row)
    }
    // A stem that a fifth of all samples share is a prefix of the data set or of a class, not somebody.
    let groups = found.filter { $0.value.count > 1 && $0.value.count * 5 <= ids.count }
    let members = groups.values.reduce(0) { $0 + $1.count }
    guard groups.count > 1, members * 5 >= ids.count else { return nil }
    self.groups = groups
  }
}
