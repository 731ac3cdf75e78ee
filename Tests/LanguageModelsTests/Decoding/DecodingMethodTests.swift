import Testing
import Torch

@testable import LanguageModels

@Suite struct DecodingMethodTests {
  @Test("labels that share one reading of the prompt are as likely as in full passes of their own")
  func sharedPrefix() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    let suffixes = [[2], [2, 5], [4, 1, 5, 0], [6, 6, 1]]
    let labelled = LabelledPrompt(prompt: prompt, suffixes: suffixes, bytes: [1, 2, 4, 3])
    let found = try OrdinaryDecoding(model).likelihood(of: labelled, portion: 2)
    for (suffix, tokens) in zip(suffixes, found.tokens) {
      let whole = try model.sequence(
        prompt.ids + suffix, roles: prompt.roles + suffix.map { _ in .answer }, pictures: [])
      let logits = try model.logits(of: model.prefill([whole]).hidden).selected(0, 0).logSoftmax(1)
      let all: [Double] = try logits.flattened().array()
      let expected = suffix.enumerated().map { all[(prompt.count - 1 + $0) * model.vocabulary + $1] }
      #expect(near(tokens, expected, 1e-12))
    }
  }

  @Test("the tiny decoder finds 4, 1, 5 after 3, 1 as likely as computed elsewhere")
  func published() throws {
    let model = try VectorModel()
    let prompt = try model.sequence([3, 1], roles: [.instruction, .instruction], pictures: [])
    let labelled = LabelledPrompt(prompt: prompt, suffixes: [[4, 1, 5]], bytes: [3])
    #expect(near(try OrdinaryDecoding(model).likelihood(of: labelled).sums, [-7.179353]))
  }

  @Test("a prompt is read once, however many labels there are")
  func oneReading() throws {
    final class Counting: DecodingMethod {
      let inner: OrdinaryDecoding
      var (reads, proceeds) = (0, 0)
      init(_ inner: OrdinaryDecoding) { self.inner = inner }
      func read(_ input: PromptInput) throws -> Reading {
        reads += 1
        return try inner.read(input)
      }
      func proceed(_ reading: Reading, _ ids: [[Int]]) throws -> Reading {
        proceeds += 1
        return try inner.proceed(reading, ids)
      }
    }
    let model = try VectorModel()
    let counting = Counting(OrdinaryDecoding(model))
    let single = LabelledPrompt(prompt: try model.prompt(), suffixes: [[1], [2], [3]], bytes: [1, 1, 1])
    _ = try counting.likelihood(of: single)
    #expect(counting.reads == 1 && counting.proceeds == 0)
    let several = LabelledPrompt(prompt: try model.prompt(), suffixes: [[1, 2], [2, 3], [3, 4]], bytes: [1, 1, 1])
    _ = try counting.likelihood(of: several, portion: 2)
    #expect(counting.reads == 2 && counting.proceeds == 2)
  }
}
