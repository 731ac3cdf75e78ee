import Foundation
import Multimodal
import Records

/// From rows to samples: each is either usable or put aside with its reason.
struct RawChecks {
  let folder: URL
  var rowCount = 0
  var hasSplitColumn = false
  var samples: RawSamples
  var quarantined: [Quarantined] = []
  var notes: [String] = []
  /// All that the files name, whether it can be used or not.
  var before = LossLimit.Contents(rows: 0, classes: [], modalities: [])
  /// What was taken in a way that another version would not have taken it, a sentence each.
  var interpretations: [String] = []
  /// What makes the whole set unusable.
  var faults: [RawDatasetFault] = []
  private let rows: RawRows?
  private var needsLabels = true
  /// Whether labels are numbers that are predicted.
  private var isRegression = false
  private var splitNames: SplitNames?
  /// Whether rows of one id are several samples of a group, as in a table; else only the first is taken.
  private var numbersRepeats = false
  private var repeatedIDs = 0
  private let followsLinks: Bool
  private let trueFolder: String

  init(folder: URL, rows: RawRows, followsLinks: Bool) {
    self.init(
      folder: folder, samples: RawSamples(of: rows.rows, in: folder, store: rows.store), followsLinks: followsLinks,
      rows: rows)
  }

  /// Around samples of rows that were checked before.
  init(folder: URL, samples: RawSamples, followsLinks: Bool, rows: RawRows? = nil) {
    self.folder = folder
    self.samples = samples
    self.rows = rows
    self.followsLinks = followsLinks
    let path = Self.truePath(folder)
    trueFolder = path.hasSuffix("/") ? path : path + "/"
  }

  /// Checks every row, and draws a split where none is given.
  ///
  /// - Parameters:
  ///   - isTable: whether the rows are those of a table, and of no published layout.
  ///   - alike: of some samples, the places of those whose pictures or sounds are nearly the same; asked where a split is
  ///     drawn.
  mutating func run(
    _ settings: RawDatasetSettings, for purpose: RawDataset.Purpose = .training, isTable: Bool,
    alike: RawDataset.Likeness? = nil
  ) throws {
    guard let rows else { return }
    needsLabels = purpose != .askingUnlabelled
    isRegression = settings.isRegression
    numbersRepeats = isTable
    rowCount = rows.rows.count
    before.rows = rowCount
    notes = rows.notes
    hasSplitColumn = rows.rows.haveSplits
    var names = try SplitNames(settings.splitNames)
    let settled = names.settle(rows.rows.splitNames)
    if let note = settled.note { notes.append(note) }
    if let fault = settled.fault { faults.append(fault) }
    splitNames = names
    var owners: [UInt64: Int32] = [:]
    for (number, row) in rows.rows.enumerated() {
      if !isRegression { before.classes.formUnion(row.classNames.filter { !$0.isEmpty }) }
      before.modalities.formUnion(row.modalities)
      switch check(row, number, &owners) {
      case .success(let split): samples.append(number, split)
      case .failure(let fault):
        quarantined.append(
          Quarantined(
            row: row.number, file: row.file, id: row.id, reason: fault.reason,
            split: row.split.flatMap { names[$0] }))
      }
    }
    if repeatedIDs > 0 {
      let note =
        "\(Self.rows(repeatedIDs)) with an id that was there before: they are numbered, and the id is the group"
      notes.append(note)
      interpretations.append(note)
    }
    if purpose != .training {
      if !hasSplitColumn { for place in samples.indices { samples.move(place, to: .test) } }
    } else if !hasSplitColumn {
      for (place, split) in try drawn(Array(samples.indices), settings, alike) { samples.move(place, to: split) }
    } else if settings.heldOutShare > 0 {
      try holdOut(settings, alike)
    }
    addNotes(settings, for: purpose)
  }

  /// The splits that are drawn for some samples.
  private mutating func drawn(
    _ places: [Int], _ settings: RawDatasetSettings, _ alike: RawDataset.Likeness?
  ) throws -> Zip2Sequence<[Int], [RawSplit]> {
    let (rows, samples) = (samples.rows, samples)
    func row(_ index: Int) -> RawRows.Row { rows[samples.number(at: places[index])] }
    let sets = try alike?(places.count) { samples[places[$0]] } ?? []
    let kinship = RawKinship(count: places.count, alike: sets, row)
    let groups = kinship.names(row)
    if !kinship.hasGroups, kinship.kin.sets > 0 {
      let (count, sets) = kinship.kin
      let note =
        "\(Self.rows(count)) in \(sets) \(sets == 1 ? "set" : "sets") of copies, near-copies or ids that begin alike: "
        + "each set is kept in one split"
      notes.append(note)
      interpretations.append(note)
    }
    let splits = RawSplitting.splits(count: places.count, settings: settings) { index in
      let row = row(index)
      return .init(
        id: row.sampleID, stratum: settings.isRegression ? "" : row.classNames.sorted().joined(separator: "|"),
        group: groups[index])
    }
    return zip(places, splits)
  }

