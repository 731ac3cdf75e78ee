import Testing
import Torch

@testable import LanguageModels

/// What is written and how likely labels are, of small models of every family, against transformers.
@Suite struct GoldenDecodingTests {
  @Test("every family writes what transformers has it write, greedily and by beams", arguments: GoldenModels.names)
  func golden(name: String) throws {
    let model = try GoldenModels.model(name)
    let expected = try GoldenModels.expected(name)
    let input = PromptInput(try GoldenModels.prompt(model, expected))
    var settings = GenerationSettings()
    settings.maximumTokens = 8
    settings.ends = [2]
    for (key, search) in [("greedy", GenerationSettings.Search.greedy), ("beam", .beam(width: 3, lengthPenalty: 1))] {
      settings.search = search
      let written = Array(try expected.tensor(key).array(of: Int.self).prefix { $0 != 2 })
      #expect(try OrdinaryDecoding(model).generate(input, settings).tokens == written, "\(key)")
    }
  }

  @Test("every family finds labels as likely as transformers does", arguments: GoldenModels.names)
  func goldenLabels(name: String) throws {
    let model = try GoldenModels.model(name)
    let expected = try GoldenModels.expected(name)
    let labels = try (0..<3).map { try expected.tensor("label.\($0)").array(of: Int.self) }
    let sums = try (0..<3).map { try expected.tensor("sum.\($0)").to(.float64).array(of: Double.self)[0] }
    let prompt = LabelledPrompt(prompt: try GoldenModels.prompt(model, expected), suffixes: labels, bytes: [1, 2, 3])
    #expect(near(try OrdinaryDecoding(model).likelihood(of: prompt).sums, sums, 1e-4))
  }
}
