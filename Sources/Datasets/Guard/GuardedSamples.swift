package import Foundation
import Records
import Torch

/// Samples as the guard looks at them, whatever they were read from; those of a split lie together.
package struct GuardedSamples {
  package struct Row: Sendable {
    var split: Int
    var row: Int?
    var line: Int?
    var id: String?
    var group: String?
    /// Ascending; none of a regression.
    var labels: [Int]
    /// Of a regression, what is to be predicted.
    var target: Double?
    /// What its classes may be found in; `nil` where there is none.
    var text: String?
  }

  /// All samples, each made when it is asked for.
  package struct Rows: RandomAccessCollection {
    /// Of each split, one behind the other.
    let splits: [Range<Int>]
    private let row: (_ split: Int, _ row: Int) -> Row

    /// - Parameters:
    ///   - counts: of each split.
    ///   - row: the sample in that row of that split.
    init(_ counts: [Int], _ row: @escaping (_ split: Int, _ row: Int) -> Row) {
      var end = 0
      splits = counts.map { count in
        defer { end += count }
        return end..<(end + count)
      }
      self.row = row
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { splits.last?.upperBound ?? 0 }
    package subscript(index: Int) -> Row {
      let split = splits.firstIndex { index < $0.upperBound } ?? 0
      return row(split, index - splits[split].lowerBound)
    }
  }

  /// One modality of all samples.
  package struct Channel {
    var name: String
    /// Equal where the content is the same, byte for byte.
    var contents: [ContentDigest]
    /// Whether there is nothing: an empty text, features that are all zero or all the same, a black picture.
    var missing: [Bool]
    /// Unit rows of some samples to be compared by cosine, [n, D]; zeros where there is nothing.
    var vectors: (Range<Int>) throws -> Tensor
    var width: Int
    /// Near-identical from this cosine on.
    var threshold: Double
    /// In how many directions it varies.
    var dimensions: Double
    /// How it is compared, in words.
    var words: String

    /// In fewer directions the nearest of many rows is near by chance, and says nothing.
    static let fewestDimensions = 8.0
    var tellsAlone: Bool { dimensions >= Self.fewestDimensions }
  }

  package var dataset: String
  package var path: String
  /// `features` or `raw`.
  package var form: String
  package var classes: [String]
  package var isMultiLabel: Bool
  /// Whether a number is predicted, and no class.
  package var isRegression = false
  /// In the order of `rows`.
  package var splits: [String]
  package var rows: Rows
  package var channels: [Channel]
  /// The samples that reading left out.
  package var leftOut: [Quarantined]
  /// What reading has to say, a sentence each.
  package var looked: [String]

  /// The rows of a split.
  func range(_ split: Int) -> Range<Int> { rows.splits[split] }

  /// Its classes, or its target.
  func names(of row: Row) -> [String] { row.labels.map { classes[$0] } + (row.target.map { ["\($0)"] } ?? []) }

  func sample(_ index: Int) -> DataFindings.Sample {
    let row = rows[index]
    return DataFindings.Sample(
      split: splits[row.split], row: row.row, line: row.line, id: row.id, labels: names(of: row))
  }
}

/// The first half of a SHA-256.
package struct ContentDigest: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  init(_ bytes: UnsafeRawBufferPointer) {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    self.init(hash.finalize())
  }

  package init(_ data: Data) { self.init(SHA256.hash(data: data)) }

  package init(_ text: String) { self.init(Data(text.utf8)) }

  /// Of several contents, in order.
  init(_ parts: [ContentDigest]) {
    var hash = SHA256()
    for part in parts { withUnsafeBytes(of: (part.high, part.low)) { hash.update(bufferPointer: $0) } }
    self.init(hash.finalize())
  }

  private init(_ digest: SHA256.Digest) {
    (high, low) = digest.withUnsafeBytes { bytes in
      (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
  }

  /// 64 signs that are equal only for equal contents.
  var signs: [Float] { (0..<64).map { high >> UInt64($0) & 1 == 1 ? 0.125 : -0.125 } }
}
