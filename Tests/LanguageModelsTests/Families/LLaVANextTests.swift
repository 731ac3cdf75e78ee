import Foundation
import Records
import Testing
import Torch

@testable import Encoders
@testable import LanguageModels

@Suite("LLaVA-NeXT")
struct LLaVANextTests {
  private func processor() throws -> GridProcessor {
    let none = CheckpointConfiguration(file: "made", table: [:])
    return try GridProcessor(none, none, side: 336)
  }

  @Test(
    "the grid, the patches that are kept and the tokens are the published model's",
    arguments: [
      (480, 640, 672, 672, 36, 48, 2340), (336, 336, 336, 672, 24, 24, 1176), (100, 1000, 336, 1008, 8, 72, 1160),
    ])
  func grids(height: Int, width: Int, tall: Int, wide: Int, rows: Int, columns: Int, tokens: Int) throws {
    let best = try processor().best(height: height, width: width)
    #expect(best == (tall, wide))
    let kept = LLaVANext.kept(height: height, width: width, rows: tall / 14, columns: wide / 14)
    #expect((kept.rows.count, kept.columns.count) == (rows, columns))
    #expect(576 + kept.rows.count * (kept.columns.count + 1) == tokens)
  }

  @Test("sizes that are no multiples of a tile, or other sizes than the model's, are refused")
  func refusals() throws {
    func configuration(_ points: String) throws -> CheckpointConfiguration {
      let tree = try Tree(json: "{\"image_grid_pinpoints\": \(points)}")
      return CheckpointConfiguration(file: "made", table: try #require(tree.tableValue))
    }
    let none = CheckpointConfiguration(file: "made", table: [:])
    for points in ["[[336, 700]]", "[]", "[[336]]", "[[-336, 336]]", "7", "[[67200000, 336]]"] {
      #expect(throws: CheckpointError.self, "\(points)") {
        try GridProcessor(none, configuration(points), side: 336)
      }
    }
    #expect(throws: CheckpointError.self) { try GridProcessor(configuration("[[336, 336]]"), none, side: 336) }
    let size = CheckpointConfiguration(file: "made", table: ["size": .table(["shortest_edge": .int(224)])])
    #expect(throws: CheckpointError.self) { try GridProcessor(size, none, side: 336) }
  }
}
