public import Torch
public import TorchNN

/// The features side by side, each times a weight that the others give it.
///
///     qₘ = relu(Q eₘ + b_Q),   kₘ = relu(K eₘ + b_K),   sₘ = 1/(M−1) Σⱼ≠ₘ ⟨qₘ, kⱼ⟩
///     w = softmax(s₁, …, s_M),   z = W [w₁e₁; …; w_M e_M] + b
///
/// where Q is `query` and K `key`, shared by all modalities, whose features must be of one width H; both map to H/4, and
/// scores are not divided by its root. With two modalities this is the fusion `attention_m` of the authors' code of
/// Hate-CLIPper (Kumar and Nandakumar, NLP4PI 2022), without its normalisation and hidden layer.
public struct AttentionFusion: WeighsModalities {
  /// H → max(1, H/4), with bias.
  public let query: Linear
  public let key: Linear
  /// `weight` [C, ΣH], columns in the order of the modalities; `bias` [C].
  public let classifier: Linear

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    let width = try oneWidth(widths, of: "attention")
    query = try Linear(scope / "query", in: width, out: max(1, width / 4))
    key = try Linear(scope / "key", in: width, out: max(1, width / 4))
    classifier = try Linear(scope / "classifier", in: widths.reduce(0, +), out: classes)
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    let tokens = try Tensor.stack(features.values, 1)
    let weighted = try tokens * weights(tokens).unsqueezed(2)
    return try classifier(weighted.reshaped([tokens.shape[0], -1]))
  }

  public func weights(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor> {
    let weights = try weights(Tensor.stack(features.values, 1))
    return try PerModality(features.modalities, columns(of: weights))
  }

  /// w, [B, M] of features [B, M, H].
  private func weights(_ tokens: Tensor) throws(TorchError) -> Tensor {
    let queries = try query(tokens).relu()
    let keys = try key(tokens).relu()
    let others = try (keys.sum(1, keeping: true) - keys) / Double(max(tokens.shape[1] - 1, 1))
    return try (queries * others).sum(2).softmax(1)
  }
}

/// The columns of a matrix.
func columns(of matrix: Tensor) throws(TorchError) -> [Tensor] {
  var columns: [Tensor] = []
  for column in 0..<matrix.shape[1] { columns.append(try matrix.selected(1, column)) }
  return columns
}
