public import Foundation
public import Multimodal
public import Records

/// The `dataset.json` of a feature set.
public struct DatasetManifest: Codable, Equatable, Sendable {
  public static let format = "seesaw-features/1"
  /// Of a set that refers to the rows of its shards, which earlier versions cannot read.
  public static let joinedFormat = "seesaw-features/2"

  public var format = DatasetManifest.format
  public var name: String
  public var task: PredictionTask
  /// Empty where a number is predicted.
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

  /// `about` may be left out.
  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    format = try c.decode(String.self, forKey: .format)
    name = try c.decode(String.self, forKey: .name)
    task = try c.decode(PredictionTask.self, forKey: .task)
    classes = try c.decode([String].self, forKey: .classes)
    modalities = try c.decode([String].self, forKey: .modalities)
    metric = try c.decode(Metric.self, forKey: .metric)
    about = try c.decodeIfPresent(Tree.self, forKey: .about) ?? [:]
  }

  /// How many numbers a model says of a sample: one for each class, or the one that is predicted.
  public var outputs: Int { task == .regression ? 1 : classes.count }

  /// What is wrong with a metric that a task cannot be scored by at all; nil where it can be.
  public static func fault(_ metric: Metric, of task: PredictionTask) -> String? {
    guard (task == .regression) != (metric == .r2) else { return nil }
    return task == .regression
      ? "a regression is scored by r2, not by \(metric.rawValue), which needs classes"
      : "the metric r2 is of a regression, the task is \(task.rawValue)"
  }

  /// The metric that goes with a task where none is named.
  public static func usualMetric(_ task: PredictionTask) -> Metric {
    switch task {
    case .singleLabel: .accuracy
    case .binary: .auroc
    case .multiLabel: .macroF1
    case .regression: .r2
    }
  }

  /// Writes the file; it appears whole or not at all.
  public func write(to folder: URL) throws {
    let order = ["format", "name", "task", "metric", "classes", "modalities", "about"]
    let text = try Tree(encoding: self, keys: .asNamed).json(.pretty, order: order) + "\n"
    try AtomicFile.write(Data(text.utf8), to: folder.appending(path: "dataset.json"))
  }

  /// The manifest of a feature set, checked.
  ///
  /// - Throws: ``FeatureSetError``, or a `Diagnosis` where there is no feature set.
  public static func read(in folder: URL) throws -> DatasetManifest {
    let url = folder.appending(path: "dataset.json")
    let files = FileManager.default
    guard files.fileExists(atPath: url.path) else {
      guard files.fileExists(atPath: folder.path) else {
        throw Diagnosis("there is no data set '\(folder.relativePath)'", exitStatus: .input)
      }
      let isRaw = ["samples.csv", "samples.jsonl"].contains {
        files.fileExists(atPath: folder.appending(path: $0).path)
      }
      throw Diagnosis(
        isRaw ? "these are raw samples, not features" : "the folder has no dataset.json", place: folder.relativePath,
        remedy: isRaw
          ? "encode them first:  seesaw encode \(folder.relativePath) --out \(folder.lastPathComponent)-features"
          : "make a feature set with seesaw encode or seesaw import", exitStatus: .input)
    }
    let manifest: DatasetManifest = try Tree.read(from: url)
    var faults: [String] = []
    if ![DatasetManifest.format, joinedFormat].contains(manifest.format) {
      faults.append("dataset.json: the format is '\(manifest.format)', expected '\(DatasetManifest.format)'")
    }
    faults += manifest.task.faults(modalities: manifest.modalities, classes: manifest.classes).map {
      "dataset.json: \($0)"
    }
    if manifest.metric == .auroc, manifest.task == .singleLabel, manifest.classes.count != 2 {
      faults.append("dataset.json: AUROC needs two classes, found \(manifest.classes.count)")
    }
    if let fault = fault(manifest.metric, of: manifest.task) { faults.append("dataset.json: \(fault)") }
    guard faults.isEmpty else { throw FeatureSetError(folder: folder.relativePath, faults: faults) }
    return manifest
  }
}
