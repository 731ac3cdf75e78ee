import Foundation
import Records

/// What a cell or a number says where a number is predicted.
package enum TargetCell: Equatable {
  case number(Double)
  /// Why it is no target, as the end of a sentence about its row.
  case refused(String)

  /// Reads a number as programs write it: `899`, `8.99e2`; nothing is guessed of commas, units and currencies.
  package init(_ cell: String) {
    let text = RawRows.trimmed(cell)
    if let number = Double(text) {
      self.init(number)
    } else if MissingValue.isMissing(text) {
      self = .refused("has no target")
    } else {
      self = .refused("its target '\(text.escapedForTerminal.clipped(60))' is not a number")
    }
  }

  package init(_ number: Double) {
    self =
      number.isNaN
      ? .refused("has no target (NaN)") : number.isFinite ? .number(number) : .refused("its target is infinite")
  }

  /// Of the labels of a row.
  init(_ labels: [String]) {
    guard labels.count == 1 else {
      self = .refused(labels.isEmpty ? "has no target" : "has \(labels.count) targets, one is predicted")
      return
    }
    self.init(labels[0])
  }

  package var value: Double? { if case .number(let value) = self { value } else { nil } }
}
