import Datasets
import Encoders
import Foundation
import Records

/// The samples that a feature set leaves out: `quarantine.jsonl`, a line each.
enum Quarantine {
  static let file = "quarantine.jsonl"

  /// What a person is told of them; nil where there are none.
  static func words(_ rows: [Quarantined], in folder: URL) -> String? {
    guard !rows.isEmpty else { return nil }
    let shown = rows.prefix(3).map { "\($0.place): \($0.reason)" }.joined(separator: "; ")
    return "\(rows.count) \(rows.count == 1 ? "sample is" : "samples are") left out (\(shown)"
      + "\(rows.count > 3 ? "; …" : "")); all are listed in \(folder.appending(path: file).relativePath)"
  }

  /// Writes them into a folder; no file where there are none.
  static func write(_ rows: [Quarantined], to folder: URL) throws {
    guard !rows.isEmpty else { return }
    let lines = try rows.map { try Tree(encoding: $0, keys: .asNamed).json() }
    try AtomicFile.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: folder.appending(path: file))
  }
}
