import Foundation
package import Records
import Torch

/// Looks through a data set for what would make its scores mean less than they seem.
package struct ProtocolGuard {
  private let samples: GuardedSamples
  private let settings: GuardSettings
  private var findings: [DataFindings.Finding] = []
  private var looked: [String]

  /// What was found, worst first.
  package static func findings(_ samples: GuardedSamples, _ settings: GuardSettings) throws -> DataFindings {
    let clock = ContinuousClock()
    let begun = clock.now
    var work = ProtocolGuard(samples, settings)
    work.splits()
    let whole = work.identical()
    work.sharedModalities(whole)
    try work.near(whole)
    work.groups()
    work.texts()
    work.labels()
    let missing = work.missing()
    let order = DataFindings.Kind.allCases
    let ranked = work.findings.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      let kinds = (order.firstIndex(of: x.kind) ?? 0, order.firstIndex(of: y.kind) ?? 0)
      return (x.severity, kinds.0, a.offset) < (y.severity, kinds.1, b.offset)
    }
    let seconds = (clock.now - begun) / .seconds(1)
    return DataFindings(
      dataset: samples.dataset, path: samples.path, form: samples.form, counts: work.counts,
      modalities: samples.channels.map(\.name), classes: samples.classes, labels: work.labelCounts(), missing: missing,
      findings: ranked.map(\.element), looked: work.looked, seconds: seconds)
  }

  private init(_ samples: GuardedSamples, _ settings: GuardSettings) {
    self.samples = samples
    self.settings = settings
    looked = samples.looked
  }

  // MARK: Words

  private var counts: [String: Int] {
    Dictionary(uniqueKeysWithValues: samples.splits.indices.map { (samples.splits[$0], samples.range($0).count) })
  }

  /// Copies in the test split matter most.
  private var heldOutTestFirst: [Int] { samples.splits.indices.dropFirst().reversed().flatMap(samples.range) }

  private var heldOut: Range<Int> { (samples.range(0).upperBound)..<samples.rows.count }

  /// `row 3 ('1f600')`, or `line 12 ('a')`.
  private func place(_ index: Int) -> String {
    let row = samples.rows[index]
    let number = row.row.map { "row \($0)" } ?? row.line.map { "line \($0)" } ?? "a row"
    guard let id = row.id, id != row.line.map(String.init) else { return number }
    return "\(number) ('\(id)')"
  }

  private func split(_ index: Int) -> String { samples.splits[samples.rows[index].split] }

  /// `train row 3 ('1f600')`.
  private func fullPlace(_ index: Int) -> String { "\(split(index)) \(place(index))" }

  /// `image and text`, or `all 6 modalities`.
  private var channelNames: String {
    let names = samples.channels.map(\.name)
    return names.count > 2 ? "all \(names.count) modalities" : names.joined(separator: " and ")
  }

  /// The first few, then how many more.
  private static func few(_ words: [String], _ shown: Int = 3) -> String {
    let rest = words.count - shown
    return words.prefix(shown).joined(separator: "; ") + (rest > 0 ? "; and \(grouped(rest)) more" : "")
  }

  /// `12 test and 3 validation samples`.
  private func held(_ indices: some Sequence<Int>) -> String {
    var counts: [Int: Int] = [:]
    for index in indices { counts[samples.rows[index].split, default: 0] += 1 }
    let parts = counts.sorted { $0.key > $1.key }.map { "\(Self.grouped($0.value)) \(samples.splits[$0.key])" }
    return parts.joined(separator: " and ") + (counts.values.reduce(0, +) == 1 ? " sample" : " samples")
  }

  private static func grouped(_ number: Int) -> String {
    number.formatted(.number.locale(Locale(identifier: "en_US")))
  }

  private static func percent(_ share: Double) -> String {
    let value = 100 * share
    return (value > 0 && value < 0.95 ? String(format: "%.1f", value) : String(format: "%.0f", value)) + " %"
  }

  private func cases(_ groups: [[Int]], names: [String?]? = nil, similarities: [Double]? = nil) -> [DataFindings.Case] {
    groups.prefix(DataFindings.caseLimit).enumerated().map { number, group in
      DataFindings.Case(
        name: names?[number], samples: group.prefix(100).map(samples.sample), similarity: similarities?[number])
    }
  }

  private mutating func add(_ finding: DataFindings.Finding) { findings.append(finding) }

  // MARK: Splits

  private mutating func splits() {
    if !samples.splits.contains("validation") {
      add(
        .init(
          .noValidation, .warning,
          "there is no validation split: nothing can be selected, and the last epoch's weights are used",
          remedy: "set a part of the training samples aside as validation", count: 0))
    }
    if let test = samples.splits.firstIndex(of: "test") {
      let count = samples.range(test).count
      // Where the score is near 80 %.
      let half = 1.96 * (0.8 * 0.2 / Double(count)).squareRoot()
      if half > 0.02, !samples.isRegression {
        add(
          .init(
            .smallTest, .remark,
            "the test split has \(Self.grouped(count)) samples: a score near 80 % is uncertain by "
              + "± \(String(format: "%.1f", 100 * half)) points", count: count, numbers: ["halfWidth": half]))
      }
    } else {
      add(
        .init(
          .noTest, .warning, "there is no test split: nothing can be scored",
          remedy: "set samples aside that training and selection never see", count: 0))
    }
    looked.append("nothing is ever selected on the test split: weights and settings are chosen by validation")
    leftOut()
  }

  private mutating func leftOut() {
    let rows = samples.leftOut
    let tests = rows.filter { $0.split == .test }
    func cases(_ rows: [Quarantined]) -> [DataFindings.Case] {
      rows.prefix(DataFindings.caseLimit).map {
        .init(name: $0.reason, samples: [.init(split: $0.split?.rawValue ?? "", line: $0.row, id: $0.id)])
      }
    }
    func words(_ rows: [Quarantined]) -> String { Self.few(rows.map { "line \($0.row), \($0.reason)" }) }
    if !tests.isEmpty {
      add(
        .init(
          .testSamplesLeftOut, .grave,
          "\(tests.count) test \(tests.count == 1 ? "sample was" : "samples were") left out",
          words(tests),
          remedy: "correct them: scores on what is easy to read are not scores on the test split", count: tests.count,
          cases: cases(tests)))
    }
    let others = rows.filter { $0.split != .test }
    if !others.isEmpty {
      add(
        .init(
          .samplesLeftOut, .warning,
          "\(others.count) \(others.count == 1 ? "sample was" : "samples were") left out",
          words(others),
          remedy: "correct them, or do without them", count: others.count, cases: cases(others)))
    }
  }

  // MARK: Copies

  /// Samples whose every modality is the same; answers with what names each sample's content.
  private mutating func identical() -> [ContentDigest] {
    let samples = samples
    let channels = samples.channels.map(\.contents)
    let whole = samples.rows.indices.map { index in
      channels.count == 1 ? channels[0][index] : ContentDigest(channels.map { $0[index] })
    }
    let present = samples.rows.indices.lazy.filter { index in !samples.channels.allSatisfy { $0.missing[index] } }
    let repeated = Self.repeated(whole, present)
    var groups: [[Int]] = []
    var places: [ContentDigest: Int] = [:]
    for index in present where repeated.contains(whole[index]) {
      if let place = places[whole[index]] {
        groups[place].append(index)
      } else {
        places[whole[index]] = groups.count
        groups.append([index])
      }
    }
    groups.removeAll { $0.count < 2 }
    let across = groups.filter { group in Set(group.map { samples.rows[$0].split }).count > 1 }
    let words = channelNames
    if !across.isEmpty {
      let copies = across.flatMap { group in group.filter { samples.rows[$0].split > samples.rows[group[0]].split } }
      let examples = across.map { group in
        let copy = group.first { samples.rows[$0].split > samples.rows[group[0]].split } ?? group[0]
        return "\(fullPlace(copy)) is \(fullPlace(group[0]))"
      }
      add(
        .init(
          .identicalAcrossSplits, .grave,
          "\(held(copies)) \(copies.count == 1 ? "is a copy of one" : "are copies of some") in an earlier split, "
            + "\(words) alike", Self.few(examples),
          remedy: "leave the copies out of training, or keep all copies of a sample in one split", count: copies.count,
          cases: cases(across)))
    }
    let within = groups.filter { group in
      Set(group.map { samples.rows[$0].split }).count < group.count
    }
    if !within.isEmpty {
      let extra = within.reduce(0) { sum, group in sum + group.count - Set(group.map { samples.rows[$0].split }).count }
      let inTest = within.contains { group in group.count { split($0) == "test" } > 1 }
      add(
        .init(
          .identicalWithinSplit, inTest ? .warning : .remark,
          "\(Self.grouped(extra)) \(extra == 1 ? "sample repeats" : "samples repeat") another of the same split",
          Self.few(within.map { group in group.prefix(3).map(fullPlace).joined(separator: " and ") }),
          remedy: inTest ? "keep one of each: what is there twice counts twice" : nil, count: extra,
          cases: cases(within)))
    }
    conflicting(groups)
    return whole
  }

  /// Contents that may be there more than once, among them all that are.
  ///
  /// Sixteen bits a sample are marked by digest: where a mark is there already, it is looked at closer. So memory is that of
  /// few samples.
  private static func repeated(_ contents: [ContentDigest], _ present: some Sequence<Int>) -> Set<ContentDigest> {
    let size = UInt64(max(contents.count, 4) * 16)
    var marks = [UInt64](repeating: 0, count: Int(size / 64) + 1)
    var repeated: Set<ContentDigest> = []
    for index in present {
      let place = contents[index].low % size
      let (word, bit) = (Int(place / 64), UInt64(1) << (place % 64))
      if marks[word] & bit != 0 { repeated.insert(contents[index]) }
      marks[word] |= bit
    }
    return repeated
  }

  private mutating func conflicting(_ groups: [[Int]]) {
    let conflicts = groups.filter { group in Set(group.map { samples.names(of: samples.rows[$0]) }).count > 1 }
    guard !conflicts.isEmpty else { return }
    let examples = conflicts.map { group -> String in
      let first = group[0]
      func names(_ index: Int) -> String { samples.names(of: samples.rows[index]).joined(separator: "|") }
      let other = group.first { names($0) != names(first) } ?? first
      return "\(fullPlace(first)) is '\(names(first))', \(fullPlace(other)) is '\(names(other))'"
    }
    let count = conflicts.reduce(0) { $0 + $1.count }
    add(
      .init(
        .conflictingLabels, .warning,
        "\(Self.grouped(count)) samples are the same but for their \(samples.isRegression ? "targets" : "labels")",
        Self.few(examples),
        remedy: "decide on one \(samples.isRegression ? "target" : "label"): no model can get both right", count: count,
        cases: cases(conflicts)))
  }

  /// Content of one modality that training has as well, in samples that are no whole copies.
  private mutating func sharedModalities(_ whole: [ContentDigest]) {
    guard samples.channels.count > 1 else { return }
    let heldWhole = Set(heldOut.map { whole[$0] })
    let trainedWhole = Set(samples.range(0).lazy.map { whole[$0] }.filter(heldWhole.contains))
    for channel in samples.channels {
      let heldContents = Set(heldOut.map { channel.contents[$0] })
      var first: [ContentDigest: Int] = [:]
      for index in samples.range(0) where !channel.missing[index] && heldContents.contains(channel.contents[index]) {
        first[channel.contents[index]] = first[channel.contents[index]] ?? index
      }
      let shared = heldOutTestFirst.filter { index in
        !channel.missing[index] && first[channel.contents[index]] != nil && !trainedWhole.contains(whole[index])
      }
      guard !shared.isEmpty else { continue }
      let present = heldOut.count { !channel.missing[$0] }
      let share = Double(shared.count) / Double(max(present, 1))
      let pairs = shared.map { [$0, first[channel.contents[$0]] ?? $0] }
      let agree = pairs.count { samples.names(of: samples.rows[$0[0]]) == samples.names(of: samples.rows[$0[1]]) }
      let sameLabel = Double(agree) / Double(shared.count)
      let shares =
        "\(Self.percent(share)) of those with one; \(Self.percent(sameLabel)) with the same \(samples.isRegression ? "target" : "label")"
      add(
        .init(
          .sharedModality, share >= 0.01 && channel.tellsAlone ? .warning : .remark,
          "\(held(shared)) \(shared.count == 1 ? "has" : "have") the \(channel.name) of a training sample (\(shares))",
          Self.few(pairs.map { "\(fullPlace($0[0])) that of \(fullPlace($0[1]))" }),
          remedy: "see whether they belong together, and if so keep them in one split", modality: channel.name,
          count: shared.count, cases: cases(pairs),
          numbers: ["share": share, "sameLabel": sameLabel]))
    }
  }

  private mutating func near(_ whole: [ContentDigest]) throws {
    looked.append(
      "copies within and across splits: every sample, by a digest of its content, whole and of each modality")
    guard !heldOut.isEmpty else { return }
    var matches = try NearestMatches(samples, settings)
    matches.putLast(before: samples.range(samples.splits.count - 1).lowerBound)
    looked.append(
      "near-copies across splits: \(samples.channels.map(\.words).joined(separator: "; ")); "
        + (matches.compared == 0
          ? "not looked for before a training, since that would take long; 'seesaw check' does"
          : matches.compared == matches.heldOut
            ? "every held-out sample against every one of the splits before it"
            : "a drawn sample of \(Self.grouped(matches.compared)) of \(Self.grouped(matches.heldOut)) held-out samples, "
              + "each against every one of the splits before it"))
    let isSample = matches.compared < matches.heldOut
    let matched = Set((matches.whole + matches.alone.joined()).map { whole[$0.row] })
    let trained = Set(
      samples.splits.indices.flatMap { split in
        samples.range(split).lazy.filter { matched.contains(whole[$0]) }.map { Copy(split: split, content: whole[$0]) }
      })
    func isCopy(_ index: Int) -> Bool {
      (0..<samples.rows[index].split).contains { trained.contains(Copy(split: $0, content: whole[index])) }
    }
    var told: Set<Int> = []
    if samples.channels.reduce(0, { $0 + $1.dimensions }) >= GuardedSamples.Channel.fewestDimensions {
      let found = matches.whole.filter { !isCopy($0.row) }
      told = Set(found.map(\.row))
      if !found.isEmpty {
        add(
          .init(
            .nearAcrossSplits, .warning,
            "\(held(found.map(\.row)))\(isSample ? " of those compared" : "") \(found.count == 1 ? "is" : "are") nearly "
              + "the same as one in an earlier split, in \(channelNames)",
            Self.few(found.map { "\(fullPlace($0.row)) and \(fullPlace($0.other))" }),
            remedy: "look at a few; if they are copies, keep them in one split", count: found.count,
            cases: try cases(
              found.map { [$0.row, $0.other] }, similarities: found.map { try similarity($0.row, $0.other) })))
      }
    }
    guard samples.channels.count > 1 else { return }
    for (number, channel) in samples.channels.enumerated() where channel.tellsAlone {
      let found = matches.alone[number].filter { match in
        !told.contains(match.row) && channel.contents[match.row] != channel.contents[match.other] && !isCopy(match.row)
      }
      guard !found.isEmpty else { continue }
      let share = Double(found.count) / Double(max(matches.compared, 1))
      add(
        .init(
          .nearModality, share >= 0.01 ? .warning : .remark,
          "\(held(found.map(\.row)))\(isSample ? " of those compared" : "") \(found.count == 1 ? "has" : "have") nearly the \(channel.name) of one in an "
            + "earlier split", Self.few(found.map { "\(fullPlace($0.row)) and \(fullPlace($0.other))" }),
          remedy: "look at a few; if they show the same thing, keep them in one split", modality: channel.name,
          count: found.count,
          cases: cases(found.map { [$0.row, $0.other] }, similarities: found.map(\.similarity)),
          numbers: ["share": share]))
    }
  }

  private struct Copy: Hashable {
    let split: Int
    let content: ContentDigest
  }

  /// The smallest cosine over the modalities that both have.
  private func similarity(_ a: Int, _ b: Int) throws -> Double {
    try samples.channels.filter { !$0.missing[a] && !$0.missing[b] }
      .map { try ($0.vectors(a..<(a + 1)) * $0.vectors(b..<(b + 1))).sum().scalar() }.min() ?? 1
  }

  // MARK: Groups

  private mutating func groups() {
    if samples.rows.contains(where: { $0.group != nil }) {
      let members = Dictionary(
        grouping: samples.rows.indices.filter { samples.rows[$0].group != nil }, by: { samples.rows[$0].group ?? "" })
      looked.append("groups: \(Self.grouped(members.count)), by the column 'group'")
      tell(members, .groupAcrossSplits, .grave)
      return
    }
    guard samples.rows.contains(where: { $0.id != nil }),
      let stems = IdentifierStems(samples.rows.map { $0.id ?? "" })
    else { return }
    looked.append(
      "groups: there is no column 'group'; \(Self.grouped(stems.groups.count)) are guessed from ids that begin alike")
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
          + "\(Self.grouped(across.count)) of \(Self.grouped(members.count)) \(noun) samples in several splits, "
          + "\(held(trained)) among them", Self.few(examples),
        remedy: isGuess
          ? "if these belong together (a speaker, a film, a family of products), say so in a column 'group' and split by it"
          : "keep each group in one split: leave the column 'split' out, and 'seesaw encode' draws one that does",
        count: trained.count, cases: cases(across.map(\.value), names: across.map(\.key))))
  }

  // MARK: Texts

  private mutating func texts() {
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
        "\(Self.grouped(hits.count)) texts contain their sample's id", Self.few(hits.map(fullPlace)),
        remedy: "take the ids out of the texts: a model can learn them by heart", modality: "text", count: hits.count,
        cases: cases(hits.map { [$0] }), numbers: ["share": share]))
  }

  // MARK: Labels

  private func table() -> [[Int]] {
    var table = samples.splits.map { _ in [Int](repeating: 0, count: samples.classes.count) }
    for row in samples.rows { for label in row.labels { table[row.split][label] += 1 } }
    return table
  }

  private func labelCounts() -> [String: [String: Int]] {
    let table = table()
    return Dictionary(
      uniqueKeysWithValues: samples.splits.enumerated().map { split, name in
        (name, Dictionary(zip(samples.classes, table[split]), uniquingKeysWith: +))
      })
  }

  private mutating func labels() {
    guard !samples.isRegression else { return }
    looked.append("labels: classes missing in a split, and whether splits have the same shares of them (chi-square)")
    let table = table()
    for (split, name) in samples.splits.enumerated() {
      let empty = samples.classes.indices.filter { table[split][$0] == 0 }
      guard !empty.isEmpty else { continue }
      let words = Self.few(empty.map { "'\(samples.classes[$0])'" }, 5)
      add(
        .init(
          .classMissingInSplit, .warning,
          "\(empty.count == 1 ? "a class has" : "\(empty.count) classes have") no \(name) sample", words,
          remedy: name == "test" ? "what is not tested is not known: add samples of it" : "add samples of it",
          count: empty.count))
    }
    if let test = ChiSquareTest(table), test.p < 0.001 {
      let worst = drift(table)
      add(
        .init(
          .labelDrift, test.strength >= 0.1 ? .warning : .remark,
          "the splits have different shares of the classes (chi-square \(String(format: "%.1f", test.statistic)), "
            + "\(test.degreesOfFreedom) degrees of freedom, p < 0.001)", worst,
          remedy: "split by class, unless the difference is meant", count: samples.rows.count,
          numbers: [
            "chiSquare": test.statistic, "degreesOfFreedom": Double(test.degreesOfFreedom), "p": test.p,
            "strength": test.strength,
          ]))
    }
    guard !samples.isMultiLabel, let most = table[0].indices.max(by: { table[0][$0] < table[0][$1] }),
      let least = table[0].indices.filter({ table[0][$0] > 0 }).min(by: { table[0][$0] < table[0][$1] }),
      table[0][most] >= 10 * table[0][least]
    else { return }
    let share = Double(table[0][most]) / Double(table[0].reduce(0, +))
    add(
      .init(
        .imbalance, .remark,
        "training has \(Self.grouped(table[0][most])) samples of '\(samples.classes[most])' and "
          + "\(Self.grouped(table[0][least])) of '\(samples.classes[least])': always guessing the first is right in "
          + Self.percent(share),
        remedy: "look at macro-F1 beside accuracy; --set training.class_weights=balanced weighs classes alike",
        count: table[0][least], numbers: ["majority": share]))
  }

  /// The class whose share differs most.
  private func drift(_ table: [[Int]]) -> String {
    let shares = table.map { row in
      let sum = Double(max(row.reduce(0, +), 1))
      return row.map { Double($0) / sum }
    }
    let spread = samples.classes.indices.map { label -> Double in
      let values = shares.map { $0[label] }
      return (values.max() ?? 0) - (values.min() ?? 0)
    }
    guard let worst = spread.indices.max(by: { spread[$0] < spread[$1] }) else { return "" }
    let words = zip(samples.splits, shares).map { "\(Self.percent($1[worst])) of \($0)" }
    return "'\(samples.classes[worst])' is \(words.joined(separator: ", "))"
  }

  // MARK: What is not there

  private mutating func missing() -> [String: [String: Double]] {
    looked.append(
      samples.form == "raw"
        ? "missing: samples without text, without a picture, or with one that is all black or all one colour"
        : "missing: features that are all zero, all the same, or those of an empty input")
    var answer: [String: [String: Double]] = [:]
    for channel in samples.channels {
      var shares: [String: Double] = [:]
      for (split, name) in samples.splits.enumerated() {
        let range = samples.range(split)
        shares[name] = Double(range.count { channel.missing[$0] }) / Double(max(range.count, 1))
      }
      answer[channel.name] = shares
      let rows = samples.rows.indices.filter { channel.missing[$0] }
      guard !rows.isEmpty else { continue }
      let share = Double(rows.count) / Double(samples.rows.count)
      let words = samples.splits.map { "\(Self.percent(shares[$0] ?? 0)) of \($0)" }.joined(separator: ", ")
      add(
        .init(
          .missingModality, share >= 0.05 ? .warning : .remark,
          "\(channel.name) is missing in \(Self.grouped(rows.count)) \(rows.count == 1 ? "sample" : "samples") (\(words))",
          Self.few(rows.map(fullPlace)),
          remedy: "a missing ratio set in an experiment comes on top of this", modality: channel.name,
          count: rows.count, cases: cases(rows.map { [$0] }), numbers: ["share": share]))
      byClass(channel, share)
    }
    return answer
  }

  private mutating func byClass(_ channel: GuardedSamples.Channel, _ share: Double) {
    guard !samples.isRegression else { return }
    var gone = [Int](repeating: 0, count: samples.classes.count)
    var there = gone
    for index in samples.range(0) {
      for label in samples.rows[index].labels {
        if channel.missing[index] { gone[label] += 1 } else { there[label] += 1 }
      }
    }
    guard let test = ChiSquareTest([gone, there]), test.p < 0.001, test.strength >= 0.2 else { return }
    let shares = gone.indices.map { Double(gone[$0]) / Double(max(gone[$0] + there[$0], 1)) }
    guard let most = shares.indices.max(by: { shares[$0] < shares[$1] }) else { return }
    add(
      .init(
        .missingByClass, .warning,
        "whether \(channel.name) is missing tells the class",
        "it is missing in \(Self.percent(shares[most])) of '\(samples.classes[most])' and in \(Self.percent(share)) of all "
          + "(chi-square \(String(format: "%.1f", test.statistic)), p < 0.001)",
        remedy: "a model can learn from the gap itself; see whether gaps will fall so in use", modality: channel.name,
        count: gone.reduce(0, +), numbers: ["chiSquare": test.statistic, "p": test.p, "strength": test.strength]))
  }
}
