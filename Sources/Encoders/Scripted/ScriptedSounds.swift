import Foundation
import Multimodal
import Records
import Torch

/// Sounds under a TorchScript module, one at a time, so that none is padded and no row depends on another.
struct ScriptedSounds: ProvenEncoder {
  static let name = "torchscript-sounds"
  static let version = 1
  static let kind = RawInput.Kind.audio
  static let summary = TorchScriptImageEncoder.summary

  let width: Int
  let provenance: EncoderProvenance
  let identity: String
  private let processor: SoundProcessor
  private let script: Frozen<Script>
  private let settings: PretrainedSettings

  init(_ script: Script, _ processor: SoundProcessor, settings: PretrainedSettings, stamp: CheckpointStamp) throws {
    guard script.module.required <= 1, !script.module.arguments.isEmpty else {
      throw ScriptError.arguments(script.module.arguments, file: script.file, reads: .audio)
    }
    self.script = Frozen(script)
    self.processor = processor
    self.settings = settings
    let pooling = (script.pooling ?? .pooler).rawValue
    provenance = EncoderProvenance(
      folder: stamp.folder, sha256: stamp.digest, architecture: "torchscript", pooling: pooling,
      precision: settings.precision.rawValue, rescales: settings.rescales)
    identity = "\(Self.name) \(Self.version) \(stamp.digest) \(pooling) \(settings.identity)"
    width = try Self.row(processor(.silence), script).count
  }

  init(restoring state: EncoderState) throws {
    throw EncoderError.unreadableState(encoder: Self.name, reason: "it is stored with its file")
  }

  /// Features of samples, which the module is given as [1, T].
  private static func row(_ samples: [Float], _ script: Script) throws -> [Float] {
    try withoutGradients {
      let rows = try script.rows([Tensor(samples, shape: [1, samples.count])], count: 1)
      return try (script.pooling?(rows) ?? rows).array()
    }
  }

  var chunk: Int { 8 * max(2, Runtime.threads) }

  func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .audio(let sound) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    return PreparedInput(values: processor(sound))
  }

  func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    let rows = try Runtime.parallelFor(inputs.count) { [script] in try Self.row(inputs[$0].values, script.network) }
    if let other = rows.first(where: { $0.count != width }) {
      throw ScriptError.output(
        "\(other.count) features", file: script.network.file, expected: "\(width), as of a second of silence")
    }
    return settings.finished(rows.flatMap { $0 }, width: width)
  }

  func state() throws -> EncoderState { EncoderState(json: Data("{}".utf8)) }
}

/// What a sound becomes before a network is given it, as `preprocessor_config.json` says: its rate, and whether it is brought
/// to mean 0 and deviation 1.
struct SoundProcessor {
  let rate: Int
  private let normalizes: Bool

  init(in folder: URL) throws {
    let configuration = try CheckpointConfiguration(reading: folder.appending(path: "preprocessor_config.json"))
    // Others make spectrograms of their own, which belongs into the module.
    try configuration.require("feature_extractor_type", .string("Wav2Vec2FeatureExtractor"))
    try configuration.require("feature_size", .int(1))
    rate = try configuration.count("sampling_rate", default: 16_000)
    guard (1000...200_000).contains(rate) else {
      throw configuration.malformed("sampling_rate", "from 1000 to 200000 samples a second")
    }
    normalizes = try configuration.flag("do_normalize", default: true)
  }

  func callAsFunction(_ sound: Waveform) -> [Float] {
    let samples = sound.resampled(to: rate).samples
    guard normalizes else { return samples }
    let count = Double(samples.count)
    let mean = samples.reduce(0) { $0 + Double($1) } / count
    let variance = samples.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
    let scale = 1 / (variance + 1e-7).squareRoot()
    return samples.map { Float((Double($0) - mean) * scale) }
  }
}
