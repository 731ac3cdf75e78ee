public import Foundation

/// Where a run stands.
public enum RunStatus: String, SettingChoice {
  case running
  case finished
  /// A loss was not a number.
  case diverged
  /// Stopped from outside, with a checkpoint.
  case interrupted
  case failed
  /// Ended without a word; no record says so itself, ``RunFolder/status(of:)`` finds out.
  case killed
}

/// What a run was made with.
public struct Versions: Codable, Equatable, Sendable {
  public var seesaw: String
  public var libtorch: String
  public var swift: String
  /// System and architecture.
  public var platform: String

  public init(seesaw: String, libtorch: String, swift: String, platform: String) {
    self.seesaw = seesaw
    self.libtorch = libtorch
    self.swift = swift
    self.platform = platform
  }
}

/// The data a run saw.
public struct DataRecord: Codable, Equatable, Sendable {
  public var name: String
  public var path: String
  /// SHA-256 in hexadecimal, by file name.
  public var digests: [String: String]
  /// Their names, in order of the labels.
  public var classes: [String]
  /// In the data set's order.
  public var modalities: [String]
  /// Samples by split.
  public var counts: [String: Int]
  /// The data set's modalities that the run was not shown; nil where it was shown all.
  public var leftOut: [String]?
  /// How many frames stood for a clip; nil where there were no clips.
  public var frames: Int?

  public init(
    name: String, path: String, digests: [String: String] = [:], classes: [String], modalities: [String],
    counts: [String: Int], leftOut: [String]? = nil, frames: Int? = nil
  ) {
    self.frames = frames
    self.name = name
    self.path = path
    self.digests = digests
    self.classes = classes
    self.modalities = modalities
    self.counts = counts
    self.leftOut = leftOut
  }
}

/// A run's `run.json`: enough to know it, trace it and repeat it.
public struct RunRecord: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-run/1"

  /// Resolved: every setting, snake case.
  public var configuration: Tree
  /// Where each setting has its value from.
  public var provenance: [String: String]
  public var versions: Versions
  public var threads: Int
  /// How many processes trained the model together; nil where one did.
  public var processes: Int?
  public var device: String
  public var processor: String
  /// What the processor computes with, and a mark of what came of it, as `avx512 5f0c81aa`; nil in early records.
  public var arithmetic: String?
  public var data: DataRecord
  public var status: RunStatus
  /// ISO 8601, UTC.
  public var started: String
  /// ISO 8601, UTC.
  public var ended: String?
  public var seconds: Double?
  /// From 0; whose weights are kept.
  public var selectedEpoch: Int?
  /// How probabilities are to be read, by condition; nil where there was nothing to fit that on.
  public var calibration: [String: Calibration]?
  /// How declared absence is answered, by modality; nil in records of versions that knew one answer.
  public var absence: [String: AbsenceAnswer]?
  /// The validation scores that chose among the answers: by modality, then by answer.
  public var absenceScores: [String: [String: Double]]?
  /// Of several labels, the probability above which each is predicted, set on the validation split; nil: one half.
  public var thresholds: [Double]?
  /// What training took; nil in records of earlier versions.
  public var work: Work?
  /// What a reader of the numbers must know.
  public var notes: [String]

  public init(
    configuration: Tree, provenance: [String: String] = [:], versions: Versions, threads: Int, device: String,
    processor: String, data: DataRecord, status: RunStatus = .running, started: String, ended: String? = nil,
    seconds: Double? = nil, selectedEpoch: Int? = nil, notes: [String] = []
  ) {
    self.configuration = configuration
    self.provenance = provenance
    self.versions = versions
    self.threads = threads
    self.device = device
    self.processor = processor
    self.data = data
    self.status = status
    self.started = started
    self.ended = ended
    self.seconds = seconds
    self.selectedEpoch = selectedEpoch
    self.notes = notes
  }

  /// A moment as records write it: ISO 8601 in UTC, whole seconds.
  public static func timestamp(_ date: Date = Date()) -> String { date.formatted(.iso8601) }

  static let keyOrder = [
    "format", "status", "started", "ended", "seconds", "work", "updates", "samples", "otherModels", "otherUpdates",
    "selectedEpoch", "absence", "absenceScores", "thresholds", "calibration", "notes", "configuration", "data",
    "name",
    "path",
    "versions", "device", "processor", "arithmetic", "processes", "threads", "provenance",
  ]

  private enum CodingKeys: String, CodingKey {
    case format, configuration, provenance, versions, threads, device, processor, arithmetic, data, status
    case started, ended, seconds, selectedEpoch, calibration, absence, absenceScores, notes, thresholds, work
    case processes
  }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    let format = try c.decode(String.self, forKey: .format)
    guard format == Self.format else {
      throw DecodingError.dataCorruptedError(
        forKey: .format, in: c, debugDescription: "'\(format)' was met where '\(Self.format)' is read")
    }
    configuration = try c.decode(Tree.self, forKey: .configuration)
    provenance = try c.decodeIfPresent([String: String].self, forKey: .provenance) ?? [:]
    versions = try c.decode(Versions.self, forKey: .versions)
    threads = try c.decode(Int.self, forKey: .threads)
    processes = try c.decodeIfPresent(Int.self, forKey: .processes)
    device = try c.decode(String.self, forKey: .device)
    processor = try c.decode(String.self, forKey: .processor)
    arithmetic = try c.decodeIfPresent(String.self, forKey: .arithmetic)
    data = try c.decode(DataRecord.self, forKey: .data)
    status = try c.decode(RunStatus.self, forKey: .status)
    started = try c.decode(String.self, forKey: .started)
    ended = try c.decodeIfPresent(String.self, forKey: .ended)
    seconds = try c.decodeIfPresent(Double.self, forKey: .seconds)
    selectedEpoch = try c.decodeIfPresent(Int.self, forKey: .selectedEpoch)
    calibration = try c.decodeIfPresent([String: Calibration].self, forKey: .calibration)
    absence = try c.decodeIfPresent([String: AbsenceAnswer].self, forKey: .absence)
    absenceScores = try c.decodeIfPresent([String: [String: Double]].self, forKey: .absenceScores)
    thresholds = try c.decodeIfPresent([Double].self, forKey: .thresholds)
    work = try c.decodeIfPresent(Work.self, forKey: .work)
    notes = try c.decodeIfPresent([String].self, forKey: .notes) ?? []
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(Self.format, forKey: .format)
    try c.encode(configuration, forKey: .configuration)
    try c.encode(provenance, forKey: .provenance)
    try c.encode(versions, forKey: .versions)
    try c.encode(threads, forKey: .threads)
    try c.encodeIfPresent(processes, forKey: .processes)
    try c.encode(device, forKey: .device)
    try c.encode(processor, forKey: .processor)
    try c.encodeIfPresent(arithmetic, forKey: .arithmetic)
    try c.encode(data, forKey: .data)
    try c.encode(status, forKey: .status)
    try c.encode(started, forKey: .started)
    try c.encodeIfPresent(ended, forKey: .ended)
    try c.encodeIfPresent(seconds, forKey: .seconds)
    try c.encodeIfPresent(selectedEpoch, forKey: .selectedEpoch)
    try c.encodeIfPresent(calibration, forKey: .calibration)
    try c.encodeIfPresent(absence, forKey: .absence)
    try c.encodeIfPresent(absenceScores, forKey: .absenceScores)
    try c.encodeIfPresent(thresholds, forKey: .thresholds)
    try c.encodeIfPresent(work, forKey: .work)
    try c.encode(notes, forKey: .notes)
  }
}
