public import Torch

/// How the modalities' features become one prediction.
public protocol Fusion {
  /// The fused logits [B, C] of features [B, H].
  func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor

  /// What each modality adds to the fused logits, where they are such a sum; nil where no such split exists.
  ///
  /// The bias is shared out evenly, so that the parts add up to the logits.
  func contributions(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor>?
}
