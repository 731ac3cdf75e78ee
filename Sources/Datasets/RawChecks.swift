import Foundation
import Records

/// From rows to samples: each is either usable or put aside with its reason.
struct RawChecks {
  let folder: URL
  var rowCount = 0
  var hasSplitColumn = false
  var samples: [RawSample] = []
  var quarantined: [Quarantined] = []
  var notes: [String] = []
  private let rows: RawRows?
  private let followsLinks: Bool
  private let trueFolder: String

  init(folder: URL, rows: RawRows?, followsLinks: Bool) {
    self.folder = folder
    self.rows = rows
    self.followsLinks = followsLinks
    let path = Self.truePath(folder)
    trueFolder = path.hasSuffix("/") ? path : path + "/"
  }

  /// A row that passed, before its split is known.
  private struct Passed {
    let id: String
    let row: Int
    let file: String?
    let image: URL?
    let frames: [URL]
    let text: String?
    let audio: URL?
    let labels: [String]
    var split: RawSplit?
    let group: String?
  }

  mutating func run(_ settings: RawDatasetSettings) {
    guard let rows else { return }
    rowCount = rows.rows.count
    notes = rows.notes
    hasSplitColumn = rows.rows.contains { !($0.split ?? "").isEmpty }
    var owners: [String: Owner] = [:]
    var passed: [Passed] = []
    for row in rows.rows {
      switch check(row, &owners) {
      case .success(let sample): passed.append(sample)
      case .failure(let fault):
        quarantined.append(
          Quarantined(
            row: row.number, file: row.file, id: row.id, reason: fault.reason,
            split: row.split.flatMap(RawSplit.init(named:))))
      }
    }
    if hasSplitColumn, settings.heldOutShare > 0 { holdOut(&passed, settings) }
    let drawn =
      hasSplitColumn
      ? []
      : RawSplitting.splits(
        ids: passed.map(\.id), strata: passed.map { $0.labels.sorted().joined(separator: "|") },
        groups: passed.map(\.group), settings: settings)
    samples = passed.enumerated().map { index, sample in
      RawSample(
        id: sample.id, row: sample.row, file: sample.file, imagePath: sample.image,
        frames: sample.frames, text: sample.text, audioPath: sample.audio, labels: sample.labels,
        split: sample.split ?? drawn[index], group: sample.group)
    }
    addNotes(settings)
  }

  /// Draws a validation split from training, where the data brings a test split only.
  private mutating func holdOut(_ passed: inout [Passed], _ settings: RawDatasetSettings) {
    guard !passed.contains(where: { $0.split == .validation }) else { return }
    let trained = passed.indices.filter { passed[$0].split == .train }
    var shares = settings
    shares.validationShare = settings.heldOutShare
    shares.testShare = 0
    let drawn = RawSplitting.splits(
      ids: trained.map { passed[$0].id }, strata: trained.map { passed[$0].labels.sorted().joined(separator: "|") },
      groups: trained.map { passed[$0].group }, settings: shares)
    for (place, split) in zip(trained, drawn) { passed[place].split = split }
    notes.append(
      "\(Self.rows(drawn.count { $0 == .validation })) of training held out for validation, by class, with seed "
        + "\(settings.splitSeed)")
  }

  /// The row that has an id.
  private struct Owner {
    let number: Int
    let file: String?
    let split: String?
  }

  private struct Fault: Error {
    let reason: String
  }

  private func check(_ row: RawRows.Row, _ owners: inout [String: Owner]) -> Result<Passed, Fault> {
    func refuse(_ reason: String) -> Result<Passed, Fault> { .failure(Fault(reason: reason)) }
    if let fault = row.fault { return refuse(fault) }
    let id = row.id ?? "\(row.number)"
    if let owner = owners[id] {
      let place = RawRows.place(owner.number, in: owner.file)
      guard owner.file == nil || owner.split == row.split else {
        return refuse("the id '\(id)' is in two splits, first at \(place)")
      }
      return refuse("the id '\(id)' is taken by \(place)")
    }
    owners[id] = Owner(number: row.number, file: row.file, split: row.split)
    guard row.image != nil || row.text != nil || row.audio != nil else {
      return refuse("has neither a picture nor a text")
    }
    guard let labels = row.labels else { return refuse("has no label") }
    if labels.contains(where: \.isEmpty) { return refuse("has an empty label") }
    if labels.contains(where: { $0.unicodeScalars.contains(where: \.isHidden) }) {
      return refuse("has a control character in its label")
    }
    var split: RawSplit?
    if hasSplitColumn {
      let name = row.split ?? ""
      split = RawSplit(named: name)
      if split == nil {
        return refuse(name.isEmpty ? "has no split" : "the split '\(name)' is not one of train, validation, test")
      }
    }
    var pictures: [URL] = []
    for path in (row.image.map { [$0] } ?? []) + row.frames {
      switch file(path, "picture") {
      case .success(let url): pictures.append(url)
      case .failure(let fault): return .failure(fault)
      }
    }
    var audio: URL?
    if let path = row.audio {
      switch file(path, "sound") {
      case .success(let url): audio = url
      case .failure(let fault): return .failure(fault)
      }
    }
    var seen: Set<String> = []
    return .success(
      Passed(
        id: id, row: row.number, file: row.file, image: pictures.first, frames: Array(pictures.dropFirst()),
        text: row.text, audio: audio, labels: labels.filter { seen.insert($0).inserted }, split: split,
        group: row.group))
  }

