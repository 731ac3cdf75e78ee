import Encoders
public import Foundation
import Records
import Torch

/// A folder of a language model, as Hugging Face lays it out: what is in it, before its weights are read.
public struct LanguageModelFolder {
  /// What the weights become in memory.
  public enum Precision: String, Sendable, CaseIterable {
    /// Weights of fewer bits are copied; files of float32 are mapped.
    case float32
    /// As they are stored; the file is mapped and read as it is touched.
    case stored
  }

  /// What loading costs.
  public struct Memory: Sendable, Equatable {
    /// Numbers in all weights.
    public let parameters: Int
    /// Bytes of the files that stay mapped, which the system may drop and read again.
    public let mapped: Int
    /// Bytes that are copied.
    public let copied: Int
  }

  /// The `model_type`s that are read.
  public static let families = [
    "blip", "idefics3", "llama", "llava", "llava_next", "mistral", "qwen2", "qwen2_5_vl", "qwen2_vl", "smolvlm",
  ]

  /// Those of them that read text only.
  static let textFamilies = ["llama", "mistral", "qwen2"]

  public let url: URL
  /// Its `model_type`.
  public let family: String
  let configuration: CheckpointConfiguration
  /// The decoder's first so many layers are read; nil: all.
  public let layers: Int?

  /// Reads `config.json`.
  ///
  /// - Parameter layers: makes a smaller model of the decoder's first layers, its last norm behind them; nil: the whole one.
  /// - Throws: `CheckpointError` or ``LanguageModelError``, also for a family that is not read.
  public init(_ url: URL, layers: Int? = nil) throws {
    self.layers = layers
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue else {
      throw Diagnosis(
        "there is no model folder here", place: url.relativePath,
        remedy:
          "name the folder of a model as Hugging Face lays it out: config.json, model.safetensors, tokenizer.json; "
          + "make mllm-weights fetches a small one", exitStatus: .input)
    }
    self.url = url
    configuration = try CheckpointConfiguration(reading: url.appending(path: "config.json"))
    family = try configuration.text("model_type", default: "")
    if let reason = Self.refused[family] {
      throw LanguageModelError.refused(family: family, in: configuration.file, reason: reason)
    }
    guard Self.families.contains(family) else {
      throw CheckpointError.architecture(family, in: configuration.file, known: Self.families)
    }
    try configuration.requireOrdinary()
  }

  /// Families that people will try, and why they are not read.
  private static let refused = [
    "chameleon": "its pictures are tokens of a VQ-GAN encoder, which is not built in",
    "blip-2": "its Q-Former is not built in", "instructblip": "its Q-Former is not built in",
    "gemma3": "its decoder has further norms and windows that are not built in",
    "paligemma": "its decoder, Gemma, is not built in", "internvl": "its tower is not built in",
    "qwen3_vl": "its decoder's query and key norms are not built in",
    "llava_onevision": "its packing of tiles is not built in", "mllama": "its cross-attention layers are not built in",
  ]

  /// What somebody should know before trusting the model's answers.
  public var warnings: [String] {
    get throws {
      guard family == "blip" else { return [] }
      let text = configuration.nested("text_config")
      let heads = try text.count("num_attention_heads", default: 8)
      guard heads == 8, try text.count("hidden_size", default: 768) == 768 else { return [] }
      return [
        "config.json says 8 text heads, as BLIP's files did until April 2023; the weights were trained with 12: "
          + "set text_config.num_attention_heads to 12"
      ]
    }
  }

  /// The one frame of prompts that the model can be asked in; nil where there is a choice.
  public var ownTemplate: ChatTemplate? {
    get throws {
      guard family == "blip" else { return nil }
      let answers = try Self.open(url).contains { $0.entry(BLIP.questionEmbedding) != nil }
      return answers ? .blipQuestion : .blipCaption
    }
  }

  /// What the weights take in memory, from the files' headers.
  public func memory(_ precision: Precision = .float32) throws -> Memory {
    let type = try elementType(precision)
    var (parameters, mapped, copied) = (0, 0, 0)
    for file in try Self.open(url) {
      for entry in file.entries where entry.type.isFloatingPoint {
        let count = entry.shape.reduce(1, *)
        parameters += count
        if entry.type == type { mapped += count * type.byteCount } else { copied += count * type.byteCount }
      }
    }
    return Memory(parameters: parameters, mapped: mapped, copied: copied)
  }

