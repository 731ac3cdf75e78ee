import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

/// A feature set of image and text whose classes every method learns: one column for each class, three times the noise.
struct SmallFeatureSet {
  var task = PredictionTask.singleLabel
  /// The class of each sample; by default they take turns.
  var train = (0..<48).map { $0 % 3 }
  var test: [Int]? = (0..<20).map { $0 % 3 }
  var hasValidation = true

  static let width = 4

  /// Rows of features; each sample is of its class, or of those that `classes` gives.
  static func rows(_ labels: [Int], seed: UInt64, signal: Double = 3) -> [Float] {
    let noise = numbers(labels.count * width, seed: seed, in: -1...1)
    return labels.indices.flatMap { i in
      (0..<width).map { Float(noise[i * width + $0] + ($0 == labels[i] ? signal : 0)) }
    }
  }

  func write(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let metric = DatasetManifest.usualMetric(task)
    try DatasetManifest(
      name: "small", task: task, classes: ["red", "green", "blue"], modalities: ["image", "text"], metric: metric
    ).write(to: folder)
    try write("train", train, seed: 1, to: folder)
    if hasValidation { try write("validation", (0..<9).map { $0 % 3 }, seed: 2, to: folder) }
    if let test { try write("test", test, seed: 3, to: folder) }
  }

  private func write(_ split: String, _ labels: [Int], seed: UInt64, to folder: URL) throws {
    let shape = [labels.count, Self.width]
    let truth =
      task == .multiLabel
      ? try Tensor(labels.flatMap { label in (0..<3).map { $0 == label ? 1 : 0 } }, shape: [labels.count, 3]).to(.uint8)
      : try Tensor(labels)
    try SafeTensors.write(
      [
        ("image", try Tensor(Self.rows(labels, seed: 10 * seed, signal: 2), shape: shape)),
        ("text", try Tensor(Self.rows(labels, seed: 10 * seed + 1), shape: shape)), ("labels", truth),
      ], to: folder.appending(path: "\(split).safetensors"))
  }

  /// Writes the features that a modality has under a condition: one row for each test sample, or one for all.
  static func write(_ condition: String, _ modality: String, _ features: [Float], to folder: URL) throws {
    try SafeTensors.write(
      [(modality, try Tensor(features, shape: [features.count / width, width]))],
      to: folder.appending(path: "test@\(condition).safetensors"))
  }

  /// Trains in `folder/run`, on one thread.
  static func train(
    _ method: String, _ data: URL, to out: URL, seed: Int = 0, settings: [String] = [], stop: StopFlag = StopFlag(),
    resume: Bool = false
  ) throws -> TrainOutcome {
    var request = TrainRequest(data: data)
    request.method = method
    request.seed = seed
    request.out = out
    request.resume = resume
    request.settings =
      ["training.threads=1", "training.batch_size=16", "training.epochs=12", "optimizer.learning_rate=0.02"] + settings
    return try Experiment.train(request, stop: stop)
  }

  /// A training that is stopped after its first step.
  static func interrupt(_ method: String, _ data: URL, to out: URL, settings: [String]) throws {
    let stop = StopFlag()
    stop.request()
    guard case .interrupted = try train(method, data, to: out, settings: settings, stop: stop) else {
      Issue.record("the run was not interrupted")
      throw CancellationError()
    }
  }

  static func finished(_ outcome: TrainOutcome) throws -> RunSummary {
    guard case .finished(let summary) = outcome else {
      Issue.record("the run is not finished: \(outcome)")
      throw CancellationError()
    }
    return summary
  }
}
