import Experiments
import Foundation
import Records
import Synchronization

/// What a model was asked and how it answered, as numbers that do not grow with the number of requests.
///
/// Drift compares the classes of the last ``window`` predictions with those that the run predicted on its held-out split
/// in the same conditions, as `evidence.json` has them: a model that is asked without pictures is held against itself
/// without pictures. For one label it is the total variation distance ½ Σ |p − q|, for several the mean of |p − q| over
/// the classes.
final class ModelMonitor: Sendable {
  /// Predictions that drift and shares are computed over.
  static let window = 1000

  enum Presence: String, CaseIterable { case present, absent, empty }

  struct Drift: Equatable {
    var distance: Double
    /// What it would be by chance alone, where nothing has changed, on average.
    var expected: Double
    var predictions: Int
  }

  private struct Answer {
    var labels: [Int]
    var condition: String?
    /// By modality, in the model's order.
    var presence: [Presence]
  }

  private struct State {
    var batches = Histogram(Histogram.samples)
    var seconds = 0.0
    var labels: [Int]
    var presence: [[Int]]
    var reliance: [Double]
    var reliances = 0
    var predictions = 0
    var refused = 0
    var recent: [Answer] = []
    var next = 0
  }

  private let classes: [String]
  private let classNumbers: [String: Int]
  private let modalities: [String]
  private let isMultiLabel: Bool
  /// By condition, the share of samples with each label, and how many samples there were.
  private let known: [String: (shares: [Double], samples: Int)]
  private let state: Mutex<State>

  init(classes: [String], modalities: [String], isMultiLabel: Bool, evidence: RunEvidence?) {
    self.classes = classes
    self.modalities = modalities
    self.isMultiLabel = isMultiLabel
    classNumbers = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var known: [String: (shares: [Double], samples: Int)] = [:]
    for condition in evidence?.conditions ?? [] {
      let counts = condition.labelCounts ?? condition.confusion?.labels ?? []
      guard counts.count == classes.count, let one = counts.first else { continue }
      let samples = one.truePositives + one.falsePositives + one.falseNegatives + one.trueNegatives
      guard samples > 0 else { continue }
      known[condition.condition] = (
        counts.map { Double($0.truePositives + $0.falsePositives) / Double(samples) }, samples
      )
    }
    self.known = known
    state = Mutex(
      State(
        labels: Array(repeating: 0, count: classes.count),
        presence: Array(repeating: Array(repeating: 0, count: Presence.allCases.count), count: modalities.count),
        reliance: Array(repeating: 0, count: modalities.count)))
  }

  func batch(_ samples: Int, seconds: Double) {
    state.withLock {
      $0.batches.add(Double(samples))
      $0.seconds += seconds
    }
  }

  func refused() { state.withLock { $0.refused += 1 } }

  func answered(_ prediction: Prediction) {
    let answer = Answer(
      labels: prediction.labels.compactMap { classNumbers[$0] }, condition: prediction.condition,
      presence: modalities.map { name in
        prediction.present.contains(name) ? .present : prediction.empty?.contains(name) == true ? .empty : .absent
      })
    let reliance = prediction.reliance.map { shares in modalities.map { shares[$0] ?? 0 } }
    state.withLock { state in
      state.predictions += 1
      for label in answer.labels { state.labels[label] += 1 }
      for (place, presence) in answer.presence.enumerated() {
        state.presence[place][Presence.allCases.firstIndex(of: presence) ?? 0] += 1
      }
      if let reliance {
        state.reliances += 1
        for (place, share) in reliance.enumerated() { state.reliance[place] += share }
      }
      if state.recent.count < Self.window { state.recent.append(answer) } else { state.recent[state.next] = answer }
      state.next = (state.next + 1) % Self.window
    }
  }

  /// Nil before there is anything to compare.
  var drift: Drift? { drift(of: state.withLock { $0.recent }) }

