import Multimodal
import Torch
import TorchNN

/// What a family does with pictures before its decoder sees them.
protocol PictureTower {
  /// Its last linear maps, by their names in a checkpoint.
  var projector: [(name: String, map: FrozenLinear)] { get }
  func prepare(_ picture: RGBImage) throws -> PreparedPicture
  func text(for picture: PreparedPicture) -> [PictureText]
  /// What its ``projector`` is given: numbers of frozen weights alone, in the tower's own order.
  func features(of picture: PreparedPicture) throws -> Tensor
  /// [tokenCount, width], of ``features(of:)``.
  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor
  /// Where the tokens of a prompt stand.
  func positions(_ roles: [TokenRole], _ pictures: [PreparedPicture]) -> TokenPositions
}

extension PictureTower {
  /// [tokenCount, width].
  func rows(of picture: PreparedPicture) throws -> Tensor { try rows(from: features(of: picture), of: picture) }

  func positions(_ roles: [TokenRole], _ pictures: [PreparedPicture]) -> TokenPositions {
    TokenPositions(count: roles.count)
  }

  /// Views [views, ..] through a network a few at a time, so that memory does not grow with the number of tiles.
  func inPortions(_ views: Tensor, _ network: (Tensor) throws -> Tensor) throws -> Tensor {
    let (count, portion) = (views.shape[0], 4)
    let parts = try stride(from: 0, to: count, by: portion).map { start in
      try network(views.narrowed(0, from: start, length: min(portion, count - start)))
    }
    return parts.count == 1 ? parts[0] : try Tensor.cat(parts, 0)
  }

  /// The picture's numbers as a tensor in the type that is computed in.
  func tensor(_ picture: PreparedPicture, _ type: ElementType) throws -> Tensor {
    try Tensor(picture.values, shape: picture.shape).to(type)
  }
}
