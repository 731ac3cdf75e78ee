public import Foundation
import Records
import Torch
import TorchNN

/// A folder with an adapter, as PEFT keeps them: `adapter_model.safetensors`, `adapter_config.json`, and `seesaw_adapter.json`
/// for what PEFT has no words for.
///
/// Folders that PEFT wrote of a LoRA are read too, whichever of the seven maps of each layer it adapts.
public struct AdapterFolder {
  public static let weightsName = "adapter_model.safetensors"
  public static let configurationName = "adapter_config.json"
  /// What PEFT does not read.
  public static let ownName = "seesaw_adapter.json"
  static let prefix = "base_model.model."

  public let url: URL
  public let settings: AdapterSettings
  /// The decoder's first so many layers are the model; nil: all.
  public let layers: Int?
  /// The tower that was put before a model without one; nil: none was.
  public let tower: Tower?
  private let weights: SafeTensors

  /// A tower that the adapter was trained with.
  public struct Tower: Codable, Sendable, Equatable {
    /// The name of its folder.
    public var folder: String
    public var side: Int
    /// The SHA-256 digest of its weights.
    public var digest: String

    /// - Throws: where the folder's weights cannot be read.
    public init(_ attachment: TowerAttachment) throws {
      folder = attachment.folder.standardizedFileURL.lastPathComponent
      side = attachment.side
      let url = attachment.folder.appending(path: "model.safetensors")
      digest = try Diagnosis.placing(url) { try FileDigest.sha256(of: url) }
    }
  }

  /// What is ours alone.
  struct Own: Codable {
    var format = "seesaw-adapter/1"
    var family: String
    var layers: Int?
    var tower: Tower?
    var settings: AdapterSettings
    /// A sentence for each thing that PEFT cannot be told.
    var beyondPEFT: [String]
  }

