public import Torch

/// A fusion that says how much it heeds each modality.
public protocol WeighsModalities: Fusion {
  /// The weight of each modality, [B] each; a sample's weights sum to one.
  func weights(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor>
}
