import Foundation
import Multimodal
import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("Language models of every family")
struct DecoderLanguageModelTests {
  @Test("pictures become transformers' numbers and rows", arguments: GoldenModels.withPictures)
  func pictures(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    #expect(model.seesPictures)
    for (index, picture) in try GoldenModels.pictures(expected).enumerated() {
      let prepared = try model.prepare(picture)
      let pixels = try expected.tensor("pixels.\(index)")
      #expect(try difference(Tensor(prepared.values, shape: prepared.shape), pixels) < 1e-5, "picture \(index)")
      let rows = try withoutGradients { try model.rows(of: prepared) }
      #expect(try difference(rows, expected.tensor("rows.\(index)")) < 1e-4, "picture \(index)")
      let placeholders = model.text(for: prepared).reduce(0) { sum, piece in
        guard case .image(let count) = piece else { return sum }
        return sum + count
      }
      #expect(placeholders == (model.imageToken == nil ? 0 : prepared.tokenCount))
    }
  }

  @Test("every layer's rows and the logits are transformers'", arguments: GoldenModels.all)
  func layers(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let prompt = try GoldenModels.prompt(model, expected)
    var seen: [Tensor] = []
    let output = try withoutGradients {
      try model.prefill([prompt], observer: PassObserver(hidden: { seen.append($1) }))
    }
    #expect(seen.count == model.layerCount + 1)
    for (layer, rows) in seen.dropLast().enumerated() {
      #expect(try difference(rows.selected(0, 0), expected.tensor("hidden.\(layer)")) < 1e-4, "layer \(layer)")
    }
    let hidden = try output.hidden.selected(0, 0)
    #expect(try difference(hidden, expected.tensor("hidden.\(model.layerCount)")) < 1e-4)
    #expect(try difference(model.logits(of: hidden), expected.tensor("logits")) < 1e-4)
    #expect(try difference(output.last(), hidden.narrowed(0, from: output.lengths[0] - 1, length: 1)) == 0)
  }

  @Test("writing token by token from the cache gives transformers' greedy answer", arguments: GoldenModels.all)
  func greedy(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let answer = try expected.tensor("greedy").array(of: Int.self)
    let cache = KeyValueCache()
    try withoutGradients {
      var last = try model.prefill([GoldenModels.prompt(model, expected)], cache: cache).last()
      var written: [Int] = []
      for _ in answer {
        let next = Int(try model.logits(of: last).argmax(1).scalar())
        written.append(next)
        last = try model.step([[next]], cache: cache).last()
      }
      #expect(written == answer)
    }
  }

  @Test("tokens read from a cache have the rows that they have in one pass", arguments: GoldenModels.all)
  func cached(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let prompt = try GoldenModels.prompt(model, expected)
    let more = [4, 9, 11, 4]
    let whole = try model.sequence(
      prompt.ids + more, roles: prompt.roles + more.map { _ in .answer }, pictures: prompt.pictures)
    try withoutGradients {
      let all = try model.prefill([whole])
      let once = try all.hidden.narrowed(1, from: all.lengths[0] - more.count, length: more.count)
      let cache = KeyValueCache()
      _ = try model.prefill([prompt], cache: cache)
      let together = cache.copy()
      #expect(try difference(once, model.step([more], cache: together).hidden) < 1e-5)
      let apart = try more.map { try model.step([[$0]], cache: cache).hidden }
      #expect(try difference(once, Tensor.cat(apart, 1)) < 1e-5)
      #expect(cache.length == all.lengths[0] && together.length == cache.length)
    }
  }

  @Test("labels of different lengths on one cache have transformers' likelihoods", arguments: GoldenModels.all)
  func labels(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let labels = try (0..<3).map { try expected.tensor("label.\($0)").array(of: Int.self) }
    try withoutGradients {
      let cache = KeyValueCache()
      let start = try model.prefill([GoldenModels.prompt(model, expected)], cache: cache).last()
      let rows = try cache.selecting(rows: [0, 0, 0])
      let first = try model.logits(of: start).logSoftmax(1).array(of: Double.self)
      let output = try model.step(labels, cache: rows)
      let later = try model.logits(of: output.hidden).logSoftmax(2)
      for (row, label) in labels.enumerated() {
        var sum = first[label[0]]
        for (place, token) in label.dropFirst().enumerated() {
          sum += try later.selected(0, row).selected(0, place).selected(0, token).scalar()
        }
        #expect(try abs(sum - expected.tensor("sum.\(row)").array(of: Double.self)[0]) < 1e-4)
      }
      #expect(output.lengths == [1, 2, 3])
    }
  }

