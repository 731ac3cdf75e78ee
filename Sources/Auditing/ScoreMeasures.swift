import Evaluation
import Records

/// What follows from the scores of conditions: cooperation, conditional utilisation and regret.
///
///     cooperation = v(all) − Σₘ v(m) + (M − 1) v(∅)        of two, C(a, b) = v(ab) − v(a) − v(b) + v(∅)
///     u(m | rest) = (A(all) − A(all but m)) / A(all)
///     regret      = A(the model made for what is left) − A(the audited model with that left)
///
/// v(∅) is the score of a constant prediction. (Cooperation: Hu et al., SHAPE, arXiv 2205.00302. Utilisation: Wu et al.,
/// ICML 2022, arXiv 2202.05306, which averages the absent branch where Seesaw leaves it out.)
struct ScoreMeasures {
  private let scores: [String: WeightedScore]
  private let chance: WeightedScore?
  private let names: [String]
  /// By modality, the condition with it alone, and with all but it.
  private let alone: [String: String]
  private let without: [String: String]
  /// By condition, the condition of the model that was made for it.
  private let specialists: [String: String]

  init(_ audited: Audited) throws {
    names = audited.modalities
    var scores: [String: WeightedScore] = [:]
    let several = audited.table.severalLabels
    for (condition, found) in audited.table.conditions {
      scores[condition] = try audited.score(found.probabilities(severalLabels: several))
    }
    self.scores = scores
    if let prior = audited.prior, let truth = audited.truth {
      let constant = ConstantPrediction(task: audited.table.task, metric: audited.metric, shares: prior)
      chance = WeightedScore(try constant.predictions(truth), metric: audited.metric)
    } else {
      chance = nil
    }
    alone = byName(names) { audited.present([$0]) }
    without = names.count > 1 ? byName(names) { audited.present(audited.others($0)) } : [:]
    var specialists: [String: String] = [:]
    for condition in audited.table.conditions.keys {
      let kind = condition.prefix { $0 != ":" }
      guard let named = audited.table.named(in: condition) else { continue }
      let left = kind == "only" ? named : Set(audited.modalities).subtracting(named)
      guard ["missing", "absent", "only"].contains(kind), !left.isEmpty else { continue }
      specialists[condition] = audited.alone(left)
    }
    self.specialists = specialists
  }

  var measure: Measure { Measure { values($0) } }

  func values(_ weights: [Double]) -> [String: Double] {
    var found: [String: Double] = [:]
    for (condition, score) in scores { found[condition] = score(weights) }
    var out: [String: Double] = [:]
    for (condition, score) in found { out["scores.\(condition)"] = score }
    let nothing = chance?(weights)
    out["chance"] = nothing
    guard let full = found[PredictionTable.full] else { return out }
    let singles = names.compactMap { alone[$0].flatMap { found[$0] } }
    if names.count > 1, singles.count == names.count, let nothing {
      out["cooperation"] = full - singles.reduce(0, +) + Double(names.count - 1) * nothing
    }
    if let nothing { out["aboveChance"] = full - nothing }
    for name in names {
      guard let rest = without[name].flatMap({ found[$0] }), full > 0 else { continue }
      out["utilisation.\(name)"] = (full - rest) / full
      out["lost.\(name)"] = full - rest
    }
    let losses = out
    addLeads("missing", names, to: &out) { losses["lost.\($0)"] }
    for name in names {
      guard let own = found["alone:\(name)"] else { continue }
      if let nothing { out["aloneAboveChance.\(name)"] = own - nothing }
      out["fullAbove.\(name)"] = full - own
    }
    for (condition, specialist) in specialists {
      guard let own = found[condition], let made = found[specialist] else { continue }
      out["regret.\(condition)"] = made - own
    }
    out["worstRegret"] = specialists.keys.compactMap { out["regret.\($0)"] }.max()
    return out
  }
}
