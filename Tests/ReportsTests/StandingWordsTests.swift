import Foundation
import Records
import Testing

@testable import Reports

@Suite("Who stands, in words and tables")
struct StandingWordsTests {
  /// Against 80 % with everything there, 70 % without image and 60 % without text.
  private func results(
    _ methods: [(name: String, sees: [String], shifts: [Double])], seeds: Int = 4, spread: Double = 1
  ) -> ComparisonResults {
    let conditions = ["full", "image-missing", "text-missing"]
    let best = [0.8, 0.7, 0.6]
    let wobble = [0.001, -0.001, 0.0005, -0.0005].map { $0 * spread }
    return ComparisonResults(
      dataset: "emoji", metric: "accuracy", modalities: ["image", "text"], conditions: conditions,
      methods: methods.map { method in
        MethodRuns(
          name: method.name, sees: method.sees,
          runs: (0..<seeds).map { seed in
            let scores = zip(best, method.shifts).map { $0 + $1 + wobble[seed] }
            return MeasuredRun(seed: seed, scores: Dictionary(uniqueKeysWithValues: zip(conditions, scores)))
          })
      },
      specialists: Dictionary(
        uniqueKeysWithValues: zip(conditions, best).map { condition, score in
          (
            condition,
            .init(method: "joint", runs: (0..<seeds).map { .init(seed: $0, score: score + wobble[$0] * 0.5) })
          )
        }))
  }

  private let joint = (name: "joint", sees: ["clean"], shifts: [0, -0.25, -0.03])
  private let sturdy = (name: "sturdy", sees: ["clean", "missing"], shifts: [0.01, -0.01, 0.0])