  /// The picture or sound of a path, which may not leave the folder, nor by a symbolic link unless links may be followed.
  private func file(_ path: String, _ noun: String) -> Result<URL, Fault> {
    func refuse(_ reason: String) -> Result<URL, Fault> { .failure(Fault(reason: reason)) }
    if path.contains("://") { return refuse("'\(path)' is an address; \(noun)s are read from files") }
    if path.hasPrefix("/") || path.hasPrefix("~") {
      return refuse("'\(path)' is not relative to the file")
    }
    if path.contains("\0") { return refuse("a zero byte in the path of its \(noun)") }
    var depth = 0
    for part in path.split(separator: "/") where part != "." {
      depth += part == ".." ? -1 : 1
      if depth < 0 { return refuse("'\(path)' leads out of the folder") }
    }
    let url = folder.appending(path: path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false), isDirectory: &isFolder) else {
      return refuse("there is no \(noun) '\(path)'\(path.contains("\\") ? "; paths are written with /" : "")")
    }
    guard !isFolder.boolValue else { return refuse("'\(path)' is a folder") }
    guard followsLinks || Self.truePath(url).hasPrefix(trueFolder) else {
      return refuse("'\(path)' leads out of the folder by a symbolic link; --follow-links allows it")
    }
    return .success(url)
  }

  /// Without links in it; a folder's with a slash at its end.
  private static func truePath(_ url: URL) -> String {
    guard let path = realpath(url.path(percentEncoded: false), nil) else { return "" }
    defer { free(path) }
    return String(cString: path)
  }

  private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }

  static func note(leftOut count: Int) -> String { "\(rows(count)) left out" }

  private mutating func addNotes(_ settings: RawDatasetSettings) {
    if !quarantined.isEmpty { notes.append(Self.note(leftOut: quarantined.count)) }
    if !hasSplitColumn, !samples.isEmpty {
      let (validation, test) = (settings.validationShare, settings.testShare)
      let grouped = samples.contains { $0.group != nil } ? ", each group whole" : ""
      let shares = [1 - validation - test, validation, test].map { "\(Int(($0 * 100).rounded()))" }
      notes.append(
        "no column says which split a row belongs to: \(shares.joined(separator: "/")) % were drawn by class\(grouped), with seed "
          + "\(settings.splitSeed)")
    } else if !samples.isEmpty, !samples.contains(where: { $0.split == .validation }) {
      notes.append("no validation rows: nothing is selected, the last epoch counts")
    }
    let imageless = samples.count { $0.imagePath == nil }
    if imageless > 0, imageless < samples.count {
      notes.append("\(Self.rows(imageless)) without a picture: a black one stands for it")
    }
    let textless = samples.count { $0.text == nil }
    if textless > 0, textless < samples.count { notes.append("\(Self.rows(textless)) without a text") }
    let soundless = samples.count { $0.audioPath == nil }
    if soundless > 0, soundless < samples.count {
      notes.append("\(Self.rows(soundless)) without a sound: silence stands for it")
    }
    let leaked = repeatedTestRows()
    if leaked > 0 {
      notes.append("\(Self.rows(leaked)) of the test split also in training, with the same picture and text")
    }
    let labels = Set(samples.flatMap(\.labels))
    let folded = Dictionary(grouping: labels) { $0.lowercased() }.values.filter { $0.count > 1 }
    for names in folded.map({ $0.sorted() }).sorted(by: { $0[0] < $1[0] }) {
      notes.append("classes that differ only in case: \(names.map { "'\($0)'" }.joined(separator: ", "))")
    }
  }

  private func repeatedTestRows() -> Int {
    struct Content: Hashable {
      let image: String?
      let text: String?
      let audio: String?
    }
    func content(_ sample: RawSample) -> Content {
      Content(
        image: sample.imagePath?.standardizedFileURL.path(percentEncoded: false), text: sample.text,
        audio: sample.audioPath?.standardizedFileURL.path(percentEncoded: false))
    }
    let trained = Set(samples.lazy.filter { $0.split == .train }.map(content))
    return samples.count { $0.split == .test && trained.contains(content($0)) }
  }
}
