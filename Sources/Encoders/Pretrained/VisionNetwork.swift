import Records
import Torch
import TorchNN

/// A network over pictures.
protocol VisionNetwork {
  /// The width of a row under each pooling that there is.
  var widths: [Pooling: Int] { get }
  /// What is pooled by where nothing else is asked for.
  var standard: Pooling { get }
  /// The least height and width it can see.
  var smallest: (height: Int, width: Int) { get }
  /// Where it has dropout while it is trained; nil where it is no transformer.
  var dropout: DropoutPlaces? { get }

  /// What the last layer makes of pictures [B, 3, height, width]; `observe` is shown what each layer gives.
  func rows(_ pixels: Tensor, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor
  /// One row a picture, by a pooling that is among ``widths``.
  func pooled(_ rows: Tensor, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor
}

extension VisionNetwork {
  var dropout: DropoutPlaces? { nil }

  func features(_ pixels: Tensor, _ pass: ForwardPass = ForwardPass(), by pooling: Pooling) throws -> Tensor {
    try pooled(rows(pixels, pass) { _ in }, pass, by: pooling)
  }
}
