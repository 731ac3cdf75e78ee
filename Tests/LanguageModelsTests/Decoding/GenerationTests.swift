import Foundation
import Testing
import Torch

@testable import LanguageModels

@Suite struct GenerationTests {
  /// log p of tokens after a prompt, by full passes.
  private func sum(_ model: VectorModel, _ prompt: TokenSequence, _ tokens: [Int]) throws -> Double {
    try OrdinaryDecoding(model).likelihood(of: LabelledPrompt(prompt: prompt, suffixes: [tokens], bytes: [1])).sums[0]
  }

  /// All texts of at most so many tokens that end, or are as long, with their scores.
  private func all(
    _ model: VectorModel, _ prompt: TokenSequence, end: Int, most: Int, penalty: Double
  ) throws -> [(tokens: [Int], score: Double)] {
    var texts: [(tokens: [Int], score: Double)] = []
    var open: [[Int]] = [[]]
    for length in 1...most {
      for text in open {
        let whole = text + [end]
        texts.append((text, try sum(model, prompt, whole) / pow(Double(length), penalty)))
      }
      open = open.flatMap { text in (0..<model.vocabulary).filter { $0 != end }.map { text + [$0] } }
    }
    return try texts + open.map { ($0, try sum(model, prompt, $0) / pow(Double(most), penalty)) }
  }

  @Test("the greedy text has the likeliest token at every place")
  func greedy() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    var settings = GenerationSettings()
    settings.maximumTokens = 4
    let text = try OrdinaryDecoding(model).generate(PromptInput(prompt), settings)
    #expect(text.tokens.count == 4 && !text.hasEnded)
    for place in text.tokens.indices {
      let before = Array(text.tokens[..<place])
      let sums = try (0..<model.vocabulary).map { try sum(model, prompt, before + [$0]) }
      #expect(LabelLikelihood.prediction(sums) == text.tokens[place])
    }
    #expect(near([text.logProbability], [try sum(model, prompt, text.tokens)], 1e-9))
    settings.ends = [text.tokens[0]]
    let ended = try OrdinaryDecoding(model).generate(PromptInput(prompt), settings)
    #expect(ended.tokens.isEmpty && ended.hasEnded)
  }

  @Test("a beam that keeps everything finds the best text of all", arguments: [(1.0, 4), (0, 2), (2, 1)])
  func beam(penalty: Double, end: Int) throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    var settings = GenerationSettings()
    settings.maximumTokens = 3
    settings.ends = [end]
    settings.search = .beam(width: 400, lengthPenalty: penalty)
    let found = try OrdinaryDecoding(model).generate(PromptInput(prompt), settings)
    let best = try #require(
      try all(model, prompt, end: end, most: 3, penalty: penalty).max { $0.score < $1.score })
    #expect(found.tokens == best.tokens)
  }

  @Test("a beam of one is greedy")
  func narrowBeam() throws {
    let model = try VectorModel()
    let input = PromptInput(try model.prompt())
    var settings = GenerationSettings()
    settings.maximumTokens = 5
    let greedy = try OrdinaryDecoding(model).generate(input, settings)
    settings.search = .beam(width: 1, lengthPenalty: 1)
    #expect(try OrdinaryDecoding(model).generate(input, settings) == greedy)
  }

  @Test("sampling draws from its own stream, as often as the model says, and top-p leaves out the rest")
  func sampling() throws {
    let model = try VectorModel()
    let input = PromptInput(try model.prompt())
    var settings = GenerationSettings()
    settings.maximumTokens = 1
    settings.search = .sampling(temperature: 1, topP: 1)
    let method = OrdinaryDecoding(model)
    func draws(_ count: Int) throws -> [Int] {
      try (0..<count).map { number in
        settings.stream = "draw/\(number)"
        return try method.generate(input, settings).tokens[0]
      }
    }
    let first = try draws(400)
    #expect(try draws(400) == first)
    let probabilities = LabelLikelihood.probabilities(
      try (0..<model.vocabulary).map { try sum(model, input.sequence, [$0]) })
    for (token, probability) in probabilities.enumerated() {
      let share = Double(first.count { $0 == token }) / 400
      let bound: Double = 4 * (probability * (1 - probability) / 400).squareRoot() + 1e-9
      #expect(near([share], [probability], bound))
    }
    settings.search = .sampling(temperature: 1, topP: 0.5)
    let kept = Set(try draws(100))
    let likeliest = probabilities.indices.sorted { probabilities[$0] > probabilities[$1] }
    var nucleus: Set<Int> = []
    var mass = 0.0
    for token in likeliest where mass < 0.5 {
      nucleus.insert(token)
      mass += probabilities[token]
    }
    #expect(kept == nucleus)
    settings.search = .sampling(temperature: 0, topP: 1)
    #expect(Set(try draws(5)) == [likeliest[0]])
  }

  @Test("where only labels may be written, one is, token by token")
  func constrained() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    let labels = [[1, 2], [1, 3, 0], [5, 5]]
    let found = try OrdinaryDecoding(model).constrained(
      LabelledPrompt(prompt: prompt, suffixes: labels, bytes: [1, 1, 1]))
    // By hand: the first token among 1 and 5, then among those that go on from it.
    let first = try [1, 5].max { try sum(model, prompt, [$0]) < sum(model, prompt, [$1]) }
    let rest = try labels.indices.filter { labels[$0][0] == first }
      .max { try sum(model, prompt, Array(labels[$0].prefix(2))) < sum(model, prompt, Array(labels[$1].prefix(2))) }
    #expect(found == rest)
  }

  @Test(
    "a written answer names a class, or none",
    arguments: [
      ("Food & Drink", 1), (" food & drink.", 1), ("It belongs to the group: Objects", 2), ("Animals and objects", nil),
      ("", nil), ("I do not know", nil), ("cat fish", 3), ("a catalogue", nil), ("It is a CAT.", 4),
    ] as [(String, Int?)])
  func parsing(text: String, expected: Int?) {
    let classes = ["Animals", "Food & Drink", "Objects", "cat fish", "cat"]
    #expect(WrittenLabel.parse(text, classes: classes) == expected)
  }
}
