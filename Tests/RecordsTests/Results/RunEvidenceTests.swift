import Foundation
import Records
import TestSupport
import Testing

func exampleEvidence(task: String = "single-label") -> RunEvidence {
  let right = TellingSample.Answer(labels: ["cat"], probability: 0.75, truth: 0.75, isRight: true)
  let wrong = TellingSample.Answer(labels: ["dog"], probability: 0.5, truth: 0.25, isRight: false)
  let isMulti = task == "multi-label"
  return RunEvidence(
    dataset: "d", task: task, metric: "accuracy", samples: 4, classes: ["cat", "dog"], modalities: ["image", "text"],
    conditions: ["full", "image-missing"].map { condition in
      RunEvidence.UnderCondition(
        condition: condition, score: 0.75,
        confusion: isMulti ? nil : ConfusionMatrix(truth: [0, 0, 1, 1], predictions: [0, 1, 1, 1], classes: 2),
        labelCounts: isMulti
          ? [
            LabelCounts(truePositives: 1, falsePositives: 0, falseNegatives: 1, trueNegatives: 2),
            LabelCounts(truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 4),
          ] : nil,
        reliability: Reliability(confidences: [0.5, 0.75, 1, 1], correct: [true, false, true, true], bins: 4))
    },
    shapley: ShapleyShares(
      permutations: 8, score: ["image": .init(0.25, standardError: 0.125), "text": .init(0.5)],
      probability: ["image": .init(0.25), "text": .init(0.125)],
      classes: ["image": [0.25, nil], "text": [0.5, nil]],
      samples: ["image": .init([-2, 0, 0.9], bins: 4), "text": .init([], bins: 4)]),
    parting: LossSeparation(
      ahead: "text", behind: "image", step: 9, epoch: 1, steps: 90, epochs: 10, losses: .split,
      then: ["image": 1.5, "text": 1.25], end: ["image": 1, "text": 0.25]),
    alone: .trainedAlone,
    telling: [
      TellingSample(
        kind: .removalFlips, modality: "text", row: 3, id: "1f600", truth: ["cat"],
        answers: ["full": right, "text-missing": wrong], alone: ["image": wrong, "text": right], image: "images/a.png",
        text: "a \"cat\"\n"),
      TellingSample(kind: .disagreement, row: 1, truth: [], answers: [:], alone: [:]),
    ],
    raw: "/data/raw", notes: ["a note"])
}

struct RunEvidenceTests {
  @Test("evidence goes into a run's folder and comes back the same", arguments: ["single-label", "multi-label"])
  func roundTrip(task: String) throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let evidence = exampleEvidence(task: task)
      try folder.write(evidence)
      #expect(try folder.readEvidence() == evidence)
      let text = try String(contentsOf: folder.evidence, encoding: .utf8)
      #expect(text.hasPrefix("{\n  \"format\": \"seesaw-evidence/1\","))
    }
  }

  @Test("a file of another form is refused with its name")
  func format() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      try Data(#"{"format": "seesaw-evidence/9"}"#.utf8).write(to: folder.evidence)
      let error = #expect(throws: Diagnosis.self) { try folder.readEvidence() }
      #expect(error?.place?.contains("evidence.json") == true)
      #expect(error?.exitStatus == .input)
    }
  }

  @Test("a condition is found by its name")
  func condition() {
    #expect(exampleEvidence()["image-missing"]?.condition == "image-missing")
    #expect(exampleEvidence()["text-missing"] == nil)
  }

  @Test("what lies outside of a histogram is in its outermost bins")
  func histogram() {
    let histogram = ShapleyShares.Histogram([-7, -1, -0.01, 0, 0.99, 1, 3, .nan], bins: 4)
    #expect(histogram.counts == [2, 1, 1, 3])
  }
}