  /// - Throws: a `Diagnosis` where the folder holds no adapter, or one of a kind that is not read.
  public init(_ url: URL) throws {
    self.url = url
    let file = url.appending(path: Self.configurationName)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw Diagnosis(
        "the folder holds no adapter", place: url.relativePath, found: ["there is no \(Self.configurationName)"],
        remedy: "seesaw mllm train makes one", exitStatus: .input)
    }
    do { weights = try SafeTensors(reading: url.appending(path: Self.weightsName)) } catch {
      throw Diagnosis(
        "the adapter's weights cannot be read", place: url.appending(path: Self.weightsName).relativePath,
        found: ["\(error)"], exitStatus: .input)
    }
    let own = url.appending(path: Self.ownName)
    if FileManager.default.fileExists(atPath: own.path) {
      let known: Own = try Diagnosis.placing(own) { try Tree.read(from: own) }
      guard known.format == Own(family: "", settings: AdapterSettings(), beyondPEFT: []).format else {
        throw Diagnosis(
          "the adapter is of a version that is not read", place: own.relativePath,
          found: ["'\(known.format.escapedForTerminal.clipped(40))'"], exitStatus: .input)
      }
      (settings, layers, tower) = (known.settings, known.layers, known.tower)
      try settings.check()
    } else {
      let said: Tree = try Tree.read(from: file)
      (settings, layers, tower) = (try Self.settings(said, file.relativePath, weights), nil, nil)
    }
  }

  /// What PEFT's configuration says of a LoRA.
  private static func settings(_ said: Tree, _ place: String, _ weights: SafeTensors) throws -> AdapterSettings {
    func refuse(_ key: String, _ supported: String) -> Diagnosis {
      Diagnosis(
        "the adapter's '\(key)' is not supported", place: place,
        found: ["it is \(said[path: key]?.description.clipped(60) ?? "not there")"], remedy: supported,
        exitStatus: .input)
    }
    guard said[path: "peft_type"]?.stringValue?.uppercased() == "LORA" else {
      throw refuse("peft_type", "LORA is read")
    }
    for key in ["use_dora", "use_rslora", "fan_in_fan_out", "lora_bias"] where said[path: key] == .bool(true) {
      throw refuse(key, "adapters without it are read")
    }
    for key in ["rank_pattern", "alpha_pattern"] where !(said[path: key]?.tableValue ?? [:]).isEmpty {
      throw refuse(key, "adapters of one rank are read")
    }
    if let bias = said[path: "bias"]?.stringValue, bias != "none" { throw refuse("bias", "none is read") }
    var settings = AdapterSettings()
    guard let rank = said[path: "r"]?.intValue else { throw refuse("r", "it must be a whole number") }
    guard let alpha = said[path: "lora_alpha"]?.numberValue else { throw refuse("lora_alpha", "it must be a number") }
    settings.rank = rank
    settings.alpha = alpha
    settings.dropout = said[path: "lora_dropout"]?.numberValue ?? 0
    settings.trainsProjector = weights.names.contains { !$0.contains(".lora_") }
    try settings.check()
    return settings
  }

  /// Puts the adapter at a model's maps.
  ///
  /// - Throws: a `Diagnosis` where the folder's tensors are not those of the model's maps; nothing in it is passed over.
  public func install(on model: any LanguageModel) throws -> ModelAdapter {
    let names = Dictionary(
      weights.names.map { (Self.current($0, family: model.family), $0) }, uniquingKeysWith: { first, _ in first })
    let targets = Set(
      names.keys.compactMap { name in
        name.firstRange(of: ".lora_A.").map { String(name[..<$0.lowerBound]) }
      })
    let adapter = try ModelAdapter(model, settings, targets: targets)
    do {
      let known = Set(adapter.store.parameters.map(\.path.description))
      let strange = names.keys.filter { !known.contains($0) }.sorted()
      guard strange.isEmpty else {
        throw Diagnosis(
          "the adapter is of another model", place: url.relativePath,
          found: ["'\(strange[0])' is none of the maps of \(model.folder.lastPathComponent)"], exitStatus: .input)
      }
      for parameter in adapter.store.parameters {
        let name = parameter.path.description
        guard let stored = names[name] else {
          throw Diagnosis(
            "the adapter lacks '\(name)'", place: url.relativePath, exitStatus: .input)
        }
        let value = try weights.tensor(stored)
        guard value.shape == parameter.shape else {
          throw Diagnosis(
            "the adapter is of another model", place: url.relativePath,
            found: ["'\(name)' is \(value.shape), and the model's is \(parameter.shape)"], exitStatus: .input)
        }
        try withoutGradients { try parameter.tensor.copy(from: value) }
      }
    } catch {
      adapter.remove()
      throw error
    }
    return adapter
  }

  /// A stored name as the newest transformers spells it, without PEFT's prefix.
  private static func current(_ name: String, family: String) -> String {
    let plain = String(name.trimmingPrefix(prefix))
    let wanted = ModelAdapter.decoderPrefix(family)
    for spelling in ModelAdapter.spellings(family) where spelling != wanted {
      if plain.hasPrefix(spelling + "layers.") { return wanted + plain.dropFirst(spelling.count) }
    }
    return plain.hasPrefix("model.") ? plain : "model.\(plain)"
  }

  // MARK: Writing

  /// Writes an adapter; each file appears whole or not at all.
  ///
  /// - Parameters:
  ///   - base: the model's folder, which PEFT is told.
  ///   - layers: the decoder's first so many layers are the model; nil: all.
  ///   - tower: what was put before a model without one.
  public static func write(
    _ adapter: ModelAdapter, base: URL, layers: Int?, tower: Tower? = nil, to url: URL
  ) throws {
    try Diagnosis.placing(url) {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    let tensors = adapter.store.named().map { (prefix + $0.0, $0.1) }
    try SafeTensors.write(tensors, metadata: ["format": "pt"], to: url.appending(path: weightsName))
    let own = Own(
      family: adapter.family, layers: layers, tower: tower, settings: adapter.settings,
      beyondPEFT: beyondPEFT(adapter.settings, layers: layers, tower: tower))
    let text = try Tree(encoding: own, keys: .asNamed).json(
      .pretty, order: ["format", "family", "layers", "tower", "settings", "kind", "rank", "alpha"])
    try AtomicFile.write(Data((text + "\n").utf8), to: url.appending(path: ownName))
    let said = configuration(adapter, base: base).json(.pretty, order: ["peft_type", "base_model_name_or_path", "r"])
    try AtomicFile.write(Data((said + "\n").utf8), to: url.appending(path: configurationName))
  }

  private static func beyondPEFT(_ settings: AdapterSettings, layers: Int?, tower: Tower?) -> [String] {
    var sentences: [String] = []
    if let tower {
      sentences.append(
        "pictures come from \(tower.folder) as \(tower.side) x \(tower.side) rows, through a projector that is here and "
          + "that no model of transformers has")
    }
    if let layers {
      sentences.append("the model is the decoder's first \(layers) layers: load it with num_hidden_layers = \(layers)")
    }
    if settings.kind == .moka {
      sentences += [
        "lora_A_image is the matrix of image tokens; lora_A is that of all others",
        "image tokens look at text tokens between the two matrices, with the weight lambda",
        "PEFT has no MokA, and refuses the type MOKA: what it would load as LoRA would be another model",
      ]
    }
    return sentences
  }

  private static func configuration(_ adapter: ModelAdapter, base: URL) -> Tree {
    let settings = adapter.settings
    let maps = "(self_attn\\.[qkvo]_proj|mlp\\.(gate|up|down)_proj)"
    let pattern = ModelAdapter.decoderPrefix(adapter.family).replacing(".", with: "\\.") + "layers\\.\\d+\\." + maps
    let isWhole = settings.alpha == settings.alpha.rounded() && abs(settings.alpha) < 1e9
    return [
      "peft_type": .string(settings.kind == .lora ? "LORA" : "MOKA"), "task_type": .null,
      "base_model_name_or_path": .string(base.standardizedFileURL.lastPathComponent), "r": .int(settings.rank),
      "lora_alpha": isWhole ? .int(Int(settings.alpha)) : .number(settings.alpha),
      "lora_dropout": .number(settings.dropout), "target_modules": .string(pattern), "bias": "none",
      "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "use_rslora": false,
      "use_dora": false,
      "modules_to_save": adapter.trainedMaps.isEmpty ? .null : .list(adapter.trainedMaps.map(Tree.string)),
    ]
  }
}
