public import Foundation
public import Multimodal
public import Records

/// Pictures and texts with labels, as they lie in a folder, checked.
///
/// A row that cannot be used is put in ``quarantined`` and counted; what makes the whole set unusable is an error that names
/// everything wrong at once.
public struct RawDataset: Sendable {
  /// The name of the folder.
  public let name: String
  /// What image paths are relative to.
  public let folder: URL
  /// The sample file itself; the folder, where a published layout was read.
  public let file: URL
  /// What is known of the data set, where a published layout was read.
  public let card: DatasetCard?
  /// The usable rows, in the order of the file.
  public let samples: RawSamples
  /// The names of the classes: in the data set's own order, else in numerical order where all are whole numbers, else
  /// alphabetical.
  public let classes: [String]
  /// What the samples consist of: `image`, `text`, `audio`, in that order.
  public let modalities: [RawInput.Kind]
  private let classNumbers: [String: Int]
  /// The data set's own order of its classes.
  private let order: [String]
  /// Whether some sample has no label or more than one, or the published task says so.
  public let isMultiLabel: Bool
  /// Whether labels are numbers that are predicted; there are no classes then.
  public let isRegression: Bool
  /// The rows left out, in the order of the file.
  public let quarantined: [Quarantined]
  /// What a person should know about how the data was read, a sentence each.
  public let notes: [String]
  /// What it was read for.
  public let purpose: Purpose
  /// All that the files name, whether it can be used or not.
  private let before: LossLimit.Contents
  /// What was taken in a way that earlier versions did not, a sentence each: features depend on it.
  package let interpretations: [String]
  /// Which column was taken for what: `image: file_name`.
  package let roles: [String]
  /// Whether the digest of one file does not name all that was read.
  private let isComposed: Bool

  /// How many frames stand for a clip; nil where there are no clips.
  package var clipFrames: Int? { samples.store?.inputs.clipFrames }

  /// Of so many samples, given by their places, the places of those whose pictures or sounds are nearly the same, set by set.
  public typealias Likeness = (_ count: Int, _ sample: (Int) -> RawSample) throws -> [[Int]]

  /// What samples are read for, and so what there must be.
  public enum Purpose: Sendable {
    /// Models are trained: there is a training split, and a test split whose classes are known from training.
    case training
    /// A model is asked: rows that no column gives to a split are the test split's.
    case asking
    /// The same, where nobody knows labels.
    case askingUnlabelled
  }

  /// Reads a folder with a table of samples (`samples.csv`, `samples.jsonl`, or the only one there), or such a file; or a
  /// folder in a published layout (``DatasetLayouts``), which is known by its files unless ``RawDatasetSettings/layout``
  /// names it.
  ///
  /// Pictures are only looked for, not opened; ``quarantining(threads:settings:where:)`` takes a closer look.
  /// - Parameter alike: opens pictures and sounds where a split is drawn, so that near-copies stay in one split.
  /// - Throws: ``RawDatasetError``, or Foundation's error where the file cannot be read.
  public init(
    at location: URL, settings: RawDatasetSettings = .init(), for purpose: Purpose = .training,
    alike: Likeness? = nil
  ) throws {
    let layout = try Self.layout(of: location, settings)
    let read = try layout == nil ? Self.read(location, settings, purpose) : nil
    let source = try layout == nil && read == nil ? RawSource(at: location, settings) : nil
    let file = source?.file ?? location
    let place = file.path(percentEncoded: false)
    let remaining = 1 - settings.validationShare - settings.testShare
    guard settings.validationShare >= 0, settings.testShare >= 0, remaining > 0 else {
      throw RawDatasetError(
        place: place, faults: [.shares(validation: settings.validationShare, test: settings.testShare)])
    }
    guard (0..<1).contains(settings.heldOutShare) else {
      throw RawDatasetError(place: place, faults: [.shares(validation: settings.heldOutShare, test: 0)])
    }
    if let layout {
      try self.init(layout, in: location, isNamed: !settings.layout.isEmpty, settings: settings, purpose, alike)
      return
    }
    if let read {
      try self.init(read, at: location, settings: settings, purpose, alike)
      return
    }
    guard let source else { throw RawDatasetError(place: place, faults: [.noSampleFile(isFeatureSet: false, "")]) }
    let rows = try RawRows(source, settings, needsLabels: purpose != .askingUnlabelled)
    guard rows.faults.isEmpty else { throw RawDatasetError(place: place, faults: rows.faults) }
    var checks = RawChecks(folder: source.folder, rows: rows, followsLinks: settings.followLinks)
    checks.interpretations = rows.notes.filter { note in
      !["columns not used", "keys not used", "some rows are not UTF-8", "'|' separates"].contains(where: note.hasPrefix)
    }
    try checks.run(settings, for: purpose, isTable: true, alike: alike)
    try self.init(
      checks, file: file, folder: source.folder, settings: settings, purpose, roles: rows.roles,
      isComposed: rows.isComposed)
  }

