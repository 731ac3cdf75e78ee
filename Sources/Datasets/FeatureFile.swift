package import Foundation
package import Torch

/// A safetensors file of features: tensors, or the places of rows that lie in the files that `rows.json` beside it names.
///
/// The places of the rows of `image` are the tensor `image@rows`, and its metadata say what a row is: `F32,768`.
package struct FeatureFile {
  package let file: SafeTensors
  /// Nil where no rows lie elsewhere.
  private let files: RowFiles?

  package static let ending = "@rows"

  package init(reading url: URL) throws {
    file = try SafeTensors(reading: url)
    let isIndex = file.names.contains { $0.hasSuffix(Self.ending) }
    files = isIndex ? try JoinedRows.files(in: url.deletingLastPathComponent()) : nil
  }

  /// Of tensors, and of rows that lie elsewhere.
  package var names: [String] {
    file.names.map { $0.hasSuffix(Self.ending) ? String($0.dropLast(Self.ending.count)) : $0 }
  }

  /// The rows of that name.
  package func rows(_ name: String) throws -> FeatureRows {
    guard let files, file.entry(name + Self.ending) != nil else {
      return FeatureRows(try file.tensor(name), in: file.rows(name))
    }
    return FeatureRows(scattered: try Self.rows(name, in: file, of: files))
  }

  /// The rows of that name, which lie in other files.
  static func rows(_ name: String, in file: SafeTensors, of files: RowFiles) throws -> StoredRows {
    let parts = (file.metadata[name + ending] ?? "").split(separator: ",").map(String.init)
    let shape = parts.dropFirst().compactMap { Int($0) }
    guard let type = parts.first.flatMap(ElementType.init(safeTensorsName:)), shape.count == parts.count - 1,
      !shape.isEmpty
    else { throw SafeTensorsError.missing(name, in: file) }
    return try StoredRows(type, shape, places: name + ending, in: file, of: files)
  }

  /// The rows of that name; nil where there are none.
  package func rowsIfThere(_ name: String) throws -> FeatureRows? { names.contains(name) ? try rows(name) : nil }

  /// All rows of that name in memory, or mapped.
  package func tensor(_ name: String) throws -> Tensor { try rows(name).tensor() }

  /// Whether two files hold the same tensors and rows, wherever the rows lie.
  package static func agree(_ one: URL, _ other: URL) throws -> Bool {
    let (one, other) = (try FeatureFile(reading: one), try FeatureFile(reading: other))
    guard one.names.sorted() == other.names.sorted() else { return false }
    return try one.names.allSatisfy { name in
      let (a, b) = (try one.rows(name), try other.rows(name))
      guard a.shape == b.shape, a.elementType == b.elementType, a.rank > 0 else { return false }
      return try stride(from: 0, to: a.shape[0], by: 1024).allSatisfy { start in
        let length = min(1024, a.shape[0] - start)
        return try a.narrowed(from: start, length: length).bytes() == b.narrowed(from: start, length: length).bytes()
      }
    }
  }

  /// The header's entry for rows that lie elsewhere.
  package static func metadata(_ name: String, _ type: ElementType, _ shape: [Int]) -> [String: String] {
    [name + ending: ([type.safeTensorsName] + shape.map(String.init)).joined(separator: ",")]
  }
}
