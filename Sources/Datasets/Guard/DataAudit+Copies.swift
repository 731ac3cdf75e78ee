import Records
import Torch

extension DataAudit {
  /// Samples whose every modality is the same; answers with what names each sample's content.
  mutating func identical() -> [ContentDigest] {
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
          "\(grouped(extra)) \(extra == 1 ? "sample repeats" : "samples repeat") another of the same split",
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
        "\(grouped(count)) samples are the same but for their \(samples.isRegression ? "targets" : "labels")",
        Self.few(examples),
        remedy: "decide on one \(samples.isRegression ? "target" : "label"): no model can get both right", count: count,
        cases: cases(conflicts)))
  }

  /// Content of one modality that training has as well, in samples that are no whole copies.
  mutating func sharedModalities(_ whole: [ContentDigest]) {
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

  mutating func near(_ whole: [ContentDigest]) throws {
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
            : "a drawn sample of \(grouped(matches.compared)) of \(grouped(matches.heldOut)) held-out samples, "
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
  func similarity(_ a: Int, _ b: Int) throws -> Double {
    try samples.channels.filter { !$0.missing[a] && !$0.missing[b] }
      .map { try ($0.vectors(a..<(a + 1)) * $0.vectors(b..<(b + 1))).sum().scalar() }.min() ?? 1
  }
}