  @Test("the first screen has a verdict, three numbers beside the baseline's, and the command that follows")
  func headline() throws {
    let titles = ["joint": "Joint training", "sturdy": "Sturdy"]
    let found = Headline(results([joint, sturdy]), data: "'my cats'", titles: titles)
    #expect(
      found.verdict
        == "Sturdy ° stands: at worst 1.0 point below a model made for the condition; Joint training: 25.0.")
    #expect(found.of == "Sturdy °")
    #expect(found.numbers.map(\.name) == ["With everything there", "Worst condition", "Worst regret"])
    #expect(found.numbers.map(\.value) == ["81.0", "60.0", "1.0"])
    #expect(found.numbers.map(\.unit) == ["%", "%", "points"])
    #expect(found.numbers[0].note == "Joint training 80.0 %")
    #expect(found.numbers[1].note == "text missing; a model made for it 60.0 %")
    #expect(found.numbers[2].note == "image missing; Joint training 25.0 (image missing)")
    #expect(found.next?.text == "seesaw train 'my cats' --method sturdy --out my-model")
    let alone = Headline(results([joint]), data: "cats", run: "runs/first", titles: titles)
    #expect(
      alone.verdict == "Joint training does not stand: without image it is 25.0 points below a model made for that.")
    #expect(alone.of == nil && alone.next?.text == "seesaw diagnose runs/first")
    let one = Headline(results([joint, sturdy], seeds: 1), data: nil, titles: titles)
    #expect(one.verdict.hasSuffix("; one seed, so that may be luck.") && one.next == nil)
  }

  @Test("another baseline than joint training is named, and what is not a row is refused")
  func baseline() throws {
    var results = Fixture.results([Fixture.joint, Fixture.narrower, Fixture.same])
    #expect(results.baseline == "joint")
    try results.compare(with: "balgrad")
    #expect(results.baseline == "balgrad" && Findings(results).leaning.hasPrefix("balgrad leans on text"))
    #expect(results.tests(against: "balgrad", "full").count == 2)
    // It is kept in the file, and older files have none.
    let again = try ComparisonResults(json: results.json())
    #expect(again == results && again.comparedWith == "balgrad")
    let none = #expect(throws: Diagnosis.self) { try results.compare(with: "nobody") }
    #expect(none?.what == "there is no row 'nobody' to compare with")
    #expect(none?.remedy == "there are joint, balgrad, ogm-ge")
  }

  @Test("where nothing is known of what is given away, the verdict is what the baseline leans on")
  func leaning() {
    let found = Headline(Fixture.results([Fixture.joint, Fixture.narrower]), data: "cats", titles: [:])
    #expect(found.verdict == "joint leans on text: 52.4 % without text, 82.9 % without image.")
    #expect(found.numbers.map(\.name) == ["With everything there", "Worst condition", "Most lost"])
    #expect(found.numbers[2].value == "33.6" && found.numbers[2].note == "text missing")
    #expect(found.next?.text == "seesaw diagnose cats")
  }

  @Test("who stands is said first, then how methods rank; the mark is on who saw impaired inputs")
  func stands() throws {
    let findings = Findings(results([joint, sturdy]), titles: ["joint": "Joint training"])
    #expect(
      findings.sentences[0]
        == "sturdy ° stands: in no condition does it give away more than 2 points of accuracy against a model trained for "
        + "just that; at worst 1.0 point (95 % interval 0.9 to 1.1), without image; Joint training gives away 25.0 points, "
        + "without image.")
    #expect(
      findings.sentences[1]
        == "Ranked by the average with a modality missing: sturdy ° 64.5 %, Joint training 51.0 %; by worst regret: "
        + "sturdy ° 1.0, Joint training 25.0 (° saw impaired inputs in training).")
    #expect(findings.sentences.count == 3 && findings.sentences[2] == findings.leaning)
  }

  @Test("where none stands, the nearest is named, with what a model for just that scores")
  func none() throws {
    let worse = (name: "worse", sees: ["clean"], shifts: [0.0, -0.1, 0.0])
    let lead = try #require(StandingWords(results([joint, worse]))).lead
    #expect(
      lead.hasPrefix(
        "No method stands: each gives away more than 2 points in some condition. Least is given away by worse, at worst "
          + "10.0 points (95 % interval 9.9 to 10.1), without image, where it scores 60.0 % and a model trained for just that "
          + "70.0 %; joint gives away 25.0 points, without image."))
    let alone = try #require(StandingWords(results([joint])))
    #expect(alone.lead.hasPrefix("joint does not stand: it gives away at worst 25.0 points"))
    #expect(alone.ranking == nil)
  }

  @Test("what gives away little, but is not known to, may stand")
  func near() throws {
    let close = (name: "close", sees: ["missing"], shifts: [0.0, -0.015, 0.0])
    let lead = try #require(StandingWords(results([joint, close], spread: 20))).lead
    #expect(
      lead.hasPrefix("close ° may stand: it gives away at worst 1.5 points (95 % interval -0.7 to 3.0), without image"))
    #expect(lead.contains("; more than 2 points cannot be ruled out; joint gives away 25.0 points"))
  }

  @Test("one seed says nothing of others, and without specialists there is no word of standing")
  func silent() throws {
    let lead = try #require(StandingWords(results([joint, sturdy], seeds: 1))).lead
    #expect(
      lead.hasPrefix("With one seed no method can be said to stand: least is given away by sturdy °, at worst 0.9"))
    #expect(StandingWords(Fixture.results([Fixture.joint])) == nil)
    #expect(Findings(Fixture.results([Fixture.joint])).standing.isEmpty)
  }

  @Test("a gap that is smaller at lower scores is not called narrowed")
  func smallerAtLower() {
    let lower = Fixture.runs(
      "lower",
      Fixture.joint.runs.map { run in
        [
          0.86, (run.scores["image-missing"] ?? 0) - 0.1 + Double(run.seed) * 0.001, run.scores["text-missing"] ?? 0,
          0.8, 0.7,
        ]
      })
    let found = Findings(Fixture.results([Fixture.joint, lower])).narrowing
    #expect(found.hasPrefix("lower has a smaller gap, but only at lower scores: 30.4 → 20.6 points ("))
    let text = TestsText(Fixture.results([Fixture.joint, lower]))?.text ?? ""
    #expect(!text.contains(") ▲") && text.contains("smaller at a lower average"))
  }

  @Test("the smallest of gaps that are all wider is not praised")
  func allWider() {
    let wider = ["a", "b"].enumerated().map { place, name in
      Fixture.runs(
        name,
        Fixture.joint.runs.map { run in
          [
            0.86, (run.scores["image-missing"] ?? 0) + 0.01 * Double(place + 1) * Double(1 + run.seed % 2),
            (run.scores["text-missing"] ?? 0) - 0.001, 0.8, 0.7,
          ]
        })
    }
    let found = Findings(Fixture.results([Fixture.joint] + wider)).narrowing
    #expect(
      found.hasPrefix(
        "Neither method reduced the gap, and a and b increased it; the least increase is a's: 30.4 → 32.0 points ("))
  }

  @Test("every form of the table has regret, specialists beside the methods, and the mark with its meaning")
  func tables() throws {
    let table = ComparisonTable(results([joint, sturdy]), titles: ["joint": "Joint training"])
    #expect(table.methods == ["Joint training", "sturdy °"])
    #expect(table.lines.map(\.title).suffix(2) == ["worst regret", "mean regret"])
    let place = try #require(table.lines.firstIndex { $0.quantity == "regret.worst" })
    #expect(table.cells[place][0].text == "25.0 (24.9 to 25.1)" && table.cells[place][1].rank == .best)
    #expect(table.specialists[0].text.hasPrefix("80.0 ± ") && table.specialists[place].text == "–")
    let text = table.text(width: 200)
    #expect(text.contains("specialists") && text.contains("° saw impaired inputs in training (sturdy: missing)"))
    let markdown = table.markdown()
    #expect(markdown.contains("| worst regret | 25.0 (24.9 to 25.1) | **1.0 (0.9 to 1.1)** | – |"))
    #expect(table.markdown(methodsDown: true).contains("\n| specialists | 80.0 ± "))
    let latex = table.latex()
    #expect(latex.contains("\\begin{tabular}{lrrr}") && latex.contains("sturdy$^{\\circ}$ & specialists \\\\"))
    #expect(latex.contains("worst regret & 25.0 (24.9 to 25.1) & \\textbf{1.0} (0.9 to 1.1) & -- \\\\"))
    let csv = CSVTable.text(results([joint, sturdy]))
    #expect(csv.contains("emoji,accuracy,specialist,full,0.8"))
    #expect(csv.contains(",sturdy,regret.worst,0.0") && csv.contains(",sturdy,regret.mean,"))
  }

  @Test("the page hangs each method from the specialists' line, with a finding as title and a table behind it")
  func page() throws {
    let found = results([joint, sturdy])
    let report = HTMLReport(ReportContents(results: found))
    let section = try #require(report.regret())
    let figure = try #require(section.blocks.first?.figures?.figures.first)
    #expect(
      figure.title
        == "sturdy ° gives away least, at worst 1.0 points (image missing), and joint most, 25.0 points (image missing)"
    )
    #expect(figure.rawData == "null" && figure.summary.contains("joint: at worst 25.0 points"))
    // Three bars a method, of which those below the line are as deep as they are large.
    #expect(figure.rawPicture.components(separatedBy: "<rect").count == 7)
    let table = try #require(figure.table)
    #expect(table.rows.map(\.head) == ["sturdy °", "joint"])
    #expect(table.rows.map { $0.cells.last?.words } == ["yes", "no"])
    let html = try report.html()
    #expect(html.contains("What one model gives away") && html.contains(">specialists<"))
    #expect(HTMLReport(ReportContents(results: Fixture.results([Fixture.joint]))).regret() == nil)
  }
}
