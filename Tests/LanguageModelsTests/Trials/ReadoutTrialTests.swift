import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("The readout trial")
struct ReadoutTrialTests {
  private var short: ReadoutTrial {
    var trial = ReadoutTrial()
    (trial.steps, trial.warmup, trial.batchSize, trial.testSamples, trial.mostRounds) = (60, 5, 32, 400, 1)
    return trial
  }

  @Test func `a short training reads better than chance, and again with the same bits`() throws {
    let first = try short.languageModel(seed: 0)
    #expect(first.accuracy > 0.15 && first.rounds == 1)
    let again = try short.languageModel(seed: 0)
    #expect(try difference(again.store.flat(), first.store.flat()) == 0)
    let method = try #require(ReadoutTrial.methods.last)
    let scores = try short.scores(method, on: first.store, seed: 0)
    #expect(try short.scores(method, on: again.store, seed: 0) == scores)
    // The frozen model stays as it was.
    #expect(try difference(first.store.flat(), again.store.flat()) == 0)
    for score in [scores.full, scores.withoutImage, scores.withoutText] { #expect((0...1).contains(score)) }
  }

  @Test func `what is hidden has no part in the answer`() throws {
    let random = RandomSource(seed: 1)
    let model = try ReadoutModel(ReadoutModel.store(random), isFrozen: true, random: random)
    let words = [[1, 2, 3, 4, ReadoutModel.question, ReadoutModel.firstCell + 2]]
    let (a, b) = (try waves(1, [1, 4, 64]).to(.float32), try waves(2, [1, 4, 64]).to(.float32))
    func logits(_ patches: Tensor, _ words: [[Int]], _ view: AttentionView) throws -> Tensor {
      try model.logits(patches: patches, words: words, view)
    }
    let noImage = AttentionView(hidden: [.image])
    #expect(try difference(logits(a, words, noImage), logits(b, words, noImage)) == 0)
    #expect(try difference(logits(a, words, AttentionView()), logits(b, words, AttentionView())) > 0)
    var others = words
    others[0][0] = 9
    let noText = AttentionView(hidden: [.sampleText])
    #expect(try difference(logits(a, words, noText), logits(a, others, noText)) == 0)
  }
}