  @Test(
    "a prompt's rows do not depend on the others in its batch, nor what is read after them",
    arguments: GoldenModels.names)
  func batches(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let long = try GoldenModels.prompt(model, expected)
    let short = try model.sequence([7, 8, 9], roles: [.instruction, .instruction, .instruction], pictures: [])
    try withoutGradients {
      let both = KeyValueCache()
      let output = try model.prefill([short, long], cache: both)
      #expect(output.lengths == [3, long.count])
      let next = try model.step([[5, 6], [6]], cache: both)
      let further = try model.step([[10], [10]], cache: both)
      for (row, (prompt, more)) in [(short, [5, 6]), (long, [6])].enumerated() {
        let alone = KeyValueCache()
        let own = try model.prefill([prompt], cache: alone)
        let found = try output.hidden.selected(0, row).narrowed(0, from: 0, length: prompt.count)
        #expect(try difference(found, own.hidden.selected(0, 0)) < 1e-5)
        let after = try model.step([more], cache: alone).hidden.selected(0, 0)
        #expect(try difference(next.hidden.selected(0, row).narrowed(0, from: 0, length: more.count), after) < 1e-5)
        let last = try model.step([[10]], cache: alone).hidden.selected(0, 0)
        #expect(try difference(further.hidden.selected(0, row), last) < 1e-5)
      }
    }
  }

  @Test("rows that are known already give the same embeddings", arguments: ["llava-clip", "qwen2_vl"])
  func known(name: String) throws {
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let prompt = try GoldenModels.prompt(model, expected)
    try withoutGradients {
      let rows = try prompt.pictures.map(model.rows(of:))
      #expect(try difference(model.embed([prompt], rows: [rows]), model.embed([prompt])) == 0)
      #expect(throws: LanguageModelError.self) { try model.embed([prompt], rows: [Array(rows.dropLast())]) }
    }
  }

  @Test("placeholders without pictures, roles that lie and foreign tokens are refused")
  func refusals() throws {
    let model = try GoldenModels.model("llava-clip")
    let image = try #require(model.imageToken)
    let picture = try model.prepare(RGBImage.black)
    let count = picture.tokenCount
    let placeholders = Array(repeating: image, count: count)
    let roles = Array(repeating: TokenRole.image, count: count)
    #expect(try model.sequence(placeholders, roles: roles, pictures: [picture]).count == count)
    #expect(throws: LanguageModelError.placeholders(found: count, expected: 0)) {
      try model.sequence(placeholders, roles: roles, pictures: [])
    }
    #expect(throws: LanguageModelError.self) { try model.sequence([image], roles: [.sampleText], pictures: []) }
    #expect(throws: LanguageModelError.self) { try model.sequence([4], roles: [.image], pictures: []) }
    #expect(throws: LanguageModelError.self) { try model.sequence([40], roles: [.answer], pictures: []) }
    #expect(throws: LanguageModelError.self) { try model.sequence([], roles: [], pictures: []) }
    #expect(throws: LanguageModelError.self) { try model.step([[99]], cache: KeyValueCache()) }
    let text = try GoldenModels.model("llama")
    #expect(!text.seesPictures)
    #expect(throws: LanguageModelError.seesNoPictures(family: "llama", in: text.folder.path)) {
      try text.prepare(RGBImage.black)
    }
  }

  @Test("gradients reach what the decoder is given")
  func gradient() throws {
    let (model, expected) = (try GoldenModels.model("smolvlm"), try GoldenModels.expected("smolvlm"))
    let prompt = try GoldenModels.prompt(model, expected)
    let embeddings = try withoutGradients { try model.embed([prompt]) }.detached().requiringGradient()
    let output = try model.prefill(
      [prompt], embeddings: embeddings, view: AttentionView(), cache: nil, observer: nil)
    let score = try model.logits(of: output.last()).logSoftmax(1).selected(1, 5).sum()
    let slope = try #require(try gradients(of: score, withRespectTo: [embeddings])[0])
    // Along the slope the score rises by its squared length.
    let step = 1e-3 / (try slope.norm().scalar())
    let moved = try withoutGradients {
      let output = try model.prefill(
        [prompt], embeddings: embeddings.detached() + slope * step, view: AttentionView(), cache: nil, observer: nil)
      return try model.logits(of: output.last()).logSoftmax(1).selected(1, 5).sum().scalar()
    }
    let rise = try moved - score.scalar()
    #expect(abs(rise / (1e-3 * (try slope.norm().scalar())) - 1) < 0.05)
  }

  @Test("an adapter at the projector changes a picture's rows", arguments: GoldenModels.names.filter { $0 != "llama" })
  func projectors(name: String) throws {
    final class Halving: LinearAdapter {
      func adapted(_ output: Tensor, of input: Tensor, _ pass: ForwardPass) throws -> Tensor { try output * 0.5 }
    }
    let (model, expected) = (try GoldenModels.model(name), try GoldenModels.expected(name))
    let picture = try model.prepare(GoldenModels.pictures(expected)[0])
    let plain = try model.rows(of: picture)
    let file = try SafeTensors(reading: GoldenModels.folder(name).appending(path: "model.safetensors"))
    #expect(!model.projector.isEmpty && model.projector.allSatisfy { file.entry("\($0.name).weight") != nil })
    model.projector.last?.map.adapter = Halving()
    let adapted = try model.rows(of: picture)
    #expect(try difference(adapted.narrowed(0, from: 0, length: 1) * 2, plain.narrowed(0, from: 0, length: 1)) < 1e-5)
  }
}
