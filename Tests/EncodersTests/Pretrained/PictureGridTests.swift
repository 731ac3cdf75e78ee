import Foundation
import Multimodal
import TestSupport
import Testing
import Torch

@testable import Encoders

@Suite("A picture as a grid of places")
struct PictureGridTests {
  private let folder = Conditions.golden("encoders/efficientnet-lite")

  private func picture() -> RGBImage {
    RGBImage(width: 40, height: 30, pixels: (0..<3600).map { UInt8($0 * 7 % 256) })
  }

  @Test func `parts of a side are those of PyTorch's adaptive pooling`() {
    #expect((0..<2).map { PictureGrid.part($0, of: 2, over: 7) } == [0..<4, 3..<7])
    #expect((0..<3).map { PictureGrid.part($0, of: 3, over: 7) } == [0..<3, 2..<5, 4..<7])
    #expect((0..<2).map { PictureGrid.part($0, of: 2, over: 1) } == [0..<1, 0..<1])
  }

  @Test func `one place is the mean that the encoder gives, and several lie row by row`() throws {
    let encoder = try PretrainedImageEncoder(folder: folder)
    let expected = try encoder.encode([encoder.prepare(.image(picture()))], threads: 1)
    func rows(_ side: Int) throws -> Tensor {
      let grid = try PictureGrid(folder: folder, side: side)
      let (height, width, values) = try grid.prepare(picture())
      #expect(grid.width == encoder.width)
      return try grid.rows(Tensor(values, shape: [1, 3, height, width])).selected(0, 0)
    }
    let one = try rows(1).flattened().array(of: Float.self)
    #expect(zip(one, expected).allSatisfy { abs($0 - $1) < 1e-5 } && one.count == expected.count)
    let four = try rows(2)
    #expect(four.shape == [4, encoder.width])
  }

  @Test func `a network that is no convolutional one is refused`() {
    #expect(throws: CheckpointError.self) { try PictureGrid(folder: Conditions.golden("encoders/vit"), side: 2) }
  }
}
