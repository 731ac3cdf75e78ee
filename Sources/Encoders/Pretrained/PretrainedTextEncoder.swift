public import Foundation
public import Multimodal
import Records
import Torch
import TorchNN

/// A text encoder from a checkpoint folder: BERT and its relatives, sentence-transformers, the text towers of CLIP, SigLIP
/// and BLIP.
public struct PretrainedTextEncoder: PretrainedEncoder {
  public static let name = "pretrained-text"
  public static let version = 1
  public static let kind = RawInput.Kind.text
  public static let summary = "a text encoder from a checkpoint folder"
  public static let architectures = [
    "bert", "blip", "blip_text_model", "camembert", "clip", "clip_text_model", "distilbert", "roberta", "siglip",
    "siglip_text_model", "xlm-roberta",
  ]

  public let settings: PretrainedSettings
  public let provenance: EncoderProvenance
  public let width: Int
  public let identity: String
  let stamp: CheckpointStamp
  let tokenizer: Tokenizer
  private let reader: Frozen<Reader>
  /// The most tokens that a text is read to.
  let maximumLength: Int
  private let prompt: String
  private let isLowercased: Bool

  /// The network and what follows it.
  struct Reader {
    let network: any TextNetwork
    let poolings: [Pooling]
    let modules: SentenceModules?

    func callAsFunction(_ batch: TokenBatch) throws -> Tensor {
      let (joined, type) = try network.features(batch, by: poolings)
      return try modules?(joined.to(type)) ?? joined
    }
  }

  public init(folder: URL, settings: PretrainedSettings = PretrainedSettings()) throws {
    try self.init(folder: folder, settings: settings, stamp: nil)
  }

  public init(restoring state: EncoderState) throws {
    let state = try PretrainedState(checking: state, encoder: Self.name)
    try self.init(folder: URL(filePath: state.stamp.folder), settings: state.settings, stamp: state.stamp)
  }

  private init(folder: URL, settings: PretrainedSettings, stamp: CheckpointStamp?) throws {
    let arithmetic = NetworkArithmetic(settings.precision)
    let modules = try SentenceModules(in: folder, as: arithmetic)
    let place = SentenceModules.place(of: modules, in: folder)
    let configuration = try CheckpointConfiguration(reading: place.appending(path: "config.json"))
    let weights = try CheckpointWeights(in: place, as: arithmetic)
    let network = try weights.network { try Self.network($0, configuration, $1) }
    let (poolings, pooled) = try Self.poolings(of: network, settings.pooling, modules, in: folder)
    let used = settings.pooling == nil ? modules : nil
    reader = Frozen(Reader(network: network, poolings: poolings, modules: used))
    width = used?.width(of: pooled) ?? pooled

    tokenizer = try Tokenizer(folder: place)
    let sentence = place.appending(path: "sentence_bert_config.json")
    var longest = min(tokenizer.maximumLength, network.places)
    if FileManager.default.fileExists(atPath: sentence.path) {
      let configuration = try CheckpointConfiguration(reading: sentence)
      longest = min(longest, try configuration.count("max_seq_length", default: longest))
      isLowercased = try configuration.flag("do_lower_case", default: false)
    } else {
      isLowercased = false
    }
    let vocabulary = network.vocabulary
    guard (0..<vocabulary).contains(tokenizer.paddingToken) else {
      throw CheckpointError.token(tokenizer.paddingToken, vocabulary: vocabulary, in: place.path)
    }
    guard tokenizer.prefix.count + tokenizer.suffix.count < longest else {
      throw CheckpointError.unreadable(
        file: place.path, reason: "a text may have \(max(longest, 0)) tokens, too few for those at its ends")
    }
    maximumLength = longest
    prompt = try Self.prompt(of: folder)
    let prefix = place == folder ? "" : "\(modules?.transformer ?? "")/"
    let stamp =
      try stamp
      ?? CheckpointStamp(
        folder: folder,
        names: try
          (Self.tokenizerFiles + ["model.safetensors.index.json"]
          + CheckpointWeights.files(in: place).map(\.lastPathComponent)).map { prefix + $0 }
          + (modules?.files ?? []) + ["config_sentence_transformers.json"])
    self.stamp = stamp
    self.settings = settings
    let named = poolings.map(\.rawValue).joined(separator: "+")
    provenance = EncoderProvenance(stamp, try modelType(configuration), pooling: named, settings)
    identity =
      "\(Self.name) \(Self.version) \(stamp.digest) \(named) \(settings.pooling == nil) \(settings.identity)"
      + tokenizer.identity
  }

