public import Torch

/// How the modalities' features become one prediction.
public protocol Fusion {
  /// The fused logits [B, C] of features [B, H].
  func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor

  /// The linear maps whose sum over the features the fused logits are, z = Σₘ (Wₘ eₘ + bₘ); nil where they are no such sum.
  ///
  /// The bias is shared out evenly.
  ///
  /// - Parameter widths: H, of each feature.
  /// - Returns: Wₘ, [C, H], and bₘ, [C].
  func readouts(_ widths: [Int]) throws(TorchError) -> [(weight: Tensor, bias: Tensor)]?
}

extension Fusion {
  public func readouts(_ widths: [Int]) throws(TorchError) -> [(weight: Tensor, bias: Tensor)]? { nil }

  /// What each modality adds to the fused logits, where they are such a sum; nil where no such split exists.
  ///
  /// The bias is shared out evenly, so that the parts add up to the logits.
  public func contributions(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor>? {
    guard let readouts = try readouts(features.values.map { $0.shape[$0.rank - 1] }) else { return nil }
    var parts: [Tensor] = []
    for (feature, readout) in zip(features.values, readouts) {
      parts.append(try feature.linear(readout.weight, readout.bias))
    }
    return PerModality(features.modalities, parts)
  }
}
