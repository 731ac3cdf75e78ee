import Foundation
import Records

/// A run as a tree of everything that can be asked of it: its settings by path, and `scores`, `average`, `gap`, `status`,
/// `data`, `versions`, `seconds`, ….
struct RunFacts: Equatable {
  let tree: Tree

  init(_ record: RunRecord, _ evaluation: EvaluationTable?, status: RunStatus) {
    var facts = record.configuration
    func set(_ name: String, _ value: Tree?) { if let value { facts[path: name] = value } }
    set("status", .string(status.rawValue))
    set("started", .string(record.started))
    set("ended", record.ended.map(Tree.string))
    set("seconds", record.seconds.map(Tree.number))
    set("device", .string(record.device))
    set("processor", .string(record.processor))
    set("data", try? Tree(encoding: record.data, keys: .asNamed))
    set("versions", try? Tree(encoding: record.versions, keys: .asNamed))
    if let evaluation, case .table(let table)? = try? Tree(encoding: evaluation, keys: .asNamed) {
      for (name, value) in table where ["metric", "scores", "average", "gap", "shapley"].contains(name) {
        set(name, value)
      }
      set("imbalance", table["imbalance"])
      set("metrics", table["metrics"])
      set("negativeTransfer", table["negativeTransfer"])
    }
    tree = facts
  }

  /// The value at a path; the name of a condition may have dots in it.
  subscript(path: String) -> Tree? {
    if let found = tree[path: path] { return found }
    var node = tree
    var rest = path[...]
    while case .table(let entries) = node {
      if let value = entries[String(rest)] { return value }
      guard let dot = rest.firstIndex(of: "."), let next = entries[String(rest[..<dot])] else { return nil }
      node = next
      rest = rest[rest.index(after: dot)...]
    }
    return nil
  }

  /// Every path with a value.
  var paths: [String] { tree.leafPaths }
}

/// A condition on runs: `method.name=balgrad`, `training.epochs>10`, `data.name~emoji`.
struct RunCondition: Equatable {
  enum Comparison: String, CaseIterable {
    // Longer ones first, so that they are found first.
    case notEqual = "!="
    case atMost = "<="
    case atLeast = ">="
    case same = "=="
    case below = "<"
    case above = ">"
    case equal = "="
    case contains = "~"
  }

  let path: String
  let comparison: Comparison
  let value: String

  /// - Throws: a `Diagnosis` where there is no comparison in it.
  init(_ text: String) throws {
    guard let place = text.firstIndex(where: { "=<>!~".contains($0) }), place > text.startIndex,
      let comparison = Comparison.allCases.first(where: { text[place...].hasPrefix($0.rawValue) })
    else {
      throw Diagnosis(
        "'\(text)' is not a condition", place: "--where",
        remedy: "write path=value, or one of != < <= > >= and ~ (contains), as in --where 'training.epochs>10'",
        exitStatus: .usage)
    }
    path = text[..<place].trimmingCharacters(in: .whitespaces)
    self.comparison = comparison
    value = text[text.index(place, offsetBy: comparison.rawValue.count)...].trimmingCharacters(in: .whitespaces)
  }

  /// Whether a run's value is as wished; one that has none is not, but for `!=`.
  func holds(for found: Tree?) -> Bool {
    guard let found, found != .null else { return comparison == .notEqual }
    let word = found.plainWord
    if let a = found.numberValue, let b = Double(value) {
      switch comparison {
      case .equal, .same: return a == b
      case .notEqual: return a != b
      case .below: return a < b
      case .atMost: return a <= b
      case .above: return a > b
      case .atLeast: return a >= b
      case .contains: return word.contains(value)
      }
    }
    switch comparison {
    case .equal, .same: return word.tolerantKey == value.tolerantKey
    case .notEqual: return word.tolerantKey != value.tolerantKey
    case .below: return word < value
    case .atMost: return word <= value
    case .above: return word > value
    case .atLeast: return word >= value
    case .contains: return word.tolerantKey.contains(value.tolerantKey)
    }
  }
}

extension Tree {
  /// As one would type it: a text without quotes.
  var plainWord: String {
    switch self {
    case .string(let text): text
    case .list(let elements): elements.map(\.plainWord).joined(separator: ",")
    default: json()
    }
  }

  /// Whether one value comes before another: numbers by size, before texts; what is not there comes last.
  static func precedes(_ a: Tree?, _ b: Tree?) -> Bool {
    switch (a?.numberValue, b?.numberValue) {
    case (let x?, let y?): return x < y
    case (.some, nil): return true
    case (nil, .some): return false
    case (nil, nil): break
    }
    switch (a, b) {
    case (let x?, let y?): return x.plainWord < y.plainWord
    case (.some, nil): return true
    default: return false
    }
  }
}
