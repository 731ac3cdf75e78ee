import Balancing
import Experiments
import Foundation
import Records
import Reports
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("What commands print")
struct TablesTests {
  static let table = EvaluationTable(
    dataset: "emoji", metric: "accuracy", modalities: ["image", "text"],
    conditions: ["full", "image-missing", "text-missing", "image-noisy"],
    scores: ["full": 0.803, "image-missing": 0.65, "text-missing": 0.255, "image-noisy": 0.7], notes: ["one note"])

  @Test("a run's scores stand under each other, average and gap at the last of a kind")
  func scores() {
    #expect(
      ScoreTable.text(Self.table) == """
          condition      accuracy in %
          full                    80.3
          image missing           65.0
          text missing            25.5  Avg. 45.2  gap 39.5
          image noisy             70.0

          note: one note
        """)
  }

  @Test("negative transfer is said in words")
  func negativeTransfer() {
    let table = EvaluationTable(
      dataset: "d", metric: "auroc", modalities: ["image"], conditions: ["full", "image-missing"],
      scores: ["full": 0.5, "image-missing": 0.6])
    #expect(
      ScoreTable.text(table).hasSuffix("negative transfer: a score with a modality impaired is above the full one"))
  }

  static let results = ComparisonResults(
    dataset: "emoji", metric: "accuracy", modalities: ["image", "text"],
    conditions: ["full", "image-missing", "text-missing"],
    methods: ["joint", "balgrad"].enumerated().map { place, name in
      MethodRuns(
        name: name,
        runs: (0..<3).map { seed in
          let shift = Double(seed) * 0.01 + Double(place) * 0.1 * (1 + Double(seed) * 0.1)
          return MeasuredRun(
            seed: seed, scores: ["full": 0.8, "image-missing": 0.7, "text-missing": 0.3 + shift], seconds: 1)
        })
    })

  @Test("a comparison says what was found, wrapped between words, and then its table, methods by their titles")
  func comparison() {
    let text = ComparisonPage(Self.results).text(width: 60)
    let paragraphs = text.split(separator: "\n\n")
    #expect(paragraphs[0].hasPrefix("Joint training leans on text"))
    #expect(paragraphs[1].hasPrefix("BalGrad reduced the gap"))
    #expect(paragraphs[2] == "emoji · accuracy in % · 3 seeds")
    #expect(paragraphs[3].contains("Joint training") && paragraphs[3].contains("BalGrad"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 60 })
    let page = ComparisonPage(Self.results).markdown
    #expect(page.contains("| full |") && page.hasSuffix(".\n"))
  }

  @Test("a recipe's printed numbers and a sweep follow the table, and in a file the sentences follow them")
  func recipe() throws {
    var recipe = Recipe()
    recipe.expected = ["balgrad": ["full": 81.25]]
    recipe.source = "Table 9"
    let curve = SweepTable.Curve(
      name: "joint", scores: ["image-missing": [0.8, 0.7], "text-missing": [0.8, 0.3]], modalities: ["image", "text"])
    let sweep = SweepTable(
      dataset: "emoji", metric: "accuracy", modalities: ["image", "text"], ratios: [0, 1],
      conditions: ["image-missing", "text-missing"], curves: [curve])
    let page = ComparisonPage(Self.results, recipe, sweep)
    for text in [page.text(width: 100), page.markdown] {
      let printed = try #require(text.range(of: "80.0 (81.2"))
      let swept = try #require(text.range(of: "Joint training: gap"))
      let table = try #require(text.range(of: "emoji · accuracy"))
      #expect(table.upperBound < printed.lowerBound && printed.upperBound < swept.lowerBound)
      #expect(text.contains("Table 9"))
    }
    let sentence = try #require(page.markdown.range(of: "Joint training leans on text"))
    let swept = try #require(page.markdown.range(of: "Joint training: gap"))
    #expect(swept.upperBound < sentence.lowerBound)
  }

  @Test("a report is written in three forms")
  func report() throws {
    let contents = ReportContents(results: Self.results)
    #expect(try Report.Form.markdown.text(contents) == ComparisonPage(Self.results).markdown)
    #expect(try Report.Form.latex.text(contents).contains("\\begin{tabular}"))
    let csv = try Report.Form.csv.text(contents)
    #expect(csv.hasPrefix("dataset,metric,method,quantity"))
    // What is printed has the ends of lines of a terminal, which writes any other sign out.
    #expect(!csv.unicodeScalars.contains("\r") && csv.escapedForTerminal == csv)
    #expect(csv.split(separator: "\n").count > 2)
  }

  @Test("a stopped comparison says that it can be gone on with")
  func interrupted() {
    let found = Comparison.interrupted("runs/demo")
    #expect(found.what == "stopped before the end; what is finished is kept")
    #expect(found.exitStatus == .interrupted)
    #expect(Train.alreadyDone("runs/a") == "already done: runs/a, --again to repeat")
  }

  @Test("methods are listed in one table, with every method in it")
  func methods() throws {
    let lines = Methods.list(MethodRegistry.entries.map(\.card)).split(separator: "\n")
    #expect(lines.count == MethodRegistry.entries.count + 1)
    #expect(lines[0].hasPrefix("method"))
    let balgrad = try #require(lines.first { $0.hasPrefix("balgrad") })
    #expect(balgrad.contains("BalGrad") && balgrad.hasSuffix("Kwon et al., NAACL 2025"))
  }

  @Test("a method's page has its settings with defaults, and where it departs from its paper")
  func method() throws {
    let entry = try MethodRegistry.entry("balgrad")
    let page = Methods.page(entry)
    for setting in entry.card.settings {
      #expect(page.contains(setting.key) && page.contains(setting.default.json()), "\(setting.key)")
    }
    for departure in entry.card.departures { #expect(page.contains(departure)) }
    let tree = try Methods.tree(entry)
    #expect(tree[path: "name"] == "balgrad")
    #expect(tree[path: "capabilities"]?.listValue?.contains("keeps state") == true)
    #expect(tree[path: "settings"]?.listValue?.count == entry.card.settings.count)
  }

  @Test("the doctor's remedies stand under what they cure, and what is bad is an error")
  func doctor() {
    let findings = [
      Finding("libtorch", .good, "2.13.0"), Finding("disk", .bad, "full", remedy: "free some space"),
    ]
    #expect(
      Doctor.text(findings) == "  good  libtorch  2.13.0\n  bad   disk      full\n                  → free some space")
    let diagnosis = Doctor.diagnosis([findings[1]])
    #expect(diagnosis.what == "1 thing is wrong")
    #expect(diagnosis.found == ["disk: full"])
    #expect(diagnosis.exitStatus == .failed)
  }

  @Test("a step taken apart is a table of each kind of number")
  func gradients() throws {
    let tree: Tree = [
      "method": "balgrad", "modalities": ["image", "text"], "progress": 0.25, "losses": ["fused": 0.5],
      "scalars": ["cosine": -0.125], "updateNorms": [:],
    ]
    let report: GradientReport = try tree.decode(keys: .asNamed)
    #expect(
      Gradients.text(report) == """
        balgrad at progress 0.25 over image and text

        loss
          fused  0.5

        scalar
          cosine  -0.125
        """)
  }
}
