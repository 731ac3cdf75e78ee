import Multimodal
import Testing
import Torch

@testable import LanguageModels

@Suite("Qwen2-VL and Qwen2.5-VL")
struct QwenVLTests {
  @Test("patches come block by block")
  func order() {
    let order = PatchProcessor.order(rows: 4, columns: 4, merge: 2).map { "\($0.row)\($0.column)" }
    #expect(order.joined(separator: " ") == "00 01 10 11 02 03 12 13 20 21 30 31 22 23 32 33")
  }

  @Test("positions have rows for time, height and width")
  func positions() {
    let roles: [TokenRole] = [.template, .template] + Array(repeating: .image, count: 6) + [.sampleText, .template]
    let positions = QwenVL.positions(roles, grids: [(2, 3)])
    #expect(
      positions.rows == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5, 6], [0, 1, 2, 2, 2, 3, 3, 3, 5, 6], [0, 1, 2, 3, 4, 2, 3, 4, 5, 6],
      ])
    #expect(positions.next == 7)
  }

  @Test("positions of two pictures are transformers'", arguments: ["qwen2_vl", "qwen2_5_vl"])
  func golden(name: String) throws {
    let expected = try GoldenModels.expected(name)
    let prompt = try GoldenModels.prompt(GoldenModels.model(name), expected)
    #expect(prompt.pictures.count == 2)
    #expect(try prompt.positions.rows.flatMap { $0 } == expected.tensor("positions").array(of: Int.self))
  }

  @Test(
    "sizes are multiples of 28 within the limits",
    arguments: [
      (100, 300, 112, 308), (480, 640, 476, 644), (28, 28, 56, 56), (1000, 10, 560, 28), (3000, 4000, 840, 1148),
    ])
  func sizes(height: Int, width: Int, tall: Int, wide: Int) throws {
    let size = try #require(
      PatchProcessor.size(height: height, width: width, factor: 28, pixels: 3136...1_003_520))
    #expect(size == (tall, wide))
  }

  @Test("a picture 201 times as long as high is refused")
  func aspect() throws {
    let model = try GoldenModels.model("qwen2_vl")
    let picture = RGBImage(width: 402, height: 2, pixels: [UInt8](repeating: 9, count: 2412))
    #expect(throws: LanguageModelError.self) { try model.prepare(picture) }
    #expect(PatchProcessor.size(height: 2, width: 400, factor: 4, pixels: 1...1000) != nil)
  }

  @Test("a picture stands between its two tokens")
  func text() throws {
    let model = try GoldenModels.model("qwen2_5_vl")
    let picture = try model.prepare(RGBImage.black)
    #expect(
      model.text(for: picture) == [
        .token("<|vision_start|>"), .image(picture.tokenCount), .token("<|vision_end|>"),
      ])
  }
}
