import Records
import Testing

@testable import Reports

struct ComparisonTableTests {
  @Test("lines come as in the papers: full, then a kind of impairment at a time with average and gap")
  func lines() {
    let table = ComparisonTable(Fixture.results([Fixture.joint]))
    #expect(
      table.lines.map(\.title) == [
        "full", "image missing", "text missing", "Avg. missing", "gap missing", "image noisy", "text noisy",
        "Avg. noisy", "gap noisy",
      ])
    #expect(table.lines.filter(\.smallerIsBetter).map(\.quantity) == ["gap.missing", "gap.noisy"])
  }

  @Test("best and second are ranked as they read; a gap, which being bad at everything makes small, crowns nobody")
  func ranks() {
    let table = ComparisonTable(
      Fixture.results([
        Fixture.runs("a", [[0.80, 0.60, 0.50, 0.7, 0.7]]), Fixture.runs("b", [[0.8004, 0.65, 0.50, 0.7, 0.6]]),
        Fixture.runs("c", [[0.70, 0.40, 0.45, 0.7, 0.5]]),
      ]))
    func ranks(_ quantity: String) -> [ComparisonTable.Rank] {
      table.lines.firstIndex { $0.quantity == quantity }.map { table.cells[$0].map(\.rank) } ?? []
    }
    #expect(ranks("full") == [.best, .best, .second])
    #expect(ranks("image-missing") == [.second, .best, .none])
    #expect(ranks("gap.missing") == [.none, .none, .none])
    #expect(ranks("image-noisy") == [.none, .none, .none])
  }

  @Test("an impaired score above the full one is starred, an average is not")
  func stars() {
    let table = ComparisonTable(Fixture.results([Fixture.runs("a", [[0.60, 0.66, 0.67, 0.5, 0.6]])]))
    #expect(
      table.cells.map { $0[0].negativeTransfer } == [false, true, true, false, false, false, false, false, false])
  }

  @Test("percentages have one decimal and no minus before zero")
  func percentages() {
    #expect(percent(0.8612) == "86.1")
    #expect(percent(1) == "100.0")
    #expect(percent(-0.0001) == "0.0")
    #expect(percent(-0.012) == "-1.2")
  }

  @Test(
    "how many seeds is told, also where methods differ",
    arguments: [
      ([1], "1 seed"), ([3, 3], "3 seeds"), ([2, 4], "2 to 4 seeds"),
    ])
  func seeds(counts: [Int], text: String) {
    let methods = counts.enumerated().map { i, count in
      Fixture.runs("m\(i)", (0..<count).map { [0.8 + Double($0 * (i + 1)) / 100, 0.5, 0.6, 0.5, 0.6] })
    }
    #expect(ComparisonTable(Fixture.results(methods)).seeds == text)
  }

  @Test("a condition of a kind of its own has its lines, without average where it is partial")
  func ownKinds() {
    let conditions = ["full", "image-missing-50", "text-missing-50", "text-late"]
    let runs = Fixture.runs("a", [[0.8, 0.7, 0.6, 0.5]], conditions: conditions)
    let table = ComparisonTable(Fixture.results([runs], conditions: conditions))
    #expect(
      table.lines.map(\.title) == [
        "full", "image missing-50", "text missing-50", "Avg. missing-50", "gap missing-50", "text late",
      ])
  }
}
