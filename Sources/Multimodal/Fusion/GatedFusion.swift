public import Torch
public import TorchNN

/// One feature opens and closes the elements of another.
///
///     M = 2:   z = W (σ(G e₁ + g) ⊙ (V e₂ + v)) + b
///     else:    z = W [e₁ ⊙ γ₁; …; e_M ⊙ γ_M] + b,   γₘ = σ(G Σⱼ≠ₘ eⱼ + g)
///
/// where G, g are `gate` and V, v `value`. With two modalities this is the gate of Kiela et al. (AAAI 2018) as methods of
/// balanced learning use it: the first modality is the gate, so that their order counts. The form for more is ours; it
/// needs features of one width, and shares its gate.
public struct GatedFusion: Fusion {
  /// H₁ → H₂ of two modalities, H → H of more.
  public let gate: Linear
  /// H₂ → H₂ of two modalities; nil of more.
  public let value: Linear?
  /// `weight` [C, H₂] of two modalities, [C, ΣH] of more; `bias` [C].
  public let classifier: Linear

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    if widths.count == 2 {
      gate = try Linear(scope / "gate", in: widths[0], out: widths[1])
      value = try Linear(scope / "value", in: widths[1], out: widths[1])
      classifier = try Linear(scope / "classifier", in: widths[1], out: classes)
    } else {
      let width = try oneWidth(widths, of: "gated fusion")
      gate = try Linear(scope / "gate", in: width, out: width)
      value = nil
      classifier = try Linear(scope / "classifier", in: widths.reduce(0, +), out: classes)
    }
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    if let value {
      return try classifier(gate(features.values[0]).sigmoid() * value(features.values[1]))
    }
    let tokens = try Tensor.stack(features.values, 1)
    let gates = try gate(tokens.sum(1, keeping: true) - tokens).sigmoid()
    return try classifier((tokens * gates).reshaped([tokens.shape[0], -1]))
  }
}
