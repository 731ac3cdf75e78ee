public import Encoders
public import Foundation
public import Multimodal
import Records
import Synchronization
import Torch

/// The encoders that are a language model, named `mllm:FOLDER`.
public enum PromptedEncoders {
  /// The word before the folder.
  static let prefix = "mllm"

  public static let all: [any PrefixedEncoder.Type] = [PromptedImageEncoder.self, PromptedTextEncoder.self]
}

/// Pictures as a vision-language model has them in one word: ``PromptedEmbedding``.
public struct PromptedImageEncoder: PromptedEncoder {
  public static let name = "mllm-image"
  public static let version = 1
  public static let kind = RawInput.Kind.image
  public static let summary = "mllm:FOLDER: what a vision-language model has of it in one word (E5-V)"
  public static let architectures = LanguageModelFolder.families.filter {
    $0 != "blip" && !LanguageModelFolder.textFamilies.contains($0)
  }

  public let settings: PretrainedSettings
  public let reader: PromptedReader

  public init(folder: URL, settings: PretrainedSettings) throws {
    self.settings = settings
    reader = try PromptedReader.shared(folder, settings, for: Self.name)
    guard reader.embedding.model.seesPictures else {
      throw LanguageModelError.seesNoPictures(family: reader.embedding.model.family, in: folder.relativePath)
    }
  }

  public init(restoring state: EncoderState) throws {
    let state = try PretrainedState(checking: state, encoder: Self.name)
    try self.init(folder: URL(filePath: state.stamp.folder), settings: state.settings)
  }

  /// What is prepared of a picture may be tens of megabytes: its tiles.
  public var chunk: Int { 2 * max(1, Runtime.threads) }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .image(let image) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    return try refusing { PreparedInput(try reader.embedding.model.prepare(image)) }
  }

  public func sequence(_ input: PreparedInput) throws -> TokenSequence {
    guard let picture = PreparedPicture(input) else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    return try reader.embedding.sequence(text: nil, picture: picture)
  }
}

/// Texts as a language model has them in one word: ``PromptedEmbedding``.
public struct PromptedTextEncoder: PromptedEncoder {
  public static let name = "mllm-text"
  public static let version = 1
  public static let kind = RawInput.Kind.text
  public static let summary = PromptedImageEncoder.summary
  public static let architectures = LanguageModelFolder.families.filter { $0 != "blip" }

  public let settings: PretrainedSettings
  public let reader: PromptedReader

  public init(folder: URL, settings: PretrainedSettings) throws {
    self.settings = settings
    reader = try PromptedReader.shared(folder, settings, for: Self.name)
  }

  public init(restoring state: EncoderState) throws {
    let state = try PretrainedState(checking: state, encoder: Self.name)
    try self.init(folder: URL(filePath: state.stamp.folder), settings: state.settings)
  }

  public var chunk: Int { 16 * max(1, Runtime.threads) }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .text(let text) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    return try refusing {
      PreparedInput(indices: try reader.embedding.sequence(text: text, picture: nil).ids.map(Int32.init))
    }
  }

  public func sequence(_ input: PreparedInput) throws -> TokenSequence {
    let ids = input.indices.map(Int.init)
    // Nothing reads roles here but the check of placeholders, of which a text has none.
    return try reader.embedding.model.sequence(ids, roles: ids.map { _ in .sampleText }, pictures: [])
  }
}

/// What encoders of pictures and of texts by one model share.
public protocol PromptedEncoder: PrefixedEncoder {
  var reader: PromptedReader { get }
  /// The prompt of what was prepared.
  func sequence(_ input: PreparedInput) throws -> TokenSequence
}

extension PromptedEncoder {
  public static var prefix: String { PromptedEncoders.prefix }
  public var width: Int { reader.embedding.width }
  public var identity: String {
    "\(Self.name) \(Self.version) \(reader.stamp.digest) \(reader.template) \(settings.identity)\(reader.tokens)"
  }

  public var provenance: EncoderProvenance {
    EncoderProvenance(
      reader.stamp, reader.embedding.model.family, pooling: "one-word prompt, frame \(reader.template)", settings)
  }

  /// Each prompt is read alone by one thread, so that a row's bits depend neither on its neighbours nor on how many threads
  /// there are.
  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    let rows = try Runtime.parallelFor(inputs.count) { index -> [Float] in
      try reader.embedding.rows(of: [sequence(inputs[index])]).to(.float32).array()
    }
    return settings.finished(rows.flatMap { $0 }, width: width)
  }

  public func state() throws -> EncoderState {
    try EncoderState(settings: PretrainedState(stamp: reader.stamp, settings: settings), arrays: [:])
  }

  /// A picture or a text that the model cannot be shown is a fault of that input alone.
  func refusing<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as LanguageModelError {
      let diagnosis = error.diagnosis
      throw EncoderError.refused(
        encoder: reader.stamp.folder, reason: ([diagnosis.what] + diagnosis.found).joined(separator: ": "))
    }
  }
}

