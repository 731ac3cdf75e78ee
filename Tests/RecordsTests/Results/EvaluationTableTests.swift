import Foundation
import Records
import TestSupport
import Testing

struct EvaluationTableTests {
  let scores = [
    "full": 0.80, "image-missing": 0.25, "text-missing": 0.65, "image-noisy": 0.55, "text-noisy": 0.81,
  ]

  @Test("averages, gaps and negative transfer follow from the scores")
  func derived() throws {
    let table = EvaluationTable(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: scores.keys.sorted(), scores: scores)
    #expect(abs(try #require(table.average["missing"]) - 0.45) < 1e-12)
    #expect(abs(try #require(table.gap["missing"]) - 0.40) < 1e-12)
    #expect(abs(try #require(table.average["noisy"]) - 0.68) < 1e-12)
    #expect(abs(try #require(table.gap["noisy"]) - 0.26) < 1e-12)
    #expect(table.negativeTransfer == true)
  }

  @Test("of three modalities the gap is the largest less the smallest")
  func three() {
    let robustness = Robustness(
      scores: ["full": 1, "a-missing": 0.5, "b-missing": 0.75, "c-missing": 0.25], modalities: ["a", "b", "c"])
    #expect(robustness.gap == ["missing": 0.5])
    #expect(robustness.average == ["missing": 0.5])
    #expect(robustness.negativeTransfer == false)
  }

  @Test("a kind that was not tried on every modality has neither average nor gap")
  func partial() {
    let robustness = Robustness(
      scores: ["full": 1, "a-missing": 0.5, "b-missing": 0.75, "a-noisy": 0.25], modalities: ["a", "b"])
    #expect(robustness.average.keys.sorted() == ["missing"])
    #expect(robustness.gap.keys.sorted() == ["missing"])
  }

  @Test("one modality has an average and no gap")
  func one() {
    let robustness = Robustness(scores: ["full": 1, "a-missing": 0.5], modalities: ["a"])
    #expect(robustness.average == ["missing": 0.5])
    #expect(robustness.gap.isEmpty)
  }

  @Test("an impaired score equal to the full one is no negative transfer; without a full score nothing is said")
  func negativeTransfer() {
    #expect(Robustness(scores: ["full": 0.5, "a-missing": 0.5], modalities: ["a"]).negativeTransfer == false)
    #expect(Robustness(scores: ["a-missing": 0.5], modalities: ["a"]).negativeTransfer == nil)
    #expect(Robustness(scores: ["full": 0.5], modalities: ["a"]).negativeTransfer == nil)
  }

  @Test("a condition belongs to the modality with the longest fitting name")
  func conditions() {
    let modalities = ["image", "image-text", "text"]
    #expect(Condition("image-text-missing", modalities: modalities).modality == "image-text")
    #expect(Condition("image-missing-50", modalities: modalities).kind == "missing-50")
    #expect(Condition("full", modalities: modalities).modality == nil)
    #expect(Condition("audio-missing", modalities: modalities).modality == nil)
    #expect(Condition("image-", modalities: modalities).modality == nil)
  }

  @Test("the table survives its file, and keeps the order of its conditions")
  func file() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let order = ["full", "text-missing", "image-missing", "text-noisy", "image-noisy"]
      let table = EvaluationTable(
        dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: order, scores: scores,
        metrics: ["full": ["macro-f1": 0.7]], samples: 10, notes: ["n"])
      try folder.write(table)
      #expect(try folder.readEvaluation() == table)
      let text = try String(contentsOf: folder.evaluation, encoding: .utf8)
      let places = order.compactMap { text.range(of: "\"\($0)\": 0")?.lowerBound }
      #expect(places.count == 5)
      #expect(places == places.sorted())
      #expect(text == (try table.json()) + "\n")
    }
  }
}