  /// Whether a place looks like one of raw samples: a file of a table's ending, a folder with a table or in a published
  /// layout, and no feature set.
  package static func isPlace(_ location: URL) -> Bool {
    if SampleReaders.know(location) { return true }
    let files = LayoutFiles(folder: location)
    guard files.isFolder("") else {
      return files.has("") && (RawTable.endings + ["txt"]).contains(location.pathExtension.lowercased())
    }
    guard !files.has("dataset.json") else { return false }
    if (try? RawSource(at: location, .init())) != nil { return true }
    return !SourceListing(location, without: nil).tables.isEmpty || !DatasetLayouts.recognised(in: location).isEmpty
  }

  /// The published layout of a place, where it has one.
  private static func layout(
    of location: URL, _ settings: RawDatasetSettings
  ) throws -> (any DatasetLayout.Type)? {
    guard location.isFileURL else { return nil }
    let files = LayoutFiles(folder: location)
    let isFolder = files.isFolder("")
    guard settings.layout.isEmpty else {
      let layout = try DatasetLayouts.layout(named: settings.layout)
      guard isFolder else {
        throw Diagnosis(
          files.has("") ? "a published layout is a folder" : "no such file or folder", place: location.relativePath,
          exitStatus: .input)
      }
      return layout
    }
    guard isFolder, !(RawSource.usualNames + ["dataset.json"]).contains(where: files.has) else { return nil }
    let layouts = DatasetLayouts.all.filter { $0.recognises(files) }
    guard layouts.count < 2 else {
      throw RawDatasetError(
        place: location.path(percentEncoded: false), faults: [.severalLayouts(layouts.map { $0.card.name })])
    }
    return layouts.first
  }

  /// What readers of files that hold samples whole make of a place; nil where a table or a folder of files is to be read.
  private static func read(
    _ location: URL, _ settings: RawDatasetSettings, _ purpose: Purpose
  ) throws -> ReadSamples? {
    guard settings.layout.isEmpty else { return nil }
    return try SampleReaders.read(at: location, settings, needsLabels: purpose != .askingUnlabelled)
  }

  private init(
    _ read: ReadSamples, at location: URL, settings: RawDatasetSettings, _ purpose: Purpose, _ alike: Likeness?
  ) throws {
    let place = location.isFileURL ? location.path(percentEncoded: false) : location.absoluteString
    guard read.faults.isEmpty else { throw RawDatasetError(place: place, faults: read.faults) }
    var checks = RawChecks(
      folder: read.folder,
      rows: RawRows(read.rows, notes: read.notes, store: read.inputs.map { InputStore(inputs: $0) }),
      followsLinks: settings.followLinks)
    try checks.run(settings, for: purpose, isTable: true, alike: alike)
    try self.init(
      checks, file: location, folder: read.folder, name: location.deletingPathExtension().lastPathComponent,
      order: read.classes, settings: settings, purpose, roles: read.roles, isComposed: true)
  }

