public import Foundation
public import Multimodal
import Records

/// Pictures and texts with labels, as they lie in a folder, checked.
///
/// A row that cannot be used is put in ``quarantined`` and counted; what makes the whole set unusable is an error that names
/// everything wrong at once.
public struct RawDataset: Sendable {
  /// The name of the folder.
  public let name: String
  /// What image paths are relative to.
  public let folder: URL
  /// The sample file itself.
  public let file: URL
  /// The usable rows, in the order of the file.
  public let samples: [RawSample]
  /// The names of the classes: in numerical order where all are whole numbers, else alphabetical.
  public let classes: [String]
  /// What the samples consist of: `image`, `text` or both, in that order.
  public let modalities: [RawInput.Kind]
  /// Whether some sample has no label or more than one.
  public let isMultiLabel: Bool
  /// The rows left out, in the order of the file.
  public let quarantined: [Quarantined]
  /// What a person should know about how the data was read, a sentence each.
  public let notes: [String]

  /// Reads a folder with `samples.csv` or `samples.jsonl`, or such a file.
  ///
  /// Pictures are only looked for, not opened; ``quarantining(threads:settings:where:)`` takes a closer look.
  /// - Throws: ``RawDatasetError``, or Foundation's error where the file cannot be read.
  public init(at location: URL, settings: RawDatasetSettings = .init()) throws {
    let file = try Self.sampleFile(at: location)
    let place = file.path(percentEncoded: false)
    let remaining = 1 - settings.validationShare - settings.testShare
    guard settings.validationShare >= 0, settings.testShare >= 0, remaining > 0 else {
      throw RawDatasetError(
        place: place, faults: [.shares(validation: settings.validationShare, test: settings.testShare)])
    }
    let rows = RawRows(try Data(contentsOf: file), isCSV: file.pathExtension.lowercased() == "csv")
    guard rows.faults.isEmpty else { throw RawDatasetError(place: place, faults: rows.faults) }
    var checks = RawChecks(folder: file.deletingLastPathComponent(), rows: rows)
    checks.run(settings)
    try self.init(checks, file: file, settings: settings)
  }

  private init(_ checks: RawChecks, file: URL, settings: RawDatasetSettings) throws {
    let folder = file.deletingLastPathComponent()
    self.file = file
    self.folder = folder
    self.name = folder.standardizedFileURL.lastPathComponent
    self.samples = checks.samples
    self.quarantined = checks.quarantined.sorted { $0.row < $1.row }
    self.notes = checks.notes
    self.isMultiLabel = checks.samples.contains { $0.labels.count != 1 }
    self.classes = Self.ordered(Set(checks.samples.flatMap(\.labels)))
    self.modalities = RawInput.Kind.allCases.filter { kind in
      checks.samples.contains { kind == .image ? $0.imagePath != nil : $0.text != nil }
    }
    let faults = wholeSetFaults(rowCount: checks.rowCount, hasSplitColumn: checks.hasSplitColumn, settings)
    if !faults.isEmpty {
      throw RawDatasetError(
        place: file.path(percentEncoded: false), faults: faults, quarantined: self.quarantined)
    }
  }

  /// The samples of a split, in the order of the file.
  public func samples(in split: RawSplit) -> [RawSample] { samples.filter { $0.split == split } }

  /// The places of a sample's labels in ``classes``, ascending.
  public func labelNumbers(of sample: RawSample) -> [Int] {
    sample.labels.compactMap { classes.firstIndex(of: $0) }.sorted()
  }

  /// The data set without the samples that a closer look refuses, such as those whose picture cannot be decoded.
  ///
  /// - Parameter check: throws for a sample that cannot be used; called from several threads.
  /// - Throws: ``RawDatasetError`` where what remains is unusable, or a sample was refused and settings are strict.
  public func quarantining(
    threads: Int = 0, settings: RawDatasetSettings = .init(), where check: @Sendable (RawSample) throws -> Void
  ) throws -> RawDataset {
    let samples = samples
    let reasons = try parallelMap(samples.count, threads: threads) { index -> String? in
      do {
        try check(samples[index])
        return nil
      } catch {
        let diagnosis = Diagnosis(describing: error)
        return diagnosis.found.isEmpty
          ? diagnosis.what : "\(diagnosis.what): \(diagnosis.found.joined(separator: ", "))"
      }
    }
    var checks = RawChecks(folder: folder, rows: nil)
    checks.rowCount = samples.count + quarantined.count
    checks.hasSplitColumn = true
    checks.quarantined = quarantined
    for (sample, reason) in zip(samples, reasons) {
      if let reason {
        checks.quarantined.append(
          Quarantined(row: sample.row, id: sample.id, reason: reason, split: sample.split))
      } else {
        checks.samples.append(sample)
      }
    }
    checks.notes = notes.filter { $0 != RawChecks.note(leftOut: quarantined.count) }
    if !checks.quarantined.isEmpty { checks.notes.append(RawChecks.note(leftOut: checks.quarantined.count)) }
    return try RawDataset(checks, file: file, settings: settings)
  }

  private static func sampleFile(at location: URL) throws -> URL {
    var isFolder: ObjCBool = false
    let path = location.path(percentEncoded: false)
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CocoaError(.fileReadNoSuchFile, userInfo: [NSFilePathErrorKey: path])
    }
    guard isFolder.boolValue else {
      if ["csv", "jsonl", "ndjson"].contains(location.pathExtension.lowercased()) { return location }
      throw RawDatasetError(place: path, faults: [.unknownFileKind])
    }
    func file(_ name: String) -> URL? {
      let url = location.appending(path: name)
      return FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) ? url : nil
    }
    switch (file("samples.csv"), file("samples.jsonl")) {
    case (.some, .some): throw RawDatasetError(place: path, faults: [.twoSampleFiles])
    case (let found?, nil), (nil, let found?): return found
    case (nil, nil):
      throw RawDatasetError(place: path, faults: [.noSampleFile(isFeatureSet: file("dataset.json") != nil)])
    }
  }

  private static func ordered(_ names: Set<String>) -> [String] {
    let numbers = names.compactMap { Int($0) }
    guard numbers.count == names.count else { return names.sorted() }
    return names.sorted { (Int($0) ?? 0, $0) < (Int($1) ?? 0, $1) }
  }

  private func wholeSetFaults(rowCount: Int, hasSplitColumn: Bool, _ settings: RawDatasetSettings) -> [RawDatasetFault]
  {
    var faults: [RawDatasetFault] = []
    if settings.strict, !quarantined.isEmpty { faults.append(.strict(quarantined)) }
    if rowCount == 0 { return faults + [.noRows] }
    if samples.isEmpty { return faults + [.nothingUsable(rows: rowCount)] }
    if modalities.isEmpty { faults.append(.noInputColumn(found: [])) }
    if classes.count == 1, !isMultiLabel { faults.append(.onlyOneClass(classes[0])) }
    for split in [RawSplit.train, .test] where !samples.contains(where: { $0.split == split }) {
      faults.append(.emptySplit(split, hasColumn: hasSplitColumn))
    }
    let trained = Set(samples.lazy.filter { $0.split == .train }.flatMap(\.labels))
    var unseen: [String: [Int]] = [:]
    for sample in samples where sample.split != .train {
      for label in sample.labels where !trained.contains(label) { unseen[label, default: []].append(sample.row) }
    }
    if !unseen.isEmpty, !trained.isEmpty { faults.append(.classesNotInTraining(unseen)) }
    return faults
  }
}
