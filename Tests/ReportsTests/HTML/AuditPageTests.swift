import Foundation
import Records
import TestSupport
import Testing

@testable import Reports

@Suite("The page of an audit")
struct AuditPageTests {
  static func record() -> AuditRecord {
    var record = AuditRecord(
      samples: 400, classes: ["a", "b"], modalities: ["image", "text"], metric: "accuracy", task: "single-label")
    record.scores = [
      "full": Estimate(0.8, interval95: Interval(low: 0.76, high: 0.84)), "missing:text": Estimate(0.55),
      "alone:text": Estimate(0.78),
    ]
    record.chance = 0.5
    record.aboveChance = 0.3
    var image = AuditRecord.Swap()
    (image.drop, image.follow, image.rest, image.pairs, image.decidable) = (0.05, 0.2, 0.7, 100, true)
    var text = AuditRecord.Swap()
    (text.drop, text.follow, text.rest, text.pairs, text.decidable) = (0.3, 0.7, 0.2, 100, true)
    record.swap = ["image": image, "text": text]
    record.leaning = ["conflict": .init(modality: "text", by: 0.55)]
    record.emap = .init(score: 0.8, gap: 0, shares: ["image": 0.2, "text": 0.8, "together": 0], byConstruction: true)
    record.pid = .init(redundant: 0.1, unique: ["image": 0.3, "text": 0.2], synergy: nil, bound: 0.004, told: false)
    var usable = AuditRecord.Usable(calibrated: true)
    (usable.available, usable.used) = (["image": 0.4, "text": 0.3], ["image": 0.05, "text": 0.3])
    usable.embedded = ["image": 0.38, "text": 0.3]
    record.usable = usable
    record.routing = .init(
      both: .init(share: 0.5, right: 0.98),
      only: ["image": .init(share: 0.2, right: 0.3), "text": .init(share: 0.2, right: 0.9)],
      neither: .init(share: 0.1, right: 0.1), lean: 0.6, ceiling: 0.91)
    record.interval95 = [
      "aboveChance": Interval(low: 0.25, high: 0.35), "leaning.conflict": Interval(low: 0.4, high: 0.7),
      "pid.unique.image": Interval(low: 0.25, high: 0.36), "usable.available.image": Interval(low: 0.35, high: 0.46),
      "usable.used.image": Interval(low: 0.02, high: 0.09), "usable.embedded.image": Interval(low: 0.33, high: 0.44),
    ]
    record.untold = [.init("usable.calibrated", needs: ["validation/labels"])]
    return record
  }

  @Test("the verdict comes first, then data, model, place and advice, each with what it rests on")
  func order() throws {
    let html = try HTMLReport(ReportContents(audit: Self.record(), name: "their model", command: "seesaw audit p.npz"))
      .html()
    let parts = [
      "their model · ", "<h1>The model leans on text.</h1>", "With everything there",
      "Verdict</b> Leans on text: where modalities of different classes",
      "What image alone holds lies mostly unused.", "id=\"audit-data\"", "id=\"audit-bits\"", "id=\"audit-model\"",
      "id=\"audit-conflicts\"", "Samples by which models of one modality are right", "id=\"audit-scores\"",
      "id=\"audit-place\"", "its embedding holds them", "id=\"audit-untold\"",
    ]
    var from = html.startIndex
    for part in parts {
      let found = html.range(of: part, range: from..<html.endIndex)
      #expect(found != nil, Comment(rawValue: part))
      if let found { from = found.upperBound }
    }
    #expect(!html.contains("id=\"scores\"") && !html.contains("id=\"provenance\""))
  }

  @Test("without models of one modality nothing is said of the data, and what the model takes stands with the model")
  func withoutData() throws {
    var record = Self.record()
    record.pid = nil
    record.usable?.available = [:]
    let html = try HTMLReport(ReportContents(audit: record, name: "m")).html()
    let table = try #require(html.range(of: "taken by the model"))
    let model = try #require(html.range(of: "id=\"audit-model\""))
    #expect(!html.contains("id=\"audit-data\"") && model.upperBound < table.lowerBound)
  }

  @Test("names from the data are no markup, and bars are as long as their parts")
  func bars() throws {
    var record = Self.record()
    record.modalities = ["<b>", "text"]
    record.emap = .init(shares: ["<b>": 0.25, "text": 0.75, "together": 0])
    let html = try HTMLReport(ReportContents(audit: record, name: "<i>")).html()
    #expect(!html.contains("<b>&") && !html.contains("<i>") && html.contains("&lt;b&gt;"))
    let bars = StackedBars(
      rows: [
        .init(title: "row", parts: [.init(name: "a", value: 1, token: "m0"), .init(name: "b", value: 3, token: "m1")])
      ],
      decimals: 0)
    let widths = bars.text.matches(of: /width="([0-9.]+)" height="18"/).compactMap { Double($0.output.1) }
    #expect(widths.count == 2 && abs((widths[1] + 1) / (widths[0] + 1) - 3) < 0.01)
    #expect(bars.summary == "row: a 1, b 3.")
  }

  @Test("a folder of an audit holds the page and its words as Markdown, and no empty table")
  func folder() throws {
    try withTemporaryFolder { folder in
      let made = try ReportFolder.write(
        ReportContents(audit: Self.record(), name: "their model"), cards: [], version: "", made: "", plotly: nil,
        to: folder)
      #expect(made.tables.map(\.lastPathComponent) == ["table.md"])
      let markdown = try String(contentsOf: made.tables[0], encoding: .utf8)
      #expect(markdown.contains("**Verdict.** Leans on text"))
    }
  }

  @Test("words are shaded and patches lie over the picture, by what they speak for")
  func parts() throws {
    let parts = TellingSample.Parts(
      answer: "a", words: [.init(text: "<red>", value: 0.4), .init(text: "ball", value: -0.1)], grid: 2,
      patches: [0.2, 0, -0.4, 0], shares: ["image": 0.55, "text": 0.45], error: 0.01, pairs: 3)
    let sample = TellingSample(
      kind: .disagreement, row: 7, truth: ["a"], answers: [:], alone: [:], text: "<red> ball", parts: parts)
    let evidence = RunEvidence(
      dataset: "d", task: "single-label", metric: "accuracy", samples: 400, classes: ["a", "b"],
      modalities: ["image", "text"], conditions: [], telling: [sample])
    let html = try HTMLReport(ReportContents(audit: Self.record(), name: "m", evidence: evidence)).html()
    #expect(html.contains("<span class=\"for\" style=\"--weight:1.00\" title=\"+40.0\">&lt;red&gt;</span>"))
    #expect(html.contains("<span class=\"against\" style=\"--weight:0.25\" title=\"-10.0\">ball</span>"))
    #expect(html.contains("<rect x=\"0\" y=\"1\" width=\"1\" height=\"1\" class=\"against\" fill-opacity=\"0.70\"/>"))
    #expect(html.contains("Of what moves &#39;a&#39;: image 55 %, text 45 % (standard error 1)"))
  }
}
