import Records
import Testing

@testable import Reports

struct PrintedTableTests {
  private let results = Fixture.results([Fixture.joint, Fixture.narrower])
  private let expected: Tree = [
    "joint": ["full": 76.01, "image-missing": 12.99, "gap.missing": 50.53],
    "balgrad": ["full": 80.32, "average.missing": 45.26],
    "mslr": ["full": 78.43],
  ]

  @Test("methods and quantities are those of both sides, in the order of the table")
  func both() throws {
    let table = try #require(PrintedTable(results, expected: expected, source: "BalGrad paper, Table 1"))
    #expect(table.methods == ["joint", "balgrad"])
    #expect(table.lines.map(\.title) == ["full", "image missing", "Avg. missing", "gap missing"])
    #expect(table.lines[0].cells == ["86.0 (76.0)", "86.3 (80.3)"])
    #expect(table.lines[1].cells == ["82.9 (13.0)", "84.2 (–)"])
  }

  @Test("for a terminal")
  func text() throws {
    let table = try #require(
      PrintedTable(results, expected: expected, source: "BalGrad paper, Table 1", titles: ["balgrad": "BalGrad"]))
    #expect(
      table.text == """
                       joint        BalGrad
        full           86.0 (76.0)  86.3 (80.3)
        image missing  82.9 (13.0)  84.2 (–)
        Avg. missing   67.7 (–)     71.0 (45.3)
        gap missing    30.4 (50.5)  26.4 (–)

        in brackets: BalGrad paper, Table 1
        """)
  }

  @Test("for a page")
  func markdown() throws {
    let table = try #require(
      PrintedTable(
        results, expected: ["joint": ["full": 76.01]], source: "a | b", titles: ["joint": "joint_x"]))
    #expect(
      table.markdown == """
        |  | joint\\_x |
        | :-- | --: |
        | full | 86.0 (76.0) |

        In brackets: a \\| b.

        """)
  }

  @Test(
    "there is no table where the sides have nothing in common",
    arguments: [[:], ["mslr": ["full": 78.43]], ["joint": ["depth-missing": 1.0]], 3] as [Tree])
  func nothing(expected: Tree) {
    #expect(PrintedTable(results, expected: expected, source: "s") == nil)
  }
}
