import Datasets
import Foundation
import Multimodal
import Records
import Torch

/// Whether a split can be scored at all by a metric, known from its labels alone.
struct ScoreCheck {
  let metric: Metric
  let task: PredictionTask
  let classes: [String]

  /// What makes a score impossible; nil where there is one.
  ///
  /// - Parameters:
  ///   - counts: samples of each class.
  ///   - samples: how many there are.
  func diagnosis(counts: [Int], of samples: Int, split: String) -> Diagnosis? {
    if let fault = DatasetManifest.fault(metric, of: task) {
      return Diagnosis(
        fault, remedy: task == .regression ? "choose r2" : "choose accuracy, or what else the task has",
        exitStatus: .usage)
    }
    if task == .multiLabel {
      guard metric == .auroc || metric == .weightedF1 else { return nil }
      return Diagnosis(
        "the metric \(metric.rawValue) does not go with a multi-label task", remedy: "choose macro-f1 or accuracy",
        exitStatus: .usage)
    }
    guard metric == .auroc, samples > 0 else { return nil }
    guard classes.count == 2 else {
      return Diagnosis(
        "AUROC needs two classes, there are \(classes.count)", remedy: "choose accuracy, macro-f1 or weighted-f1",
        exitStatus: .usage)
    }
    guard let own = counts.firstIndex(of: samples) else { return nil }
    return Diagnosis(
      "the AUROC needs both classes, and all \(samples) \(split) samples are '\(classes[own])'",
      remedy:
        "give that split samples of both, or choose accuracy or macro-f1 as metric; a test split whose labels nobody "
        + "knows cannot be scored", exitStatus: .input)
  }

  /// Refuses a metric that the splits of a feature set cannot be scored by, before anything is trained.
  static func check(_ set: FeatureSet) throws {
    let manifest = set.manifest
    let score = ScoreCheck(metric: manifest.metric, task: manifest.task, classes: manifest.classes)
    for (name, split) in [("validation", set.validation), ("test", set.test)] {
      guard let split else { continue }
      var counts = [Int](repeating: 0, count: manifest.classes.count)
      if manifest.task != .multiLabel, manifest.metric == .auroc {
        let labels: [Int] = try split.labels.array()
        for label in labels where counts.indices.contains(label) { counts[label] += 1 }
      }
      if let wrong = score.diagnosis(counts: counts, of: split.count, split: name) {
        throw wrong.placed(in: set.folder.relativePath)
      }
    }
  }
}
