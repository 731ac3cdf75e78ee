import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Encoders

/// Encoders within a model, held against PyTorch's numbers (`scripts/reference/trained.py`).
@Suite("Encoders that are trained")
struct TrainedNetworkTests {
  private static let modality = Modality("image")

  private func model(_ encoder: TrainedNetwork, seed: Int = 0) throws -> MultimodalModel {
    Conditions.prepare()
    return try MultimodalModel(
      modalities: [Self.modality], inputWidths: [0], embeddingWidths: [2], classes: 2, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: seed)), encoders: [Self.modality: encoder])
  }

  private func golden(_ name: String) throws -> SafeTensors {
    try SafeTensors(reading: Conditions.golden("trained/\(name).safetensors"))
  }

  private func encoder(_ name: String, reading inputs: Tensor) throws -> TrainedNetwork {
    let form = try #require(InputForm(shape: inputs.shape, type: inputs.elementType))
    return try TrainedNetwork(name, reading: form)
  }

  /// Σ features · g / B with g[j] = sin(0.3 j + 1).
  private func loss(_ features: Tensor) throws -> Tensor {
    let direction = try (Tensor.arange(0..<features.count).to(.float64) * 0.3 + 1).sine().reshaped(features.shape)
    return try (features * direction.to(features.elementType)).sum() / Double(features.shape[0])
  }

  private func parameter(_ model: MultimodalModel, _ name: String) throws -> Parameter {
    try #require(model.store[ParameterPath("encoder.image.\(name)")], "\(name)")
  }

  @Test(
    "a checkpoint's features, gradients and running means in training are PyTorch's",
    arguments: ["vit", "clip", "resnet", "bert", "distilbert", "roberta"])
  func fineTuning(name: String) throws {
    let expected = try golden("checkpoints")
    let inputs = try expected.tensor("\(name)/inputs")
    let model = try model(
      TrainedNetwork(
        Checkpoints.folder(name).path, reading: #require(InputForm(shape: inputs.shape, type: inputs.elementType)),
        pooling: name == "clip" ? .projected : name == "resnet" ? .pooler : .cls))
    let statistics = BatchStatistics()
    let features = try model.encoded(Self.modality, inputs, noting: statistics)
    #expect(try difference(features, expected.tensor("\(name)/features")) < 1e-5)
    let found = try Gradients(of: loss(features), model.store)
    try statistics.apply()
    var compared = 0
    for entry in expected.entries {
      let parts = entry.name.split(separator: "/").map(String.init)
      guard parts.count == 3, parts[0] == name else { continue }
      compared += 1
      let value = try expected.tensor(entry.name)
      let parameter = try parameter(model, parts[2])
      if parts[1] == "statistic" {
        #expect(try difference(parameter.tensor, value) < 1e-5, "\(parts[2])")
      } else {
        let gradient = try #require(try found[parameter.path], "\(parts[2])")
        let scale = try max(1, value.abs().max().scalar())
        #expect(try difference(gradient, value) < 1e-5 * scale, "\(parts[2])")
      }
    }
    // Whatever has a gradient here has one there.
    #expect(try compared > 10 && found.named().count <= compared)
  }

  @Test(
    "an architecture of our own is PyTorch's, in training and afterwards",
    arguments: ["small-cnn", "resnet-18", "vit-tiny"])
  func architectures(name: String) throws {
    let expected = try golden("architectures")
    let inputs = try expected.tensor("\(name)/inputs")
    let encoder = try encoder(name, reading: inputs)
    let model = try model(encoder)
    for (weight, shape) in encoder.form.weights where !weight.contains("running_") {
      let count = shape.reduce(1, *)
      let wave = try (Tensor.arange(0..<count).to(.float64) * 0.7 + Double(weight.count)).sine().reshaped(shape)
      let value =
        shape.count > 1
        ? try wave * (1.7 / Double(shape.dropFirst().reduce(1, *)).squareRoot())
        : weight.hasSuffix("weight") ? try wave * 0.2 + 1 : try wave * 0.1
      try parameter(model, weight).tensor.copy(from: value)
    }
    let statistics = BatchStatistics()
    let features = try model.encoded(Self.modality, inputs, noting: statistics)
    #expect(try difference(features, expected.tensor("\(name)/features")) < 1e-4)
    let found = try Gradients(of: loss(features), model.store)
    try statistics.apply()
    for weight in encoder.form.weights.keys {
      guard !weight.contains("running_") else {
        let value = try expected.tensor("\(name)/statistic/\(weight)")
        #expect(try difference(parameter(model, weight).tensor, value) < 1e-4, "\(weight)")
        continue
      }
      let gradient = try #require(try found[parameter(model, weight).path], "\(weight)").flattened().to(.float64)
      let cosine = try (Tensor.arange(0..<gradient.count).to(.float64) * 0.11 + Double.pi / 2).sine()
      let told: [Double] = try expected.tensor("\(name)/gradient/\(weight)").array()
      let length = try gradient.norm().scalar()
      #expect(abs(length - told[0]) < 1e-3 * max(told[0], 1e-2), "\(weight)")
      #expect(abs(try gradient.dot(cosine).scalar() - told[1]) < 2e-3 * max(told[0], 1e-2), "\(weight)")
    }
    let after = try withoutGradients { try model.encoded(Self.modality, inputs) }
    let evaluated = try expected.tensor("\(name)/evaluated")
    #expect(try difference(after, evaluated) < 1e-3 * max(1, evaluated.abs().max().scalar()))
  }

  /// A checkpoint of these probabilities of dropout, its model, and inputs for it.
  private func dropping(
    _ name: String, _ shares: [String: Double], in folder: URL
  ) throws -> (model: MultimodalModel, encoder: TrainedNetwork, inputs: Tensor) {
    let inputs = try golden("checkpoints").tensor("\(name)/inputs")
    let copy = try Checkpoints.copy(name, in: folder.appending(path: "\(shares.count)")) { table in
      for key in table.keys where key.contains("dropout") { table[key] = nil }
      func set(_ table: inout [String: Any]) { for (key, share) in shares { table[key] = share } }
      if var part = table["vision_config"] as? [String: Any] {
        set(&part)
        table["vision_config"] = part
      } else {
        set(&table)
      }
    }
    let encoder = try TrainedNetwork(
      copy.path, reading: #require(InputForm(shape: inputs.shape, type: inputs.elementType)),
      pooling: name == "clip" ? .projected : .cls)
    return (try model(encoder), encoder, inputs)
  }

  private func dropout(_ share: Double?, pass: Int, seed: Int = 0) -> EncoderDropout {
    EncoderDropout(share: share, RandomSource(seed: seed), pass: "\(pass)")
  }

  @Test(
    "dropout is where the architecture has it: with a checkpoint's probabilities, and transformers' where it says none",
    arguments: [
      ("bert", 4, 0.1), ("roberta", 4, 0.1), ("distilbert", 3, 0.1), ("vit", 4, 0), ("clip", 1, 0), ("resnet", 0, 0),
    ])
  func dropoutPlaces(name: String, places: Int, usual: Double) throws {
    try withTemporaryFolder { folder in
      guard places > 0 else {
        let network = try TrainedNetwork(
          Checkpoints.folder(name).path, reading: .pixels(height: 64, width: 64), pooling: .pooler)
        #expect(network.dropouts.isEmpty)
        return
      }
      #expect(try dropping(name, [:], in: folder).encoder.dropouts == Array(repeating: usual, count: places))
      let isDistilled = name == "distilbert"
      let attention = isDistilled || name == "clip" ? "attention_dropout" : "attention_probs_dropout_prob"
      let hidden = isDistilled ? "dropout" : "hidden_dropout_prob"
      let found = try dropping(name, [attention: 0.25, hidden: 0.5], in: folder).encoder.dropouts
      #expect(found == [0.25] + Array(repeating: 0.5, count: places - 1))
      #expect(throws: CheckpointError.self) {
        try dropping(name, [attention: 1, "a": 0, "b": 0], in: folder)
      }
    }
  }

  @Test(
    "dropout is drawn from its pass alone, and leaves evaluation and frozen encoders as they are",
    arguments: ["bert", "distilbert", "roberta", "vit", "clip"])
  func dropout(name: String) throws {
    try withTemporaryFolder { folder in
      let (model, _, inputs) = try dropping(name, [:], in: folder)
      func features(_ dropout: EncoderDropout?) throws -> Tensor {
        try model.encoded(Self.modality, inputs, dropping: dropout)
      }
      let plain = try features(nil)
      #expect(try difference(features(dropout(0, pass: 1)), plain) == 0)
      let dropped = try features(dropout(0.1, pass: 1))
      #expect(try difference(dropped, plain) > 1e-3)
      #expect(try difference(features(dropout(0.1, pass: 1)), dropped) == 0)
      #expect(try difference(features(dropout(0.1, pass: 2)), dropped) > 1e-3)
      #expect(try difference(features(dropout(0.1, pass: 1, seed: 1)), dropped) > 1e-3)
      // Transformers' own: 0.1 for the family of BERT, none for the others.
      let own = try features(dropout(nil, pass: 1))
      #expect(try difference(own, ["vit", "clip"].contains(name) ? plain : dropped) == 0)

      let evaluated = try withoutGradients { try features(dropout(0.5, pass: 1)) }
      #expect(try difference(evaluated, plain) < 1e-5)
      try model.store.freeze(Self.modality.encoder)
      #expect(try difference(features(dropout(0.5, pass: 1)), plain) < 1e-5)
    }
  }

  /// Its inputs as features, of which some are left out.
  private struct Sieve: TrainedEncoder, EncoderNetwork {
    let width = 50
    func makeNetwork(_ scope: Scope) throws(TorchError) -> any EncoderNetwork {
      _ = try scope.parameter("weight", [1], .ones)
      return self
    }
    func callAsFunction(_ inputs: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
      try pass.dropping(0.25, of: inputs)
    }
  }

  @Test("of what dropout leaves out the rest makes up for: each number is 0 or x/(1 − p), and x on average")
  func expectation() throws {
    let model = try MultimodalModel(
      modalities: [Self.modality], inputWidths: [0], embeddingWidths: [2], classes: 2, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: 0)), encoders: [Self.modality: Sieve()])
    let inputs = try Tensor.zeros([400, 50]) + 3
    for (share, expected) in [(nil, 0.25), (0.5, 0.5)] as [(Double?, Double)] {
      let numbers: [Double] = try model.encoded(Self.modality, inputs, dropping: dropout(share, pass: 0)).array()
      #expect(numbers.allSatisfy { $0 == 0 || abs($0 - 3 / (1 - expected)) < 1e-5 })
      // 20,000 numbers: 0.003 is a deviation of their share.
      #expect(abs(Double(numbers.count { $0 == 0 }) / 20_000 - expected) < 0.015)
    }
  }

  @Test("attention whose weights are looked at for dropout is the usual one, masked and causal alike")
  func attentionWeights() throws {
    for name in ["bert", "clip-text-projected"] {
      let inputs = try Tensor([5, 6, 7, 8, 5, 6, 0, 0], shape: [2, 4]).to(.int32)
      let encoder = try TrainedNetwork(Checkpoints.folder(name).path, reading: .tokens(length: 4))
      let model = try model(encoder)
      let plain = try model.encoded(Self.modality, inputs)
      // So few that nothing is left out, and the other path is taken.
      let dropped = try model.encoded(Self.modality, inputs, dropping: dropout(1e-12, pass: 0))
      #expect(try difference(dropped, plain) < 1e-5, "\(name)")
    }
  }

  @Test("every weight begins by its own name: another encoder beside it changes none")
  func beginnings() throws {
    let encoder = try TrainedNetwork("small-cnn", reading: .pixels(height: 16, width: 16))
    let alone = try model(encoder)
    let two = try MultimodalModel(
      modalities: ["sound", Self.modality], inputWidths: [0, 0], embeddingWidths: [2, 2], classes: 2,
      task: .singleLabel, store: ParameterStore(random: RandomSource(seed: 0)),
      encoders: ["sound": encoder, Self.modality: encoder])
    for name in encoder.form.weights.keys {
      let values: [Double] = try parameter(alone, name).tensor.array()
      #expect(try parameter(two, name).tensor.array() == values)
    }
    let other = try model(encoder, seed: 1)
    let name = "layers.0.convolution.weight"
    #expect(try difference(parameter(alone, name).tensor, parameter(other, name).tensor) > 0.01)
  }

  @Test("what is not there is not encoded: zeros stand for it, and no statistic knows of it")
  func absent() throws {
    let model = try model(TrainedNetwork("small-cnn", reading: .pixels(height: 16, width: 16)))
    let bytes = numbers(3 * 3 * 256, in: 1...255)
    let pictures = try Tensor(bytes, shape: [3, 3, 16, 16]).to(.uint8)
    let gaps = try Tensor.cat(
      [
        pictures.narrowed(0, from: 0, length: 2), .zeros([1, 3, 16, 16], .uint8),
        pictures.narrowed(0, from: 2, length: 1),
      ],
      0)
    let (own, others) = (BatchStatistics(), BatchStatistics())
    let found = try model.encoded(Self.modality, gaps, noting: own)
    let whole = try model.encoded(Self.modality, pictures, noting: others)
    #expect(try values(found.selected(0, 2)).allSatisfy { $0 == 0 })
    #expect(try difference(found.selected(0, 3), whole.selected(0, 2)) < 1e-6)
    let nothing = try model.encoded(Self.modality, .zeros([2, 3, 16, 16], .uint8))
    #expect(try nothing.shape == [2, 256] && values(nothing).allSatisfy { $0 == 0 })

    let name = "layers.0.normalization.running_mean"
    let first = try model.store.snapshot()
    try own.apply()
    let one: [Double] = try parameter(model, name).tensor.array()
    try model.store.restore(first)
    try others.apply()
    #expect(try allClose(parameter(model, name).tensor.array(), one, absolute: 1e-6))
    #expect(one.contains { $0 != 0 })
  }

  @Test("a frozen normalization keeps its statistics and takes them in training")
  func frozen() throws {
    let model = try model(TrainedNetwork("small-cnn", reading: .pixels(height: 16, width: 16)))
    let pictures = try Tensor(numbers(2 * 3 * 256, in: 1...255), shape: [2, 3, 16, 16]).to(.uint8)
    let evaluated = try withoutGradients { try model.encoded(Self.modality, pictures) }
    #expect(try difference(model.encoded(Self.modality, pictures), evaluated) > 1e-3)
    try model.store.freeze("encoder.image")
    let statistics = BatchStatistics()
    let features = try model.encoded(Self.modality, pictures, noting: statistics)
    #expect(try difference(features, evaluated) == 0)
    let before = try model.store.snapshot()
    try statistics.apply()
    #expect(try difference(model.store.flat(), before) == 0)
  }

  @Test("what sentence-transformers puts behind a network is trained with it, and is what texts are encoded with")
  func sentences() throws {
    let folder = Checkpoints.folder("sentence")
    let (tokens, plain) = (try TokenEncoder(folder: folder), try PretrainedTextEncoder(folder: folder))
    let texts = ["a red ball", "two small blue boxes and a hat", "!"]
    let read = try tokens.encode(texts.map { try tokens.prepare(.text($0)) }, threads: 1)
    let inputs = try Tensor(read, shape: [texts.count, tokens.width]).to(.int32)
    let encoder = try TrainedNetwork(folder.path, reading: .tokens(length: tokens.width))
    let model = try model(encoder)
    let features = try model.encoded(Self.modality, inputs)
    let rows = try plain.encode(texts.map { try plain.prepare(.text($0)) }, threads: 1)
    #expect(encoder.width == plain.width)
    #expect(try difference(features, Tensor(rows, shape: [texts.count, plain.width])) < 1e-5)
    let found = try Gradients(of: loss(features), model.store)
    let dense = try #require(try found[parameter(model, "dense.0.weight").path])
    #expect(try dense.abs().max().scalar() > 1e-4)
    let again = try self.model(TrainedNetwork(encoder.form))
    try again.store.restore(model.store.snapshot())
    #expect(try difference(again.encoded(Self.modality, inputs), features) == 0)
    let alone = try TrainedNetwork(folder.path, reading: .tokens(length: tokens.width), pooling: .mean)
    #expect(alone.width == 16 && alone.sha256 != encoder.sha256)
  }

  @Test(
    "products are bfloat16 where a graph is recorded and it is asked for, all else float32",
    arguments: ["bert", "vit", "resnet"])
  func shortProducts(name: String) throws {
    let inputs = try golden("checkpoints").tensor("\(name)/inputs")
    let encoder = try encoder(Checkpoints.folder(name).path, reading: inputs)
    func model(_ type: ElementType?) throws -> MultimodalModel {
      Conditions.prepare()
      return try MultimodalModel(
        modalities: [Self.modality], inputWidths: [0], embeddingWidths: [2], classes: 2, task: .singleLabel,
        store: ParameterStore(random: RandomSource(seed: 0), productType: type), encoders: [Self.modality: encoder])
    }
    let (exact, short) = (try model(nil), try model(.bfloat16))
    let (plain, rounded) = (try exact.encoded(Self.modality, inputs), try short.encoded(Self.modality, inputs))
    let off = try difference(plain, rounded) / plain.abs().max().scalar()
    #expect(rounded.elementType == .float32 && off > 1e-6 && off < 0.1)
    let gradients = try Gradients(of: loss(plain), exact.store)
    let others = try Gradients(of: loss(rounded), short.store)
    let angle = try gradients.dot(others) / (gradients.norm() * others.norm())
    #expect(angle > 0.95)
    let (one, other) = try withoutGradients {
      (try exact.encoded(Self.modality, inputs), try short.encoded(Self.modality, inputs))
    }
    #expect(try difference(one, other) == 0)
  }

  @Test("a form is all that is needed to build an encoder again")
  func forms() throws {
    for name in ["bert", "vit", "resnet"] {
      let inputs = try golden("checkpoints").tensor("\(name)/inputs")
      let first = try encoder(Checkpoints.folder(name).path, reading: inputs)
      let form = try Tree(json: Tree(encoding: first.form, keys: .asNamed).json()).decode(
        TrainedForm.self, keys: .asNamed)
      #expect(form == first.form && first.sha256 != nil)
      let (one, other) = (try model(first), try model(TrainedNetwork(form)))
      try other.store.restore(one.store.snapshot())
      let (a, b) = try withoutGradients {
        (try one.encoded(Self.modality, inputs), try other.encoded(Self.modality, inputs))
      }
      #expect(try difference(a, b) == 0)
    }
  }

  @Test("what cannot be built is refused with a sentence")
  func refusals() throws {
    let pixels = InputForm.pixels(height: 32, width: 32)
    let unknown = #expect(throws: EncoderError.self) { try TrainedNetwork("resnet-81", reading: pixels) }
    #expect(unknown?.diagnosis.remedy == "did you mean 'resnet-18'?")
    #expect(throws: EncoderError.self) { try TrainedNetwork("resnet-18", reading: .pixels(height: 16, width: 16)) }
    #expect(throws: EncoderError.self) { try TrainedNetwork("small-cnn", reading: pixels, pooling: .cls) }
    #expect(throws: CheckpointError.self) { try TrainedNetwork("/no/such/folder", reading: pixels) }
    #expect(throws: CheckpointError.self) { try TrainedNetwork(Checkpoints.folder("bert").path, reading: pixels) }
    #expect(throws: EncoderError.self) {
      try TrainedNetwork(Checkpoints.folder("bert").path, reading: .tokens(length: 13))
    }
    #expect(throws: CheckpointError.self) {
      try TrainedNetwork(Checkpoints.folder("vit").path, reading: pixels, pooling: .last)
    }
  }
}

