import Foundation
import Records

extension DataAudit {
  private func table() -> [[Int]] {
    var table = samples.splits.map { _ in [Int](repeating: 0, count: samples.classes.count) }
    for row in samples.rows { for label in row.labels { table[row.split][label] += 1 } }
    return table
  }

  func labelCounts() -> [String: [String: Int]] {
    let table = table()
    return Dictionary(
      uniqueKeysWithValues: samples.splits.enumerated().map { split, name in
        (name, Dictionary(zip(samples.classes, table[split]), uniquingKeysWith: +))
      })
  }

  mutating func labels() {
    guard !samples.isRegression else { return }
    looked.append("labels: classes missing in a split, and whether splits have the same shares of them (chi-square)")
    let table = table()
    for (split, name) in samples.splits.enumerated() {
      let empty = samples.classes.indices.filter { table[split][$0] == 0 }
      guard !empty.isEmpty else { continue }
      let words = Self.few(empty.map { "'\(samples.classes[$0])'" }, 5)
      add(
        .init(
          .classMissingInSplit, .warning,
          "\(empty.count == 1 ? "a class has" : "\(empty.count) classes have") no \(name) sample", words,
          remedy: name == "test" ? "what is not tested is not known: add samples of it" : "add samples of it",
          count: empty.count))
    }
    if let test = ChiSquareTest(table), test.p < 0.001 {
      let worst = drift(table)
      add(
        .init(
          .labelDrift, test.strength >= 0.1 ? .warning : .remark,
          "the splits have different shares of the classes (chi-square \(String(format: "%.1f", test.statistic)), "
            + "\(test.degreesOfFreedom) degrees of freedom, p < 0.001)", worst,
          remedy: "split by class, unless the difference is meant", count: samples.rows.count,
          numbers: [
            "chiSquare": test.statistic, "degreesOfFreedom": Double(test.degreesOfFreedom), "p": test.p,
            "strength": test.strength,
          ]))
    }
    guard !samples.isMultiLabel, let most = table[0].indices.max(by: { table[0][$0] < table[0][$1] }),
      let least = table[0].indices.filter({ table[0][$0] > 0 }).min(by: { table[0][$0] < table[0][$1] }),
      table[0][most] >= 10 * table[0][least]
    else { return }
    let share = Double(table[0][most]) / Double(table[0].reduce(0, +))
    add(
      .init(
        .imbalance, .remark,
        "training has \(grouped(table[0][most])) samples of '\(samples.classes[most])' and "
          + "\(grouped(table[0][least])) of '\(samples.classes[least])': always guessing the first is right in "
          + Self.percent(share),
        remedy: "look at macro-F1 beside accuracy; --set training.class_weights=balanced weighs classes alike",
        count: table[0][least], numbers: ["majority": share]))
  }

  /// The class whose share differs most.
  private func drift(_ table: [[Int]]) -> String {
    let shares = table.map { row in
      let sum = Double(max(row.reduce(0, +), 1))
      return row.map { Double($0) / sum }
    }
    let spread = samples.classes.indices.map { label -> Double in
      let values = shares.map { $0[label] }
      return (values.max() ?? 0) - (values.min() ?? 0)
    }
    guard let worst = spread.indices.max(by: { spread[$0] < spread[$1] }) else { return "" }
    let words = zip(samples.splits, shares).map { "\(Self.percent($1[worst])) of \($0)" }
    return "'\(samples.classes[worst])' is \(words.joined(separator: ", "))"
  }
}
