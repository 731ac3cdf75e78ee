import Multimodal
import Records

/// Which samples belong on one side of a split that is drawn: those of a group, copies, near-copies, and those whose ids
/// begin alike.
///
/// What a fifth of all samples share, such as a text that stands everywhere, is no kinship: such a split could not be drawn.
struct RawKinship {
  private var parent: [Int32]
  private var sizes: [Int32]
  private let most: Int
  private(set) var hasGroups = false

  /// - Parameters:
  ///   - row: of a place among the samples.
  ///   - alike: places of samples whose pictures or sounds look or sound the same.
  init(count: Int, alike: [[Int]], _ row: (Int) -> RawRows.Row) {
    parent = (0..<Int32(count)).map { $0 }
    sizes = [Int32](repeating: 1, count: count)
    most = max(2, count / 5)
    var groups: [String: Int] = [:]
    var files: [RowKey: Int] = [:]
    var texts: [RowKey: Int] = [:]
    var sameText: [Int: [Int]] = [:]
    var ids: [String] = []
    for place in 0..<count {
      let row = row(place)
      if let group = row.group {
        hasGroups = true
        if let first = groups[group] { join(first, place, isGroup: true) } else { groups[group] = place }
      }
      for path in row.pictures + (row.audio.map { [$0] } ?? []) {
        let key = RowKey(nil, condition: RawSample.plain(path))
        if let first = files[key] { join(first, place) } else { files[key] = place }
      }
      if let text = row.text, let key = Self.key(of: text) {
        if let first = texts[key] { sameText[first, default: []].append(place) } else { texts[key] = place }
      }
      ids.append(row.id ?? "")
    }
    for set in alike { for place in set.dropFirst() { join(set[0], place) } }
    if !hasGroups, let stems = IdentifierStems(ids) {
      for (_, places) in stems.groups.sorted(by: { $0.key < $1.key }) {
        for place in places.dropFirst() { join(places[0], place) }
      }
    }
    for (first, places) in sameText.sorted(by: { $0.key < $1.key }) where (places.count + 1) * 5 <= count {
      for place in places { join(first, place) }
    }
  }

  /// Names what a text says, without case, accents and signs; nil for one of few letters, which may stand anywhere.
  private static func key(of text: String) -> RowKey? {
    let folded = FoldedText(text)
    guard folded.words.count >= 3 || folded.text.utf8.count >= 15 else { return nil }
    return RowKey(nil, condition: folded.text)
  }

  private func root(_ place: Int) -> Int {
    var place = place
    while parent[place] != place { place = Int(parent[place]) }
    return place
  }

  private mutating func join(_ one: Int, _ other: Int, isGroup: Bool = false) {
    let (a, b) = (root(one), root(other))
    guard a != b, isGroup || sizes[a] + sizes[b] <= most else { return }
    let (keep, give) = sizes[a] >= sizes[b] ? (a, b) : (b, a)
    parent[give] = Int32(keep)
    sizes[keep] += sizes[give]
  }

  /// What each sample is drawn with: its group's name, a name of its kin, or nil where it stands alone.
  func names(_ row: (Int) -> RawRows.Row) -> [String?] {
    var least: [Int: (group: String?, id: String)] = [:]
    for place in parent.indices where sizes[root(place)] > 1 {
      let row = row(place)
      let root = root(place)
      guard let known = least[root] else {
        least[root] = (row.group, row.sampleID)
        continue
      }
      // The same whatever the order of the rows is.
      let group = [known.group, row.group].compactMap { $0 }.min()
      least[root] = (group, min(known.id, row.sampleID))
    }
    return parent.indices.map { place in
      least[root(place)].map { $0.group ?? "kin/\($0.id)" } ?? row(place).group
    }
  }

  /// How many samples stand with another that no column `group` names; and in how many sets.
  var kin: (samples: Int, sets: Int) {
    var members: [Int: Int] = [:]
    for place in parent.indices { members[root(place), default: 0] += 1 }
    let several = members.values.filter { $0 > 1 }
    return (several.reduce(0, +), several.count)
  }
}
