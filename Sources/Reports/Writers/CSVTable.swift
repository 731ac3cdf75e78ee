public import Records

/// Numbers for a spreadsheet or a script.
public enum CSVTable {
  /// A row for each method and quantity, each specialist and the constant prediction's score, RFC 4180.
  ///
  /// Means, 95 % intervals and differences are fractions in full precision; `difference` is the mean less the baseline's and
  /// `p` its corrected probability, where that was tested.
  public static func text(_ results: ComparisonResults) -> String {
    var rows = [["dataset", "metric", "method", "quantity", "mean", "low95", "high95", "runs", "difference", "p"]]
    let base = results.tests.isEmpty ? nil : results.baseline
    // Once for each quantity: correcting them goes through every test of the comparison.
    var tests: [String: [String: ComparisonResults.Test]] = [:]
    if let base {
      for quantity in Set(results.tests.map(\.quantity)) {
        for test in results.tests(against: base, quantity) {
          if let name = test.methods.last { tests[quantity, default: [:]][name] = test }
        }
      }
    }
    for method in results.methods {
      let known = results.conditions.filter { method.mean.scores[$0] != nil }
      for quantity in known + method.mean.names.filter({ method.mean.scores[$0] == nil }) {
        guard let mean = method.mean[quantity] else { continue }
        let interval = method.interval95[quantity]
        let test = tests[quantity]?[method.name]
        rows.append([
          results.dataset, results.metric, method.name, quantity, "\(mean)", interval.map { "\($0.low)" } ?? "",
          interval.map { "\($0.high)" } ?? "", "\(method.runs.count)", test.map { "\($0.difference)" } ?? "",
          test.map { "\($0.decisive)" } ?? "",
        ])
      }
    }
    for condition in results.conditions {
      guard let specialist = results.specialists[condition] else { continue }
      let interval = specialist.interval95
      rows.append([
        results.dataset, results.metric, "specialist", condition, "\(specialist.score)",
        interval.map { "\($0.low)" } ?? "", interval.map { "\($0.high)" } ?? "", "\(specialist.runs.count)", "", "",
      ])
    }
    if let constant = results.constant {
      rows += results.conditions.map {
        [results.dataset, results.metric, "constant", $0, "\(constant.score)", "", "", "", "", ""]
      }
    }
    return rows.map { $0.map(escaped).joined(separator: ",") + "\r\n" }.joined()
  }

  static func escaped(_ field: String) -> String {
    guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
    return "\"" + field.replacing("\"", with: "\"\"") + "\""
  }
}
