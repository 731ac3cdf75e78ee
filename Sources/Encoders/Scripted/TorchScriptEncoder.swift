public import Foundation
public import Multimodal
import Records
import Torch

/// An encoder that is a TorchScript module in a file, and so a program of whoever made it: the way in for any network
/// that is not among the ``PretrainedEncoder``s.
///
/// Beside the file lies what prepares its inputs: `preprocessor_config.json` for pictures and sounds, a tokenizer's files for
/// texts.
public protocol TorchScriptEncoder: ProvenEncoder {
  var script: ScriptReader { get }
  init(script: ScriptReader)
}

/// Pictures [B, 3, H, W] under a TorchScript module.
public struct TorchScriptImageEncoder: TorchScriptEncoder {
  public static let name = "torchscript-image"
  public static var version: Int { PretrainedImageEncoder.version }
  public static let kind = RawInput.Kind.image
  public static let summary =
    "torchscript:FILE: any other network, saved by torch.jit.save; it runs code out of the file"

  public let script: ScriptReader
  public init(script: ScriptReader) { self.script = script }
}

/// Tokens [B, L] under a TorchScript module.
public struct TorchScriptTextEncoder: TorchScriptEncoder {
  public static let name = "torchscript-text"
  public static var version: Int { PretrainedTextEncoder.version }
  public static let kind = RawInput.Kind.text
  public static let summary = TorchScriptImageEncoder.summary

  public let script: ScriptReader
  public init(script: ScriptReader) { self.script = script }
}

/// Sounds [1, T] under a TorchScript module.
public struct TorchScriptAudioEncoder: TorchScriptEncoder {
  public static let name = "torchscript-audio"
  public static var version: Int { ScriptedSounds.version }
  public static let kind = RawInput.Kind.audio
  public static let summary = TorchScriptImageEncoder.summary

  public let script: ScriptReader
  public init(script: ScriptReader) { self.script = script }
}

/// What reads inputs for a ``TorchScriptEncoder``: the encoder of checkpoints over another network.
public struct ScriptReader: Sendable {
  let reader: any ProvenEncoder
  /// Which files were read.
  let stamp: CheckpointStamp
  /// Of the module.
  let file: String
  let settings: PretrainedSettings

  init(_ file: URL, of kind: RawInput.Kind, _ settings: PretrainedSettings, stamp: CheckpointStamp? = nil) throws {
    guard settings.precision == .float32 else {
      throw EncoderError.settings(
        encoder: file.path, reason: "a TorchScript module computes as it was saved: no precision can be chosen")
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else {
      throw ScriptError.noFile(file.path)
    }
    let folder = file.deletingLastPathComponent()
    let besides =
      switch kind {
      case .image: ["preprocessor_config.json", "processor_config.json"]
      case .text: PretrainedTextEncoder.tokenizerFiles
      case .audio: ["preprocessor_config.json"]
      }
    let stamp = try stamp ?? CheckpointStamp(folder: folder, names: [file.lastPathComponent] + besides)
    self.file = file.lastPathComponent
    self.settings = settings
    self.stamp = stamp
    reader =
      switch kind {
      case .image: try Self.pictures(file, folder, settings, stamp)
      case .text: try Self.texts(file, folder, settings, stamp)
      case .audio:
        try ScriptedSounds(
          Script(reading: file.path, pooling: settings.pooling), SoundProcessor(in: folder), settings: settings,
          stamp: stamp)
      }
  }

  private static func pictures(
    _ file: URL, _ folder: URL, _ settings: PretrainedSettings, _ stamp: CheckpointStamp
  ) throws -> any ProvenEncoder {
    guard let processor = try ImageProcessor.found(in: folder) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.path)
    }
    let (height, width, values) = processor(.black)
    let script = try Script(reading: file.path, pooling: settings.pooling)
    return try PretrainedImageEncoder(
      ScriptedNetwork(pictures: script, trial: Tensor(values, shape: [1, 3, height, width])), "torchscript", processor,
      settings: settings, stamp: stamp)
  }

  private static func texts(
    _ file: URL, _ folder: URL, _ settings: PretrainedSettings, _ stamp: CheckpointStamp
  ) throws -> any ProvenEncoder {
    let tokenizer = try Tokenizer(folder: folder)
    var script = try Script(reading: file.path, pooling: settings.pooling)
    script.padding = tokenizer.paddingToken
    script.length = try fixedLength(in: folder)
    let trial = try TokenBatch([tokenizer("a")], padding: tokenizer.paddingToken)
    return try PretrainedTextEncoder(
      ScriptedNetwork(texts: script, vocabulary: tokenizer.vocabularySize, trial: trial), "torchscript", tokenizer,
      settings: settings, stamp: stamp)
  }

  /// The file whose code a stored encoder runs; nil where that is not to be read.
  static func file(of state: EncoderState) -> String? {
    (try? JSONDecoder().decode(ScriptState.self, from: state.json)).map { "\($0.encoder.stamp.folder)/\($0.file)" }
  }

  /// How long `tokenizer.json` says that every text is to be made.
  static func fixedLength(in folder: URL) throws -> Int? {
    let url = folder.appending(path: "tokenizer.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let padding = try CheckpointConfiguration(reading: url).nested("padding")
    guard padding["strategy"]?.tableValue != nil else { return nil }
    return try padding.nested("strategy").count("Fixed", default: 1)
  }
}

/// What is stored of an encoder that is a module.
private struct ScriptState: Codable {
  let file: String
  let encoder: PretrainedState
}

extension TorchScriptEncoder {
  /// The encoder of a file, whose code is run by this.
  ///
  /// - Throws: ``ScriptError``, ``CheckpointError``, ``TokenizerError``, ``EncoderError``.
  public init(file: URL, settings: PretrainedSettings = PretrainedSettings()) throws {
    self.init(script: try ScriptReader(file, of: Self.kind, settings))
  }

  public init(restoring state: EncoderState) throws {
    guard let found = try? JSONDecoder().decode(ScriptState.self, from: state.json) else {
      throw EncoderError.unreadableState(encoder: Self.name, reason: "its settings are incomplete")
    }
    let stamp = found.encoder.stamp
    try stamp.check()
    // What runs is what the stamp vouches for.
    guard stamp.files.contains(where: { $0.name == found.file }) else {
      throw EncoderError.unreadableState(encoder: Self.name, reason: "its settings are incomplete")
    }
    self.init(
      script: try ScriptReader(
        URL(filePath: stamp.folder).appending(path: found.file), of: Self.kind, found.encoder.settings, stamp: stamp))
  }

  public var provenance: EncoderProvenance {
    var provenance = script.reader.provenance
    provenance.file = script.file
    return provenance
  }

  public var width: Int { script.reader.width }
  public var identity: String { "\(Self.name): \(script.reader.identity)" }
  public var chunk: Int { script.reader.chunk }
  public func prepare(_ input: RawInput) throws -> PreparedInput { try script.reader.prepare(input) }
  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    try script.reader.encode(inputs, threads: threads)
  }

  public func state() throws -> EncoderState {
    let state = PretrainedState(stamp: script.stamp, settings: script.settings)
    return try EncoderState(settings: ScriptState(file: script.file, encoder: state), arrays: [:])
  }
}
