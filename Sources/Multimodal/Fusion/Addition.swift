public import Torch
public import TorchNN

/// z = W Σₘ eₘ + b: one linear classifier over the sum of the features, which must be of one width.
public struct Addition: Fusion {
  /// `weight` [C, H], `bias` [C].
  public let classifier: Linear

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    classifier = try Linear(scope / "classifier", in: oneWidth(widths, of: "addition"), out: classes)
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    try classifier(Tensor.stack(features.values).sum(0))
  }

  public func logits(_ features: PerModality<LayerOutput>, rememberedBy tape: LinearTape) throws(TorchError) -> Tensor {
    if let logits = try tape.reading([(classifier, features.values)], .sum) { return logits[0] }
    return try logits(features.numbers())
  }

  public func contributions(
    _ features: PerModality<LayerOutput>, rememberedBy tape: LinearTape
  ) throws(TorchError) -> PerModality<Tensor>? {
    try tape.contributions(to: classifier, features.values, .sum).map { PerModality(features.modalities, $0) }
  }

  public func readouts(_ widths: [Int]) throws(TorchError) -> [(weight: Tensor, bias: Tensor)]? {
    let share = try classifier.bias.tensor / Double(widths.count)
    return widths.map { _ in (classifier.weight.tensor, share) }
  }
}

/// The width that all features have; thrown where they differ.
func oneWidth(_ widths: [Int], of fusion: StaticString) throws(TorchError) -> Int {
  guard let width = widths.first, widths.allSatisfy({ $0 == width }) else {
    throw TorchError(
      operation: "\(fusion)", shapes: widths.map { [$0] }, message: "the features must be of one width, found \(widths)"
    )
  }
  return width
}
