import Foundation

/// A bound on a number of an audit that must not be met: `worst_regret>0.05`.
public struct AuditBound: Equatable, Sendable {
  /// As it was written.
  public let text: String
  /// `image.used_share`, or the number's whole path in `audit.json`.
  let path: [String]
  private let comparison: String
  private let limit: Double

  /// - Throws: a ``Diagnosis`` where this is no bound.
  public init(_ text: String) throws {
    func refusal() -> Diagnosis {
      Diagnosis(
        "'\(text.escapedForTerminal.clipped(80))' is no bound", place: "--fail-on",
        remedy: "write a number of audit.json, a comparison and a limit:  --fail-on 'worst_regret>0.05'",
        exitStatus: .usage)
    }
    guard let place = text.firstIndex(where: { "<>".contains($0) }) else { throw refusal() }
    let rest = text[text.index(after: place)...]
    let isInclusive = rest.hasPrefix("=")
    comparison = String(text[place]) + (isInclusive ? "=" : "")
    let number = rest.dropFirst(isInclusive ? 1 : 0).trimmingCharacters(in: .whitespaces)
    path = text[..<place].trimmingCharacters(in: .whitespaces).split(separator: ".").map(String.init)
    guard !path.isEmpty, let limit = Double(number), limit.isFinite else { throw refusal() }
    self.limit = limit
    self.text = text.trimmingCharacters(in: .whitespaces)
  }

  private func isMet(by value: Double) -> Bool {
    switch comparison {
    case ">": value > limit
    case ">=": value >= limit
    case "<": value < limit
    default: value <= limit
    }
  }

  /// What has become of the bound.
  public func verdict(of record: Tree) -> AuditVerdict {
    var leaves: [(path: [String], value: Double)] = []
    Self.collect(record, [], into: &leaves)
    let wanted = path.map(\.tolerantKey)
    // Of those that have all the words the one with the fewest besides: image.drop is swap.image.drop.
    let fitting = leaves.filter { leaf in
      var words = leaf.path.map(\.tolerantKey)
      return wanted.allSatisfy { word in
        guard let place = words.firstIndex(of: word) else { return false }
        words.remove(at: place)
        return true
      }
    }
    let shortest = fitting.map(\.path.count).min() ?? 0
    let found = fitting.filter { $0.path.count == shortest }
    guard let only = found.first, found.count == 1 else {
      return AuditVerdict(bound: self, state: .untold(untold(found.map(\.path), leaves.map(\.path), record)))
    }
    return AuditVerdict(
      bound: self, state: isMet(by: only.value) ? .met(only.value) : .unmet(only.value))
  }

  /// Why there is no one number of that name.
  private func untold(_ found: [[String]], _ all: [[String]], _ record: Tree) -> String {
    if !found.isEmpty {
      return "it may be " + found.map { $0.joined(separator: ".") }.sorted().prefix(6).joined(separator: " or ")
    }
    let wanted = Set(path.map(\.tolerantKey))
    let reasons = (record[path: "untold"]?.listValue ?? []).compactMap { entry -> String? in
      guard let measure = entry[path: "measure"]?.stringValue,
        measure.split(separator: ".").contains(where: { wanted.contains(String($0).tolerantKey) })
      else { return nil }
      let needs = (entry[path: "needs"]?.listValue ?? []).compactMap(\.stringValue)
      return needs.isEmpty ? entry[path: "why"]?.stringValue : "it needs " + needs.joined(separator: ", ")
    }
    if let reason = reasons.first { return "it could not be told: \(reason)" }
    let names = all.map { $0.joined(separator: ".") }
    let near = nearest(to: path.joined(separator: "."), in: names)
    return near.map { "the audit has no such number; did you mean '\($0)'?" } ?? "the audit has no such number"
  }

  /// Numbers by their paths; an estimate is its value.
  private static func collect(_ tree: Tree, _ path: [String], into leaves: inout [(path: [String], value: Double)]) {
    if let number = tree.numberValue {
      leaves.append((path.last == "value" ? path.dropLast() : path, number))
      return
    }
    for (key, value) in tree.tableValue ?? [:] where key != "interval95" { collect(value, path + [key], into: &leaves) }
  }
}

/// What has become of a bound.
public struct AuditVerdict: Equatable, Sendable {
  public enum State: Equatable, Sendable {
    /// The number is where it must not be.
    case met(Double)
    case unmet(Double)
    /// There is no such number, and why.
    case untold(String)
  }

  public let bound: AuditBound
  public let state: State

  public init(bound: AuditBound, state: State) {
    self.bound = bound
    self.state = state
  }

  /// In a sentence.
  public var words: String {
    switch state {
    case .met(let value), .unmet(let value): "\(bound.text): it is \(Self.figure(value))"
    case .untold(let reason): "\(bound.text): \(reason)"
    }
  }

  private static func figure(_ value: Double) -> String { String(format: "%.4g", value) }

  /// What the command ends with; nil where nothing is amiss.
  public static func diagnosis(of verdicts: [AuditVerdict]) -> Diagnosis? {
    let untold = verdicts.filter { if case .untold = $0.state { true } else { false } }
    guard untold.isEmpty else {
      return Diagnosis(
        untold.count == 1 ? "a bound cannot be judged" : "\(untold.count) bounds cannot be judged",
        place: "--fail-on", found: untold.map(\.words))
    }
    let met = verdicts.filter { if case .met = $0.state { true } else { false } }
    guard !met.isEmpty else { return nil }
    return Diagnosis(
      met.count == 1 ? "a bound is met" : "\(met.count) bounds are met", place: "--fail-on", found: met.map(\.words),
      exitStatus: .unmet)
  }
}

/// Verdicts as a JUnit report, which continuous integration shows.
public struct JUnitReport: Sendable {
  let name: String
  let verdicts: [AuditVerdict]

  public init(name: String, verdicts: [AuditVerdict]) {
    self.name = name
    self.verdicts = verdicts
  }

  /// The file's text.
  public var xml: String {
    let failures = verdicts.count { if case .met = $0.state { true } else { false } }
    let errors = verdicts.count { if case .untold = $0.state { true } else { false } }
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<testsuite name=\"seesaw audit \(Self.escaped(name))\" tests=\"\(verdicts.count)\" failures=\"\(failures)\" "
        + "errors=\"\(errors)\">",
    ]
    for verdict in verdicts {
      let test = "  <testcase classname=\"audit.\(Self.escaped(name))\" name=\"\(Self.escaped(verdict.bound.text))\""
      switch verdict.state {
      case .unmet: lines.append(test + "/>")
      case .met: lines.append(test + "><failure message=\"\(Self.escaped(verdict.words))\"/></testcase>")
      case .untold: lines.append(test + "><error message=\"\(Self.escaped(verdict.words))\"/></testcase>")
      }
    }
    return (lines + ["</testsuite>"]).joined(separator: "\n") + "\n"
  }

  /// XML has no way to write most control characters.
  private static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: out += "\u{FFFD}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
