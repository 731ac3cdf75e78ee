package import Foundation
package import Multimodal
package import Torch
import TorchNN

/// A picture as a convolutional network of a checkpoint folder sees it, place by place, averaged over a grid.
package struct PictureGrid {
  /// Channels of a place.
  package let width: Int
  /// Places along each side.
  package let side: Int
  private let processor: ImageProcessor
  private let network: any VisionNetwork

  /// - Throws: a `CheckpointError` where the folder holds no convolutional network.
  package init(folder: URL, side: Int) throws {
    let (network, architecture, own) = try PretrainedImageEncoder.network(
      in: folder, CheckpointWeights(in: folder, as: .float32))
    guard let width = network.widths[.mean], !(network is VisionTransformer) else {
      throw CheckpointError.architecture(
        architecture, in: folder.path, known: ["resnet", "efficientnet_lite0 and its like"])
    }
    guard let processor = try ImageProcessor.found(in: folder) ?? own else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.path)
    }
    (self.network, self.processor, self.width, self.side) = (network, processor, width, side)
  }

  /// A picture's numbers, [3, height, width], or why it cannot be shown.
  package func prepare(_ picture: RGBImage) throws -> (height: Int, width: Int, values: [Float]) {
    if let objection = processor.objection(to: picture) {
      throw EncoderError.refused(encoder: "the tower", reason: objection)
    }
    return processor(picture)
  }

  /// Rows [B, side², width] of pictures [B, 3, height, width], row by row of the grid.
  package func rows(_ pixels: Tensor) throws -> Tensor {
    let map = try network.rows(pixels, ForwardPass()) { _ in }
    let (height, width) = (map.shape[2], map.shape[3])
    let parts = try (0..<side).flatMap { row in
      try (0..<side).map { column in
        let (down, across) = (Self.part(row, of: side, over: height), Self.part(column, of: side, over: width))
        return try map.narrowed(2, from: down.lowerBound, length: down.count)
          .narrowed(3, from: across.lowerBound, length: across.count).mean(2, 3)
      }
    }
    return try Tensor.stack(parts, 1)
  }

  /// The places that a part of a side takes, as PyTorch's adaptive pooling: neighbours may share one.
  static func part(_ number: Int, of parts: Int, over count: Int) -> Range<Int> {
    (number * count / parts)..<((number + 1) * count + parts - 1) / parts
  }
}
