import Foundation

/// The row that costs nothing: the best prediction that is the same for every sample, by the classes' shares in training.
public struct Constant: Codable, Equatable, Sendable {
  /// On the test split; the same under every condition, as it looks at no modality.
  public var score: Double
  /// What it says: `always 'cat'`, `every label`.
  public var says: String

  public init(score: Double, says: String) {
    self.score = score
    self.says = says
  }
}

extension ComparisonResults {
  /// Enters the row of the constant prediction, and notes whose mean scores are below it.
  public mutating func enter(_ constant: Constant) {
    self.constant = constant
    var below: [String] = []
    for row in methods {
      let conditions = conditions.filter { (row.mean.scores[$0] ?? .infinity) < constant.score - 1e-9 }
      if !conditions.isEmpty { below.append("\(row.name) under \(conditions.joined(separator: ", "))") }
    }
    let score = String(format: "%.1f", 100 * constant.score)
    if !below.isEmpty {
      notes.append("below a constant prediction (\(constant.says), \(score) %): \(below.joined(separator: "; "))")
    }
  }
}
