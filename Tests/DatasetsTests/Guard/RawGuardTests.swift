import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Datasets

@Suite("The guard, on raw samples")
struct RawGuardTests {
  private struct Row {
    var id: String
    var text: String
    var label: String
    var split: String
    var group: String?
  }

  private static let words = [
    "river", "stone", "lamp", "cloud", "paper", "wheel", "garden", "mirror", "bread", "winter", "letter", "bridge",
  ]

  private static func rows() -> [Row] {
    (0..<60).map { number in
      let split = number < 40 ? "train" : number < 48 ? "validation" : "test"
      let text = (0..<6).map { Self.words[(number * 7 + $0 * (number % 5 + 1)) % 12] }.joined(separator: " ")
      return Row(
        id: "s\(number)", text: "\(text) \(number)", label: number % 2 == 0 ? "cat" : "dog", split: split)
    }
  }

  private func findings(_ rows: [Row]) throws -> DataFindings {
    try withTemporaryFolder { folder in
      let head = "id,text,label,split" + (rows.contains { $0.group != nil } ? ",group" : "")
      let lines = rows.map { row in
        "\(row.id),\"\(row.text)\",\(row.label),\(row.split)" + (row.group.map { ",\($0)" } ?? "")
      }
      try Data(([head] + lines).joined(separator: "\n").utf8).write(to: folder.appending(path: "samples.csv"))
      let data = try RawDataset(at: folder)
      return try DataAudit.findings(GuardedSamples(data, prints: [:], .init()), .init())
    }
  }

  private func only(_ kind: DataFindings.Kind, _ findings: DataFindings) throws -> DataFindings.Finding {
    let found = findings.findings.filter { $0.kind == kind }
    #expect(found.count == 1, "\(findings.findings.map(\.what))")
    return try #require(found.first)
  }

  @Test("clean texts have no finding but the small test split")
  func clean() throws {
    #expect(try findings(Self.rows()).findings.map(\.kind) == [.smallTest])
  }

  @Test("texts that differ in case, accents and signs only are nearly the same")
  func folded() throws {
    var rows = Self.rows()
    rows[3].text = "Crème  brûlée, for two!"
    rows[50].text = "creme brulee — FOR two"
    let finding = try only(.nearAcrossSplits, findings(rows))
    #expect(finding.detail == "test line 52 ('s50') and train line 5 ('s3')")
    #expect(finding.cases.first?.similarity == 1)
  }

  @Test("a group of the column 'group' in two splits is grave, and its counts are told")
  func group() throws {
    var rows = Self.rows()
    for number in rows.indices { rows[number].group = "film \(number)" }
    for number in [1, 2, 50, 55] { rows[number].group = "Heat" }
    let finding = try only(.groupAcrossSplits, findings(rows))
    #expect(finding.severity == .grave && finding.count == 2)
    #expect(finding.what == "1 of 57 group has samples in several splits, 2 test samples among them")
    #expect(finding.detail == "'Heat' (2 train, 2 test)")
  }

  @Test("groups are guessed from ids that begin alike, and called a guess")
  func guessed() throws {
    var rows = Self.rows()
    for number in rows.indices { rows[number].id = "film\(number / 3)_scene\(number % 3)" }
    let found = try findings(rows)
    let finding = try only(.guessedGroupAcrossSplits, found)
    #expect(finding.severity == .warning && finding.what.hasPrefix("a guess from ids that begin alike: "))
    // 39 and 40, 41 share a film; 45, 46, 47 and 48 do not.
    #expect(finding.cases.map(\.name) == ["film13"])
    // A column says it better than a guess.
    for number in rows.indices { rows[number].group = "\(number)" }
    #expect(!(try findings(rows)).findings.contains { $0.kind == .guessedGroupAcrossSplits })
  }

  @Test("ids of which most begin alike say nothing of groups")
  func prefixes() {
    #expect(IdentifierStems((0..<50).map { "sample_\($0)" }) == nil)
    #expect(IdentifierStems((0..<50).map { "\($0)" }) == nil)
    #expect(IdentifierStems((0..<50).map { "speaker\($0 / 5)-\($0 % 5)" })?.groups.count == 10)
  }

  @Test("a class's name in its texts is told by class, with how often others have it")
  func classNames() throws {
    var rows = Self.rows()
    for number in rows.indices where rows[number].label == "cat" && number % 4 == 0 { rows[number].text += " A CAT." }
    rows[1].text += " catalogue"
    let finding = try only(.classNameInText, findings(rows))
    #expect(finding.detail == "'cat' in 50 % of its texts" && finding.severity == .warning)
    #expect(finding.count == 15 && finding.numbers["share.cat"] == 0.5 && finding.numbers["others.cat"] == 0)
  }

  @Test("an id that stands in its text is told")
  func ids() throws {
    var rows = Self.rows()
    rows[20].id = "item-4711"
    rows[20].text = "a lamp (item-4711)"
    #expect(try only(.idInText, findings(rows)).detail == "train line 22 ('item-4711')")
  }

  @Test("a test row that could not be read is grave, another a warning")
  func leftOut() throws {
    var rows = Self.rows()
    rows[2].label = ""
    let warned = try findings(rows)
    #expect(try only(.samplesLeftOut, warned).detail == "line 4, has no label")
    #expect(!warned.isGrave)
    rows[50].label = ""
    let found = try findings(rows)
    #expect(found.isGrave)
    #expect(try only(.testSamplesLeftOut, found).what == "1 test sample was left out")
  }

  @Test("texts are missing where they are empty, and lines are told")
  func missing() throws {
    var rows = Self.rows()
    rows[7].text = "  "
    // With nothing but a text, a row without one cannot be used at all.
    let found = try findings(rows)
    #expect(try only(.samplesLeftOut, found).detail == "line 9, has neither a picture nor a text")
  }

  @Test(
    "a phrase is found as words in a row",
    arguments: [("the Home, furnishing", true), ("home-furnishings", false), ("furnishing home", false), ("", false)])
  func phrases(text: String, isThere: Bool) {
    #expect(FoldedText(text).contains(FoldedText("Home Furnishing").words) == isThere)
  }
}