@Suite("Pixels and tokens")
struct PreparingEncoderTests {
  @Test("a picture is fitted into the square, channel by channel, and a black one is all zeros")
  func pixels() throws {
    let encoder = try #require(try EncoderRegistry.make("pixels:8", of: .image) as? PixelPreprocessor)
    #expect(encoder.form == .pixels(height: 8, width: 8) && encoder.width == 192)
    let red = RGBImage(width: 4, height: 2, pixels: (0..<8).flatMap { _ in [200, 10, 30] as [UInt8] })
    let row = try encoder.encode(.image(red))
    // White above and below.
    #expect(row[0] == 255 && row[8 * 3] == 200 && row[64 + 8 * 3] == 10 && row[128 + 8 * 3] == 30)
    #expect(try encoder.encode(.missing(.image)).allSatisfy { $0 == 0 })
    let again = try PixelPreprocessor(restoring: encoder.state())
    #expect(try again.identity == encoder.identity && again.encode(.image(red)) == row)
    #expect(throws: EncoderError.self) { try EncoderRegistry.make("pixels:4", of: .image) }
  }

  @Test("tokens are a checkpoint's, plus one, and an empty text has none")
  func tokens() throws {
    let folder = Checkpoints.folder("sentence")
    let encoder = try EncoderRegistry.make("tokens:\(folder.path)", of: .text)
    let plain = try PretrainedTextEncoder(folder: folder)
    let row = try encoder.encode(.text("a text"))
    let expected = try plain.prepare(.text("a text")).indices.map { Float($0 + 1) }
    #expect(Array(row.prefix(expected.count)) == expected && row.dropFirst(expected.count).allSatisfy { $0 == 0 })
    #expect(encoder.form == .tokens(length: row.count) && !expected.isEmpty)
    #expect(try encoder.encode(.missing(.text)).allSatisfy { $0 == 0 })
    let again = try EncoderRegistry.restored(named: "tokens", of: .text, version: "1") { try encoder.state() }
    #expect(try again.identity == encoder.identity && again.encode(.text("a text")) == row)
    #expect(throws: EncoderError.self) { try EncoderRegistry.make("tokens", of: .text) }
  }
}