  /// Draws a validation split from training, where the data brings a test split only.
  private mutating func holdOut(_ settings: RawDatasetSettings, _ alike: RawDataset.Likeness?) throws {
    guard !samples.indices.contains(where: { samples.split(at: $0) == .validation }) else { return }
    let trained = samples.indices.filter { samples.split(at: $0) == .train }
    var shares = settings
    shares.validationShare = settings.heldOutShare
    shares.testShare = 0
    var count = 0
    for (place, split) in try drawn(trained, shares, alike) {
      samples.move(place, to: split)
      if split == .validation { count += 1 }
    }
    notes.append(
      "\(Self.rows(count)) of training held out for validation, \(isRegression ? "" : "by class, ")with seed \(settings.splitSeed)"
    )
  }

  private struct Fault: Error {
    let reason: String
  }

  /// The row that has an id before this one, which has it from now on where there is none.
  ///
  /// - Parameter owners: rows by the first 64 bits of their ids' digests.
  private func owner(
    _ id: String, _ number: Int, _ owners: inout [UInt64: Int32]
  ) -> (row: RawRows.Row, number: Int)? {
    guard let rows = rows?.rows else { return nil }
    var key = RowKey(InputDigest(of: Data(id.utf8)), condition: "id").bits.x
    while let other = owners[key] {
      let row = rows[Int(other)]
      if row.sampleID == id { return (row, Int(other)) }
      key &+= 1
    }
    owners[key] = Int32(number)
    return nil
  }

  /// The split of a row that can be used; training's where no row says one.
  private mutating func check(
    _ row: RawRows.Row, _ number: Int, _ owners: inout [UInt64: Int32]
  ) -> Result<RawSplit, Fault> {
    func refuse(_ reason: String) -> Result<RawSplit, Fault> { .failure(Fault(reason: reason)) }
    if let fault = row.fault { return refuse(fault) }
    let id = row.sampleID
    if let (owner, first) = owner(id, number, &owners) {
      let place = RawRows.place(owner.number, in: owner.file)
      if numbersRepeats {
        guard !row.isCopy(of: owner) else { return refuse("repeats \(place)") }
        giveNumber(row, number, after: first, owner, &owners)
        return check(row, of: number)
      }
      guard owner.file == nil || owner.split == row.split else {
        return refuse("the id '\(id)' is in two splits, first at \(place)")
      }
      return refuse("the id '\(id)' is taken by \(place)")
    }
    return check(row, of: number)
  }

  /// Gives a row of an id that was there before a name of its own, and both the id as their group.
  private mutating func giveNumber(
    _ row: RawRows.Row, _ number: Int, after first: Int, _ owner: RawRows.Row, _ owners: inout [UInt64: Int32]
  ) {
    let id = row.sampleID
    var (count, name) = (2, "\(id)/2")
    while self.owner(name, number, &owners) != nil {
      count += 1
      name = "\(id)/\(count)"
    }
    rows?.rows.rename(number, id: name, group: row.group ?? id)
    if owner.group == nil { rows?.rows.rename(first, id: id, group: id) }
    repeatedIDs += 1
  }

  /// What else makes a row unusable.
  private func check(_ row: RawRows.Row, of number: Int) -> Result<RawSplit, Fault> {
    func refuse(_ reason: String) -> Result<RawSplit, Fault> { .failure(Fault(reason: reason)) }
    guard row.image != nil || row.text != nil || row.audio != nil else {
      return refuse("has neither a picture nor a text")
    }
    guard let labels = row.labels ?? (needsLabels ? nil : []) else {
      return refuse(isRegression ? "has no target" : "has no label")
    }
    if isRegression, needsLabels, case .refused(let reason) = TargetCell(labels) { return refuse(reason) }
    if labels.contains(where: \.isEmpty) { return refuse("has an empty label") }
    if labels.contains(where: { $0.unicodeScalars.contains(where: \.isHidden) }) {
      return refuse("has a control character in its label")
    }
    let name = row.split ?? ""
    let split = hasSplitColumn ? splitNames?[name] ?? RawSplit(named: name) : .train
    guard let split else {
      return refuse(name.isEmpty ? "has no split" : "the split '\(name)' is not one of train, validation, test")
    }
    for path in row.pictures { if let fault = fault(path, "picture") { return .failure(fault) } }
    if let path = row.audio, let fault = fault(path, "sound") { return .failure(fault) }
    return .success(split)
  }

