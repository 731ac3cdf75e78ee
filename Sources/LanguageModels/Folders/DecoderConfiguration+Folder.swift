import Encoders
import Records
import TorchNN

extension DecoderConfiguration {
  /// What a configuration leaves out, by the text model's type.
  private struct Defaults {
    var vocabulary = 32000
    var width = 4096
    var inner = 11008
    var layers = 32
    var heads = 32
    var keyHeads: Int?
    var epsilon = 1e-6
    var theta = 1e4
    var biases = false
    var sections: [Int] = []
    var window: Int?

    init?(_ type: String) {
      switch type {
      case "llama": break
      case "mistral": (inner, keyHeads, window) = (14336, 8, 4096)
      case "qwen2": (vocabulary, inner, biases) = (151936, 22016, true)
      case "qwen2_vl_text", "qwen2_5_vl_text":
        (vocabulary, width, inner, layers, heads, keyHeads) = (152064, 8192, 29568, 80, 64, 8)
        (epsilon, theta, biases, sections) = (1e-5, 1e6, true, [16, 24, 24])
      default: return nil
      }
    }
  }

  /// The text models that are read.
  static let types = ["llama", "mistral", "qwen2", "qwen2_vl_text", "qwen2_5_vl_text"]

  /// - Parameters:
  ///   - configuration: of the text model.
  ///   - type: its `model_type`.
  ///   - epsilon: where the configuration says none; nil: what is usual for the type.
  init(_ configuration: CheckpointConfiguration, type: String, epsilon: Double? = nil) throws {
    guard let standard = Defaults(type) else {
      throw CheckpointError.architecture(type, in: configuration.file, known: Self.types)
    }
    try configuration.requireOrdinary()
    try configuration.require("hidden_act", .string("silu"), .string("swish"))
    try configuration.require("partial_rotary_factor", .int(1), .number(1))
    let width = try configuration.count("hidden_size", default: standard.width)
    let heads = try configuration.count("num_attention_heads", default: standard.heads)
    let keyHeads = try configuration.count("num_key_value_heads", default: standard.keyHeads ?? heads)
    guard heads % keyHeads == 0 else {
      throw configuration.malformed("num_key_value_heads", "a divisor of the \(heads) heads")
    }
    if configuration["head_dim"] == nil, width % heads != 0 {
      throw configuration.malformed("num_attention_heads", "a divisor of the width \(width)")
    }
    let headWidth = try configuration.count("head_dim", default: width / heads)
    guard headWidth % 2 == 0, headWidth <= 1 << 16 else {
      throw configuration.malformed("head_dim", "an even number up to 65536")
    }
    self.init(
      vocabulary: try configuration.count("vocab_size", default: standard.vocabulary), width: width,
      inner: try configuration.count("intermediate_size", default: standard.inner),
      layers: try configuration.count("num_hidden_layers", default: standard.layers), heads: heads, keyHeads: keyHeads,
      headWidth: headWidth, epsilon: try configuration.number("rms_norm_eps", default: epsilon ?? standard.epsilon),
      rotary: try Self.rotary(configuration, width: headWidth, theta: standard.theta, sections: standard.sections))
    hasAttentionBiases = try standard.biases || configuration.flag("attention_bias", default: false)
    hasOutputBias = try !standard.biases && configuration.flag("attention_bias", default: false)
    hasFeedForwardBiases = try configuration.flag("mlp_bias", default: false)
    let isWindowed = try type == "mistral" || configuration.flag("use_sliding_window", default: false)
    if isWindowed, configuration.table["sliding_window"] != .null,
      standard.window != nil || configuration["sliding_window"] != nil
    {
      window = try configuration.count("sliding_window", default: standard.window ?? 1)
    }
  }

  /// The frequencies: older files say `rope_theta` and `rope_scaling`, newer ones `rope_parameters`.
  private static func rotary(
    _ configuration: CheckpointConfiguration, width: Int, theta: Double, sections: [Int]
  ) throws -> RotaryEmbedding {
    let isNew = configuration["rope_parameters"] != nil
    let table = configuration.nested(isNew ? "rope_parameters" : "rope_scaling")
    let base = try (isNew && table["rope_theta"] != nil ? table : configuration).number("rope_theta", default: theta)
    guard base > 0 else { throw configuration.malformed("rope_theta", "a number above 0") }
    let key = table["rope_type"] == nil ? "type" : "rope_type"
    let scaling: RotaryEmbedding.Scaling
    switch try table.text(key, default: "default") {
    case "default", "mrope": scaling = .none
    case "linear": scaling = .linear(factor: try positive(table, "factor"))
    case "llama3":
      let most = try configuration.count("max_position_embeddings", default: 2048)
      scaling = .llama3(
        factor: try positive(table, "factor"), low: try positive(table, "low_freq_factor"),
        high: try positive(table, "high_freq_factor"),
        original: Double(try table.count("original_max_position_embeddings", default: most)))
    default: throw table.unsupported(key, supported: "default, linear, llama3, mrope")
    }
    return RotaryEmbedding(
      width: width, theta: base, scaling: scaling, sections: try Self.sections(table, width: width, standard: sections))
  }

  private static func positive(_ table: CheckpointConfiguration, _ key: String) throws -> Double {
    let value = try table.number(key, default: 0)
    guard value > 0 else { throw table.malformed(key, "a number above 0") }
    return value
  }

  private static func sections(_ table: CheckpointConfiguration, width: Int, standard: [Int]) throws -> [Int] {
    if standard.isEmpty { return [] }
    let found = table["mrope_section"]?.listValue.map { $0.compactMap(\.intValue) } ?? standard
    guard found.count == 3, found.allSatisfy({ (0...width).contains($0) }), found.reduce(0, +) == width / 2 else {
      throw table.malformed("mrope_section", "three numbers that add up to half of the head's width \(width)")
    }
    return found
  }
}
