import Foundation
public import Multimodal
import Records

/// All encoders: those that come with Seesaw, a line each, those that other packages register, and those that are read from
/// checkpoint folders.
public enum EncoderRegistry {
  /// Those that need nothing but their name; the first of a kind is its default.
  public static var all: [any BuiltInEncoder.Type] { registry.all }

  /// Makes an encoder known by its name, to `encode` and to the runs that are trained on its features.
  ///
  /// Any thread may register, before anything is encoded, predicted or listed.
  ///
  /// - Throws: a `Diagnosis` where the name is taken, by an encoder of whatever kind, or cannot be typed as one word.
  public static func register(_ type: any BuiltInEncoder.Type) throws { try registry.register(type) }

  private static let registry = Registry<any BuiltInEncoder.Type>(
    of: "an encoder", [HOGColourEncoder.self, HashedNGramEncoder.self, LogSpectrogramEncoder.self],
    reserved: (pretrained + scripted + preparing).map { $0.name }
      + TrainedArchitecture.allCases.map(\.rawValue) + ["torchscript", "mllm", "mllm-image", "mllm-text"]
  ) { $0.name }

  /// Those that need a folder.
  public static let pretrained: [any PretrainedEncoder.Type] = [
    PretrainedImageEncoder.self,
    PretrainedTextEncoder.self,
  ]

  /// Those that are programs in files.
  public static let scripted: [any TorchScriptEncoder.Type] = [
    TorchScriptImageEncoder.self,
    TorchScriptTextEncoder.self,
    TorchScriptAudioEncoder.self,
  ]

  /// Those that leave the encoding to the model.
  public static let preparing: [any RawEncoder.Type] = [PixelPreprocessor.self, TokenEncoder.self]

  /// The encoders of a kind of input.
  public static func encoders(of kind: RawInput.Kind) -> [any BuiltInEncoder.Type] { all.filter { $0.kind == kind } }

  /// The built-in encoder of that name, or the default for `nil`.
  ///
  /// - Throws: ``EncoderError/unknown(name:kind:known:)``.
  public static func encoder(named name: String? = nil, of kind: RawInput.Kind) throws -> any BuiltInEncoder.Type {
    let known = encoders(of: kind)
    if let found = known.first(where: { name == nil || $0.name == name }) { return found }
    throw EncoderError.unknown(name: name ?? "", kind: kind, known: known.map { $0.name })
  }

