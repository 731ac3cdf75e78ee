import Datasets
public import Foundation
public import Records

/// Samples that a model is asked about, as people have them: lines with keys of their own, or a table.
public struct PredictionSamples {
  /// One sample, or why it cannot be asked about.
  public struct Sample: Sendable {
    /// The line, from 1.
    public let line: Int
    public let id: String?
    public let input: Result<PredictionInput, Diagnosis>
    /// Where it is, as errors name it.
    public var place = ""
    /// What it says of its split.
    public var split: String?
  }

  /// What a person should know about how the table was read, a sentence each.
  public let notes: [String]
  private let rows: TableRows

  /// Reads a table of samples, or the table of a folder, as `encode` reads it; labels, splits and further columns are
  /// passed over.
  ///
  /// - Parameters:
  ///   - folder: what paths are relative to, where it is not the table's own.
  ///   - frames: how many stand for a clip, as `Predictor.clipFrames`; nil for as many as `encode` takes by itself.
  /// - Throws: a `Diagnosis` where it cannot be read.
  public init(
    at location: URL, _ table: TableRequest = TableRequest(), folder: URL? = nil, frames: Int? = nil
  ) throws {
    var settings = RawDatasetSettings()
    if let frames { settings.frames = frames }
    rows = try TableRows(at: location, settings: table.over(settings), folder: folder)
    notes = rows.notes
  }

  public var count: Int { rows.count }

  /// The samples at some places, in the order of the table.
  public func samples(_ places: Range<Int>) -> [Sample] {
    places.map { place in
      let row = rows[place]
      var input = PredictionInput(
        id: row.id, image: row.images.first, frames: Array(row.images.dropFirst()), text: row.text, audio: row.audio)
      input.bytes = row.bytes
      let isEmpty = row.images.isEmpty && row.text == nil && row.audio == nil
      let fault = row.fault ?? (isEmpty ? "there is no image, text or audio to predict from" : nil)
      return Sample(
        line: row.line, id: row.id,
        input: fault.map { .failure(Diagnosis($0, exitStatus: .input)) } ?? .success(input), place: row.place,
        split: row.split)
    }
  }

  /// Whether a first line is the header of a table, and no sample.
  public static func isHeader(_ line: String) -> Bool { TableRows.isHeader(line) }
}

/// What keys of lines mean: those of `PredictionInput`, those that `--columns` names, and usual names of others.
public struct PredictionKeys: Sendable {
  private let chosen: [String: [String]]
  /// Keys that were taken for another, and those that were passed over.
  private var taken: [String: String] = [:]
  private var unused: Set<String> = []
  private static let roles = ["id", "image", "text", "audio"]
  private static let mostKeys = 1000

  /// - Parameter columns: `text=Title+Body,image=Photo`; empty leaves it to usual names.
  public init(columns: String = "") throws { chosen = try TableRows.columns(columns) }

  /// The line with its keys called as `PredictionInput` calls them.
  ///
  /// - Throws: a `Diagnosis` where several keys could be meant.
  public mutating func read(_ line: Tree) throws -> Tree {
    guard let table = line.tableValue else { return line }
    if chosen.isEmpty, table.keys.allSatisfy(PredictionInput.keys.contains) { return line }
    var known: [String: Tree] = [:]
    known["features"] = table["features"]
    var used: Set<String> = ["features"]
    for role in Self.roles {
      var keys = chosen[role] ?? (table[role] != nil ? [role] : [])
      if chosen[role] == nil, keys.isEmpty, role != "id" {
        keys = table.keys.filter { TableRows.role(of: $0) == role }.sorted()
        guard keys.count < 2 else {
          throw Diagnosis(
            "\(keys.count) keys could be '\(role)': \(keys.map { "'\($0)'" }.joined(separator: ", "))",
            remedy: "name the one that is meant: --columns \(role)=\(keys[0])", exitStatus: .input)
        }
        if let key = keys.first, taken.count < Self.mostKeys { taken[key] = role }
      }
      used.formUnion(keys)
      let values = keys.compactMap { table[$0] }.filter { $0 != .null }
      known[role] = values.count < 2 ? values.first : Self.joined(values, role)
    }
    let rest = table.keys.filter { !used.contains($0) }
    if PredictionInput.keys.allSatisfy({ $0 == "id" || known[$0] == nil }) {
      // A slip of the pen in the only key is told by what is there.
      for key in rest { known[key] = table[key] }
    } else if unused.count < Self.mostKeys {
      unused.formUnion(rest)
    }
    return .table(known)
  }

  private static func joined(_ values: [Tree], _ role: String) -> Tree {
    if role == "image" { return .list(values.flatMap { $0.listValue ?? [$0] }) }
    let texts = values.compactMap(\.stringValue).filter { !MissingValue.isMissing($0) }
    return .string(texts.joined(separator: role == "id" ? "-" : "\n"))
  }

  /// What has been taken and passed over since the last call, a sentence each.
  public mutating func newNotes(told: inout Set<String>) -> [String] {
    if taken.isEmpty, unused.isEmpty { return [] }
    var notes = taken.sorted { $0.key < $1.key }.map { "the key '\($0.key)' is taken for '\($0.value)'" }
    let names = unused.filter { !told.contains("key " + $0) }.sorted()
    for name in names { told.insert("key " + name) }
    if !names.isEmpty {
      notes.append("keys not used: \(names.prefix(20).joined(separator: ", "))\(names.count > 20 ? ", …" : "")")
    }
    return notes.filter { told.insert($0).inserted }
  }
}