  private init(
    _ layout: any DatasetLayout.Type, in folder: URL, isNamed: Bool, settings: RawDatasetSettings, _ purpose: Purpose,
    _ alike: Likeness?
  ) throws {
    let card = layout.card
    let variant = try DatasetLayouts.variant(named: settings.variant, of: card)
    var reading = LayoutReading(files: LayoutFiles(folder: folder), variant: variant, settings: settings)
    layout.read(&reading)
    let place = folder.path(percentEncoded: false)
    guard reading.faults.isEmpty else { throw RawDatasetError(place: place, faults: reading.faults) }
    let known = isNamed ? [] : ["the files are those of \(card.name); --layout names another"]
    var checks = RawChecks(
      folder: folder, rows: RawRows(reading.rows, notes: known + reading.notes), followsLinks: settings.followLinks)
    try checks.run(settings, for: purpose, isTable: false, alike: alike)
    try self.init(
      checks, file: folder, folder: folder, card: card, order: reading.classes, settings: settings, purpose)
  }

  private init(
    _ checks: RawChecks, file: URL, folder: URL, name: String? = nil, card: DatasetCard? = nil, order: [String] = [],
    settings: RawDatasetSettings, _ purpose: Purpose, roles: [String] = [], isComposed: Bool = false
  ) throws {
    self.purpose = purpose
    self.roles = roles
    self.isComposed = isComposed
    before = checks.before
    interpretations = checks.interpretations
    self.file = file
    self.card = card
    self.order = order
    self.folder = folder
    self.name = card?.name ?? name ?? folder.standardizedFileURL.lastPathComponent
    self.samples = checks.samples
    // Several files have no order between them but that in which they were read.
    let isOneFile = card == nil && checks.samples.store == nil
    self.quarantined = isOneFile ? checks.quarantined.sorted { $0.row < $1.row } : checks.quarantined
    self.notes = checks.notes
    var found: Set<String> = []
    var kinds: Set<RawInput.Kind> = []
    var isMultiLabel = card?.task == PredictionTask.multiLabel.rawValue
    for sample in checks.samples {
      if purpose == .askingUnlabelled, sample.labels.isEmpty {
        kinds.formUnion(RawInput.Kind.allCases.filter(sample.has))
        continue
      }
      kinds.formUnion(RawInput.Kind.allCases.filter(sample.has))
      if settings.isRegression { continue }
      found.formUnion(sample.labels)
      isMultiLabel = isMultiLabel || sample.labels.count != 1
    }
    isRegression = settings.isRegression
    self.isMultiLabel = isMultiLabel && !settings.isRegression
    self.classes =
      order.isEmpty || settings.isRegression ? Self.ordered(found) : order.filter(found.contains)
    self.classNumbers = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    self.modalities = RawInput.Kind.allCases.filter(kinds.contains)
    let faults =
      checks.faults.isEmpty
      ? wholeSetFaults(rowCount: checks.rowCount, hasSplitColumn: checks.hasSplitColumn, settings) : checks.faults
    if !faults.isEmpty {
      throw RawDatasetError(
        place: file.path(percentEncoded: false), faults: faults, quarantined: self.quarantined)
    }
  }

  /// More classes than any data set has; a column of names or texts taken for labels has more.
  static let mostClasses = 100_000

  /// The samples of a split, in the order of the file.
  public func samples(in split: RawSplit) -> RawSamples { samples.samples(in: split) }

  /// Whether there is a sample of a split.
  func has(_ split: RawSplit) -> Bool { samples.indices.contains { samples.split(at: $0) == split } }

  /// The places of a sample's labels in ``classes``, ascending.
  public func labelNumbers(of sample: RawSample) -> [Int] {
    sample.labels.compactMap { classNumbers[$0] }.sorted()
  }

  /// The number that is to be predicted of a sample; nil where classes are.
  public func target(of sample: RawSample) -> Double? { isRegression ? TargetCell(sample.labels).value : nil }

