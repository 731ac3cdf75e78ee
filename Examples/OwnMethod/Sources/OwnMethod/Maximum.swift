import Seesaw

/// z = W max(e₁, …, e_M) + b, element by element: of each feature the modality that has most of it speaks.
public struct Maximum: NamedFusion {
  public static let name = "maximum"

  /// `weight` [C, H]; `bias` [C].
  public let classifier: Linear

  /// The widths are those of the embeddings, which are all `model.embedding_width`.
  public init(_ site: FusionSite) throws(TorchError) {
    classifier = try Linear(site.scope / "classifier", in: site.widths[0], out: site.classes)
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    try classifier(Tensor.stack(features.values, 0).max(0))
  }
}
