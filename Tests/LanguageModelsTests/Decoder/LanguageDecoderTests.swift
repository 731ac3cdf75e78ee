import LanguageModels
import TestSupport
import Testing
import Torch
import TorchNN

/// 0.5 sin(1.7 s + 0.9 i), i the flat index: numbers that any program can make again.
func waves(_ seed: Int, _ shape: [Int]) throws -> Tensor {
  let count = shape.reduce(1, *)
  let angles = (0..<count).map { 1.7 * Double(seed) + 0.9 * Double($0) }
  return try Tensor(angles, shape: shape).sine() * 0.5
}

/// A decoder of two layers whose weights are ``waves(_:_:)`` in float64, numbered in the order of their making.
func tinyDecoder() throws -> LanguageDecoder {
  let configuration = DecoderConfiguration(
    vocabulary: 7, width: 6, inner: 10, layers: 2, heads: 2, keyHeads: 1, headWidth: 4, epsilon: 1e-5,
    rotary: RotaryEmbedding(width: 4, theta: 1e4))
  let names = [
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj", "input_layernorm", "post_attention_layernorm",
  ]
  return try LanguageDecoder(configuration, head: nil) { name, shape in
    if name == "embed_tokens.weight" { return try waves(20, shape) }
    if name == "norm.weight" { return try waves(19, shape) + 1 }
    let parts = name.split(separator: ".")
    let layer = try #require(Int(parts[1]))
    let part = try #require(names.firstIndex(of: parts[2...].dropLast().joined(separator: ".")))
    let made = try waves(9 * layer + part + 1, shape)
    return part >= 7 ? try made + 1 : made
  }
}

@Suite("The decoder of the Llama family")
struct LanguageDecoderTests {
}
