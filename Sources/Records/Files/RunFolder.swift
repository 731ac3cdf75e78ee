public import Foundation

/// The files of one run, by name.
///
///     runs/hateful-memes/balgrad/seed-1-3f9a2c/
///       run.json  steps.jsonl  epochs.jsonl  evaluation.json  weights.safetensors  checkpoint.safetensors
public struct RunFolder: Hashable, Sendable {
  public let url: URL

  public init(_ url: URL) { self.url = url }

  /// Where a run belongs: by data set, method and seed, and the first six digits of its configuration's digest.
  public init(in root: URL, dataset: String, method: String, seed: Int, digest: String) {
    url = root.appendingPathComponent(Self.fileName(dataset)).appendingPathComponent(Self.fileName(method))
      .appendingPathComponent("seed-\(seed)-\(digest.prefix(6))")
  }

  /// A name that is one component of a path.
  private static func fileName(_ name: String) -> String {
    let kept = name.map { $0.isLetter || $0.isNumber || "-_.@".contains($0) ? $0 : "-" }
    let text = String(kept).trimmingPrefix { $0 == "." }
    return text.isEmpty ? "unnamed" : String(text)
  }

  /// Configuration, provenance, status.
  public var record: URL { url.appendingPathComponent("run.json") }
  /// A ``StepRow`` a line.
  public var steps: URL { url.appendingPathComponent("steps.jsonl") }
  /// An ``EpochRow`` a line.
  public var epochs: URL { url.appendingPathComponent("epochs.jsonl") }
  /// An ``EvaluationTable``.
  public var evaluation: URL { url.appendingPathComponent("evaluation.json") }
  /// A ``RunEvidence``: confusion, calibration, Shapley values, telling samples.
  public var evidence: URL { url.appendingPathComponent("evidence.json") }
  /// Class probabilities [N, C] by condition, and `labels`, of the test split.
  public var predictions: URL { url.appendingPathComponent("predictions.safetensors") }
  /// The selected weights.
  public var weights: URL { url.appendingPathComponent("weights.safetensors") }
  /// What the answers to declared absence need: mean features and temperatures.
  public var absence: URL { url.appendingPathComponent("absence.safetensors") }
  /// What a run goes on from: weights, optimizer, method and place, in one file, so that they cannot disagree.
  public var checkpoint: URL { url.appendingPathComponent("checkpoint.safetensors") }
  /// The checkpoint before that, for the day when that one cannot be read.
  public var previousCheckpoint: URL { url.appendingPathComponent("checkpoint-previous.safetensors") }
  /// Weights and batches of a step that led to what is not a number.
  public var diverged: URL { url.appendingPathComponent("diverged", isDirectory: true) }

  /// Whether a record is here.
  public var exists: Bool { FileManager.default.fileExists(atPath: record.path) }

  /// Takes the right to write here.
  ///
  /// - Throws: a ``Diagnosis`` that names who has it.
  public func lock(waiting: ((FolderLock.Holder?) throws -> Void)? = nil) throws -> FolderLock {
    try FolderLock(inside: url, waiting: waiting)
  }

  /// Who is at work here; nil where nobody is.
  public var holder: FolderLock.Holder? { FolderLock.holder(inside: url) }

  /// Where a run stands now: one that is recorded as running while nobody is at work was killed.
  public func status(of record: RunRecord) -> RunStatus {
    record.status == .running && holder == nil ? .killed : record.status
  }

  /// Removes the checkpoints: the run is finished, or begun anew.
  public func removeCheckpoints() throws { try remove([checkpoint, previousCheckpoint]) }

  /// Removes what an earlier run left in the folder, its record excepted, so that nothing old is taken for new.
  public func clear() throws {
    try removeCheckpoints()
    let names = ["method.safetensors", "missing.safetensors", "absence.safetensors", "sweep.json", "encoders"]
    try remove([evaluation, weights, steps, epochs, diverged] + names.map(url.appendingPathComponent))
  }

  private func remove(_ urls: [URL]) throws {
    for url in urls where FileManager.default.fileExists(atPath: url.path) {
      try Diagnosis.placing(url) { try FileManager.default.removeItem(at: url) }
    }
  }

  /// Makes the folder, and those above it.
  public func create() throws {
    try Diagnosis.placing(url) { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  }

  public func write(_ value: RunRecord) throws {
    try write(value, to: record, order: RunRecord.keyOrder)
  }

  public func write(_ value: EvaluationTable) throws {
    try write(value, to: evaluation, order: EvaluationTable.keyOrder + value.conditions)
  }

  public func write(_ value: RunEvidence) throws {
    try write(value, to: evidence, order: RunEvidence.keyOrder + value.conditions.map(\.condition))
  }

  public func readRecord() throws -> RunRecord { try read(record) }
  public func readEvaluation() throws -> EvaluationTable { try read(evaluation) }
  public func readEvidence() throws -> RunEvidence { try read(evidence) }
  public func readSteps() throws -> [StepRow] { try JSONLines.read(from: steps) }
  public func readEpochs() throws -> [EpochRow] { try JSONLines.read(from: epochs) }

  private func write(_ value: some Encodable, to url: URL, order: [String]) throws {
    let text = try Tree(encoding: value, keys: .asNamed).json(.pretty, order: order) + "\n"
    try AtomicFile.write(Data(text.utf8), to: url)
  }

  private func read<T: Decodable>(_ url: URL) throws -> T { try Tree.read(T.self, from: url) }
}

extension Tree {
  /// A value from a JSON file whose keys are as the properties are named.
  ///
  /// - Throws: a ``Diagnosis`` that names the file.
  public static func read<T: Decodable>(_ type: T.Type = T.self, from url: URL) throws -> T {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestRecord)
    do {
      return try Tree(json: String(decoding: data, as: UTF8.self), place: url.relativePath).decode(type, keys: .asNamed)
    } catch {
      var diagnosis = Diagnosis(describing: error)
      diagnosis.exitStatus = .input
      if diagnosis.place?.hasPrefix(url.relativePath) != true {
        diagnosis.place = url.relativePath + (diagnosis.place.map { ", \($0)" } ?? "")
      }
      throw diagnosis
    }
  }
}

extension RunFolder {
  /// The name of the folder that holds the runs of a comparison's row.
  package static func name(ofRow label: String) -> String {
    let kept = label.lowercased().map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : " " }
    let name = String(kept).split(separator: " ").joined(separator: "-")
    return name.isEmpty || name.hasPrefix(".") ? "row-\(name)" : name
  }
}