  /// Refuses weights whose copies are larger than the machine's memory; of the first layers alone that is not known.
  func requireMemory(
    _ precision: Precision, of most: Int = Int(clamping: ProcessInfo.processInfo.physicalMemory)
  ) throws {
    let copied = try memory(precision).copied
    guard layers == nil, copied > most else { return }
    throw Diagnosis(
      "the weights do not fit into memory", place: url.relativePath,
      found: ["\(copied >> 20) MiB would be copied, the machine has \(most >> 20) MiB"],
      remedy: precision == .float32
        ? "--stored-precision maps them as they are stored; --layers reads the first layers alone" : nil,
      exitStatus: .input)
  }

  /// Reads the model; its weights stay mapped where they are stored as they are computed with.
  ///
  /// - Parameter tower: of a model that reads text only, so that it sees pictures.
  public func load(
    _ precision: Precision = .float32, tower: TowerAttachment? = nil
  ) throws -> any LanguageModel {
    if tower != nil, !Self.textFamilies.contains(family) {
      throw Diagnosis(
        "the model has a tower of its own", place: url.relativePath, found: ["'\(family)' sees pictures"],
        remedy: "leave --tower out", exitStatus: .usage)
    }
    if tower != nil, precision == .stored {
      throw Diagnosis(
        "a tower is put before a model in float32", place: "--tower", remedy: "leave --stored-precision out",
        exitStatus: .usage)
    }
    try requireMemory(precision)
    let weights = try CheckpointWeights(in: url, as: elementType(precision))
    switch family {
    case "blip": return try BLIP(self, weights)
    case "llava": return try LLaVA.model(self, weights)
    case "llava_next": return try LLaVANext.model(self, weights)
    case "idefics3", "smolvlm": return try Idefics3.model(self, weights)
    case "qwen2_vl", "qwen2_5_vl": return try QwenVL.model(self, weights)
    default:
      let decoder = try decoder(
        configuration, type: family, weights, prefixes: ["model.", ""], heads: ["lm_head.weight"])
      let grid = try tower.map { try GridTower($0, width: decoder.configuration.width) }
      // A place for a picture's row is no token of the model's, so that no text can spell it.
      return DecoderLanguageModel(
        self, decoder, tower: grid, imageToken: grid == nil ? nil : decoder.configuration.vocabulary)
    }
  }

  /// The text model of a composite folder.
  ///
  /// - Parameters:
  ///   - prefixes: what the names of the decoder's tensors may begin with.
  ///   - heads: under which names the logits' matrix may be; the embedding is taken where there is none.
  func decoder(
    _ text: CheckpointConfiguration, type: String, epsilon: Double? = nil, _ weights: CheckpointWeights,
    prefixes: [String], heads: [String]
  ) throws -> LanguageDecoder {
    var shape = try DecoderConfiguration(text, type: type, epsilon: epsilon)
    if let layers {
      guard (1...shape.layers).contains(layers) else {
        throw Diagnosis(
          "the first \(layers) layers are asked for, and the model has \(shape.layers)", place: url.relativePath,
          exitStatus: .usage)
      }
      shape.layers = layers
    }
    let own = try weights.within(anyOf: prefixes, holding: "embed_tokens.weight")
    let head = try heads.first(where: weights.has).map { try weights.tensor($0, [shape.vocabulary, shape.width]) }
    return try LanguageDecoder(shape, head: head) { try own.tensor($0, $1) }
  }

  private func elementType(_ precision: Precision) throws -> ElementType {
    guard precision == .stored else { return .float32 }
    // Of the types in the files that which most numbers have.
    var counts: [ElementType: Int] = [:]
    for entry in try Self.open(url).flatMap(\.entries) where entry.type.isFloatingPoint {
      counts[entry.type, default: 0] += entry.shape.reduce(1, *)
    }
    return counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key ?? .float32
  }

  static func open(_ folder: URL) throws -> [SafeTensors] {
    try CheckpointWeights.files(in: folder).map { url in
      do { return try SafeTensors(reading: url) } catch let error as SafeTensorsError {
        throw CheckpointError.unreadable(file: url.path, reason: error.description)
      }
    }
  }
}
