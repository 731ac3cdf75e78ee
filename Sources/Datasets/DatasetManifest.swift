public import Foundation
public import Multimodal
public import Records

/// The `dataset.json` of a feature set.
public struct DatasetManifest: Codable, Equatable, Sendable {
  public static let format = "seesaw-features/1"

  public var format = DatasetManifest.format
  public var name: String
  public var task: PredictionTask
  public var classes: [String]
  public var modalities: [String]
  public var metric: Metric
  /// Anything else: where the data comes from, how it was encoded.
  public var about: Tree

  public init(
    name: String, task: PredictionTask, classes: [String], modalities: [String], metric: Metric, about: Tree = [:]
  ) {
    self.name = name
    self.task = task
    self.classes = classes
    self.modalities = modalities
    self.metric = metric
    self.about = about
  }

  /// The metric that goes with a task where none is named.
  public static func usualMetric(_ task: PredictionTask) -> Metric {
    switch task {
    case .singleLabel: .accuracy
    case .binary: .auroc
    case .multiLabel: .macroF1
    }
  }

  /// Writes the file; it appears whole or not at all.
  public func write(to folder: URL) throws {
    let order = ["format", "name", "task", "metric", "classes", "modalities", "about"]
    let text = try Tree(encoding: self, keys: .asNamed).json(.pretty, order: order) + "\n"
    try AtomicFile.write(Data(text.utf8), to: folder.appending(path: "dataset.json"))
  }
}
