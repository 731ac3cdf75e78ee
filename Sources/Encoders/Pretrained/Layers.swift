import Multimodal
import Records
package import Torch

/// A network whose weights nobody writes after they were read, so that threads may share it.
final class Frozen<Network>: @unchecked Sendable {
  let network: Network
  init(_ network: Network) { self.network = network }
}

/// The functions between two layers, under the names that checkpoints use.
package enum Activation: String, Codable, Sendable {
  case gelu, geluTanh, quickGelu, relu, silu, tanh, sigmoid, identity

  private static let byName: [String: Activation] = [
    "gelu": .gelu, "gelu_python": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh,
    "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh, "gelu_accurate": .geluTanh,
    "quick_gelu": .quickGelu, "relu": .relu, "silu": .silu, "swish": .silu, "tanh": .tanh, "sigmoid": .sigmoid,
    "linear": .identity,
  ]

  static var names: String { byName.keys.sorted().joined(separator: ", ") }

  init?(named name: String) {
    guard let found = Self.byName[name] else { return nil }
    self = found
  }

  package func callAsFunction(_ x: Tensor) throws -> Tensor {
    switch self {
    case .gelu: try x.gelu()
    case .geluTanh: try x.gelu(tanhApproximation: true)
    case .quickGelu: try x * (x * 1.702).sigmoid()
    case .relu: try x.relu()
    case .silu: try x.silu()
    case .tanh: try x.tanh()
    case .sigmoid: try x.sigmoid()
    case .identity: x
    }
  }
}

/// x Wᵀ + b.
struct Affine {
  let weight: Tensor
  let bias: Tensor?
  /// Whether it is trained, and gradients may be recorded through it.
  private let isTrained: Bool
  private let products: ProductPrecision

  /// - Parameter source: where both are from.
  init(weight: Tensor, bias: Tensor?, of source: CheckpointWeights) {
    self.weight = weight
    self.bias = bias
    isTrained = source.isTrained
    products = source.products
  }

  init(_ weights: CheckpointWeights, _ name: String, from inputs: Int, to outputs: Int, bias: Bool = true) throws {
    self.init(
      weight: try weights.tensor("\(name).weight", [outputs, inputs]),
      bias: bias ? try weights.tensor("\(name).bias", [outputs]) : nil, of: weights)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard isTrained else { return try x.frozenLinear(weight, bias) }
    return try products(x, weight, bias) { try $0.linear($1, $2) }
  }

  /// The same of each patch of pictures, `weight` [out, 3, height, width].
  func patches(of pixels: Tensor, _ size: (height: Int, width: Int)) throws -> Tensor {
    try products(pixels, weight, bias) { try $0.convolved($1, $2, stride: size) }
  }

  /// What comes out, bent.
  func callAsFunction(_ x: Tensor, then activation: Activation) throws -> Tensor {
    switch activation {
    case .gelu where !isTrained: try x.frozenLinear(weight, bias, then: .exact)
    case .geluTanh where !isTrained: try x.frozenLinear(weight, bias, then: .byTanh)
    default: try activation(self(x))
    }
  }
}

/// A place where numbers are left out while a network is trained.
struct Dropping {
  /// Nil where the architecture has no such place.
  let share: Double?
  /// Nil for a network that is not trained.
  let weights: EncoderWeights?

  /// Whether anything is left out in this pass.
  var isActive: Bool { share.flatMap { weights?.dropped(of: $0) } ?? 0 > 0 }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard let share, let weights else { return x }
    return try weights.dropping(share, of: x)
  }
}

/// Where a transformer has dropout, with the probability of each place; nil: nowhere there.
struct DropoutPlaces {
  /// Of attention's weights.
  var attention: Double?
  /// Of what attention gives, before its input is added.
  var attended: Double?
  /// Of what the two linear layers give, before their input is added.
  var fed: Double?
  /// Of the embeddings.
  var embedded: Double?

  var all: [Double] { [attention, attended, fed, embedded].compactMap { $0 } }

  /// - Parameters:
  ///   - hidden: the key of all places but attention's weights; nil where the architecture has dropout there only.
  ///   - standard: where the configuration does not say.
  init(
    _ configuration: CheckpointConfiguration, attention: String, hidden: String? = nil, default standard: Double = 0
  ) throws {
    func share(_ key: String) throws -> Double {
      let share = try configuration.number(key, default: standard)
      guard (0..<1).contains(share) else { throw configuration.malformed(key, "a share from 0 to below 1") }
      return share
    }
    self.attention = try share(attention)
    let hidden = try hidden.map(share)
    (attended, fed, embedded) = (hidden, hidden, hidden)
  }
}

struct Normalization {
  let weight: Tensor
  let bias: Tensor
  let epsilon: Double

