import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("Losses of labels")
struct LabelLossesTests {
  private let suffixes = [[2], [4, 6], [1, 5, 3]]

  private func prompts(_ model: VectorModel) throws -> [LabelledPrompt] {
    let short = try model.sequence([3, 1, 5], roles: [.image, .instruction, .template], pictures: [])
    return try [model.prompt(), short].map {
      LabelledPrompt(prompt: $0, suffixes: suffixes, bytes: [1, 2, 3])
    }
  }

  @Test func `sums are those of one label after the other, whatever is read beside`() throws {
    let model = try VectorModel()
    let prompts = try prompts(model)
    for portion in [1, 3, 100] {
      let found = try model.labelSums(prompts, rows: [[], []], portion: portion)
      for (row, prompt) in prompts.enumerated() {
        let own = try OrdinaryDecoding(model).likelihood(of: prompt).sums
        #expect(allClose(try found.selected(0, row).array(), own, absolute: 1e-10))
      }
    }
  }

  @Test func `the token loss is the mean over tokens, the class loss that of the softmax over labels`() throws {
    let model = try VectorModel()
    let prompts = try prompts(model)
    let labels = [2, 1]
    let own = try prompts.map { try OrdinaryDecoding(model).likelihood(of: $0) }
    let token = zip(own, labels).map { -$0.sums[$1] / Double($0.tokens[$1].count) }.reduce(0, +) / 2
    #expect(abs(try model.loss(.token, of: prompts, rows: [[], []], labels: labels).scalar() - token) < 1e-10)
    let classes = zip(own, labels).map { -log(LabelLikelihood.probabilities($0.sums)[$1]) }.reduce(0, +) / 2
    #expect(abs(try model.loss(.classes, of: prompts, rows: [[], []], labels: labels).scalar() - classes) < 1e-10)
  }

  @Test func `the specification's numbers of both losses hold`() throws {
    let sums = try Tensor([-0.5, -0.8, -1.3], shape: [1, 3]).requiringGradient()
    let loss = try sums.crossEntropy(Tensor([2]))
    #expect(abs(try loss.scalar() - 1.583969) < 1e-6)
    let slope = try #require(try gradients(of: loss, withRespectTo: [sums])[0])
    #expect(allClose(try slope.flattened().array(), [0.456590, 0.338250, -0.794841], absolute: 1e-6))
  }

  @Test(arguments: LabelLoss.allCases)
  func `gradients of a loss are its slopes`(form: LabelLoss) throws {
    let model = try VectorModel()
    let adapter = try ModelAdapter(model, AdapterSettings())
    try adapter.shake()
    let prompts = try prompts(model)
    func loss() throws -> Tensor { try model.loss(form, of: prompts, rows: [[], []], labels: [1, 2]) }
    let slopes = try Gradients(of: loss(), adapter.store)
    let parameter = adapter.store.parameters[4]
    let before = try parameter.tensor.detached().cloned()
    let slope = try #require(try slopes[parameter.path])
    let step = 1e-5 / max(try slope.norm().scalar(), 1e-9)
    let expected = try slope.square().sum().scalar() * step * 2
    try parameter.tensor.copy(from: before + slope * step)
    let above = try loss().scalar()
    try parameter.tensor.copy(from: before - slope * step)
    let below = try loss().scalar()
    #expect(abs((above - below) / expected - 1) < 1e-4)
  }
}
