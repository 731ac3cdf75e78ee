import Records

extension DataAudit {
  mutating func groups() {
    if samples.rows.contains(where: { $0.group != nil }) {
      let members = Dictionary(
        grouping: samples.rows.indices.filter { samples.rows[$0].group != nil }, by: { samples.rows[$0].group ?? "" })
      looked.append("groups: \(grouped(members.count)), by the column 'group'")
      tell(members, .groupAcrossSplits, .grave)
      return
    }
    guard samples.rows.contains(where: { $0.id != nil }),
      let stems = IdentifierStems(samples.rows.map { $0.id ?? "" })
    else { return }
    looked.append(
      "groups: there is no column 'group'; \(grouped(stems.groups.count)) are guessed from ids that begin alike")
    tell(stems.groups, .guessedGroupAcrossSplits, .warning)
  }

  private mutating func tell(
    _ members: [String: [Int]], _ kind: DataFindings.Kind, _ severity: DataFindings.Severity
  ) {
    let across = members.filter { Set($0.value.map { samples.rows[$0].split }).count > 1 }
      .sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }
    guard !across.isEmpty else { return }
    let trained = across.flatMap { _, rows -> [Int] in
      let first = rows.map { samples.rows[$0].split }.min() ?? 0
      return rows.filter { samples.rows[$0].split > first }
    }
    let examples = across.map { name, rows -> String in
      let counts = Dictionary(rows.map { (samples.rows[$0].split, 1) }, uniquingKeysWith: +).sorted { $0.key < $1.key }
      return "'\(name)' (\(counts.map { "\($0.value) \(samples.splits[$0.key])" }.joined(separator: ", ")))"
    }
    let isGuess = kind == .guessedGroupAcrossSplits
    let noun = across.count == 1 ? "group has" : "groups have"
    add(
      .init(
        kind, severity,
        (isGuess ? "a guess from ids that begin alike: " : "")
          + "\(grouped(across.count)) of \(grouped(members.count)) \(noun) samples in several splits, "
          + "\(held(trained)) among them", Self.few(examples),
        remedy: isGuess
          ? "if these belong together (a speaker, a film, a family of products), say so in a column 'group' and split by it"
          : "keep each group in one split: leave the column 'split' out, and 'seesaw encode' draws one that does",
        count: trained.count, cases: cases(across.map(\.value), names: across.map(\.key))))
  }
}
