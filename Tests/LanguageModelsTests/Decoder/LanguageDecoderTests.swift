import TestSupport
import Testing
import Torch
import TorchNN

@testable import LanguageModels

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
  private static let ids = [3, 1, 4, 1, 5]
  private static let roles: [TokenRole] = [.image, .image, .sampleText, .instruction, .template]

  private func sequence(_ kept: [Int] = [0, 1, 2, 3, 4]) -> TokenSequence {
    TokenSequence(
      ids: kept.map { Self.ids[$0] }, roles: kept.map { Self.roles[$0] }, pictures: [],
      positions: TokenPositions(rows: [kept], next: (kept.last ?? -1) + 1))
  }

  /// The last hidden state, [L, 6].
  private func hidden(
    _ decoder: LanguageDecoder, _ sequence: TokenSequence, _ view: AttentionView = AttentionView(),
    _ observer: PassObserver? = nil
  ) throws -> Tensor {
    let pass = try decoder.pass(for: [sequence], view: view, observer: observer)
    return try decoder.normed(decoder.run(decoder.embed([sequence.ids]), pass: pass)).selected(0, 0)
  }

  /// log p of token 2 after the prompt.
  private func score(_ decoder: LanguageDecoder, _ hidden: Tensor) throws -> Double {
    try decoder.logits(of: hidden).selected(0, hidden.shape[0] - 1).logSoftmax(0).selected(0, 2).scalar()
  }

  @Test("logits are those of an independent program")
  func logits() throws {
    let decoder = try tinyDecoder()
    let logits = try decoder.logits(of: hidden(decoder, sequence()))
    let first = [-1.270670, -1.737906, -0.935403, 0.550519, 1.634224, 1.523941, 0.300246]
    let last = [-1.759829, -1.325858, 0.076804, 1.423352, 1.729978, 0.772658, -0.749177]
    #expect(allClose(try logits.selected(0, 0).array(), first, absolute: 1e-6))
    #expect(allClose(try logits.selected(0, 4).array(), last, absolute: 1e-6))
    let odds = try logits.logSoftmax(1)
    let sum = try zip([1, 2, 3], [4, 1, 5]).map { try odds.selected(0, $0).selected(0, $1).scalar() }.reduce(0, +)
    #expect(abs(sum + 7.179353) < 1e-6)
  }

  @Test("attention weights are those of an independent program, and watching changes nothing")
  func attention() throws {
    let decoder = try tinyDecoder()
    var seen: [Tensor] = []
    let watched = try hidden(decoder, sequence(), AttentionView(), PassObserver(attention: { seen.append($1) }))
    #expect(try difference(watched, hidden(decoder, sequence())) < 1e-12)
    let last = try seen[1].selected(0, 0).selected(1, 4)
    let heads = [
      [0.103790, 0.343549, 0.295660, 0.012694, 0.244306], [0.097734, 0.036045, 0.094858, 0.595615, 0.175747],
    ]
    #expect(allClose(try last.array(), heads.flatMap { $0 }, absolute: 1e-6))
    // The mass that the last token gives to picture, text and the rest, a layer.
    let masses = try seen.map { layer in
      let mean = try layer.selected(0, 0).selected(1, 4).mean(0).array(of: Double.self)
      return [mean[0] + mean[1], mean[2], mean[3] + mean[4]]
    }
    #expect(allClose(masses[0], [0.224486, 0.314159, 0.461356], absolute: 1e-6))
    #expect(allClose(masses[1], [0.290559, 0.195259, 0.514182], absolute: 1e-6))
  }

  @Test("roles that are hidden have the likelihoods of an independent program")
  func hiding() throws {
    let decoder = try tinyDecoder()
    for (hidden, expected) in [
      (Set<TokenRole>(), -2.558481), ([.sampleText], -2.834517), ([.image], -2.509874),
      ([.image, .sampleText], -2.115436),
    ] {
      let rows = try self.hidden(decoder, sequence(), AttentionView(hidden: hidden))
      #expect(abs(try score(decoder, rows) - expected) < 1e-6, "\(hidden)")
    }
  }

  @Test("what is hidden might as well not be there, the others keeping their positions")
  func absence() throws {
    let decoder = try tinyDecoder()
    for (role, kept) in [(TokenRole.image, [2, 3, 4]), (.sampleText, [0, 1, 3, 4]), (.instruction, [0, 1, 2, 4])] {
      let hidden = try self.hidden(decoder, sequence(), AttentionView(hidden: [role]))
      let left = try self.hidden(decoder, sequence(kept))
      #expect(try difference(hidden.indexed(0, by: Tensor(kept)), left) < 1e-12, "\(role)")
    }
  }

  @Test("a knockout in every layer is hiding, one in no layer is nothing, and windows lie between")
  func knockouts() throws {
    let decoder = try tinyDecoder()
    func last(_ layers: Range<Int>, _ queries: AttentionView.Knockout.Queries) throws -> Double {
      let view = AttentionView(knockouts: [.init(keys: [.image], queries: queries, layers: layers)])
      return try score(decoder, hidden(decoder, sequence(), view))
    }
    #expect(abs(try last(0..<2, .others) + 2.509874) < 1e-6)
    #expect(abs(try last(0..<0, .others) + 2.558481) < 1e-6)
    let windows = [
      try last(0..<1, .others), try last(1..<2, .others), try last(0..<2, .last),
      try last(0..<2, .roles([.sampleText])),
    ]
    #expect(Set(windows.map { Int($0 * 1e6) } + [-2_509_874, -2_558_481]).count == 6)
  }

  @Test("gradients at the decoder's input are those of an independent program")
  func slopes() throws {
    let decoder = try tinyDecoder()
    let sequence = sequence()
    let x = try decoder.embed([sequence.ids]).detached().requiringGradient()
    let rows = try decoder.normed(decoder.run(x, pass: decoder.pass(for: [sequence]))).selected(0, 0)
    let score = try decoder.logits(of: rows).selected(0, 4).logSoftmax(0).selected(0, 2)
    let slope = try #require(try gradients(of: score, withRespectTo: [x])[0])
    let products = try (slope * x.detached()).sum(2).array(of: Double.self)
    #expect(allClose(products, [-0.050129, -0.044102, 0.004603, 0.165465, -0.194058], absolute: 1e-6))
    let norms = try slope.square().sum(2).squareRoot().array(of: Double.self)
    #expect(allClose(norms, [0.730781, 0.489583, 1.660979, 1.111566, 0.977570], absolute: 1e-6))
  }

  @Test("layers run in ranges: two inputs merged after the first are those of an independent program")
  func forks() throws {
    let decoder = try tinyDecoder()
    let sequence = sequence()
    let pass = try decoder.pass(for: [sequence])
    let x = try decoder.embed([sequence.ids])
    func without(_ places: Set<Int>) throws -> Tensor {
      try x * Tensor((0..<5).map { places.contains($0) ? 0.0 : 1.0 }, shape: [1, 5, 1])
    }
    let first = try decoder.run(without([2]), layers: 0..<1, pass: pass)
    let second = try decoder.run(without([0, 1]), layers: 0..<1, pass: pass)
    let share = try Tensor([1.0, 1, 0, 0.5, 0.5], shape: [1, 5, 1])
    let merged = try first * share + second * (1 - share)
    let rows = try decoder.normed(decoder.run(merged, layers: 1..<2, pass: pass)).selected(0, 0)
    let expected = [-1.609496, -1.498931, -0.293226, 1.126714, 1.723461, 1.061022, -0.376614]
    #expect(allClose(try decoder.logits(of: rows).selected(0, 4).array(), expected, absolute: 1e-6))
  }

  @Test("hiding lasts while tokens are added from the cache, whatever is filled up")
  func cache() throws {
    let decoder = try tinyDecoder()
    let view = AttentionView(hidden: [.image])
    let whole = TokenSequence(
      ids: Self.ids + [2, 6], roles: Self.roles + [.answer, .answer], pictures: [], positions: TokenPositions(count: 7))
    let once = try hidden(decoder, whole, view)
    let cache = KeyValueCache()
    let prompts = try decoder.pass(for: [sequence(), sequence([0, 1, 2])], view: view, cache: cache)
    _ = try decoder.run(decoder.embed([Self.ids, Array(Self.ids.prefix(3))]), pass: prompts, cache: cache)
    cache.note(prompts)
    let later = try decoder.pass(continuing: cache, with: [2, 1])
    let rows = try decoder.normed(decoder.run(decoder.embed([[2, 6], [2]]), pass: later, cache: cache))
    #expect(try difference(rows.selected(0, 0), once.narrowed(0, from: 5, length: 2)) < 1e-12)
  }

  @Test("a sequence beyond the window is refused")
  func window() throws {
    var configuration = try tinyDecoder().configuration
    configuration.window = 4
    let decoder = try LanguageDecoder(configuration, head: nil) { try Tensor.ones($1, .float64) }
    #expect(throws: LanguageModelError.tooLong(tokens: 5, limit: 4)) { try decoder.pass(for: [sequence()]) }
    #expect(try decoder.pass(for: [sequence([0, 1, 2, 3])]).lengths == [4])
  }

  @Test("an adapter beside a map is told the roles of the tokens that pass")
  func adapters() throws {
    final class Doubling: LinearAdapter {
      var groups: [[UInt8]] = []
      func adapted(_ output: Tensor, of input: Tensor, _ pass: ForwardPass) throws -> Tensor {
        groups = pass.groups
        return try output * 2
      }
    }
    let decoder = try tinyDecoder()
    #expect(decoder.linears.count == 14)
    let plain = try hidden(decoder, sequence())
    let adapter = Doubling()
    let map = try #require(decoder.linears.first { $0.name == "layers.1.mlp.down_proj" }?.map)
    map.adapter = adapter
    #expect(try difference(hidden(decoder, sequence()), plain) > 1e-3)
    #expect(adapter.groups == [Self.roles.map(\.rawValue)])
    map.adapter = nil
    #expect(try difference(hidden(decoder, sequence()), plain) == 0)
  }
}
