import Foundation
package import Records
import Torch

/// Looks through a data set for what would make its scores mean less than they seem.
package struct DataAudit {
  let samples: GuardedSamples
  let settings: GuardSettings
  private var findings: [DataFindings.Finding] = []
  var looked: [String]

  /// What was found, worst first.
  package static func findings(_ samples: GuardedSamples, _ settings: GuardSettings) throws -> DataFindings {
    let clock = ContinuousClock()
    let begun = clock.now
    var work = DataAudit(samples, settings)
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

  var counts: [String: Int] {
    Dictionary(uniqueKeysWithValues: samples.splits.indices.map { (samples.splits[$0], samples.range($0).count) })
  }

  /// Copies in the test split matter most.
  var heldOutTestFirst: [Int] { samples.splits.indices.dropFirst().reversed().flatMap(samples.range) }

  var heldOut: Range<Int> { (samples.range(0).upperBound)..<samples.rows.count }

  /// `row 3 ('1f600')`, or `line 12 ('a')`.
  func place(_ index: Int) -> String {
    let row = samples.rows[index]
    let number = row.row.map { "row \($0)" } ?? row.line.map { "line \($0)" } ?? "a row"
    guard let id = row.id, id != row.line.map(String.init) else { return number }
    return "\(number) ('\(id)')"
  }

  func split(_ index: Int) -> String { samples.splits[samples.rows[index].split] }

  /// `train row 3 ('1f600')`.
  func fullPlace(_ index: Int) -> String { "\(split(index)) \(place(index))" }

  /// `image and text`, or `all 6 modalities`.
  var channelNames: String {
    let names = samples.channels.map(\.name)
    return names.count > 2 ? "all \(names.count) modalities" : names.joined(separator: " and ")
  }

  /// The first few, then how many more.
  static func few(_ words: [String], _ shown: Int = 3) -> String {
    let rest = words.count - shown
    return words.prefix(shown).joined(separator: "; ") + (rest > 0 ? "; and \(grouped(rest)) more" : "")
  }

  /// `12 test and 3 validation samples`.
  func held(_ indices: some Sequence<Int>) -> String {
    var counts: [Int: Int] = [:]
    for index in indices { counts[samples.rows[index].split, default: 0] += 1 }
    let parts = counts.sorted { $0.key > $1.key }.map { "\(grouped($0.value)) \(samples.splits[$0.key])" }
    return parts.joined(separator: " and ") + (counts.values.reduce(0, +) == 1 ? " sample" : " samples")
  }

  static func percent(_ share: Double) -> String {
    let value = 100 * share
    return (value > 0 && value < 0.95 ? String(format: "%.1f", value) : String(format: "%.0f", value)) + " %"
  }

  func cases(_ groups: [[Int]], names: [String?]? = nil, similarities: [Double]? = nil) -> [DataFindings.Case] {
    groups.prefix(DataFindings.caseLimit).enumerated().map { number, group in
      DataFindings.Case(
        name: names?[number], samples: group.prefix(100).map(samples.sample), similarity: similarities?[number])
    }
  }

  mutating func add(_ finding: DataFindings.Finding) { findings.append(finding) }

  // MARK: Splits

  mutating func splits() {
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
            "the test split has \(grouped(count)) samples: a score near 80 % is uncertain by "
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

}
