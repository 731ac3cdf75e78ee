import Auditing
import Foundation
import Multimodal
import Records

/// Made-up data whose truth is known, and models of it that are made, not trained.
struct Planted {
  /// Which symbol of each modality every row has.
  var symbols: [[Int]]
  var labels: [Int]
  var classes: Int
  /// The audited model: probabilities of a row with these symbols; nil is a modality that is not there.
  var model: ([Int?]) -> [Double]
  /// By modality, a model of it alone.
  var alone: [(Int) -> [Double]]

  static let modalities = ["image", "text"]

  var rows: Int { labels.count }

  func scores(_ row: (Int) -> [Double]) throws -> AnswerTable {
    try AnswerTable(rows: rows, classes: classes, values: (0..<rows).flatMap(row))
  }

  /// Everything that an audit may ask for.
  func table(
    seed: UInt64 = 0, swaps: Int = 5, grid: Int = 100, permuted: Bool = false, parts: [String: AnswerTable]? = nil
  ) throws -> PredictionTable {
    var numbers = SeededNumbers(seed: seed, stream: "planted/table")
    let names = Self.modalities
    let order = permuted ? numbers.permutation(rows) : Array(0..<rows)
    var conditions = [PredictionTable.full: try scores { row in model(symbols.map { $0[row] }) }]
    conditions["none"] = try scores { _ in model([nil, nil]) }
    for (place, name) in names.enumerated() {
      conditions["missing:\(name)"] = try scores { row in
        model(symbols.indices.map { $0 == place ? nil : symbols[$0][row] })
      }
      conditions["alone:\(name)"] = try scores { alone[place](symbols[place][$0]) }
    }
    var repetitions: [PredictionTable.Swap] = []
    for (place, name) in names.enumerated() {
      for k in 0..<swaps {
        let index = numbers.permutation(rows)
        repetitions.append(
          PredictionTable.Swap(
            modality: name, k: k, index: index,
            scores: try scores { row in
              model(symbols.indices.map { $0 == place ? symbols[$0][index[row]] : symbols[$0][row] })
            }))
      }
    }
    let index = Array(0..<min(grid, rows))
    let cells = index.flatMap { i in index.flatMap { j in model([symbols[0][i], symbols[1][j]]) } }
    return try PredictionTable(
      classes: (0..<classes).map { "c\($0)" }, modalities: names, labels: .classes(order.map { labels[$0] }),
      conditions: conditions, swaps: repetitions,
      grid: grid > 1 && parts == nil
        ? PredictionTable.Grid(
          index: index, scores: try AnswerTable(rows: index.count * index.count, classes: classes, values: cells))
        : nil,
      parts: parts)
  }
}

extension Planted {
  /// Bayes' answer for a label that symbols tell with these probabilities, each on its own and given the label.
  private static func answer(_ seen: [(symbol: Int?, right: Double)], classes: Int) -> [Double] {
    var p = [Double](repeating: 1, count: classes)
    for (symbol, right) in seen {
      guard let symbol else { continue }
      for c in 0..<classes { p[c] *= c == symbol ? right : (1 - right) / Double(classes - 1) }
    }
    let sum = p.reduce(0, +)
    return p.map { $0 / sum }
  }

  private static func noisy(_ label: Int, _ right: Double, _ classes: Int, _ numbers: inout SeededNumbers) -> Int {
    if numbers.chance(right) { return label }
    let other = numbers.uniform(below: classes - 1)
    return other < label ? other : other + 1
  }

  /// Each modality tells the label with these probabilities; the model heeds those that it uses.
  static func hints(
    _ rights: [Double], used: [Bool] = [true, true], classes: Int = 3, rows: Int = 400, seed: UInt64
  ) -> Planted {
    var numbers = SeededNumbers(seed: seed, stream: "planted/hints")
    let labels = (0..<rows).map { _ in numbers.uniform(below: classes) }
    let symbols = rights.map { right in labels.map { noisy($0, right, classes, &numbers) } }
    return Planted(
      symbols: symbols, labels: labels, classes: classes,
      model: { seen in
        answer(zip(seen, zip(rights, used)).map { ($1.1 ? $0 : nil, $1.0) }, classes: classes)
      }, alone: rights.map { right in { answer([($0, right)], classes: classes) } })
  }

  /// Both modalities have the same noisy symbol; the model averages what each says.
  static func copies(_ right: Double = 0.8, classes: Int = 3, rows: Int = 400, seed: UInt64) -> Planted {
    var found = hints([right, right], classes: classes, rows: rows, seed: seed)
    found.symbols[1] = found.symbols[0]
    found.model = { seen in
      let there = seen.compactMap { $0 }
      let answers = there.map { answer([($0, right)], classes: classes) }
      guard !answers.isEmpty else { return [Double](repeating: 1 / Double(classes), count: classes) }
      return (0..<classes).map { c in answers.reduce(0) { $0 + $1[c] } / Double(answers.count) }
    }
    return found
  }

  /// The label is whether the two bits differ; a tenth of the labels are wrong.
  static func exclusiveOr(rows: Int = 400, seed: UInt64) -> Planted {
    var numbers = SeededNumbers(seed: seed, stream: "planted/xor")
    let symbols = (0..<2).map { _ in (0..<rows).map { _ in numbers.uniform(below: 2) } }
    let labels = (0..<rows).map { row in
      numbers.chance(0.1) ? 1 - (symbols[0][row] ^ symbols[1][row]) : symbols[0][row] ^ symbols[1][row]
    }
    return Planted(
      symbols: symbols, labels: labels, classes: 2,
      model: { seen in
        guard let a = seen[0], let b = seen[1] else { return [0.5, 0.5] }
        return a == b ? [0.9, 0.1] : [0.1, 0.9]
      },
      // What little a finite training set shows: which bit leans to which class.
      alone: [{ $0 == 0 ? [0.51, 0.49] : [0.49, 0.51] }, { $0 == 0 ? [0.49, 0.51] : [0.51, 0.49] }])
  }

  /// Four classes: the image tells one bit of the label, the text the other.
  static func twoBits(rows: Int = 400, seed: UInt64) -> Planted {
    var numbers = SeededNumbers(seed: seed, stream: "planted/bits")
    let labels = (0..<rows).map { _ in numbers.uniform(below: 4) }
    let symbols = [
      labels.map { noisy($0 / 2, 0.95, 2, &numbers) }, labels.map { noisy($0 % 2, 0.95, 2, &numbers) },
    ]
    func bit(_ seen: Int?, _ value: Int) -> Double { seen.map { $0 == value ? 0.95 : 0.05 } ?? 0.5 }
    return Planted(
      symbols: symbols, labels: labels, classes: 4,
      model: { seen in (0..<4).map { bit(seen[0], $0 / 2) * bit(seen[1], $0 % 2) } },
      alone: [
        { seen in (0..<4).map { bit(seen, $0 / 2) / 2 } }, { seen in (0..<4).map { bit(seen, $0 % 2) / 2 } },
      ])
  }
}