  private func drift(of recent: [Answer]) -> Drift? {
    var found = [Double](repeating: 0, count: classes.count)
    var expected = found
    var count = 0
    var inverse = 0.0
    for answer in recent {
      guard let (shares, samples) = answer.condition.flatMap({ known[$0] }) else { continue }
      count += 1
      inverse += 1 / Double(samples)
      for label in answer.labels { found[label] += 1 }
      for place in shares.indices { expected[place] += shares[place] }
    }
    guard count > 0 else { return nil }
    let n = Double(count)
    let weight = isMultiLabel ? 1 / Double(max(classes.count, 1)) : 0.5
    var drift = Drift(distance: 0, expected: 0, predictions: count)
    for (found, expected) in zip(found, expected) {
      let (p, q) = (found / n, expected / n)
      drift.distance += weight * abs(p - q)
      // The mean of |x| for a normal x of this variance.
      drift.expected += weight * (2 / Double.pi * max(q * (1 - q), 0) * (1 / n + inverse / n)).squareRoot()
    }
    return drift
  }

  // MARK: Metrics

  typealias Labels = [(String, String)]

  /// The families that all models have, each with its models' samples.
  static func write(_ models: [(name: String, monitor: ModelMonitor)], to text: inout PrometheusText) {
    let all = models.map { (labels: [("model", $0.name)] as Labels, monitor: $0.monitor, state: $0.monitor.snapshot) }
    text.family("seesaw_predictions_total", .counter, "Samples that were answered.")
    for one in all { text.sample("seesaw_predictions_total", one.labels, one.state.predictions) }
    text.family("seesaw_samples_refused_total", .counter, "Samples that could not be answered.")
    for one in all { text.sample("seesaw_samples_refused_total", one.labels, one.state.refused) }
    text.family("seesaw_predicted_total", .counter, "Predictions by class.")
    for one in all {
      for (name, count) in zip(one.monitor.classes, one.state.labels) {
        text.sample("seesaw_predicted_total", one.labels + [("class", name)], count)
      }
    }
    text.family("seesaw_batch_samples", .histogram, "Samples that went through the model together.")
    for one in all { text.histogram("seesaw_batch_samples", one.labels, one.state.batches) }
    text.family("seesaw_model_seconds_total", .counter, "Seconds that the model computed.")
    for one in all { text.sample("seesaw_model_seconds_total", one.labels, one.state.seconds) }
    text.family("seesaw_modality_samples_total", .counter, "Samples with a modality present, absent or empty.")
    for one in all {
      for (modality, counts) in zip(one.monitor.modalities, one.state.presence) {
        for (presence, count) in zip(Presence.allCases, counts) {
          let labels = one.labels + [("modality", modality), ("state", presence.rawValue)]
          text.sample("seesaw_modality_samples_total", labels, count)
        }
      }
    }
    text.family("seesaw_modality_share", .gauge, "The same as shares of the last \(window) predictions.")
    for one in all where !one.state.recent.isEmpty {
      for (place, modality) in one.monitor.modalities.enumerated() {
        for presence in Presence.allCases {
          let count = one.state.recent.count { $0.presence[place] == presence }
          let labels = one.labels + [("modality", modality), ("state", presence.rawValue)]
          text.sample("seesaw_modality_share", labels, Double(count) / Double(one.state.recent.count))
        }
      }
    }
    text.family("seesaw_reliance", .summary, "How far predictions rest on a modality, by methods that tell.")
    for one in all where one.state.reliances > 0 {
      for (modality, sum) in zip(one.monitor.modalities, one.state.reliance) {
        text.sample("seesaw_reliance_sum", one.labels + [("modality", modality)], sum)
        text.sample("seesaw_reliance_count", one.labels + [("modality", modality)], one.state.reliances)
      }
    }
    let drifts = all.compactMap { one in one.monitor.drift(of: one.state.recent).map { (one.labels, $0) } }
    text.family(
      "seesaw_prediction_drift", .gauge,
      "Distance of the last predictions' classes from those on the run's held-out split, 0 to 1.")
    for (labels, drift) in drifts { text.sample("seesaw_prediction_drift", labels, drift.distance) }
    text.family(
      "seesaw_prediction_drift_by_chance", .gauge, "What the drift would be on average if nothing had changed.")
    for (labels, drift) in drifts { text.sample("seesaw_prediction_drift_by_chance", labels, drift.expected) }
    text.family("seesaw_prediction_drift_samples", .gauge, "Predictions that the drift is computed over.")
    for (labels, drift) in drifts { text.sample("seesaw_prediction_drift_samples", labels, drift.predictions) }
  }

  private var snapshot: State { state.withLock { $0 } }
}
