import Foundation
import Multimodal
import Records
import Testing
import Torch

@testable import Encoders
@testable import LanguageModels

@Suite("Idefics3 and SmolVLM")
struct Idefics3Tests {
  @Test("pixel shuffle lays each block's patches side by side")
  func shuffle() throws {
    let numbers = try Tensor((0..<16).map(Double.init), shape: [1, 16, 1])
    let rows = try Idefics3.shuffled(numbers, side: 4, scale: 2).array(of: Double.self)
    #expect(rows == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15])
  }

  private func processor(_ more: [String: Any] = [:]) throws -> TileProcessor {
    let table: [String: Any] = [
      "size": ["longest_edge": 2048], "max_image_size": ["longest_edge": 512],
    ].merging(more) { $1 }
    let json = String(decoding: try JSONSerialization.data(withJSONObject: table), as: UTF8.self)
    let configuration = CheckpointConfiguration(file: "made", table: try #require(try Tree(json: json).tableValue))
    return try TileProcessor(configuration, side: 512)
  }

  @Test(
    "pictures are cut into the published processor's tiles",
    arguments: [
      (480, 640, 1536, 2048, 3, 4), (100, 100, 2048, 2048, 4, 4), (1080, 1920, 1536, 2048, 3, 4),
      (800, 300, 2048, 1024, 4, 2),
    ])
  func tiles(height: Int, width: Int, tall: Int, wide: Int, rows: Int, columns: Int) throws {
    let plan = try processor().plan(height: height, width: width)
    let last = try #require(plan.sizes.last)
    #expect((last.height, last.width, plan.rows, plan.columns) == (tall, wide, rows, columns))
  }

  @Test("a picture that is not cut is pressed into one tile")
  func whole() throws {
    let picture = RGBImage(width: 30, height: 20, pixels: [UInt8](repeating: 9, count: 1800))
    let (tiles, rows, columns) = try processor(["do_image_splitting": false, "do_resize": false])(picture)
    #expect(tiles.count == 1 && rows == 0 && columns == 0)
    #expect(tiles[0].width == 512 && tiles[0].height == 512)
  }

  @Test("the text for tiles names each, and the whole picture last")
  func text() throws {
    let model = try GoldenModels.model("smolvlm")
    let picture = RGBImage(width: 40, height: 18, pixels: [UInt8](repeating: 9, count: 2160))
    let mark = PictureText.token("<fake_token_around_image>")
    #expect(
      model.text(for: try model.prepare(picture)) == [
        mark, .token("<row_1_col_1>"), .image(4), mark, .token("<row_1_col_2>"), .image(4), .text("\n\n"), mark,
        .token("<global-img>"), .image(4), mark,
      ])
  }

  @Test("tiles of another size than the tower's and sizes of other kinds are refused")
  func refusals() throws {
    #expect(throws: CheckpointError.self) { try processor(["max_image_size": ["longest_edge": 364]]) }
    #expect(throws: CheckpointError.self) { try processor(["size": ["height": 10, "width": 10]]) }
    #expect(throws: CheckpointError.self) { try processor(["resample": 9]) }
  }
}
