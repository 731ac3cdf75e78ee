public import Datasets
import Encoders
public import Foundation
import Multimodal
public import Records
import Torch

/// A data set to be looked through, as asked for.
public struct CheckRequest: Sendable {
  /// The folder of a feature set, or a folder or file of raw samples.
  public var data: URL
  /// `key=value` over `CheckSettings`.
  public var settings: [String] = []
  /// The published layout of the folder, and which of its ways to read it; nil finds out, and takes the first.
  public var layout: String?
  public var variant: String?
  /// How a table of samples is read.
  public var table = TableRequest()
  /// Calls it no failure where more is left out than ``Datasets/LossLimit`` admits.
  public var allowLoss = false

  public init(data: URL) { self.data = data }
}

/// What a check can be told by `--set`.
public struct CheckSettings: Settings {
  public var compare = GuardSettings()
  public var data = RawDatasetSettings()
  /// 0 takes one a core.
  public var threads = 0
  public init() {}
}

extension Experiment {
  /// Looks through a data set for what would make its scores mean less than they seem: copies and groups across splits,
  /// labels that leak into texts, modalities that are not there.
  ///
  /// - Throws: a `Diagnosis` where there is no such data; `CancellationError` where it was stopped.
  public static func check(
    _ request: CheckRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> DataFindings {
    let overlay = ConfigurationResolver(defaults: try Tree(encoding: CheckSettings()))
    var settings = try overlay.resolve(settings: request.settings).tree.decode(CheckSettings.self)
    settings.data = request.table.over(settings.data, layout: request.layout, variant: request.variant)
    let manifest = request.data.appending(path: "dataset.json")
    guard request.data.isFileURL, FileManager.default.fileExists(atPath: manifest.path) else {
      return try checkRaw(request, settings, stop: stop, events: events)
    }
    let data = try LoadedData(at: request.data, events: events)
    events(.phase("Data", data.words))
    try JoinedRows.verify(in: data.set.folder, threads: settings.threads)
    var findings = try DataAudit.findings(GuardedSamples(data.set, settings.compare), settings.compare)
    if let wrong = scoreFinding({ try ScoreCheck.check(data.set) }) { findings.findings.insert(wrong, at: 0) }
    findings.key = try key(of: data)
    if settings.compare == GuardSettings() { keep(findings, in: data.set.folder) }
    return findings
  }

  /// The same in its short form, for the start of a training: what was found on this data before, else found now, in a
  /// fraction of a second; and told, as far as it is of weight.
  @discardableResult
  package static func guardData(_ folder: URL, events: EventSink = { _ in }) throws -> DataFindings {
    try guardData(LoadedData(at: folder, events: events), events: events)
  }

  @discardableResult
  static func guardData(_ data: LoadedData, events: EventSink) throws -> DataFindings {
    try ScoreCheck.check(data.set)
    let key = try key(of: data)
    let findings: DataFindings
    if let found: DataFindings = try? Tree.read(from: checkFile(in: data.set.folder)), found.key == key {
      findings = found
    } else {
      if let size = data.largeSize {
        events(.phase("Checking", "\(size) for samples that are there twice, once for this data"))
      }
      var found = try DataAudit.findings(GuardedSamples(data.set, .quick), .quick)
      found.key = key
      keep(found, in: data.set.folder)
      findings = found.shortened(to: keptCases)
    }
    for line in warnings(findings, data.set.folder) { events(.note(line)) }
    return findings
  }

  /// What to say before a training: two findings at most, and how to see the others.
  static func warnings(_ findings: DataFindings, _ folder: URL) -> [String] {
    let grave = findings.findings(.grave)
    let others = findings.findings(.warning)
    let shown = grave.isEmpty ? others.prefix(1) : grave.prefix(2)
    guard !shown.isEmpty else { return [] }
    let rest = grave.count + others.count - shown.count
    let more =
      "seesaw check \(folder.relativePath) " + (rest > 0 ? "says where, and \(rest) more" : "says where")
    return shown.dropLast().map { "the data: \($0.what)" }
      + shown.suffix(1).map { "the data: \($0.what); \(more)" }
  }

  /// More cases of a finding than this are counted and not kept beside the data.
  private static let keptCases = 100

  private static func checkFile(in folder: URL) -> URL { folder.appending(path: ".check.json") }

  /// Keeps what was found beside the data; in a folder that takes no files it is found again next time.
  private static func keep(_ findings: DataFindings, in folder: URL) {
    try? AtomicFile.write(Data((findings.shortened(to: keptCases).json() + "\n").utf8), to: checkFile(in: folder))
  }

  /// Names what a check depends on.
  private static func key(of data: LoadedData) throws -> String {
    var lines = ["check 1"] + data.digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    for name in ["quarantine.jsonl"] + RawSplit.allCases.map({ "\($0.rawValue).samples.jsonl" }) {
      let file = data.set.folder.appending(path: name)
      if FileManager.default.fileExists(atPath: file.path) { lines.append(try FileDigest.sha256(of: file)) }
    }
    return FileDigest.sha256(of: lines.joined(separator: "\n"))
  }

  // MARK: Raw samples

  /// Pictures or sounds decoded at a time.
  private static let portion = 256

  private static func checkRaw(
    _ request: CheckRequest, _ settings: CheckSettings, stop: StopFlag, events: @escaping EventSink
  ) throws -> DataFindings {
    let location = request.data
    guard !location.isFileURL || FileManager.default.fileExists(atPath: location.path) else {
      throw Diagnosis(
        "there is no data '\(location.relativePath)'", remedy: "name a feature set, or a folder of raw samples",
        exitStatus: .input)
    }
    let inputs = InputPrints()
    let likeness = Likeness(
      prints: inputs, settings: settings.compare, threads: settings.threads, stop: stop, events: events)
    var data = try RawDataset(at: location, settings: settings.data, alike: likeness.function)
    events(.phase("Data", "\(data.name) · \(grouped(data.samples.count)) samples, \(data.answerWords)"))
    let samples = data.samples
    var looks: [RawInput.Kind: [String: Result<GuardedSamples.Print, Diagnosis>]] = [:]
    for kind in data.modalities where kind != .text {
      for start in stride(from: 0, to: samples.count, by: portion) {
        if stop.isRequested { throw CancellationError() }
        let part = Array(samples[start..<min(start + portion, samples.count)])
        let found = try parallelMap(part.count, threads: settings.threads) { inputs.print(of: part[$0], kind) }
        for (sample, look) in zip(part, found) { looks[kind, default: [:]][sample.id] = look }
        events(
          .progress(
            label: kind == .image ? "Pictures" : "Sounds", done: start + part.count, total: samples.count,
            detail: "reduced to fingerprints and compared"))
      }
    }
    let results = looks
    data = try data.quarantining(threads: 1, settings: settings.data) { sample in
      for looks in results.values { _ = try looks[sample.id]?.get() }
    }
    let kept = data.samples
    let prints = results.mapValues { looks in kept.map { try? looks[$0.id]?.get() } }
    var findings = try DataAudit.findings(GuardedSamples(data, prints: prints, settings.compare), settings.compare)
    if !request.allowLoss, let loss = data.loss {
      findings.findings.insert(
        .init(
          .lostData, .grave, loss.what, loss.found.joined(separator: "; "), remedy: loss.remedy,
          count: data.quarantined.count), at: 0)
    }
    return findings
  }

  /// What makes a score impossible, as a finding.
  private static func scoreFinding(_ check: () throws -> Void) -> DataFindings.Finding? {
    do {
      try check()
      return nil
    } catch {
      let diagnosis = Diagnosis(describing: error)
      return .init(
        .noScore, .grave, diagnosis.what, diagnosis.found.isEmpty ? nil : diagnosis.found.joined(separator: "; "),
        remedy: diagnosis.remedy, count: 0)
    }
  }
}

extension DataFindings {
  /// With so many cases of each finding.
  fileprivate func shortened(to count: Int) -> DataFindings {
    var copy = self
    for index in copy.findings.indices { copy.findings[index].cases = Array(findings[index].cases.prefix(count)) }
    return copy
  }
}