  /// What is predicted, in words: `7 classes`, `a number`.
  package var answerWords: String { isRegression ? "a number to predict" : "\(classes.count) classes" }

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
    var checks = RawChecks(
      folder: folder, samples: RawSamples(of: samples.rows, in: folder, store: samples.store),
      followsLinks: settings.followLinks)
    checks.rowCount = samples.count + quarantined.count
    checks.hasSplitColumn = true
    checks.quarantined = quarantined
    for (place, reason) in reasons.enumerated() {
      guard let reason else {
        checks.samples.append(samples.number(at: place), samples.split(at: place))
        continue
      }
      let sample = samples[place]
      checks.quarantined.append(
        Quarantined(row: sample.row, file: sample.file, id: sample.id, reason: reason, split: sample.split))
    }
    checks.before = before
    checks.interpretations = interpretations
    checks.notes = notes.filter { $0 != RawChecks.note(leftOut: quarantined.count) }
    if !checks.quarantined.isEmpty { checks.notes.append(RawChecks.note(leftOut: checks.quarantined.count)) }
    return try RawDataset(
      checks, file: file, folder: folder, name: name, card: card, order: order, settings: settings, purpose,
      roles: roles, isComposed: isComposed)
  }

  /// What has been lost of what the files name, where that is too much to go on; nil where it is little enough.
  package var loss: Diagnosis? {
    let reasons = LayoutFindings.groups(of: quarantined.map { ($0.place, $0.reason) }).map { group in
      "\(group.count) \(group.count == 1 ? "row" : "rows"): \(group.what)"
        + (group.examples.isEmpty ? "" : " (\(group.examples.prefix(3).joined(separator: ", ")))")
    }
    let hints = notes.filter { $0.hasPrefix("some rows are not UTF-8") || $0.hasSuffix("read as missing") }
    // A published data set may leave classes out, as the papers on it do.
    var before = before
    if !order.isEmpty { before.classes.formIntersection(order) }
    return LossLimit.diagnosis(
      before: before,
      after: .init(rows: samples.count, classes: Set(classes), modalities: Set(modalities.map(\.rawValue))),
      place: file.path(percentEncoded: false), reasons: hints + reasons)
  }

  /// Names what was read: the file's bytes, or all that several files or a published layout said of its samples.
  package func digest() throws -> String {
    guard card != nil || isComposed else { return try FileDigest.sha256(of: file) }
    var hash = SHA256()
    hash.update(data: Data(name.utf8))
    for sample in samples {
      let origin: [String] = [
        sample.id, sample.split.rawValue, sample.labels.joined(separator: "|"), sample.text ?? "", sample.group ?? "",
      ]
      hash.update(data: Data(("\n" + origin.joined(separator: "\u{1f}")).utf8))
    }
    return FileDigest.hex(hash.finalize())
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
    if classes.count > Self.mostClasses { return faults + [.tooManyClasses(classes.count)] }
    guard purpose == .training else { return faults }
    if !isRegression, classes.count == 1, !isMultiLabel { faults.append(.onlyOneClass(classes[0])) }
    for split in [RawSplit.train, .test] where !has(split) {
      faults.append(.emptySplit(split, hasColumn: hasSplitColumn))
    }
    if isRegression {
      let targets = Set(
        samples.indices.filter { samples.split(at: $0) == .train }.compactMap { target(of: samples[$0]) })
      if let only = targets.first, targets.count == 1 { faults.append(.onlyOneTarget(only)) }
      return faults
    }
    var trained: Set<String> = []
    for place in samples.indices where samples.split(at: place) == .train {
      trained.formUnion(samples[place].labels)
      // Every class is one of training.
      if trained.count == classes.count { return faults }
    }
    var unseen: [String: [Int]] = [:]
    for sample in samples where sample.split != .train {
      for label in sample.labels where !trained.contains(label) { unseen[label, default: []].append(sample.row) }
    }
    if !unseen.isEmpty, !trained.isEmpty { faults.append(.classesNotInTraining(unseen)) }
    return faults
  }
}
