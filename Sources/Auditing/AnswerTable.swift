import Foundation
public import Records

/// What a model says of some rows: a number for every class, rows × classes.
public struct AnswerTable: Sendable, Equatable {
  /// How the numbers are to be read.
  public enum Kind: String, SettingChoice {
    /// In 0…1; of one label a row they add up to 1.
    case probabilities
    /// Any finite numbers: softmax of them gives probabilities, of several labels a row the sigmoid.
    case logits
  }

  public let rows: Int
  public let classes: Int
  public let kind: Kind
  /// Row by row, rows × classes.
  public let values: [Double]

  /// How far a row's probabilities may add up to something else than 1: single precision, and a few printed digits.
  public static let sumTolerance = 1e-3

  /// - Parameters:
  ///   - severalLabels: whether a row may have any number of the classes, so that probabilities need not add up to 1.
  ///   - name: of the array, for errors.
  /// - Throws: `Diagnosis` where counts do not fit, a number is not finite, or probabilities are none.
  public init(
    rows: Int, classes: Int, kind: Kind = .probabilities, values: [Double], severalLabels: Bool = false,
    name: String = "scores"
  ) throws {
    let (count, overflows) = rows.multipliedReportingOverflow(by: classes)
    guard rows > 0, classes > 0, !overflows, values.count == count else {
      throw Diagnosis(
        "'\(name)' has \(values.count) numbers, and \(rows) rows of \(classes) classes were expected", place: name,
        remedy: "give one row for each label and one column for each class", exitStatus: .input)
    }
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      throw Diagnosis(
        "row \(place / classes) of '\(name)' has \(values[place]) for class \(place % classes)", place: name,
        remedy: "every score must be a finite number", exitStatus: .input)
    }
    if kind == .probabilities {
      // What float32 rounds above 1 is 1.
      let slack = Self.sumTolerance
      if let place = values.firstIndex(where: { $0 < -slack || $0 > 1 + slack }) {
        throw Diagnosis(
          "row \(place / classes) of '\(name)' gives class \(place % classes) the probability \(values[place])",
          place: name, remedy: "probabilities lie in 0…1; name the array 'logits/\(name)' if these are logits",
          exitStatus: .input)
      }
      if !severalLabels {
        for row in 0..<rows {
          let sum = values[(row * classes)..<((row + 1) * classes)].reduce(0, +)
          guard abs(sum - 1) > slack else { continue }
          throw Diagnosis(
            "the probabilities in row \(row) of '\(name)' add up to \(sum)", place: name,
            remedy: "they must add up to 1; name the array 'logits/\(name)' if these are logits", exitStatus: .input)
        }
      }
    }
    self.rows = rows
    self.classes = classes
    self.kind = kind
    self.values = values
  }

  /// Numbers that are known to be right, made from checked ones.
  init(unchecked values: [Double], rows: Int, classes: Int, kind: Kind) {
    (self.rows, self.classes, self.kind, self.values) = (rows, classes, kind, values)
  }

  /// Probabilities, rows × classes.
  public func probabilities(severalLabels: Bool) -> [Double] {
    guard kind == .logits else { return normalized(severalLabels: severalLabels) }
    if severalLabels { return values.map(Self.sigmoid) }
    var found = [Double](repeating: 0, count: values.count)
    for row in 0..<rows {
      let places = (row * classes)..<((row + 1) * classes)
      let top = values[places].max() ?? 0
      var sum = 0.0
      for place in places {
        found[place] = exp(values[place] - top)
        sum += found[place]
      }
      for place in places { found[place] /= sum }
    }
    return found
  }

  /// Given probabilities, brought to 0…1 and to a sum of 1 where rounding took them off.
  private func normalized(severalLabels: Bool) -> [Double] {
    var found = values.map { min(max($0, 0), 1) }
    guard !severalLabels else { return found }
    for row in 0..<rows {
      let places = (row * classes)..<((row + 1) * classes)
      let sum = found[places].reduce(0, +)
      if sum != 1 { for place in places { found[place] /= sum } }
    }
    return found
  }

  /// Logits as they were given, or logarithms of probabilities (log-odds for several labels), clipped at `smallest`.
  public func logits(severalLabels: Bool, smallest: Double = 1e-6) -> [Double] {
    guard kind == .probabilities else { return values }
    return values.map { value in
      let p = min(max(value, smallest), severalLabels ? 1 - smallest : 1)
      return severalLabels ? log(p / (1 - p)) : log(p)
    }
  }

  static func sigmoid(_ value: Double) -> Double {
    value >= 0 ? 1 / (1 + exp(-value)) : exp(value) / (1 + exp(value))
  }
}
