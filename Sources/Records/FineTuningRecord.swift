public import Foundation

/// An adapter's training: `training.json` of `seesaw mllm train`.
public struct FineTuningRecord: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-mllm-training/1"
  /// What it is called.
  public static let fileName = "training.json"

  public var format: String
  /// The model's folder, and its `model_type`.
  public var model: String
  public var family: String
  public var data: String
  public var classes: [String]
  /// How many samples were trained on and chosen by.
  public var trainSamples: Int
  public var validationSamples: Int
  /// The first prompt, as it would be written.
  public var prompt: String
  /// All that was set.
  public var settings: Tree
  /// The numbers that are trained.
  public var weights: Int
  /// Of everything that the result depends on.
  public var digest: String
  public var threads: Int
  public var versions: Versions
  public var status: RunStatus
  /// The epoch whose weights were kept, from 0; nil before the end, and where there was nothing to choose by.
  public var selectedEpoch: Int?
  /// Its score on the validation samples.
  public var validationScore: Double?
  /// Seconds of training so far.
  public var seconds: Double
  public var notes: [String]

  public init(
    model: String, family: String, data: String, classes: [String], trainSamples: Int, validationSamples: Int,
    prompt: String, settings: Tree, weights: Int, digest: String, threads: Int, versions: Versions,
    notes: [String] = []
  ) {
    format = Self.format
    self.model = model
    self.family = family
    self.data = data
    self.classes = classes
    self.trainSamples = trainSamples
    self.validationSamples = validationSamples
    self.prompt = prompt
    self.settings = settings
    self.weights = weights
    self.digest = digest
    self.threads = threads
    self.versions = versions
    status = .running
    seconds = 0
    self.notes = notes
  }

  private static let keyOrder = [
    "format", "model", "family", "data", "classes", "trainSamples", "validationSamples", "status", "selectedEpoch",
    "validationScore", "weights", "seconds", "prompt", "settings", "notes", "threads", "versions", "digest",
  ]

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder)
  }

  /// Writes ``fileName`` into a folder; the file appears whole or not at all.
  public func write(to folder: URL) throws {
    try AtomicFile.write(Data((json() + "\n").utf8), to: folder.appendingPathComponent(Self.fileName))
  }

  /// The record of a folder; nil where there is none.
  public static func read(from folder: URL) throws -> FineTuningRecord? {
    let url = folder.appendingPathComponent(fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let found: FineTuningRecord = try Tree.read(from: url)
    guard found.format == format else {
      throw Diagnosis(
        "the training is of a version that is not read", place: url.relativePath,
        found: ["'\(found.format.escapedForTerminal.clipped(40))'"], exitStatus: .input)
    }
    return found
  }
}