  init(_ weights: CheckpointWeights, _ name: String, width: Int, epsilon: Double) throws {
    // The oldest checkpoints have TensorFlow's names.
    weight = try weights.tensor(weights.either("\(name).weight", "\(name).gamma"), [width])
    bias = try weights.tensor(weights.either("\(name).bias", "\(name).beta"), [width])
    self.epsilon = epsilon
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor { try x.layerNorm(weight, bias, epsilon: epsilon) }
}

/// Where the parts of a layer stand in a checkpoint.
struct LayerNames {
  enum Projections {
    case apart(query: String, key: String, value: String)
    /// One matrix for all three.
    case together(String)
  }
  let projections: Projections
  let output: String
  let up: String
  let down: String
  let attentionNorm: String
  let feedForwardNorm: String
}

/// How a stack of transformer layers is built.
struct TransformerShape {
  let width: Int
  let inner: Int
  let heads: Int
  let layers: Int
  let activation: Activation
  let epsilon: Double
  /// Whether a layer normalizes what goes in (ViT, CLIP) or what comes out (BERT).
  let normalizesFirst: Bool
  var dropout: DropoutPlaces
  var biased = true
}

/// Attention, then two linear layers, each added to its input.
struct TransformerLayer {
  private let query: Affine
  private let key: Affine
  private let value: Affine
  private let output: Affine
  private let up: Affine
  private let down: Affine
  private let attentionNorm: Normalization
  private let feedForwardNorm: Normalization
  private let shape: TransformerShape
  private let dropping: (weights: Dropping, attended: Dropping, fed: Dropping)

  init(_ weights: CheckpointWeights, _ names: LayerNames, _ shape: TransformerShape) throws {
    let width = shape.width
    self.shape = shape
    dropping = (
      weights.dropping(shape.dropout.attention), weights.dropping(shape.dropout.attended),
      weights.dropping(shape.dropout.fed)
    )
    switch names.projections {
    case .apart(let query, let key, let value):
      self.query = try Affine(weights, query, from: width, to: width, bias: shape.biased)
      self.key = try Affine(weights, key, from: width, to: width, bias: shape.biased)
      self.value = try Affine(weights, value, from: width, to: width, bias: shape.biased)
    case .together(let name):
      let all = try Affine(weights, name, from: width, to: 3 * width, bias: shape.biased)
      func part(_ index: Int) throws -> Affine {
        Affine(
          weight: try all.weight.narrowed(0, from: index * width, length: width),
          bias: try all.bias?.narrowed(0, from: index * width, length: width), of: weights)
      }
      (query, key, value) = (try part(0), try part(1), try part(2))
    }
    output = try Affine(weights, names.output, from: width, to: width)
    up = try Affine(weights, names.up, from: width, to: shape.inner)
    down = try Affine(weights, names.down, from: shape.inner, to: width)
    attentionNorm = try Normalization(weights, names.attentionNorm, width: width, epsilon: shape.epsilon)
    feedForwardNorm = try Normalization(weights, names.feedForwardNorm, width: width, epsilon: shape.epsilon)
  }

  /// - Parameters:
  ///   - x: [B, L, width].
  ///   - mask: boolean, [B, 1, 1, L], true at what may be looked at.
  func callAsFunction(_ x: Tensor, mask: Tensor?, causal: Bool) throws -> Tensor {
    if shape.normalizesFirst {
      let attended = try attend(attentionNorm(x), mask, causal) + x
      return try dropping.fed(down(up(feedForwardNorm(attended), then: shape.activation))) + attended
    }
    let attended = try attentionNorm(attend(x, mask, causal) + x)
    return try feedForwardNorm(dropping.fed(down(up(attended, then: shape.activation))) + attended)
  }

  private func attend(_ x: Tensor, _ mask: Tensor?, _ causal: Bool) throws -> Tensor {
    let size = x.shape
    func heads(_ projected: Tensor) throws -> Tensor {
      try projected.reshaped([size[0], size[1], shape.heads, shape.width / shape.heads]).transposed(1, 2)
    }
    let (query, key, value) = (try heads(query(x)), try heads(key(x)), try heads(value(x)))
    let seen =
      try dropping.weights.isActive
      ? dropping.weights(Self.weights(query, key, mask, causal)).matmul(value)
      : query.attention(key: key, value: value, mask: mask, causal: causal)
    return try dropping.attended(output(seen.transposed(1, 2).reshaped(size)))
  }

  /// How much each place takes of each other, [B, heads, L, L]: softmax(query · keyᵀ / √width) over those that it may look at.
  private static func weights(_ query: Tensor, _ key: Tensor, _ mask: Tensor?, _ causal: Bool) throws -> Tensor {
    let length = query.shape[2]
    var scores = try query.matmul(key.transposed(2, 3)) / Double(query.shape[3]).squareRoot()
    if let mask { scores = try scores.maskedFill(mask.logicalNot(), -.infinity) }
    if causal {
      let places = try Tensor.arange(0..<length, on: query.device)
      let later = try places.reshaped([1, length]).greater(than: places.reshaped([length, 1]))
      scores = try scores.maskedFill(later, -.infinity)
    }
    return try scores.softmax(-1)
  }
}

/// Layers one after the other.
struct TransformerStack {
  private let layers: [TransformerLayer]

  /// - Parameter names: where the layer of that number stands.
  init(
    _ weights: CheckpointWeights, _ shape: TransformerShape, _ names: (Int) -> (path: String, names: LayerNames)
  ) throws {
    layers = try (0..<shape.layers).map { index in
      let place = names(index)
      return try TransformerLayer(weights.within(place.path), place.names, shape)
    }
  }

  /// - Parameter observe: is shown what goes into the first layer, and what each gives.
  func callAsFunction(
    _ x: Tensor, mask: Tensor? = nil, causal: Bool = false, observe: (Tensor) throws -> Void
  ) throws -> Tensor {
    try observe(x)
    return try layers.reduce(x) { x, layer in
      let y = try layer(x, mask: mask, causal: causal)
      try observe(y)
      return y
    }
  }
}
