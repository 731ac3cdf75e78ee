public import Torch

/// The rows of one modality: a tensor, or rows that lie in several files and are fetched as they are asked for.
public struct FeatureRows {
  /// Nil where the rows lie in several files.
  private let whole: Tensor?
  /// Where they lie in files; nil where that is not known.
  package let stored: StoredRows?
  /// [N, D], or [N, …] where a row is more than a line of numbers.
  public let shape: [Int]
  public let elementType: ElementType

  public init(_ tensor: Tensor) { self.init(tensor, in: nil) }

  init(_ tensor: Tensor, in stored: StoredRows?) {
    whole = tensor
    self.stored = stored
    (shape, elementType) = (tensor.shape, tensor.elementType)
  }

  init(scattered rows: StoredRows) {
    whole = nil
    stored = rows
    (shape, elementType) = (rows.shape, rows.type)
  }

  public var rank: Int { shape.count }
  /// How many numbers there are.
  public var count: Int { shape.reduce(1, *) }
  /// Whether they are in no tensor.
  package var isScattered: Bool { whole == nil }

  /// All rows as a tensor; those that lie in several files are read into memory.
  public func tensor() throws -> Tensor { try whole ?? gathered(0..<shape[0]) }

  /// Some rows, in the order asked for.
  ///
  /// - Parameter index: the same numbers as a tensor, where there is one.
  public func indexed(_ rows: [Int], _ index: Tensor? = nil) throws -> Tensor {
    try whole.map { try $0.indexed(0, by: index ?? Tensor(rows)) } ?? gathered(rows)
  }

  /// Neighbours.
  public func narrowed(from start: Int, length: Int) throws -> Tensor {
    try whole.map { try $0.narrowed(0, from: start, length: length) } ?? gathered(start..<(start + length))
  }

  /// Gives all rows in their order, a part at a time, which is overwritten when the body has returned.
  ///
  /// - Parameter other: the same rows where they are read in another way, such as past the system's page cache.
  func inOrder(_ other: StoredRows? = nil, _ body: (Range<Int>, Tensor) throws -> Void) throws {
    if let stored = other ?? stored { return try stored.inOrder(body) }
    for start in stride(from: 0, to: shape[0], by: 4096) {
      let rows = start..<min(start + 4096, shape[0])
      try body(rows, narrowed(from: rows.lowerBound, length: rows.count))
    }
  }

  private func gathered(_ rows: some Collection<Int>) throws -> Tensor {
    guard let stored else { return try .empty([0] + shape.dropFirst(), elementType) }
    return try stored.gathered(rows)
  }
}
