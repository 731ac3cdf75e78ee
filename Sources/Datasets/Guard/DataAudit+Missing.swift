import Foundation
import Records

extension DataAudit {
  mutating func missing() -> [String: [String: Double]] {
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
          "\(channel.name) is missing in \(grouped(rows.count)) \(rows.count == 1 ? "sample" : "samples") (\(words))",
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