  /// What is wrong with the path of a picture or sound, which may not leave the folder, nor by a symbolic link unless links
  /// may be followed.
  private func fault(_ name: String, _ noun: String) -> Fault? {
    let clip = VideoClips.clip(of: name)
    let (path, noun) = (clip ?? name, clip == nil ? noun : "clip")
    if clip == nil, samples.store?.inputs.holds(path) == true { return nil }
    guard folder.isFileURL else { return Fault(reason: "'\(path)' is a path, and the data is not on this machine") }
    if path.contains("://") { return Fault(reason: "'\(path)' is an address; \(noun)s are read from files") }
    if path.hasPrefix("/") || path.hasPrefix("~") {
      return Fault(reason: "'\(path)' is not relative to the file")
    }
    if path.contains("\0") { return Fault(reason: "a zero byte in the path of its \(noun)") }
    if RawFileFinder.leadsOut(path) { return Fault(reason: "'\(path)' leads out of the folder") }
    let url = folder.appending(path: path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false), isDirectory: &isFolder) else {
      return Fault(reason: "there is no \(noun) '\(path)'\(path.contains("\\") ? "; paths are written with /" : "")")
    }
    guard !isFolder.boolValue else { return Fault(reason: "'\(path)' is a folder") }
    guard followsLinks || Self.truePath(url).hasPrefix(trueFolder) else {
      return Fault(reason: "'\(path)' leads out of the folder by a symbolic link; --follow-links allows it")
    }
    return nil
  }

  /// Without links in it; a folder's with a slash at its end.
  static func truePath(_ url: URL) -> String {
    guard let path = realpath(url.path(percentEncoded: false), nil) else { return "" }
    defer { free(path) }
    return String(cString: path)
  }

  private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }

  static func note(leftOut count: Int) -> String { "\(rows(count)) left out" }

  private mutating func addNotes(_ settings: RawDatasetSettings, for purpose: RawDataset.Purpose) {
    var seen = Overview()
    for sample in samples { seen.add(sample) }
    if !quarantined.isEmpty { notes.append(Self.note(leftOut: quarantined.count)) }
    if purpose != .training {
      if !hasSplitColumn { notes.append("no column says which split a row belongs to: all are taken") }
    } else if !hasSplitColumn, !samples.isEmpty {
      let (validation, test) = (settings.validationShare, settings.testShare)
      let grouped = seen.hasGroups ? ", each group whole" : ""
      let shares = [1 - validation - test, validation, test].map { "\(Int(($0 * 100).rounded()))" }
      notes.append(
        "no column says which split a row belongs to: \(shares.joined(separator: "/")) % were drawn\(isRegression ? "" : " by class")\(grouped), with seed "
          + "\(settings.splitSeed)")
    } else if !samples.isEmpty, !samples.indices.contains(where: { samples.split(at: $0) == .validation }) {
      notes.append("no validation rows: nothing is selected, the last epoch counts")
    }
    func lacking(_ kind: RawInput.Kind) -> Int? {
      let count = samples.count - seen.having[kind, default: 0]
      return count > 0 && count < samples.count ? count : nil
    }
    func standIn(_ words: String) -> String { purpose == .training ? words : "a model is told that it is absent" }
    if let count = lacking(.image) {
      notes.append("\(Self.rows(count)) without a picture: \(standIn("a black one stands for it"))")
    }
    if let count = lacking(.text) { notes.append("\(Self.rows(count)) without a text") }
    if let count = lacking(.audio) {
      notes.append("\(Self.rows(count)) without a sound: \(standIn("silence stands for it"))")
    }
    let leaked = repeatedTestRows()
    if leaked > 0 {
      notes.append("\(Self.rows(leaked)) of the test split also in training, with the same picture and text")
    }
    guard !isRegression else { return }
    let folded = Dictionary(grouping: seen.labels) { $0.lowercased() }.values.filter { $0.count > 1 }
    for names in folded.map({ $0.sorted() }).sorted(by: { $0[0] < $1[0] }) {
      notes.append("classes that differ only in case: \(names.map { "'\($0)'" }.joined(separator: ", "))")
    }
  }

  /// What one look at all samples tells.
  private struct Overview {
    var having: [RawInput.Kind: Int] = [:]
    var hasGroups = false
    var labels: Set<String> = []

    mutating func add(_ sample: RawSample) {
      for kind in RawInput.Kind.allCases where sample.has(kind) { having[kind, default: 0] += 1 }
      hasGroups = hasGroups || sample.group != nil
      labels.formUnion(sample.labels)
    }
  }

  private func repeatedTestRows() -> Int {
    /// 128 bits of what the sample consists of.
    func content(_ place: Int) -> RowKey {
      let sample = samples[place]
      let parts = [sample.image.map(RawSample.plain), sample.text, sample.audio.map(RawSample.plain)]
      return RowKey(nil, condition: parts.map { $0.map { "\($0.utf8.count) \($0)" } ?? "-" }.joined(separator: "\0"))
    }
    var tested: Set<RowKey> = []
    for place in samples.indices where samples.split(at: place) == .test { tested.insert(content(place)) }
    var repeated: Set<RowKey> = []
    for place in samples.indices where samples.split(at: place) == .train {
      let content = content(place)
      if tested.contains(content) { repeated.insert(content) }
    }
    guard !repeated.isEmpty else { return 0 }
    return samples.indices.count { samples.split(at: $0) == .test && repeated.contains(content($0)) }
  }
}

extension RawRows.Row {
  /// What it has something of.
  var modalities: [String] {
    [("image", image != nil), ("text", text != nil), ("audio", audio != nil)].filter(\.1).map(\.0)
  }

  /// Whether it says nothing that the other does not say.
  fileprivate func isCopy(of other: RawRows.Row) -> Bool {
    pictures == other.pictures && text == other.text && audio == other.audio && labels == other.labels
      && split == other.split
  }
}