  /// An encoder by name, or from a checkpoint folder where a folder is named; the default for `nil`.
  ///
  /// - Parameters:
  ///   - settings: of a checkpoint; a built-in encoder takes none of them.
  ///   - further: those of parts that stand on this one, by their prefixes.
  ///   - warn: is told what a person must know before code out of a file is run.
  /// - Throws: ``EncoderError``, ``CheckpointError``, ``ScriptError``.
  public static func make(
    _ name: String?, of kind: RawInput.Kind, settings: PretrainedSettings = PretrainedSettings(),
    further: [any PrefixedEncoder.Type] = [], warn: (String) -> Void = { _ in }
  ) throws -> any RawEncoder {
    let known = encoders(of: kind)
    if let name, let found = try prefixed(name, of: kind, settings, further) { return found }
    if let name, name.hasPrefix(scriptPrefix) {
      let file = String(name.dropFirst(scriptPrefix.count))
      guard let type = scripted.first(where: { $0.kind == kind }), !file.isEmpty else {
        throw EncoderError.settings(
          encoder: name, reason: "torchscript:FILE names the file of a module")
      }
      let url = URL(filePath: (file as NSString).expandingTildeInPath)
      guard FileManager.default.fileExists(atPath: url.path) else { throw ScriptError.noFile(url.path) }
      warn(warning(url.relativePath))
      return try type.init(file: url, settings: settings)
    }
    if let name, let found = try preparing(name, of: kind) {
      if settings.pooling != nil { throw EncoderError.noPooling(encoder: name) }
      return found
    }
    if let name, kind != .audio, !known.contains(where: { $0.name == name }) {
      let folder = URL(filePath: (name as NSString).expandingTildeInPath)
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder)
      if exists && isFolder.boolValue, let type = pretrained.first(where: { $0.kind == kind }) {
        return try type.init(folder: folder, settings: settings)
      }
      if exists, CheckpointWeights.isPickle(name) {
        throw CheckpointError.pickled(file: folder.lastPathComponent, in: folder.deletingLastPathComponent().path)
      }
      if exists || name.contains("/") { throw CheckpointError.noFolder(folder.path) }
    }
    let encoder = try encoder(named: name, of: kind).init()
    if settings.pooling != nil { throw EncoderError.noPooling(encoder: type(of: encoder).name) }
    return encoder
  }

  /// `mllm:FOLDER`; nil for a name without one of the prefixes.
  private static func prefixed(
    _ name: String, of kind: RawInput.Kind, _ settings: PretrainedSettings, _ further: [any PrefixedEncoder.Type]
  ) throws -> (any RawEncoder)? {
    guard let named = further.first(where: { name.hasPrefix("\($0.prefix):") }) else { return nil }
    let folder = String(name.dropFirst(named.prefix.count + 1))
    guard let type = further.first(where: { $0.prefix == named.prefix && $0.kind == kind }) else {
      throw EncoderError.settings(encoder: name, reason: "it makes nothing of \(kind.rawValue)")
    }
    guard !folder.isEmpty else {
      throw EncoderError.settings(encoder: name, reason: "\(named.prefix):FOLDER names the folder of a model")
    }
    return try type.init(folder: URL(filePath: (folder as NSString).expandingTildeInPath), settings: settings)
  }

  private static let scriptPrefix = "torchscript:"

  private static func warning(_ file: String) -> String {
    "'\(file)' is a program and not only weights: it runs as you and may do whatever its author wrote; "
      + "use it only where you trust them"
  }

  /// `pixels`, `pixels:64`, `pixels:FOLDER` or `tokens:FOLDER`; nil for any other name.
  private static func preparing(_ name: String, of kind: RawInput.Kind) throws -> (any RawEncoder)? {
    let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
    let argument = parts.count == 2 ? parts[1] : ""
    let folder = URL(filePath: (argument as NSString).expandingTildeInPath)
    switch (parts.first, kind) {
    case (PixelPreprocessor.name, .image):
      if argument.isEmpty { return try PixelPreprocessor() }
      if let side = Int(argument) { return try PixelPreprocessor(side: side) }
      return try PixelPreprocessor(folder: folder)
    case (TokenEncoder.name, .text):
      guard !argument.isEmpty else {
        throw EncoderError.settings(encoder: name, reason: "tokens are a checkpoint's: tokens:FOLDER")
      }
      guard FileManager.default.fileExists(atPath: folder.path) else { throw CheckpointError.noFolder(folder.path) }
      return try TokenEncoder(folder: folder)
    default: return nil
    }
  }

  /// The encoder that was stored under that name.
  ///
  /// - Parameters:
  ///   - further: those of parts that stand on this one.
  ///   - warn: is told what a person must know before code out of a file is run.
  public static func restored(
    named name: String, of kind: RawInput.Kind, version: String?, further: [any PrefixedEncoder.Type] = [],
    warn: (String) -> Void = { _ in }, from state: () throws -> EncoderState
  ) throws -> any RawEncoder {
    let type: any RawEncoder.Type =
      try (pretrained + preparing + scripted + further).first { $0.name == name && $0.kind == kind }
      ?? encoder(
        named: name, of: kind)
    guard version == "\(type.version)" else {
      throw EncoderError.otherVersion(encoder: name, stored: version, current: type.version)
    }
    let state = try state()
    if scripted.contains(where: { $0.name == name }) { warn(warning(ScriptReader.file(of: state) ?? name)) }
    return try type.init(restoring: state)
  }
}
