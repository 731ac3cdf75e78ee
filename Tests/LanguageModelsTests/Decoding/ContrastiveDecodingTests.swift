import Foundation
import Multimodal
import Records
import Testing
import Torch

@testable import LanguageModels

@Suite struct ContrastiveDecodingTests {
  @Test(
    "logits are contrasted and cut as computed elsewhere",
    arguments: [
      (1.0, 0.1, [0.130804, 0.263407, 0.019564, 0, 0.586224]), (1, 0.5, [0.133414, 0.268664, 0, 0, 0.597922]),
      (0.5, 0.1, [0.240212, 0.265476, 0.034176, 0, 0.460136]),
    ])
  func vectors(strength: Double, cut: Double, expected: [Double]) throws {
    let own = try Tensor([2, 1.5, 0, -1, 1.8])
    let other = try Tensor([2.2, 0.5, 0.1, -1, 0.3])
    let contrasted = try ContrastiveDecoding.contrasted(own, other, strength)
    let found: [Double] = try ContrastiveDecoding.plausible(contrasted, by: own, cut: cut).softmax(0).array()
    #expect(near(found, expected))
  }

  @Test(
    "noise has the published schedule",
    arguments: [
      (0, 0.999989, 0.004726), (499, 0.864103, 0.503314), (500, 0.863017, 0.505175), (900, 0.364888, 0.931051),
      (999, 0.285042, 0.958515),
    ])
  func schedule(step: Int, picture: Double, noise: Double) {
    let found = ContrastiveDecoding.noise(step: step)
    #expect(near([found.picture, found.noise], [picture, noise]))
  }

  @Test("a diffused picture is drawn from its stream, and keeps its form")
  func diffused() {
    let picture = PreparedPicture(values: [1, -1, 0.5], shape: [3], layout: .single, tokenCount: 1)
    var one = SeededNumbers(seed: 0, stream: "a")
    var same = one
    var other = SeededNumbers(seed: 0, stream: "b")
    let first = ContrastiveDecoding.diffused(picture, step: 500, numbers: &one)
    let second = ContrastiveDecoding.diffused(picture, step: 500, numbers: &same)
    let third = ContrastiveDecoding.diffused(picture, step: 500, numbers: &other)
    #expect(first == second && first != third)
    #expect(first.shape == [3] && first.tokenCount == 1)
    let faint = ContrastiveDecoding.diffused(picture, step: 0, numbers: &other).values[0]
    #expect(near([Double(faint)], [1], 0.03))
  }

  @Test("strength 0 is ordinary decoding in every bit, and so is a contrast that is the prompt itself, to rounding")
  func limits() throws {
    let model = try VectorModel()
    let prompt = LabelledPrompt(prompt: try model.prompt(), suffixes: [[2, 1], [4, 5, 6]], bytes: [2, 3])
    let ordinary = try OrdinaryDecoding(model).likelihood(of: prompt)
    var method = ContrastiveDecoding(model)
    for strength in [0.5, 1, 3] {
      method.strength = strength
      let found = try method.likelihood(of: prompt, contrast: [PromptInput(prompt.prompt)])
      #expect(near(found.tokens.flatMap(\.self), ordinary.tokens.flatMap(\.self), 1e-12))
    }
    let other = try model.prompt([0, 0, 4, 1, 5])
    #expect(try method.likelihood(of: prompt, contrast: [PromptInput(other)]) != ordinary)
    method.strength = 0
    #expect(try method.likelihood(of: prompt, contrast: [PromptInput(other)]) == ordinary)
    #expect(try method.likelihood(of: prompt) == ordinary)
  }

  @Test("without a second prompt there is nothing to contrast with")
  func withoutContrast() throws {
    let model = try VectorModel()
    #expect(throws: Diagnosis.self) { try ContrastiveDecoding(model).read(PromptInput(model.prompt())) }
  }
}
