import Foundation
import Records
public import Torch
public import TorchNN

/// What was, or is being, learnt beside a language model's frozen weights: an adapter at every linear map of its decoder, and
/// the projector.
///
/// Parameters are named as PEFT names them below `base_model.model.`:
/// `model.layers.0.self_attn.q_proj.lora_A.weight`, of MokA `lora_A_image` too, and
/// `model.multi_modal_projector.linear_1.weight` of a map that is trained in full.
public final class ModelAdapter {
  public let settings: AdapterSettings
  /// Every parameter that is trained.
  public let store: ParameterStore
  public let mode: AdapterMode
  /// The adapted maps by their module's name in transformers.
  private var maps: [(name: String, map: FrozenLinear)] = []
  /// The names of the maps that are trained in full.
  public private(set) var trainedMaps: [String] = []
  let family: String
  let layers: Int

  /// Puts a new adapter at a model's maps: the model computes as before until it is trained.
  ///
  /// - Parameters:
  ///   - targets: the names of the decoder's maps that are adapted; nil: all.
  ///   - random: the seed of the first numbers.
  /// - Throws: a `Diagnosis` where the model has no decoder of the Llama family, or has an adapter already.
  public init(
    _ model: any LanguageModel, _ settings: AdapterSettings, targets: Set<String>? = nil,
    random: RandomSource = RandomSource(seed: 0)
  ) throws {
    try settings.check()
    guard let decoder = model.decoder else {
      throw Diagnosis(
        "a model of the family '\(model.family)' cannot be adapted", place: model.folder.relativePath,
        found: ["its decoder is not of the Llama family"], exitStatus: .input)
    }
    self.settings = settings
    family = model.family
    layers = decoder.layers.count
    mode = AdapterMode(probability: settings.dropout)
    store = ParameterStore(
      random: random, elementType: model.elementType == .float64 ? .float64 : .float32,
      device: decoder.embedding.device)
    let prefix = Self.decoderPrefix(model.family)
    for (name, map) in decoder.linears where targets?.contains(prefix + name) ?? true {
      let scope = store.root / ParameterPath(prefix + name)
      let adapter: any LinearAdapter =
        switch settings.kind {
        case .lora: try LoRA(scope, inputs: map.inputs, outputs: map.outputs, settings, mode)
        case .moka: try MokA(scope, inputs: map.inputs, outputs: map.outputs, settings, mode)
        }
      try install(adapter, at: map, prefix + name)
    }
    if settings.trainsProjector {
      for (name, map) in model.projector {
        let name = name.hasPrefix("model.") ? name : "model.\(name)"
        try install(TrainedLinear(store.root / ParameterPath(name), of: map), at: map, name)
        trainedMaps.append(name)
      }
    }
    _ = try store.flat()
  }

  private func install(_ adapter: any LinearAdapter, at map: FrozenLinear, _ name: String) throws {
    guard map.adapter == nil else {
      throw Diagnosis("the model has an adapter already", found: ["at '\(name)'"], exitStatus: .usage)
    }
    map.adapter = adapter
    maps.append((name, map))
  }

  /// Leaves the model as it was before.
  public func remove() {
    for (_, map) in maps { map.adapter = nil }
    maps = []
  }

  /// What the names of a decoder's modules begin with in transformers 5.
  static func decoderPrefix(_ family: String) -> String {
    switch family {
    case "llava", "llava_next", "qwen2_vl", "qwen2_5_vl": "model.language_model."
    case "idefics3", "smolvlm": "model.text_model."
    default: "model."
    }
  }

  /// What those names begin with in files, the newest first.
  static func spellings(_ family: String) -> [String] {
    switch family {
    case "llava", "llava_next": ["model.language_model.", "language_model.model."]
    case "qwen2_vl", "qwen2_5_vl": ["model.language_model.", "model."]
    case "idefics3", "smolvlm": ["model.text_model."]
    default: ["model.", ""]
    }
  }

  /// The numbers that are trained.
  public var count: Int { store.count }

  /// The weights of a model without adapters that computes the same, by the module's name: W₀ + c B A, and maps trained in
  /// full.
  ///
  /// - Throws: a `Diagnosis` of MokA: no single matrix serves tokens of two modalities.
  public func merged() throws -> [(name: String, weight: Tensor, bias: Tensor?)] {
    guard settings.kind == .lora else {
      throw Diagnosis(
        "MokA cannot be merged into weights",
        found: ["each modality has a matrix of its own, and image tokens look at text tokens within a map"],
        remedy: "use it with --adapter, or train with --adapter lora", exitStatus: .usage)
    }
    return try withoutGradients {
      try maps.compactMap { name, map in
        switch map.adapter {
        case let adapter as LoRA: (name, try map.weight.to(store.elementType) + adapter.change(), map.bias)
        case let adapter as TrainedLinear:
          (name, try adapter.weight.tensor.detached(), try adapter.bias?.tensor.detached())
        default: nil
        }
      }
    }
  }
}

extension Scope {
  fileprivate static func / (scope: Scope, path: ParameterPath) -> Scope {
    path.components.reduce(scope) { $0 / $1 }
  }
}
