import Foundation

/// Somebody who takes part in a race.
struct Contestant {
  let name: String
  /// Works for a moment and says how many seconds one piece of the work took.
  let block: () throws -> Double
}

/// Seconds by contestant, one for each round.
typealias Times = [String: [Double]]

/// Lets everybody work in turn, round after round, so that a machine whose speed drifts slows all of them alike.
func race(_ contestants: [Contestant], rounds: Int) throws -> Times {
  var times: Times = [:]
  for contestant in contestants { _ = try contestant.block() }
  for _ in 0..<rounds {
    for contestant in contestants { times[contestant.name, default: []].append(try contestant.block()) }
  }
  return times
}

/// A median, and between which values the middle half lies.
struct Spread: Codable {
  let median: Double
  let low: Double
  let high: Double

  init(_ values: [Double]) {
    let sorted = values.sorted()
    func quantile(_ q: Double) -> Double {
      guard let last = sorted.indices.last else { return .nan }
      let place = q * Double(last)
      let below = Int(place)
      return sorted[below] + (place - Double(below)) * (sorted[min(below + 1, last)] - sorted[below])
    }
    (median, low, high) = (quantile(0.5), quantile(0.25), quantile(0.75))
  }

  /// The ratios of two in the same rounds.
  init(_ a: [Double], over b: [Double]) { self.init(zip(a, b).map { $0 / $1 }) }

  func words(_ digits: Int = 2) -> String {
    "\(number(median, digits)) (\(number(low, digits))–\(number(high, digits)))"
  }
}

func number(_ value: Double, _ digits: Int = 2) -> String { String(format: "%.\(digits)f", value) }

/// A table as it is printed and written.
struct Table: Codable {
  var title: String
  var columns: [String]
  var rows: [[String]] = []
  /// What must be said below.
  var note: String?

  var markdown: String {
    let lines = [columns, columns.indices.map { $0 == 0 ? "---" : "---:" }] + rows
    return "#### \(title)\n\n" + lines.map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
      + (note.map { "\n\n\($0)" } ?? "") + "\n"
  }

  var text: String {
    let widths = columns.indices.map { column in ([columns] + rows).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      cells.enumerated().map { index, cell in
        let gap = String(repeating: " ", count: widths[index] - cell.count)
        return index == 0 ? cell + gap : gap + cell
      }.joined(separator: "  ")
    }
    return ([title, line(columns)] + rows.map(line)).joined(separator: "\n") + (note.map { "\n\($0)" } ?? "") + "\n"
  }
}
