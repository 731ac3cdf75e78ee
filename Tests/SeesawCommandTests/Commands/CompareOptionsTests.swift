import ArgumentParser
import Foundation
import Records
import Testing

@testable import SeesawCommand

@Suite("Tuning and preferences at the prompt")
struct CompareOptionsTests {
  @Test("--tune and --prefer are read, and neither is asked for by default")
  func read() throws {
    let plain = try Compare.parse(["data"])
    #expect(plain.tune == nil && plain.prefer == nil)
    let asked = try Compare.parse(["data", "--tune", "20", "--prefer", "Balanced"])
    #expect(asked.tune == 20 && asked.prefer == .balanced)
  }

  @Test(
    "what makes no sense is refused in words",
    arguments: [
      (["--tune", "0"], "--tune is 0; at least 1 is needed."), (["--prefer", "best"], "robust, accurate, balanced"),
    ])
  func refused(words: [String], answer: String) {
    let error = #expect(throws: (any Error).self) { try Compare.parse(["data"] + words) }
    #expect(error.map { Compare.fullMessage(for: $0) }?.contains(answer) == true)
    #expect(error.map(Compare.exitCode(for:)) == .validationFailure)
  }

  @Test("a page has the front always, a terminal where a preference is named, with its sentence last")
  func page() throws {
    let heading = "accuracy in % against gap missing, which is better small"
    let plain = ComparisonPage(TablesTests.results)
    #expect(!plain.text(width: 100).contains(heading))
    #expect(plain.markdown.contains(heading))
    #expect(!plain.markdown.contains("Most robust"))
    let asked = ComparisonPage(TablesTests.results, prefer: .robust)
    for text in [asked.text(width: 100), asked.markdown] {
      let front = try #require(text.range(of: heading))
      let sentence = try #require(text.range(of: "Most robust: BalGrad, with "))
      #expect(front.upperBound < sentence.lowerBound)
      #expect(text[sentence.upperBound...].contains("Joint training comes next"))
    }
    #expect(try TablesTests.results.json().contains("\"beatenBy\""))
  }

  @Test("a run's scores are followed by what each modality adds")
  func values() {
    var table = TablesTests.table
    table.shapley = ["image": 0.2, "text": 0.595]
    table.imbalance = 0.395
    #expect(
      ScoreTable.text(table).hasSuffix(
        "\n\n  what each adds (Shapley): image 20.0, text 59.5  imbalance 39.5\n\n  note: one note"))
  }
}
