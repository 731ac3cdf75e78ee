import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Encoders

@Suite("TorchScript encoders")
struct TorchScriptEncoderTests {
  private static let home = Conditions.golden("torchscript")

  private struct Expected: Decodable {
    let pictures: [String]
    let texts: [String]
    let rows: [String: [[Float]]]
  }

  private let expected: Expected

  init() throws {
    Conditions.prepare()
    expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: Self.home.appending(path: "expected.json")))
  }

  private func file(_ path: String) -> URL { Self.home.appending(path: path) }

  private func settings(_ pooling: Pooling?) -> PretrainedSettings {
    var settings = PretrainedSettings()
    settings.pooling = pooling
    return settings
  }

  private func expectRows(_ encoder: any RawEncoder, _ inputs: [RawInput], _ name: String) throws {
    let right = try #require(expected.rows[name])
    let rows = try encoder.encode(inputs.map { try encoder.prepare($0) }, threads: 1)
    #expect(encoder.width == right[0].count && rows.count == right.count * encoder.width, "\(name)")
    #expect(zip(rows, right.joined()).allSatisfy { abs($0 - $1) <= 1e-5 }, "\(name)")
  }

  @Test(
    "what a module makes of pictures is what PyTorch makes of them",
    arguments: [
      ("plain", "plain", nil), ("traced", "traced", nil), ("single", "single", nil),
      ("places", "places-pooler", Pooling.pooler), ("places", "places-mean", .mean), ("places", "places-max", .max),
    ])
  func pictures(module: String, rows: String, pooling: Pooling?) throws {
    let encoder = try TorchScriptImageEncoder(file: file("pictures/\(module).pt"), settings: settings(pooling))
    let inputs = try expected.pictures.map {
      RawInput.image(try RGBImage(contentsOf: Checkpoints.folder("processors").appending(path: "\($0).png")))
    }
    try expectRows(encoder, inputs, rows)
  }

  @Test(
    "what a module makes of tokens, mask and segments is what PyTorch makes of them",
    arguments: [("words-pooler", Pooling.pooler), ("words-cls", .cls), ("words-mean", .mean)])
  func texts(rows: String, pooling: Pooling) throws {
    let encoder = try TorchScriptTextEncoder(file: file("texts/words.pt"), settings: settings(pooling))
    try expectRows(encoder, expected.texts.map { .text($0) }, rows)
  }

  @Test(
    "what a module makes of sounds is what PyTorch makes of them, at the processor's rate and scale",
    arguments: [("sounds-pooler", Pooling.pooler), ("sounds-mean", .mean), ("sounds-last", .last)])
  func sounds(rows: String, pooling: Pooling) throws {
    let encoder = try TorchScriptAudioEncoder(file: file("sounds/sounds.pt"), settings: settings(pooling))
    func wave(_ count: Int, _ step: Double) -> RawInput {
      .audio(Waveform(rate: 8000, samples: (0..<count).map { Float(0.25 + 0.5 * sin(step * Double($0))) }))
    }
    let inputs = [wave(4000, 0.05), wave(1600, 0.31)]
    try expectRows(encoder, inputs, rows)
    // A sound alone gives the bits that it gives among others.
    let prepared = try inputs.map { try encoder.prepare($0) }
    let both = try encoder.encode(prepared, threads: 1)
    #expect(try encoder.encode([prepared[1]], threads: 1) == Array(both.suffix(encoder.width)))
    let restored = try TorchScriptAudioEncoder(restoring: encoder.state())
    #expect(try restored.identity == encoder.identity && restored.encode(prepared, threads: 1) == both)
  }

  @Test("a module of sounds that cannot be is refused with the reason")
  func otherSounds() throws {
    func refusal(_ path: String, _ pooling: Pooling? = nil) -> String {
      do {
        _ = try TorchScriptAudioEncoder(file: file(path), settings: settings(pooling))
        return "taken"
      } catch { return "\(Diagnosis(describing: error))" }
    }
    #expect(refusal("sounds/sounds.pt").contains("answer cannot be taken"))
    #expect(refusal("texts/words.pt").contains("the checkpoint has no preprocessor_config.json"))
    try withTemporaryFolder { place in
      try FileManager.default.copyItem(at: file("sounds/sounds.pt"), to: place.appending(path: "m.pt"))
      let config = place.appending(path: "preprocessor_config.json")
      for text in [#"{"feature_extractor_type": "WhisperFeatureExtractor"}"#, #"{"sampling_rate": 3}"#] {
        try Data(text.utf8).write(to: config)
        #expect(throws: CheckpointError.self) {
          try TorchScriptAudioEncoder(file: place.appending(path: "m.pt"), settings: settings(.mean))
        }
      }
      try FileManager.default.copyItem(at: file("pictures/pair.pt"), to: place.appending(path: "pair.pt"))
      try Data("{}".utf8).write(to: config)
      #expect(throws: ScriptError.self) { try TorchScriptAudioEncoder(file: place.appending(path: "pair.pt")) }
    }
  }

  @Test("texts are padded to the length that tokenizer.json fixes")
  func fixed() throws {
    let encoder = try TorchScriptTextEncoder(file: file("fixed/fixed.pt"))
    try expectRows(encoder, expected.texts.map { .text($0) }, "fixed")
  }

  @Test("the same picture gives the same bits at every call, alone and among others")
  func sameBits() throws {
    let encoder = try TorchScriptImageEncoder(file: file("pictures/plain.pt"))
    let one = try encoder.prepare(.missing(.image))
    let first = try encoder.encode([one], threads: 1)
    for _ in 0..<5 { #expect(try encoder.encode([one], threads: 1) == first) }
  }

  @Test("a stored module is the file it was, and says before it runs whose code that is")
  func stored() throws {
    try withTemporaryFolder { place in
      let folder = place.appending(path: "pictures")
      try FileManager.default.copyItem(at: file("pictures"), to: folder)
      let path = folder.appending(path: "places.pt")
      var warnings: [String] = []
      let encoder = try EncoderRegistry.make(
        "torchscript:\(path.path)", of: .image, settings: settings(.mean), warn: { warnings.append($0) })
      #expect(warnings.count == 1 && warnings[0].contains("places.pt' is a program"))
      let state = try encoder.state()
      func restored() throws -> any RawEncoder {
        try EncoderRegistry.restored(
          named: "torchscript-image", of: .image, version: "1", warn: { warnings.append($0) }, from: { state })
      }
      let again = try restored()
      #expect(warnings.count == 2 && warnings[1].contains("places.pt' is a program"))
      #expect(again.identity == encoder.identity)
      #expect(try again.encode(.missing(.image)) == encoder.encode(.missing(.image)))
      let provenance = try #require((encoder as? any ProvenEncoder)?.provenance)
      #expect(
        provenance.file == "places.pt" && provenance.architecture == "torchscript" && provenance.pooling == "mean")

      // Other code, another processor: neither is what the features were made with.
      let other = try TorchScriptImageEncoder(file: folder.appending(path: "plain.pt"))
      #expect(other.identity != encoder.identity && other.provenance.sha256 != provenance.sha256)
      let processor = folder.appending(path: "preprocessor_config.json")
      let before = try Data(contentsOf: processor)
      try Data(#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 9, "width": 9}}"#.utf8)
        .write(to: processor)
      #expect(throws: CheckpointError.self) { try restored() }
      try before.write(to: processor)
      _ = try restored()
      try FileManager.default.removeItem(at: path)
      try FileManager.default.copyItem(at: folder.appending(path: "plain.pt"), to: path)
      #expect(throws: CheckpointError.changed(file: "places.pt", in: provenance.folder)) { try restored() }
    }
  }

  @Test(
    "what cannot be taken for features is refused with the reason",
    arguments: [
      ("pictures/places.pt", nil, "answer cannot be taken"), ("pictures/plain.pt", Pooling.mean, "rows to pool"),
      ("pictures/plain.pt", .projected, "answer cannot be taken"), ("pictures/whole.pt", nil, "int64 [1, 3]"),
      ("pictures/pair.pt", nil, "it takes pixels, scale"), ("pictures/failing.pt", nil, "no such picture"),
      ("pictures/pickle.pt", nil, "not a TorchScript module"),
      ("pictures/preprocessor_config.json", nil, "not a TorchScript module"),
      ("pictures/none.pt", nil, "there is no TorchScript module here"), ("pictures", nil, "no TorchScript module here"),
      ("texts/words.pt", nil, "the checkpoint has no preprocessor_config.json"),
    ])
  func refused(path: String, pooling: Pooling?, words: String) throws {
    do {
      _ = try TorchScriptImageEncoder(file: file(path), settings: settings(pooling))
      Issue.record("\(path) was taken")
    } catch {
      let diagnosis = Diagnosis(describing: error)
      #expect("\(diagnosis)".contains(words), "\(diagnosis)")
    }
  }

  @Test("a module of texts needs a tokenizer, a file must be there, a precision cannot be chosen")
  func limits() throws {
    #expect(throws: TokenizerError.self) { try TorchScriptTextEncoder(file: file("pictures/plain.pt")) }
    #expect(throws: ScriptError.self) { try TorchScriptTextEncoder(file: file("texts/words.pt")) }
    var warned = false
    #expect(throws: ScriptError.self) {
      try EncoderRegistry.make("torchscript:x.pt", of: .audio, warn: { _ in warned = true })
    }
    #expect(throws: EncoderError.self) { try EncoderRegistry.make("torchscript:", of: .image) }
    #expect(throws: ScriptError.self) {
      try EncoderRegistry.make("torchscript:nowhere.pt", of: .image, warn: { _ in warned = true })
    }
    #expect(!warned)
    var settings = PretrainedSettings()
    settings.precision = .bfloat16
    #expect(throws: EncoderError.self) {
      try TorchScriptImageEncoder(file: file("pictures/plain.pt"), settings: settings)
    }
    // Without its prefix it stays what it was: a file that is not run.
    #expect(throws: CheckpointError.pickled(file: "plain.pt", in: file("pictures").path)) {
      try EncoderRegistry.make(file("pictures/plain.pt").path, of: .image)
    }
  }
}
