import Foundation

/// The samples of a raw data set, in the order of the file.
///
/// Five bytes of each are in memory, and eight for the place of its row; a sample is put together when it is asked for.
public struct RawSamples: RandomAccessCollection, Sendable {
  let rows: PackedRows
  let folder: URL
  /// What holds inputs that are in no files of their own.
  let store: InputStore?
  /// The numbers of the rows that are samples.
  private var numbers: [Int32] = []
  private var splits: [RawSplit] = []

  init(of rows: PackedRows, in folder: URL, store: InputStore? = nil) {
    self.rows = rows
    self.folder = folder
    self.store = store
  }

  mutating func append(_ number: Int, _ split: RawSplit) {
    numbers.append(Int32(number))
    splits.append(split)
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { numbers.count }

  public subscript(place: Int) -> RawSample {
    RawSample(rows[number(at: place)], number: number(at: place), split: splits[place], folder: folder, store: store)
  }

  /// The split of a sample, known without the sample.
  public func split(at place: Int) -> RawSplit { splits[place] }

  /// The number of a sample's row.
  package func number(at place: Int) -> Int { Int(numbers[place]) }

  /// The places of those whose rows have these numbers; nil: all.
  package func places(numbered own: Range<Int>?) -> [Int] {
    guard let own else { return Array(indices) }
    return numbers.indices.filter { own.contains(Int(numbers[$0])) }
  }

  /// Those of a split.
  func samples(in split: RawSplit) -> RawSamples {
    var some = RawSamples(of: rows, in: folder, store: store)
    for place in indices where splits[place] == split { some.append(number(at: place), split) }
    return some
  }

  mutating func move(_ place: Int, to split: RawSplit) { splits[place] = split }
}
