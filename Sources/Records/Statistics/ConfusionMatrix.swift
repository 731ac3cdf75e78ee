/// How often each class was taken for each.
///
/// In JSON a text for each row, its counts separated by spaces: a table of fifty classes stays small and is read quickly.
public struct ConfusionMatrix: Codable, Equatable, Sendable {
  /// Rows are the truth, columns the prediction.
  public private(set) var counts: [[Int]]

  /// - Parameters:
  ///   - truth: class numbers below `classes`.
  ///   - predictions: as many.
  public init(truth: [Int], predictions: [Int], classes: Int) {
    precondition(truth.count == predictions.count, "a confusion matrix needs a prediction for every truth")
    counts = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    for (row, column) in zip(truth, predictions) { counts[row][column] += 1 }
  }

  /// The matrix with these counts, as many rows as columns.
  public init(counts: [[Int]]) {
    precondition(counts.allSatisfy { $0.count == counts.count }, "a confusion matrix is square")
    self.counts = counts
  }

  public var classes: Int { counts.count }

  /// Every class against all others.
  public var labels: [LabelCounts] {
    let all = counts.reduce(0) { $0 + $1.reduce(0, +) }
    let predicted = counts.indices.map { column in counts.reduce(0) { $0 + $1[column] } }
    return counts.indices.map { index in
      let hits = counts[index][index]
      let count = counts[index].reduce(0, +)
      return LabelCounts(
        truePositives: hits, falsePositives: predicted[index] - hits, falseNegatives: count - hits,
        trueNegatives: all - count - predicted[index] + hits)
    }
  }

  /// Precision, recall and F1 of every class.
  public var scores: [ClassScores] { labels.map(\.scores) }

  /// The sum of two matrices over the same classes, as of two runs.
  public static func + (a: Self, b: Self) -> Self {
    Self(counts: zip(a.counts, b.counts).map { zip($0, $1).map(+) })
  }

  public init(from decoder: any Swift.Decoder) throws {
    let rows = try decoder.singleValueContainer().decode([String].self)
    counts = rows.map { $0.split(separator: " ").compactMap { Int($0) } }
    guard counts.allSatisfy({ $0.count == counts.count }) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "a confusion matrix has as many counts in a row as it has rows, \(counts.count)"))
    }
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.singleValueContainer()
    try c.encode(counts.map { $0.map(String.init).joined(separator: " ") })
  }
}

/// How often one label was given and true; in JSON `[true positives, false positives, false negatives, true negatives]`.
public struct LabelCounts: Codable, Equatable, Sendable {
  public var truePositives: Int
  public var falsePositives: Int
  public var falseNegatives: Int
  public var trueNegatives: Int

  public init(truePositives: Int, falsePositives: Int, falseNegatives: Int, trueNegatives: Int) {
    self.truePositives = truePositives
    self.falsePositives = falsePositives
    self.falseNegatives = falseNegatives
    self.trueNegatives = trueNegatives
  }

  public init(from decoder: any Swift.Decoder) throws {
    var c = try decoder.unkeyedContainer()
    truePositives = try c.decode(Int.self)
    falsePositives = try c.decode(Int.self)
    falseNegatives = try c.decode(Int.self)
    trueNegatives = try c.decode(Int.self)
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.unkeyedContainer()
    for count in [truePositives, falsePositives, falseNegatives, trueNegatives] { try c.encode(count) }
  }

  /// Precision, recall and F1.
  public var scores: ClassScores {
    let given = truePositives + falsePositives
    let count = truePositives + falseNegatives
    return ClassScores(
      count: count, predicted: given, precision: given > 0 ? Double(truePositives) / Double(given) : nil,
      recall: count > 0 ? Double(truePositives) / Double(count) : nil,
      f1: given + count > 0 ? 2 * Double(truePositives) / Double(given + count) : nil)
  }
}

/// How well one class is found.
public struct ClassScores: Equatable, Sendable {
  /// How many samples have it.
  public var count: Int
  /// How many were given it.
  public var predicted: Int
  /// The share of those given it that have it; `nil` where it was never given.
  public var precision: Double?
  /// The share of those that have it that were given it; `nil` where nobody has it.
  public var recall: Double?
  /// The harmonic mean of the two; `nil` where nobody has it and it was never given.
  public var f1: Double?

  public init(count: Int, predicted: Int, precision: Double? = nil, recall: Double? = nil, f1: Double? = nil) {
    self.count = count
    self.predicted = predicted
    self.precision = precision
    self.recall = recall
    self.f1 = f1
  }
}
