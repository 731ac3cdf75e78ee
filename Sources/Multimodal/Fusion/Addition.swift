public import Torch
public import TorchNN

/// z = W Σₘ eₘ + b: one linear classifier over the sum of the features, which must be of one width.
public struct Addition: LinearFusion {
  /// `weight` [C, H], `bias` [C].
  public let classifier: Linear
  public var combination: Combination { .sum }

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    classifier = try Linear(scope / "classifier", in: oneWidth(widths, of: "addition"), out: classes)
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
