import Encoders
public import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// A tower for a language model that has none: a frozen convolutional network's grid, and a new projector.
///
/// The projector, two maps with GELU between them, begins at random and has to be trained (``ModelAdapter``).
public struct TowerAttachment: Sendable, Equatable {
  /// A checkpoint folder of an image encoder, such as EfficientNet-Lite or ResNet.
  public var folder: URL
  /// Rows of a picture along each side: a picture becomes side² tokens.
  public var side: Int
  /// Of the projector's first numbers.
  public var seed: UInt64

  public init(folder: URL, side: Int = 2, seed: UInt64 = 0) {
    self.folder = folder
    self.side = side
    self.seed = seed
  }
}

/// See ``TowerAttachment``.
struct GridTower: PictureTower {
  private let grid: PictureGrid
  private let up: FrozenLinear
  private let down: FrozenLinear

  init(_ attachment: TowerAttachment, width: Int) throws {
    guard (1...16).contains(attachment.side) else {
      throw Diagnosis("--tower-grid is \(attachment.side), must be of 1…16", exitStatus: .usage)
    }
    grid = try PictureGrid(folder: attachment.folder, side: attachment.side)
    let store = ParameterStore(random: RandomSource(seed: Int(truncatingIfNeeded: attachment.seed)))
    func linear(_ name: String, _ inputs: Int) throws -> FrozenLinear {
      let scope = store.root / "projector" / name
      return FrozenLinear(
        weight: try scope.parameter("weight", [width, inputs], .uniform(fanIn: inputs)).tensor.detached(),
        bias: try scope.parameter("bias", [width], .uniform(fanIn: inputs)).tensor.detached())
    }
    up = try linear("linear_1", grid.width)
    down = try linear("linear_2", width)
  }

  var projector: [(name: String, map: FrozenLinear)] {
    [("multi_modal_projector.linear_1", up), ("multi_modal_projector.linear_2", down)]
  }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    let (height, width, values) = try grid.prepare(picture)
    return PreparedPicture(
      values: values, shape: [1, 3, height, width], layout: .single, tokenCount: grid.side * grid.side)
  }

  func text(for picture: PreparedPicture) -> [PictureText] { [.image(picture.tokenCount)] }

  func features(of picture: PreparedPicture) throws -> Tensor { try grid.rows(tensor(picture, .float32)) }

  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor {
    try down(up(features).gelu()).selected(0, 0)
  }
}
