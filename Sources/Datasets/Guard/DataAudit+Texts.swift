import Records

extension DataAudit {
  mutating func texts() {
    guard samples.rows.contains(where: { $0.text != nil }) else { return }
    looked.append(
      samples.isRegression
        ? "texts: the sample's id, as words in any case"
        : "texts: the class's name and the sample's id, as words in any case")
    let folded = samples.rows.map { $0.text.map(FoldedText.init) }
    classNames(folded)
    identifiers(folded)
  }

  private mutating func classNames(_ folded: [FoldedText?]) {
    var named: [(label: Int, own: Double, others: Double)] = []
    var hits: [Int] = []
    for (label, name) in samples.classes.enumerated() {
      let words = FoldedText(name).words
      guard words.contains(where: { $0.contains(where: \.isLetter) && $0.count > 2 }) else { continue }
      var (own, others, ownAll, othersAll) = (0, 0, 0, 0)
      for (index, text) in folded.enumerated() {
        guard let text else { continue }
        let isOwn = samples.rows[index].labels.contains(label)
        let isThere = text.contains(words)
        if isOwn {
          ownAll += 1
          if isThere {
            own += 1
            hits.append(index)
          }
        } else {
          othersAll += 1
          if isThere { others += 1 }
        }
      }
      guard own > 0 else { continue }
      named.append((label, Double(own) / Double(ownAll), Double(others) / Double(max(othersAll, 1))))
    }
    let all = folded.count { $0 != nil }
    guard !hits.isEmpty else { return }
    let share = Double(Set(hits).count) / Double(max(all, 1))
    let words = named.sorted { $0.own > $1.own }.map { entry in
      "'\(samples.classes[entry.label])' in \(Self.percent(entry.own)) of its texts"
        + (entry.others > 0 ? " (\(Self.percent(entry.others)) of the others')" : "")
    }
    var numbers = ["share": share]
    for entry in named {
      numbers["share.\(samples.classes[entry.label])"] = entry.own
      numbers["others.\(samples.classes[entry.label])"] = entry.others
    }
    let indices = Set(hits).sorted()
    add(
      .init(
        .classNameInText, share >= 0.05 ? .warning : .remark,
        "\(Self.percent(share)) of the texts name their class", Self.few(words),
        remedy: "if texts in use do not, take the names out: else the text alone gives the answer away",
        modality: "text", count: indices.count, cases: cases(indices.map { [$0] }), numbers: numbers))
  }

  private mutating func identifiers(_ folded: [FoldedText?]) {
    let hits = samples.rows.indices.filter { index in
      guard let id = samples.rows[index].id, let text = folded[index], id != samples.rows[index].line.map(String.init)
      else { return false }
      let words = FoldedText(id).words
      // A short number or a plain word stands in many a text by chance.
      let isTelling = id.count >= 5 && id.contains(where: \.isNumber)
      return isTelling && text.contains(words)
    }
    guard !hits.isEmpty else { return }
    let share = Double(hits.count) / Double(folded.count { $0 != nil })
    add(
      .init(
        .idInText, share >= 0.05 ? .warning : .remark,
        "\(grouped(hits.count)) texts contain their sample's id", Self.few(hits.map(fullPlace)),
        remedy: "take the ids out of the texts: a model can learn them by heart", modality: "text", count: hits.count,
        cases: cases(hits.map { [$0] }), numbers: ["share": share]))
  }
}
