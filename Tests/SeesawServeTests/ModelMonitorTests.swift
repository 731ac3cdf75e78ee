import Foundation
import Records
import Testing

@testable import SeesawPredict
@testable import SeesawServe

@Suite("What is told of a model that serves")
struct ModelMonitorTests {
  /// A run that predicted a, b and c for 50, 30 and 20 of 100 samples, and c alone without its image.
  private static func evidence() -> RunEvidence {
    let conditions = [("full", [50, 30, 20]), ("image-absent", [0, 0, 100])].map { name, predictions in
      RunEvidence.UnderCondition(
        condition: name, score: 0.5, confusion: ConfusionMatrix(counts: [predictions, [0, 0, 0], [0, 0, 0]]),
        labelCounts: nil, reliability: Reliability(confidences: [0.5], correct: [true]))
    }
    return RunEvidence(
      dataset: "d", task: "single-label", metric: "accuracy", samples: 100, classes: ["a", "b", "c"],
      modalities: ["image", "text"], conditions: conditions)
  }

  private func prediction(
    _ label: String, _ condition: String = "full", reliance: [String: Double]? = nil
  ) -> Prediction {
    Prediction(
      labels: [label], probabilities: [:], present: condition == "full" ? ["image", "text"] : ["text"],
      reliance: reliance, condition: condition, metric: "accuracy")
  }

  private func monitor() -> ModelMonitor {
    ModelMonitor(
      classes: ["a", "b", "c"], modalities: ["image", "text"], isMultiLabel: false, evidence: Self.evidence())
  }

  @Test("drift is nought where classes come as often as on the held-out split, and is of the last predictions alone")
  func drift() throws {
    let monitor = monitor()
    #expect(monitor.drift == nil)
    for _ in 0..<20 { monitor.answered(prediction("c")) }
    let first = try #require(monitor.drift)
    #expect(abs(first.distance - 0.8) < 1e-12 && first.predictions == 20)
    for number in 0..<ModelMonitor.window {
      monitor.answered(prediction(number % 10 < 5 ? "a" : number % 10 < 8 ? "b" : "c"))
    }
    let drift = try #require(monitor.drift)
    #expect(drift.distance < 1e-12 && drift.predictions == ModelMonitor.window)
    let variances = [0.5 * 0.5, 0.3 * 0.7, 0.2 * 0.8].map { $0 * (1 / 1000.0 + 1 / 100.0) }
    let chance = variances.reduce(0) { $0 + 0.5 * (2 / Double.pi * $1).squareRoot() }
    #expect(abs(drift.expected - chance) < 1e-12)
  }

  @Test("predictions without an image are held against the run without images")
  func conditions() throws {
    let monitor = monitor()
    for _ in 0..<10 { monitor.answered(prediction("c", "image-absent")) }
    #expect(try #require(monitor.drift).distance < 1e-12)
    // Of a condition that the run was not tried under, nothing is known.
    monitor.answered(prediction("a", "text-absent"))
    #expect(try #require(monitor.drift).predictions == 10)
  }

  @Test("reliance is a sum and a count by modality, and names of classes are written so that they can be read back")
  func text() throws {
    let monitor = ModelMonitor(
      classes: ["a \"b\"\\\n"], modalities: ["image", "text"], isMultiLabel: true, evidence: nil)
    monitor.answered(prediction("a \"b\"\\\n", reliance: ["image": 0.25, "text": 0.75]))
    monitor.answered(prediction("x", reliance: ["image": 0.5, "text": 0.5]))
    var text = PrometheusText()
    ModelMonitor.write([("m", monitor)], to: &text)
    #expect(text.text.contains(#"seesaw_reliance_sum{model="m",modality="image"} 0.75"#))
    #expect(text.text.contains(#"seesaw_reliance_count{model="m",modality="text"} 2"#))
    #expect(text.text.contains(#"seesaw_predicted_total{model="m",class="a \"b\"\\\n"} 1"#))
    #expect(!text.text.contains("seesaw_prediction_drift{"))
  }

  @Test("a histogram counts what is at most so large")
  func histogram() {
    var histogram = Histogram([1, 2])
    for value in [0.5, 1, 1.5, 3] { histogram.add(value) }
    #expect(histogram.cumulative.map(\.count) == [2, 3, 4])
    #expect(histogram.sum == 6 && histogram.count == 4)
  }

  @Test("an address has so many requests a second, others have theirs, and addresses are forgotten beyond a number")
  func rate() {
    let limit = RateLimit(2)
    #expect(limit.wait("a", now: 0) == nil && limit.wait("a", now: 0) == nil)
    #expect(limit.wait("a", now: 0) == 0.5)
    #expect(limit.wait("b", now: 0) == nil)
    #expect(limit.wait("a", now: 0.5) == nil)
    for number in 0...(2 * RateLimit.mostAddresses) { _ = limit.wait("\(number)", now: 1 + Double(number)) }
    #expect(limit.addresses <= RateLimit.mostAddresses)
  }
}