  /// The encoder over any network with a pooling of its own, of the files that the stamp names.
  init(
    _ network: any TextNetwork, _ architecture: String, _ tokenizer: Tokenizer, settings: PretrainedSettings,
    stamp: CheckpointStamp
  ) throws {
    let pooling = settings.pooling ?? network.standard
    width = try network.widths.width(by: pooling, in: stamp.folder)
    reader = Frozen(Reader(network: network, poolings: [pooling], modules: nil))
    self.tokenizer = tokenizer
    maximumLength = min(tokenizer.maximumLength, network.places)
    isLowercased = false
    prompt = ""
    self.stamp = stamp
    self.settings = settings
    provenance = EncoderProvenance(stamp, architecture, pooling: pooling.rawValue, settings)
    identity =
      "\(Self.name) \(Self.version) \(stamp.digest) \(pooling.rawValue) \(settings.identity)" + tokenizer.identity
  }

  /// How rows of a network become one, as asked for, as the folder says or as is usual; and how wide it is.
  static func poolings(
    of network: any TextNetwork, _ asked: Pooling?, _ modules: SentenceModules?, in folder: URL
  ) throws -> ([Pooling], width: Int) {
    let chosen = asked.map { [$0] } ?? modules?.poolings ?? []
    let poolings = chosen.isEmpty ? [network.standard] : chosen
    return (poolings, try poolings.reduce(0) { try $0 + network.widths.width(by: $1, in: folder.path) })
  }

  /// What a tokenizer is read from.
  package static let tokenizerFiles = [
    "config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "sentence_bert_config.json",
  ]

  /// The network of what `config.json` says.
  static func network(
    _ scope: Scope, _ configuration: CheckpointConfiguration, _ names: CheckpointNames
  ) throws -> any TextNetwork {
    let type = try modelType(configuration)
    switch type {
    case "bert": return try BERT(scope, configuration, names, .bert)
    case "roberta", "xlm-roberta", "camembert": return try BERT(scope, configuration, names, .roberta)
    case "distilbert": return try BERT(scope, configuration, names, .distilbert)
    case "clip": return try CLIPText(scope, configuration.nested("text_config"), names)
    case "clip_text_model": return try CLIPText(scope, configuration, names)
    case "siglip": return try SigLIPText(scope, configuration.nested("text_config"), names)
    case "siglip_text_model": return try SigLIPText(scope, configuration, names)
    case "blip": return try BERT(scope, configuration.nested("text_config"), names, .blip)
    case "blip_text_model": return try BERT(scope, configuration, names, .blip)
    default: throw CheckpointError.architecture(type, in: configuration.file, known: architectures)
    }
  }

  /// The text that sentence-transformers puts before every other, where the checkpoint says so.
  private static func prompt(of folder: URL) throws -> String {
    let url = folder.appending(path: "config_sentence_transformers.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return "" }
    let configuration = try CheckpointConfiguration(reading: url)
    guard let name = configuration["default_prompt_name"]?.stringValue else { return "" }
    return configuration["prompts"]?.tableValue?[name]?.stringValue ?? ""
  }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .text(let text) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    let whole = prompt + text
    let tokens = tokenizer(isLowercased ? whole.lowercased() : whole, maximumLength: maximumLength)
    let vocabulary = reader.network.network.vocabulary
    if let wrong = tokens.first(where: { !(0..<vocabulary).contains($0) }) {
      throw EncoderError.refused(
        encoder: stamp.folder, reason: "the tokenizer gives token \(wrong), the network knows \(vocabulary)")
    }
    let missing = max((reader.network.network.fixedLength ?? 0) - tokens.count, 0)
    let padding = [Int](repeating: tokenizer.paddingToken, count: missing)
    return PreparedInput(indices: (tokens + padding).map(Int32.init))
  }

  public var chunk: Int { Self.batch * max(8, Runtime.threads) }

  /// Texts, and their tokens, that go through the network together at the most.
  static let batch = 32
  private static let tokens = 1024

  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    // Texts of one length need no padding, which costs as much as tokens do. The longest first, so that no thread has one to
    // itself when all others are done.
    let order = inputs.indices.sorted { (-inputs[$0].indices.count, $0) < (-inputs[$1].indices.count, $1) }
    let most = min(Self.batch, max(1, inputs.count / (4 * Runtime.threads)))
    let portions = Self.portions(order, ofAtMost: most) { first, _, count in
      (count + 1) * inputs[first].indices.count <= Self.tokens
    }
    return try rows(portions) { members in
      try reader.network(TokenBatch(members.map { inputs[$0].indices.map(Int.init) }, padding: tokenizer.paddingToken))
    }
  }

  public func state() throws -> EncoderState {
    try EncoderState(settings: PretrainedState(stamp: stamp, settings: settings), arrays: [:])
  }
}
