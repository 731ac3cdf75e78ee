/// Scores, averages and gaps; of one run, of a mean, or of an interval.
public struct Quantities<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
  /// By condition.
  public var scores: [String: Value]
  /// By kind of impairment.
  public var average: [String: Value]
  /// By kind of impairment.
  public var gap: [String: Value]
  /// What is given away against specialists: by condition, and `worst` and `mean` over the conditions.
  public var regret: [String: Value]

  public init(
    scores: [String: Value] = [:], average: [String: Value] = [:], gap: [String: Value] = [:],
    regret: [String: Value] = [:]
  ) {
    self.scores = scores
    self.average = average
    self.gap = gap
    self.regret = regret
  }

  /// By name: a condition, `average.missing`, `gap.noisy`, `regret.worst`, `regret.image-missing`.
  public subscript(quantity: String) -> Value? {
    get {
      switch Self.split(quantity) {
      case ("average", let kind): average[kind]
      case ("gap", let kind): gap[kind]
      case ("regret", let of): regret[of]
      default: scores[quantity]
      }
    }
    set {
      switch Self.split(quantity) {
      case ("average", let kind): average[kind] = newValue
      case ("gap", let kind): gap[kind] = newValue
      case ("regret", let of): regret[of] = newValue
      default: scores[quantity] = newValue
      }
    }
  }

  /// Every quantity's name.
  public var names: [String] {
    scores.keys.sorted() + average.keys.sorted().map { "average.\($0)" } + gap.keys.sorted().map { "gap.\($0)" }
      + regretConditions.map { "regret.\($0)" } + ["worst", "mean"].filter { regret[$0] != nil }.map { "regret.\($0)" }
  }

  /// The conditions that there is a regret of, by name.
  public var regretConditions: [String] { regret.keys.filter { $0 != "worst" && $0 != "mean" }.sorted() }

  private static func split(_ quantity: String) -> (String, String) {
    guard let dot = quantity.firstIndex(of: ".") else { return ("", quantity) }
    return (String(quantity[..<dot]), String(quantity[quantity.index(after: dot)...]))
  }

  var isEmpty: Bool { scores.isEmpty && average.isEmpty && gap.isEmpty && regret.isEmpty }

  private enum CodingKeys: String, CodingKey { case scores, average, gap, regret }

  /// Regret as files have it.
  private struct RegretTable: Codable {
    var worst: Value?
    var mean: Value?
    var conditions: [String: Value]?
  }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    scores = try c.decodeIfPresent([String: Value].self, forKey: .scores) ?? [:]
    average = try c.decodeIfPresent([String: Value].self, forKey: .average) ?? [:]
    gap = try c.decodeIfPresent([String: Value].self, forKey: .gap) ?? [:]
    regret = [:]
    if let table = try c.decodeIfPresent(RegretTable.self, forKey: .regret) {
      regret = table.conditions ?? [:]
      regret["worst"] = table.worst
      regret["mean"] = table.mean
    }
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    if !scores.isEmpty { try c.encode(scores, forKey: .scores) }
    if !average.isEmpty { try c.encode(average, forKey: .average) }
    if !gap.isEmpty { try c.encode(gap, forKey: .gap) }
    if !regret.isEmpty {
      let conditions = regret.filter { $0.key != "worst" && $0.key != "mean" }
      try c.encode(
        RegretTable(worst: regret["worst"], mean: regret["mean"], conditions: conditions), forKey: .regret)
    }
  }
}
