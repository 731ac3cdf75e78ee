import Foundation
import Records
import TestSupport
import Testing

func exampleDiagnosis() -> ModelDiagnosis {
  func e(_ value: Double, _ low: Double, _ high: Double) -> Estimate {
    Estimate(value, interval95: Interval(low: low, high: high))
  }
  return ModelDiagnosis(
    subject: .data, place: "d", data: "d", dataset: "d", task: "single-label", metric: "accuracy", method: "joint",
    modalities: ["image", "text"], classes: 2, samples: 4, seeds: [0, 1], quick: false,
    missing: MissingInputs(["image": "encoded-empty", "text": "zeros"]), chance: 0.5,
    scores: ["full": e(0.75, 0.5, 1), "image-missing": e(0.75, 0.5, 1), "text-missing": e(0.5, 0.25, 0.75)],
    conditions: ["full", "image-missing", "text-missing"],
    leaning: .init(verdict: .leans, modality: "text", above: e(0.25, 0.125, 0.375), strength: 1),
    worth: [
      "image": .init(
        adds: e(0, -0.125, 0.125), lost: e(0, -0.125, 0.125), only: e(0.5, 0.25, 0.75), alone: e(0.625, 0.5, 0.75),
        aloneAboveChance: e(0.125, 0.0625, 0.25), unused: e(0.125, 0.0625, 0.25), probe: Estimate(0.625), speed: 0.5),
      "text": .init(
        adds: e(0.25, 0.125, 0.375), lost: e(0.25, 0.125, 0.375), only: e(0.75, 0.5, 1), alone: e(0.75, 0.5, 1),
        aloneAboveChance: e(0.25, 0.125, 0.5), unused: e(0, -0.125, 0.125)),
    ],
    gap: .init(
      strong: "text", weak: "image", model: e(0.25, 0.125, 0.5), data: e(0.125, 0, 0.25),
      training: e(0.125, 0.0625, 0.25)),
    partings: [
      LossSeparation(
        ahead: "text", behind: "image", step: 9, epoch: 1, steps: 90, epochs: 10, losses: .probe, then: [:], end: [:])
    ],
    transfer: .init(
      impaired: ["image-missing": e(0, 0, 0), "text-missing": e(-0.25, -0.375, -0.125)], best: "text",
      chosenBy: "validation", fused: e(0, -0.125, 0.125)),
    calibration: [
      "full": .init(error: Estimate(0.125), overconfidence: e(0, -0.125, 0.125)),
      "text-missing": .init(error: Estimate(0.25), overconfidence: e(0.25, 0.125, 0.375)),
    ],
    gradients: .init(conflict: 0.5, cosine: -0.25, updates: ["image": 0.125]),
    trial: .init(
      baseline: .init(
        name: "joint", validationFull: 0.75, validationMissing: 0.5, full: Estimate(0), missing: Estimate(0)),
      methods: [
        .init(
          name: "balgrad", settings: ["modulate=step"], validationFull: 0.75, validationMissing: 0.625,
          full: e(0, -0.125, 0.125), missing: e(0.125, 0.0625, 0.25))
      ], seeds: 2, chosen: "balgrad"),
    evidence: exampleEvidence(), notes: ["a note"])
}

struct ModelDiagnosisTests {
  @Test("a diagnosis goes into a folder and comes back the same")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      var diagnosis = exampleDiagnosis()
      diagnosis.words = ["Leans on: text"]
      try diagnosis.write(to: folder)
      #expect(try ModelDiagnosis.read(from: folder) == diagnosis)
      diagnosis.format = "seesaw-diagnosis/9"
      try diagnosis.write(to: folder)
      #expect(throws: Diagnosis.self) { try ModelDiagnosis.read(from: folder) }
    }
  }

  @Test("what is wrong is beyond noise and more than a little")
  func problems() {
    var diagnosis = exampleDiagnosis()
    #expect(diagnosis.problems == [.unused("image"), .overconfident("text-missing")])
    #expect(diagnosis.problems.map(\.isOfTraining) == [true, false])
    // Less than 5 points, or within noise, is no fault of training.
    diagnosis.worth["image"]?.unused = Estimate(0.04, interval95: Interval(low: 0.03, high: 0.05))
    #expect(diagnosis.problems == [.overconfident("text-missing")])
    diagnosis.worth["image"]?.unused = Estimate(0.2, interval95: Interval(low: -0.01, high: 0.4))
    diagnosis.calibration["text-missing"]?.overconfidence = Estimate(0.25)
    #expect(diagnosis.problems.isEmpty)
    diagnosis.transfer.fused = Estimate(-0.05, interval95: Interval(low: -0.08, high: -0.01))
    diagnosis.transfer.impaired["image-missing"] = Estimate(0.03, interval95: Interval(low: 0.01, high: 0.05))
    #expect(diagnosis.problems == [.fusing, .impaired("image-missing")])
  }

  @Test("what lies unused is wrong only where something is lost without another")
  func needed() {
    var diagnosis = exampleDiagnosis()
    diagnosis.worth["text"]?.lost = Estimate(0.01, interval95: Interval(low: 0.005, high: 0.02))
    #expect(!diagnosis.problems.contains(.unused("image")))
  }

  @Test("a trial helps where the chosen method is better beyond noise and by more than a little")
  func helps() throws {
    var trial = try #require(exampleDiagnosis().trial)
    #expect(trial.helps)
    trial.methods[0].missing = Estimate(0.01, interval95: Interval(low: 0.005, high: 0.02))
    #expect(!trial.helps)
    trial.methods[0].missing = Estimate(0.1, interval95: Interval(low: -0.01, high: 0.2))
    #expect(!trial.helps)
    trial.chosen = nil
    #expect(trial.pick == nil && !trial.helps)
  }

  @Test("an estimate without an interval is above and below nothing")
  func bounds() {
    #expect(!Estimate(1).isAbove(0) && !Estimate(-1).isBelow(0))
    #expect(Estimate(1, interval95: Interval(low: 0.1, high: 2)).isAbove(0))
    #expect(!Estimate(1, interval95: Interval(low: 0, high: 2)).isAbove(0))
  }
}
