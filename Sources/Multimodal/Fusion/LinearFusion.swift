public import Torch
public import TorchNN

/// A fusion that is one linear classifier over the features.
///
/// Nothing but the classifier need be said. Its logits and their gradients are taken from the inputs without the
/// features between them where that is less work.
public protocol LinearFusion: Fusion {
  /// `weight` [C, ΣH], columns in the order of the modalities, or [C, H]; `bias` [C].
  var classifier: Linear { get }
  var combination: Combination { get }
}

extension LinearFusion {
  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    try classifier(combination(features.values))
  }

  public func readouts(_ widths: [Int]) throws(TorchError) -> [(weight: Tensor, bias: Tensor)]? {
    let share = try classifier.bias.tensor / Double(widths.count)
    var parts: [(weight: Tensor, bias: Tensor)] = []
    var column = 0
    for width in widths {
      switch combination {
      case .concatenated:
        parts.append((try classifier.weight.tensor.narrowed(1, from: column, length: width), share))
        column += width
      case .sum: parts.append((classifier.weight.tensor, share))
      }
    }
    return parts
  }
}
