import Torch
public import TorchNN

/// One layer of the Llama family: attention, then a gated feed-forward part, each of a normed input and added to it.
///
///     x ← x + W_o concat(softmax(q kᵀ/√e + mask) v);   x ← x + W_down(silu(W_gate h) · W_up h)
public struct DecoderLayer {
  public let query: FrozenLinear
  public let key: FrozenLinear
  public let value: FrozenLinear
  public let output: FrozenLinear
  public let feedForward: GatedFeedForward
  public let attentionNorm: RMSNorm
  public let feedForwardNorm: RMSNorm

  /// Its linear maps, by their names in a checkpoint.
  var linears: [(name: String, map: FrozenLinear)] {
    [
      ("self_attn.q_proj", query), ("self_attn.k_proj", key), ("self_attn.v_proj", value), ("self_attn.o_proj", output),
      ("mlp.gate_proj", feedForward.gate), ("mlp.up_proj", feedForward.up), ("mlp.down_proj", feedForward.down),
    ]
  }

  init(_ configuration: DecoderConfiguration, _ tensor: (String, [Int]) throws -> Tensor) throws {
    let (d, e) = (configuration.width, configuration.headWidth)
    func linear(_ name: String, _ inputs: Int, _ outputs: Int, _ hasBias: Bool) throws -> FrozenLinear {
      FrozenLinear(
        weight: try tensor("\(name).weight", [outputs, inputs]),
        bias: hasBias ? try tensor("\(name).bias", [outputs]) : nil)
    }
    func norm(_ name: String) throws -> RMSNorm {
      RMSNorm(weight: try tensor("\(name).weight", [d]), epsilon: configuration.epsilon)
    }
    query = try linear("self_attn.q_proj", d, configuration.heads * e, configuration.hasAttentionBiases)
    key = try linear("self_attn.k_proj", d, configuration.keyHeads * e, configuration.hasAttentionBiases)
    value = try linear("self_attn.v_proj", d, configuration.keyHeads * e, configuration.hasAttentionBiases)
    output = try linear("self_attn.o_proj", configuration.heads * e, d, configuration.hasOutputBias)
    feedForward = GatedFeedForward(
      gate: try linear("mlp.gate_proj", d, configuration.inner, configuration.hasFeedForwardBiases),
      up: try linear("mlp.up_proj", d, configuration.inner, configuration.hasFeedForwardBiases),
      down: try linear("mlp.down_proj", configuration.inner, d, configuration.hasFeedForwardBiases))
    attentionNorm = try norm("input_layernorm")
    feedForwardNorm = try norm("post_attention_layernorm")
  }

  /// - Parameters:
  ///   - x: [B, L, d].
  ///   - index: the layer's number, under which a cache keeps its keys and values.
  func callAsFunction(
    _ x: Tensor, _ index: Int, _ configuration: DecoderConfiguration, _ pass: DecoderPass, _ cache: KeyValueCache?
  ) throws -> Tensor {
    let (batch, length) = (x.shape[0], x.shape[1])
    let normed = try attentionNorm(x)
    func heads(_ projected: Tensor) throws -> Tensor {
      try projected.reshaped([batch, length, -1, configuration.headWidth]).transposed(1, 2)
    }
    let queries = try pass.rotated(heads(query(normed, pass.tokens)))
    var keys = try pass.rotated(heads(key(normed, pass.tokens)))
    var values = try heads(value(normed, pass.tokens))
    if let cache { (keys, values) = try cache.append(keys, values, layer: index) }
    let attended = try pass.attention(queries, keys, values, layer: index)
    let joined = try attended.transposed(1, 2).reshaped([batch, length, configuration.heads * configuration.headWidth])
    let x = try x + output(joined, pass.tokens)
    return try x + feedForward(feedForwardNorm(x), pass.tokens)
  }
}
