import Foundation
import Records
import Testing

@Suite("Several splits of the same rows")
struct ResamplingTests {
  private static func split(_ rows: [(String, [[Double]])]) -> ComparisonResults {
    RegretTests.results(rows.map { RegretTests.runs($0.0, $0.1) })
  }

  /// Of each split two runs of two methods: full, image missing, text missing.
  private static let joint: [[[Double]]] = [
    [[0.80, 0.50, 0.60], [0.82, 0.52, 0.61]], [[0.76, 0.52, 0.58], [0.78, 0.50, 0.57]],
    [[0.84, 0.47, 0.62], [0.82, 0.49, 0.64]],
  ]
  private static let other: [[[Double]]] = [
    [[0.79, 0.60, 0.61], [0.83, 0.66, 0.62]], [[0.80, 0.56, 0.60], [0.78, 0.58, 0.60]],
    [[0.81, 0.66, 0.61], [0.85, 0.64, 0.65]],
  ]
  private static let parts = zip(joint, other).map { split([("joint", $0), ("other", $1)]) }

  @Test("each split is one run, the mean over its seeds, and the answer is the mean over splits")
  func means() throws {
    let merged = try #require(ComparisonResults(splits: Self.parts, testShare: 0.25, modalities: ["image", "text"]))
    #expect(merged.splits == Resampling(count: 3, seeds: 2, testShare: 0.25))
    let joint = try #require(merged.method("joint"))
    let found = joint.runs.map { $0.quantities["full"] ?? .nan }
    for (value, expected) in zip(found, [0.81, 0.77, 0.83]) { #expect(abs(value - expected) < 1e-12) }
    let expected = (0.81 + 0.77 + 0.83) / 3
    #expect(abs((joint.mean["full"] ?? .nan) - expected) < 1e-12)
    #expect(abs((merged.specialists["full"]?.score ?? .nan) - 0.81) < 1e-12)
    #expect(joint.mean["regret.image-missing"] != nil && joint.interval95["regret.worst"] != nil)
  }

  @Test("intervals and p are of splits, wider by the share of test to training samples (Nadeau & Bengio)")
  func corrected() throws {
    let share = 0.25
    let merged = try #require(ComparisonResults(splits: Self.parts, testShare: share, modalities: ["image", "text"]))
    let values = [0.81, 0.77, 0.83]
    let mean = values.reduce(0, +) / 3
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2).squareRoot()
    // t of 2 degrees of freedom at 0.975.
    let half = 4.302652729911275 * deviation * (1 / 3.0 + share).squareRoot()
    let interval = try #require(merged.method("joint")?.interval95["full"])
    #expect(abs(interval.low - (mean - half)) < 1e-9 && abs(interval.high - (mean + half)) < 1e-9)

    // image missing: other less joint, split by split.
    let differences: [Double] = [0.12, 0.06, 0.17]
    let middle = differences.reduce(0, +) / 3
    let spread = (differences.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / 2).squareRoot()
    let t = middle / (spread * (1 / 3.0 + share).squareRoot())
    let plain = try #require(Statistics.pairedTest([0.51, 0.51, 0.48], [0.63, 0.57, 0.65]))
    let found = try #require(Statistics.pairedTest([0.51, 0.51, 0.48], [0.63, 0.57, 0.65], overlap: share))
    #expect(abs(found.t - t) < 1e-9 && found.p > plain.p)
    #expect(merged.tests.allSatisfy { $0.joint == nil && $0.seeds == 3 })
  }

  @Test("goes into JSON and comes back the same")
  func roundTrip() throws {
    let merged = try #require(ComparisonResults(splits: Self.parts, testShare: 0.25, modalities: ["image", "text"]))
    let again = try ComparisonResults(json: merged.json())
    #expect(again.splits == merged.splits && again.methods == merged.methods && again.tests == merged.tests)
    #expect(try !Self.parts[0].json().contains("\"splits\""))
  }

  @Test("a verdict holds over splits only where the corrected interval of the lead is above 0")
  func verdicts() throws {
    func diagnosis(_ text: Double, _ image: Double) -> ModelDiagnosis {
      var one = exampleDiagnosis()
      one.worth["text"]?.adds.value = text
      one.worth["image"]?.adds.value = image
      one.leaning.modality = text >= image ? "text" : "image"
      return one
    }
    let same = try #require(
      SplitVerdicts([diagnosis(0.25, 0.02), diagnosis(0.24, 0.01), diagnosis(0.27, 0.03)], testShare: 0.25))
    #expect(same.holds && same.leads == ["text", "text", "text"])
    #expect(abs(same.above.value - (0.23 + 0.23 + 0.24) / 3) < 1e-12)
    #expect(same.chosen == ["balgrad", "balgrad", "balgrad"] && abs((same.gain?.value ?? 0) - 0.125) < 1e-12)
    let torn = try #require(
      SplitVerdicts([diagnosis(0.25, 0.02), diagnosis(0.05, 0.21), diagnosis(0.1, 0.13)], testShare: 0.25))
    #expect(!torn.holds && torn.leads == ["text", "image", "image"])
    #expect(SplitVerdicts([diagnosis(0.2, 0.1)], testShare: 0.25) == nil)
  }
}

@Suite("What a model says that it relies on")
struct ModelRelianceTests {
  @Test("shares are means, and a modality's share is set against the samples that another decides")
  func deciding() throws {
    let image = [0.9, 0.8, 0.2, 0.3, 0.5, 0.5]
    let text = image.map { 1 - $0 }
    let found = try #require(
      ModelReliance(
        samples: [
          "full": ["image": image, "text": text], "image-noisy": ["image": [0.1, 0.3], "text": [0.9, 0.7]],
        ],
        right: ["image": [true, true, false, false, true, false], "text": [false, false, true, true, true, false]]))
    #expect(abs((found.shares["full"]?["image"] ?? 0) - 3.2 / 6) < 1e-12)
    #expect(abs((found.shares["image-noisy"]?["image"] ?? 0) - 0.2) < 1e-12)
    let own = try #require(found.deciding["image"])
    #expect(own.samples == 2 && own.others == 2)
    #expect(abs(own.difference.value - (0.85 - 0.25)) < 1e-12)
    // Two pairs of equal spread: √(2 · 0.005/2) on two degrees of freedom.
    let half = 4.302652729911275 * 0.005.squareRoot()
    let interval = try #require(own.difference.interval95)
    #expect(abs(interval.low - (0.6 - half)) < 1e-6 && abs(interval.high - (0.6 + half)) < 1e-6)
  }

  @Test("a modality that decides too few samples is not judged, and without everything there nothing is said")
  func tooFew() throws {
    let found = try #require(
      ModelReliance(
        samples: ["full": ["image": [0.5, 0.5], "text": [0.5, 0.5]]],
        right: ["image": [true, false], "text": [false, true]]))
    #expect(found.deciding.isEmpty)
    #expect(ModelReliance(samples: ["image-noisy": ["image": [1]]], right: [:]) == nil)
  }
}
