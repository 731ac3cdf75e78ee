public import Foundation

/// The runs of a comparison, written before the first begins: `plan.json`.
///
/// It is how a report of a comparison that has not ended knows what is missing.
public struct ComparisonPlan: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-plan/1"
  /// What it is called.
  public static let fileName = "plan.json"

  /// One row, with the seeds that it is trained with.
  public struct Row: Codable, Equatable, Sendable {
    public var name: String
    public var seeds: [Int]

    public init(name: String, seeds: [Int]) {
      self.name = name
      self.seeds = seeds
    }
  }

  public var format = ComparisonPlan.format
  /// In the order of the table.
  public var rows: [Row]

  public init(rows: [Row]) { self.rows = rows }

  /// The folder of a run in a comparison's.
  public static func run(_ row: String, seed: Int, in folder: URL) -> RunFolder {
    RunFolder(folder.appending(path: "\(RunFolder.name(ofRow: row))/seed-\(seed)"))
  }

  /// Writes ``fileName`` into a comparison's folder; the file appears whole or not at all.
  public func write(to folder: URL) throws {
    let text = try Tree(encoding: self, keys: .asNamed).json(.pretty, order: ["format", "rows", "name", "seeds"])
    try AtomicFile.write(Data((text + "\n").utf8), to: folder.appending(path: Self.fileName))
  }

  /// Reads what ``write(to:)`` wrote; nil where there is none.
  public static func read(from folder: URL) throws -> ComparisonPlan? {
    let url = folder.appending(path: fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let found: ComparisonPlan = try Tree.read(from: url)
    guard found.format == format else {
      throw Diagnosis(
        "'\(found.format)' was met where '\(format)' is read", place: url.relativePath, exitStatus: .input)
    }
    return found
  }
}
