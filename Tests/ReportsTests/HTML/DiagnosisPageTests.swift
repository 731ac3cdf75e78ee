import Foundation
import Records
import TestSupport
import Testing

@testable import Reports

@Suite("The page of a diagnosis")
struct DiagnosisPageTests {
  private let diagnosis: ModelDiagnosis = {
    func worth(_ value: Double) -> ModelDiagnosis.Worth {
      let estimate = Estimate(value, interval95: Interval(low: value - 0.02, high: value + 0.02))
      return ModelDiagnosis.Worth(
        adds: estimate, lost: estimate, only: estimate, alone: estimate, aloneAboveChance: estimate, unused: Estimate(0)
      )
    }
    return ModelDiagnosis(
      subject: .data, place: "/data/made", data: "/data/made", dataset: "made", task: "single-label",
      metric: "accuracy", method: "joint",
      modalities: ["image", "text"], classes: 3, samples: 40, seeds: [0], quick: true, chance: 0.33,
      scores: ["full": Estimate(0.8)], conditions: ["full"],
      leaning: ModelDiagnosis.Leaning(
        verdict: .leans, modality: "text", above: Estimate(0.3, interval95: Interval(low: 0.2, high: 0.4)),
        strength: 0.6),
      worth: ["image": worth(0.1), "text": worth(0.4)],
      transfer: ModelDiagnosis.Transfer(impaired: [:], best: "text", chosenBy: "validation", fused: Estimate(0.1)),
      calibration: [:], gradients: ModelDiagnosis.Gradients(),
      evidence: HTMLReportTests.evidence(["<b>cat</b>", "dog", "bird"], 0))
  }()

  @Test("answers with the diagnosis's own words, and shows its tables")
  func page() throws {
    var contents = HTMLReportTests.contents()
    var diagnosis = diagnosis
    diagnosis.reliance = ModelReliance(shares: ["full": ["image": 0.3, "text": 0.7]], deciding: [:])
    contents.diagnosis = diagnosis
    let page = try HTMLReport(contents, cards: HTMLReportTests.cards).html()
    let words = DiagnosisText(diagnosis, titles: ["joint": "Joint training", "balgrad": "BalGrad"]).paragraphs
    let first = try #require(words.first)
    #expect(page.contains("<b>\(first.heading)</b> \(PageText.escaped(PageText.typeset(first.text)))"))
    #expect(words.contains { $0.heading == "Says itself" })
    for one in words { #expect(page.contains(PageText.escaped(PageText.typeset(one.text))), "\(one.heading)") }
    #expect(page.contains("<section id=\"diagnosis\""))
    #expect(page.contains("&lt;b&gt;cat&lt;/b&gt;") && !page.contains("<b>cat</b>"))
    for table in DiagnosisText(diagnosis).tables { #expect(page.contains(PageText.escaped(table.title))) }
  }
}

@Suite("What a guard found, on the page")
struct DataSectionTests {
  @Test("findings are told worst first, with their cases and what to do")
  func findings() throws {
    var contents = HTMLReportTests.contents()
    let copies = DataFindings.Case(samples: [
      .init(split: "train", row: 3), .init(split: "test", row: 5, id: "<i>five</i>"),
    ])
    contents.check = DataFindings(
      dataset: "made", path: "/data", form: "features", counts: ["test": 9], modalities: ["image"], classes: ["a"],
      findings: [
        .init(.imbalance, .remark, "one class is large", count: 1),
        .init(
          .identicalAcrossSplits, .grave, "2 samples are in two splits", remedy: "remove them", count: 2,
          cases: [copies]),
      ], looked: ["every row"])
    let page = try HTMLReport(contents).html()
    let parts = [
      "<section id=\"data\"", "2 samples are in two splits", "remove them", "train row 3, test row 5 (&lt;i&gt;",
      "one class is large", "every row",
    ]
    var rest = page[...]
    for part in parts {
      let place = try #require(rest.range(of: part), "\(part)")
      rest = rest[place.upperBound...]
    }
    contents.check?.findings = []
    #expect(try HTMLReport(contents).html().contains("Nothing was found"))
  }
}
