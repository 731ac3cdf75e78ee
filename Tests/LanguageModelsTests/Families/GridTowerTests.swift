import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("A tower before a model that has none")
struct GridTowerTests {
  private let attachment = TowerAttachment(folder: Conditions.golden("encoders/efficientnet-lite"), side: 2, seed: 3)

  private func picture(_ shade: UInt8) -> RGBImage {
    RGBImage(width: 20, height: 20, pixels: (0..<1200).map { UInt8($0 * 5 % 200) ^ shade })
  }

  private func prompt(_ model: any LanguageModel, _ picture: RGBImage) throws -> TokenSequence {
    let place = try #require(model.imageToken)
    let ids = [1] + [Int](repeating: place, count: 4) + [5, 6]
    let roles: [TokenRole] = [.template] + [TokenRole](repeating: .image, count: 4) + [.instruction, .template]
    return try model.sequence(ids, roles: roles, pictures: [model.prepare(picture)])
  }

  @Test func `a model that reads text sees pictures, and no text spells their place`() throws {
    let model = try LanguageModelFolder(GoldenModels.folder("llama")).load(tower: attachment)
    #expect(model.seesPictures && model.imageToken == model.vocabulary)
    let (a, b) = (
      try model.prefill([prompt(model, picture(0))]).last(), try model.prefill([prompt(model, picture(9))]).last()
    )
    #expect(try difference(a, b) > 1e-6)
    let again = try LanguageModelFolder(GoldenModels.folder("llama")).load(tower: attachment)
    #expect(try difference(again.prefill([prompt(again, picture(0))]).last(), a) == 0)
    var other = attachment
    other.seed = 4
    let seeded = try LanguageModelFolder(GoldenModels.folder("llama")).load(tower: other)
    #expect(try difference(seeded.prefill([prompt(seeded, picture(0))]).last(), a) > 1e-6)
  }

  @Test func `the projector is trained, and rows come from what the tower gave before`() throws {
    let model = try LanguageModelFolder(GoldenModels.folder("llama")).load(tower: attachment)
    let adapter = try ModelAdapter(model, AdapterSettings())
    #expect(adapter.trainedMaps.count == 2)
    let own = try prompt(model, picture(0))
    let features = try withoutGradients { try model.features(of: own.pictures[0]) }
    let rows = try model.rows(from: features, of: own.pictures[0])
    #expect(try difference(rows, model.rows(of: own.pictures[0])) < 1e-5)
    let output = try model.prefill(
      [own], embeddings: model.embed([own], rows: [[rows]]), view: AttentionView(), cache: nil, observer: nil)
    let slopes = try Gradients(of: model.logits(of: output.last()).logSoftmax(1).selected(1, 2).sum(), adapter.store)
    for name in adapter.trainedMaps {
      #expect(try #require(try slopes[ParameterPath("\(name).weight")]).norm().scalar() > 0)
    }
  }

  @Test func `a model with a tower of its own takes no other`() throws {
    #expect(throws: Diagnosis.self) {
      try LanguageModelFolder(GoldenModels.folder("llava-clip")).load(tower: attachment)
    }
  }
}
