public import Torch
public import TorchNN

/// z = W [e₁; …; e_M] + b: one linear classifier over the features side by side.
public struct Concatenation: Fusion {
  /// `weight` [C, ΣH], columns in the order of the modalities; `bias` [C].
  public let classifier: Linear

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    classifier = try Linear(scope / "classifier", in: widths.reduce(0, +), out: classes)
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    try classifier(Tensor.cat(features.values, -1))
  }

  public func logits(_ features: PerModality<LayerOutput>, rememberedBy tape: LinearTape) throws(TorchError) -> Tensor {
    if let logits = try tape.reading([(classifier, features.values)], .sideBySide) { return logits[0] }
    return try logits(features.numbers())
  }

  public func contributions(
    _ features: PerModality<LayerOutput>, rememberedBy tape: LinearTape
  ) throws(TorchError) -> PerModality<Tensor>? {
    try tape.contributions(to: classifier, features.values, .sideBySide).map { PerModality(features.modalities, $0) }
  }

  public func readouts(_ widths: [Int]) throws(TorchError) -> [(weight: Tensor, bias: Tensor)]? {
    let share = try classifier.bias.tensor / Double(widths.count)
    var parts: [(weight: Tensor, bias: Tensor)] = []
    var column = 0
    for width in widths {
      parts.append((try classifier.weight.tensor.narrowed(1, from: column, length: width), share))
      column += width
    }
    return parts
  }
}
