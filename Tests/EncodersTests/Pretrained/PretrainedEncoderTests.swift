import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Encoders

@Suite("Pretrained encoders")
struct PretrainedEncoderTests {
  private struct Texts: Decodable { let texts: [String] }

  private func texts() throws -> [String] {
    let url = Checkpoints.folder("sentence").appending(path: "texts.json")
    return try JSONDecoder().decode(Texts.self, from: Data(contentsOf: url)).texts
  }

  private func rows(_ encoder: any RawEncoder, _ texts: [String]) throws -> [[Float]] {
    let values = try encoder.encode(texts.map { try encoder.prepare(.text($0)) }, threads: 1)
    return texts.indices.map { Array(values[$0 * encoder.width..<($0 + 1) * encoder.width]) }
  }

  @Test("tokens, two poolings, a dense layer and unit length are sentence-transformers'")
  func sentences() throws {
    let encoder = try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"))
    #expect(encoder.width == 10)
    #expect(encoder.provenance.pooling == "cls+mean")
    let expected = try Checkpoints.expected("sentence")
    for (index, row) in try rows(encoder, texts()).enumerated() {
      let right = try expected.tensor("sentence.\(index)").array(of: Float.self)
      #expect(zip(row, right).allSatisfy { abs($0 - $1) < 1e-5 }, "\(index)")
    }
  }

