import Datasets
public import Foundation
import Multimodal
public import Records

/// The folder of a published data set to be looked through, as asked for.
public struct LayoutCheckRequest: Sendable {
  public var folder: URL
  /// nil finds out by the files.
  public var layout: String?
  public var variant: String?
  /// Pictures are opened, not only looked for.
  public var opens = true
  /// 0 takes one a core.
  public var threads = 0

  public init(folder: URL) { self.folder = folder }
}

extension Experiment {
  /// Everything that is amiss in the folder of a published data set, in groups with counts.
  ///
  /// - Throws: a `Diagnosis` where there is no such folder or it is of no layout; `CancellationError` where it was stopped.
  public static func checkLayout(
    _ request: LayoutCheckRequest, stop: StopFlag = StopFlag(), events: EventSink = { _ in }
  ) throws -> LayoutFindings {
    let name = try layoutName(request)
    let card = try DatasetLayouts.card(named: name)
    var settings = RawDatasetSettings()
    settings.layout = name
    settings.variant = request.variant ?? ""
    var findings = LayoutFindings(
      layout: card.name, variant: request.variant ?? card.variants.first?.name, folder: request.folder.relativePath,
      published: card.splits, isUsable: true)
    do {
      var data = try RawDataset(at: request.folder, settings: settings)
      findings.take(data)
      if request.opens { data = try opened(data, settings, request.threads, stop, events) }
      findings.take(data)
    } catch let error as RawDatasetError {
      findings.isUsable = false
      findings.problems =
        error.faults.map { fault in
          let diagnosis = RawDatasetError(place: "", faults: [fault]).diagnosis
          let more = diagnosis.found + (diagnosis.remedy.map { [$0] } ?? [])
          return LayoutFindings.Finding(what: diagnosis.what, count: max(diagnosis.found.count, 1), examples: more)
        } + LayoutFindings.groups(of: error.quarantined.map { ($0.place, $0.reason) })
    }
    return findings
  }

  private static func layoutName(_ request: LayoutCheckRequest) throws -> String {
    var isFolder: ObjCBool = false
    let path = request.folder.path(percentEncoded: false)
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw Diagnosis("there is no folder '\(request.folder.relativePath)'", exitStatus: .input)
    }
    if let name = request.layout { return name }
    let names = DatasetLayouts.recognised(in: request.folder)
    guard let name = names.first, names.count == 1 else {
      throw Diagnosis(
        names.isEmpty
          ? "the folder is in no published layout that is known"
          : "the folder could be \(names.joined(separator: " or "))",
        place: request.folder.relativePath,
        remedy: "name the one that is meant: seesaw datasets check NAME \(request.folder.relativePath)",
        exitStatus: .input)
    }
    return name
  }

  /// Pictures opened at a time.
  private static let portion = 256

  /// The data set without the samples whose pictures cannot be decoded.
  private static func opened(
    _ data: RawDataset, _ settings: RawDatasetSettings, _ threads: Int, _ stop: StopFlag, _ events: EventSink
  ) throws -> RawDataset {
    let samples = data.samples
    var reasons: [String: Diagnosis] = [:]
    for start in stride(from: 0, to: samples.count, by: portion) {
      if stop.isRequested { throw CancellationError() }
      let part = Array(samples[start..<min(start + portion, samples.count)])
      let found = try parallelMap(part.count, threads: threads) { index -> Diagnosis? in
        do {
          try part[index].open()
          return nil
        } catch { return Diagnosis(describing: error) }
      }
      for (sample, reason) in zip(part, found) { reasons[sample.id] = reason }
      events(.progress(label: "Checking", done: start + part.count, total: samples.count, detail: "files opened"))
    }
    let known = reasons
    return try data.quarantining(threads: 1, settings: settings) { sample in
      if let reason = known[sample.id] { throw reason }
    }
  }
}

extension LayoutFindings {
  /// What a data set that can be used says of itself.
  fileprivate mutating func take(_ data: RawDataset) {
    counts = Dictionary(data.samples.indices.map { (data.samples.split(at: $0).rawValue, 1) }, uniquingKeysWith: +)
    classes = data.classes.count
    problems = Self.groups(of: data.quarantined.map { ($0.place, $0.reason) })
    remarks = []
    for kind in data.modalities {
      let without = data.samples.filter { !$0.has(kind) }
      guard !without.isEmpty else { continue }
      remarks.append(
        Finding(
          what: "no \(kind.rawValue): \(kind.standIn) stands for it",
          count: without.count, examples: without.prefix(5).map { "\($0.place): '\($0.id)'" }))
    }
    let own = ["left out", "without a text", "without a picture", "without a sound"]
    remarks += data.notes.filter { note in !own.contains { note.contains($0) } }
      .map { Finding(what: $0, count: 1, examples: []) }
    for split in RawSplit.allCases {
      let count = counts[split.rawValue] ?? 0
      guard let usual = published[split.rawValue], usual != count else { continue }
      remarks.append(
        Finding(
          what: "\(grouped(count)) \(split.rawValue) samples, published were \(grouped(usual))", count: 1, examples: [])
      )
    }
  }
}

extension RawInput.Kind {
  /// What stands for a missing one, in words.
  fileprivate var standIn: String {
    switch self {
    case .image: "a black picture"
    case .text: "the empty text"
    case .audio: "silence"
    }
  }
}
