import Records
import TorchNN

/// A network whose weights nobody writes after they were read, so that threads may share it.
final class Frozen<Network>: @unchecked Sendable {
  let network: Network
  init(_ network: Network) { self.network = network }
}

extension Activation {
  private static let byName: [String: Activation] = [
    "gelu": .gelu, "gelu_python": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh,
    "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh, "gelu_accurate": .geluTanh,
    "quick_gelu": .quickGelu, "relu": .relu, "silu": .silu, "swish": .silu, "tanh": .tanh, "sigmoid": .sigmoid,
    "linear": .identity,
  ]

  /// The names that checkpoints use.
  static var names: String { byName.keys.sorted().joined(separator: ", ") }

  init?(named name: String) {
    guard let found = Self.byName[name] else { return nil }
    self = found
  }
}

extension DropoutPlaces {
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
    self.init(attention: try share(attention), hidden: try hidden.map(share))
  }
}

extension TransformerShape {
  /// The shape of a tower of CLIP, under the keys that CLIP, SigLIP and BLIP share.
  init(
    clip configuration: CheckpointConfiguration, width: Int, inner: Int, heads: Int, layers: Int,
    activation: String = "quick_gelu", epsilon: Double = 1e-5
  ) throws {
    let width = try configuration.count("hidden_size", default: width)
    self.init(
      width: width, inner: try configuration.count("intermediate_size", default: inner),
      heads: try configuration.heads("num_attention_heads", default: heads, width: width),
      layers: try configuration.count("num_hidden_layers", default: layers),
      activation: try configuration.activation("hidden_act", default: activation),
      epsilon: try configuration.number("layer_norm_eps", default: epsilon), normalizesFirst: true,
      dropout: try DropoutPlaces(configuration, attention: "attention_dropout"))
  }
}