/// A model that embeds, which encoders of pictures and of texts of one folder share.
///
/// Its weights are frozen and it has no adapter, so that any thread may read with it.
public final class PromptedReader: @unchecked Sendable {
  let embedding: PromptedEmbedding
  /// The name of the frame.
  let template: String
  /// Of the tokenizer, what rows depend on besides the files.
  let tokens: String
  let stamp: CheckpointStamp

  private init(_ folder: URL, _ stamp: CheckpointStamp) throws {
    let source = try LanguageModelFolder(folder)
    guard source.family != "blip" else {
      throw Diagnosis(
        "BLIP's pictures are no tokens, so that no prompt asks for one in a word", place: folder.relativePath,
        remedy: "name the folder without '\(PromptedEncoders.prefix):', which takes its encoders of pictures and texts",
        exitStatus: .usage)
    }
    let tokenizer = try Tokenizer(folder: folder)
    let file = try ChatTemplateFile(folder: folder, tokenizer: tokenizer, family: source.family)
    embedding = PromptedEmbedding(try source.load(), tokenizer, file.template)
    template = file.template.name
    tokens = tokenizer.identity
    self.stamp = stamp
  }

  private final class Known {
    weak var reader: PromptedReader?
    init(_ reader: PromptedReader) { self.reader = reader }
  }

  private static let known = Mutex<[String: Known]>([:])

  /// The reader of a folder: the one that is in memory already, where one is.
  static func shared(_ folder: URL, _ settings: PretrainedSettings, for encoder: String) throws -> PromptedReader {
    guard settings.pooling == nil else {
      throw EncoderError.settings(
        encoder: encoder, reason: "its row is that of the prompt's last token: no pooling can be chosen")
    }
    guard settings.precision == .float32 else {
      throw EncoderError.settings(
        encoder: encoder, reason: "it computes in float32: leave --precision \(settings.precision.rawValue) out")
    }
    // Before a gigabyte is read: whether there is a model at all.
    _ = try LanguageModelFolder(folder)
    let weights = try CheckpointWeights.files(in: folder).map(\.lastPathComponent)
    let others = [
      "preprocessor_config.json", "processor_config.json", "chat_template.json", "chat_template.jinja",
      "model.safetensors.index.json",
    ]
    let stamp = try CheckpointStamp(folder: folder, names: weights + others + PretrainedTextEncoder.tokenizerFiles)
    return try known.withLock { known in
      let name = "\(stamp.folder) \(stamp.digest)"
      if let found = known[name]?.reader { return found }
      let made = try PromptedReader(folder, stamp)
      known[name] = Known(made)
      return made
    }
  }
}

extension PreparedInput {
  /// A prepared picture: its numbers, and [tokens, kind of layout, four sizes of it, shape …].
  fileprivate init(_ picture: PreparedPicture) {
    let layout: [Int] =
      switch picture.layout {
      case .single: [0, 0, 0, 0, 0]
      case .baseAndTiles(let rows, let columns, let height, let width): [1, rows, columns, height, width]
      case .tilesAndBase(let rows, let columns): [2, rows, columns, 0, 0]
      case .patches(let rows, let columns): [3, rows, columns, 0, 0]
      }
    self.init(values: picture.values, indices: ([picture.tokenCount] + layout + picture.shape).map(Int32.init))
  }
}

extension PreparedPicture {
  /// The picture of ``PreparedInput/init(_:)``; nil where it is none.
  fileprivate init?(_ input: PreparedInput) {
    let numbers = input.indices.map(Int.init)
    guard numbers.count > 6, numbers[6...].reduce(1, *) == input.values.count else { return nil }
    let layout: Layout? =
      switch numbers[1] {
      case 0: .single
      case 1: .baseAndTiles(rows: numbers[2], columns: numbers[3], height: numbers[4], width: numbers[5])
      case 2: .tilesAndBase(rows: numbers[2], columns: numbers[3])
      case 3: .patches(rows: numbers[2], columns: numbers[3])
      default: nil
      }
    guard let layout else { return nil }
    self.init(values: input.values, shape: Array(numbers[6...]), layout: layout, tokenCount: numbers[0])
  }
}
