public import Torch
public import TorchNN

/// z = W [e₁; …; e_M] + b: one linear classifier over the features side by side.
public struct Concatenation: LinearFusion {
  /// `weight` [C, ΣH], columns in the order of the modalities; `bias` [C].
  public let classifier: Linear
  public var combination: Combination { .concatenated }

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    classifier = try Linear(scope / "classifier", in: widths.reduce(0, +), out: classes)
  }
}