  @Test("a pooling that is asked for stands alone, without what the modules add")
  func chosen() throws {
    var settings = PretrainedSettings()
    settings.pooling = .mean
    let encoder = try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"), settings: settings)
    let expected = try Checkpoints.expected("sentence")
    for (index, row) in try rows(encoder, texts()).enumerated() {
      let right = try expected.tensor("mean.\(index)").array(of: Float.self)
      #expect(row.count == 16 && zip(row, right).allSatisfy { abs($0 - $1) < 1e-4 }, "\(index)")
    }
    settings.pooling = .projected
    #expect(throws: CheckpointError.self) {
      try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"), settings: settings)
    }
  }

  @Test("rescaled rows have a root mean square of 1 and the same direction")
  func rescaled() throws {
    var settings = PretrainedSettings()
    settings.rescales = true
    let plain = try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"))
    let scaled = try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"), settings: settings)
    #expect(plain.identity != scaled.identity)
    let (a, b) = (try rows(plain, ["a red ball"])[0], try rows(scaled, ["a red ball"])[0])
    #expect(zip(a, b).allSatisfy { abs($0 * Float(10).squareRoot() - $1) < 1e-5 })
  }

  @Test("many texts of many lengths come back in their order")
  func order() throws {
    let encoder = try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"))
    let many = (0..<70).map { Array(repeating: $0 % 2 == 0 ? "red" : "moon", count: $0 % 6).joined(separator: " ") }
    let together = try rows(encoder, many)
    for index in stride(from: 0, to: many.count, by: 7) {
      let alone = try rows(encoder, [many[index]])[0]
      #expect(zip(together[index], alone).allSatisfy { abs($0 - $1) < 1e-5 }, "\(index)")
    }
  }

  @Test("a stored encoder names its folder, and gives the same rows")
  func stored() throws {
    let encoder = try PretrainedTextEncoder(folder: Checkpoints.folder("sentence"))
    let state = try encoder.state()
    #expect(state.arrays.isEmpty)
    let again = try EncoderRegistry.restored(named: "pretrained-text", of: .text, version: "1") { state }
    #expect(again.identity == encoder.identity)
    #expect(try rows(again, texts()) == rows(encoder, texts()))
  }

  @Test("a checkpoint that has changed or gone is not taken for the one that was stored")
  func changed() throws {
    try withTemporaryFolder { place in
      let folder = try Checkpoints.copy("sentence", in: place)
      let state = try PretrainedTextEncoder(folder: folder).state()
      let vocabulary = folder.appending(path: "vocab.txt")
      let text = try String(contentsOf: vocabulary, encoding: .utf8)
      // Written again with the same words, it is the same checkpoint.
      try Data(text.utf8).write(to: vocabulary)
      _ = try PretrainedTextEncoder(restoring: state)
      try Data(text.replacingOccurrences(of: "ball", with: "bell").utf8).write(to: vocabulary)
      let real = folder.standardizedFileURL.resolvingSymlinksInPath().path
      #expect(throws: CheckpointError.changed(file: "vocab.txt", in: real)) {
        try PretrainedTextEncoder(restoring: state)
      }
      try FileManager.default.removeItem(at: folder)
      #expect(throws: CheckpointError.noFolder(real)) { try PretrainedTextEncoder(restoring: state) }
    }
  }

  @Test("a folder is read in the place of a name, and only there")
  func registry() throws {
    let encoder = try EncoderRegistry.make(Checkpoints.folder("sentence").path, of: .text)
    #expect(encoder is PretrainedTextEncoder)
    #expect(try EncoderRegistry.make(nil, of: .text) is HashedNGramEncoder)
    #expect(throws: CheckpointError.self) { try EncoderRegistry.make("./nowhere/at-all", of: .text) }
    #expect(throws: EncoderError.self) { try EncoderRegistry.make("hashed", of: .text) }
    try withTemporaryFolder { place in
      let file = place.appending(path: "model.pt")
      try Data("PK".utf8).write(to: file)
      #expect(throws: CheckpointError.pickled(file: "model.pt", in: place.path)) {
        try EncoderRegistry.make(file.path, of: .image)
      }
    }
    var settings = PretrainedSettings()
    settings.pooling = .cls
    #expect(throws: EncoderError.noPooling(encoder: "hog-colour")) {
      try EncoderRegistry.make(nil, of: .image, settings: settings)
    }
  }

  @Test("pictures of any size go through processor and network as the two do apart")
  func pictures() throws {
    try withTemporaryFolder { place in
      let folder = try Checkpoints.copy("vit", in: place)
      let processors = Checkpoints.folder("processors")
      try Data(
        #"{"image_processor_type": "ViTImageProcessor", "size": {"height": 10, "width": 10}}"#.utf8
      ).write(to: folder.appending(path: "preprocessor_config.json"))
      let encoder = try PretrainedImageEncoder(folder: folder)
      #expect(encoder.width == 16 && encoder.provenance.pooling == "cls")
      let images = try ["wide", "tall", "tiny"].map {
        try RGBImage(contentsOf: processors.appending(path: "\($0).png"))
      }
      let rows = try encoder.encode(images.map { try encoder.prepare(.image($0)) }, threads: 2)
      let network = try PretrainedImageEncoder.network(in: folder, CheckpointWeights(in: folder, as: .float32)).0
      let processor = try #require(try ImageProcessor.found(in: folder))
      for (index, image) in images.enumerated() {
        let pixels = try Tensor(processor(image).values, shape: [1, 3, 10, 10])
        let right = try network.features(pixels, by: .cls).array(of: Float.self)
        #expect(zip(rows[index * 16..<(index + 1) * 16], right).allSatisfy { abs($0 - $1) < 1e-5 })
      }
      let again = try PretrainedImageEncoder(restoring: encoder.state())
      #expect(try again.encode(.missing(.image)) == encoder.encode(.missing(.image)))
      try FileManager.default.removeItem(at: folder.appending(path: "preprocessor_config.json"))
      #expect(throws: CheckpointError.noFile("preprocessor_config.json", in: folder.path)) {
        try PretrainedImageEncoder(folder: folder)
      }
    }
  }

  @Test("a ResNet in torchvision's names needs no configuration")
  func torchvision() throws {
    let encoder = try PretrainedImageEncoder(folder: Checkpoints.folder("resnet-torchvision"))
    #expect(encoder.width == 16)
    #expect(try encoder.encode(.missing(.image)).allSatisfy(\.isFinite))
  }

  @Test("pictures are read from a checkpoint in the layout of sentence-transformers, with what its modules add")
  func sentencePictures() throws {
    try withTemporaryFolder { folder in
      let inner = folder.appending(path: "0_CLIPModel")
      try FileManager.default.copyItem(at: Checkpoints.folder("clip"), to: inner)
      let size = try #require(
        try CheckpointConfiguration(reading: inner.appending(path: "config.json")).nested("vision_config")[
          "image_size"]?
          .intValue)
      let processor =
        #"{"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": \#(size)}, "crop_size": \#(size)}"#
      try Data(processor.utf8).write(to: inner.appending(path: "preprocessor_config.json"))
      func modules(_ more: String) throws {
        let list = #"[{"idx": 0, "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}\#(more)]"#
        try Data(list.utf8).write(to: folder.appending(path: "modules.json"))
      }
      let picture = RawInput.image(
        RGBImage(width: 20, height: 30, pixels: (0..<1800).map { UInt8($0 * 7 % 256) }))
      let plain = try PretrainedImageEncoder(folder: inner).encode(picture)
      try modules("")
      let encoder = try PretrainedImageEncoder(folder: folder)
      #expect(try encoder.encode(picture) == plain)
      #expect(try PretrainedImageEncoder(restoring: encoder.state()).encode(picture) == plain)
      let pixels = try [inner, folder].map { try PixelPreprocessor(folder: $0).prepare(picture) }
      #expect(pixels[0] == pixels[1])
      try modules(#", {"idx": 1, "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"}"#)
      let unit = try PretrainedImageEncoder(folder: folder).encode(picture)
      let length = plain.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(zip(unit, plain).allSatisfy { abs($0 - $1 / length) < 1e-5 })
      // A pooling that is asked for stands alone.
      var settings = PretrainedSettings()
      settings.pooling = .projected
      #expect(try PretrainedImageEncoder(folder: folder, settings: settings).encode(picture) == plain)
    }
  }
}
