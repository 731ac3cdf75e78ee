public import Torch
public import TorchNN

/// Attention with one token a modality: each feature takes up what it finds in all features, and their mean is classified.
///
///     qₘ = Q eₘ + b_Q,   kₘ = K eₘ + b_K,   vₘ = V eₘ + b_V
///     aₘⱼ = softmax over j of ⟨R qₘ, kⱼ⟩/√H
///     z = W · 1/M Σₘ (eₘ + Σⱼ aₘⱼ vⱼ) + b
///
/// where Q is `query`, K `key` and V `value`, shared by all modalities, whose features must be of one width H. One head,
/// no normalisation, no dropout. R is the identity unless a method turns the queries.
public struct CrossAttentionFusion: WeighsModalities {
  /// H → H, with bias.
  public let query: Linear
  public let key: Linear
  public let value: Linear
  /// `weight` [C, H], `bias` [C].
  public let classifier: Linear

  public init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    let width = try oneWidth(widths, of: "cross attention")
    query = try Linear(scope / "query", in: width, out: width)
    key = try Linear(scope / "key", in: width, out: width)
    value = try Linear(scope / "value", in: width, out: width)
    classifier = try Linear(scope / "classifier", in: width, out: classes)
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    try logits(features, turningQueries: nil)
  }

  /// The fused logits with R, [H, H], applied to the queries.
  public func logits(_ features: PerModality<Tensor>, turningQueries rotation: Tensor?) throws(TorchError) -> Tensor {
    let tokens = try Tensor.stack(features.values, 1)
    let found = try attention(tokens, rotation).matmul(value(tokens))
    return try classifier((tokens + found).mean(1))
  }

  /// The mean over m of aₘⱼ, for each j.
  public func weights(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor> {
    try weights(features, turningQueries: nil)
  }

  /// The same with R, [H, H], applied to the queries.
  public func weights(
    _ features: PerModality<Tensor>, turningQueries rotation: Tensor?
  ) throws(TorchError) -> PerModality<Tensor> {
    let weights = try attention(Tensor.stack(features.values, 1), rotation).mean(1)
    return try PerModality(features.modalities, columns(of: weights))
  }

  /// a, [B, M, M] of features [B, M, H].
  private func attention(_ tokens: Tensor, _ rotation: Tensor?) throws(TorchError) -> Tensor {
    var queries = try query(tokens)
    if let rotation { queries = try queries.linear(rotation, nil) }
    let scale = 1 / Double(queries.shape[2]).squareRoot()
    return try (queries.matmul(key(tokens).transposed()) * scale).softmax(2)
  }
}
