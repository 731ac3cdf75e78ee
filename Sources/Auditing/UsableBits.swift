import Foundation
import Records

/// Bits about the label that models of a family can use: what each modality holds, and what the audited model takes.
///
///     H(Y) = mean of −log₂ prior(y),  H(Y | X) = mean of −log₂ p(y)
///     available = H(Y) − H(Y | Xₘ) by `alone:m`,  together = H(Y) − H(Y | all) by `full`
///     extra     = H(Y | others) − H(Y | all),  used = mean of log₂ p_full(y) − log₂ p_without:m(y)
///
/// Probabilities are brought to temperatures that fit the validation rows, where there are such, and are clipped at 1e-6;
/// rows of which that is true are counted. Negative bits mean overfitting or overconfidence, not information. (Xu et al.,
/// ICLR 2020, arXiv 2002.10689; Ethayarajh et al., ICML 2022, arXiv 2110.08420.) Of several labels bits are per label.
struct UsableBits {
  private let names: [String]
  private let audited: Audited
  /// Bits of surprise of every decision, by condition; `prior` is a constant prediction's.
  let surprises: [String: [Double]]
  let prior: [Double]
  private let without: [String: String]
  private let rest: [String: String]
  let calibrated: Bool
  let clipped: [String: Int]
  /// The rows whose label surprises all.
  let suspicious: [Int]

  /// nil without labels.
  init?(_ audited: Audited) {
    guard let truth = audited.truth, let frequencies = audited.prior else { return nil }
    names = audited.modalities
    self.audited = audited
    let perRow = audited.perRow
    without = names.count > 1 ? byName(names) { audited.present(audited.others($0)) } : [:]
    rest = names.count > 1 ? byName(names) { audited.alone(audited.others($0)) } : [:]
    let several = audited.table.severalLabels
    let wanted = Set(
      [PredictionTable.full] + names.flatMap { ["alone:\($0)", "probe:\($0)"] } + without.values + rest.values)
    var surprises: [String: [Double]] = [:]
    var clipped: [String: Int] = [:]
    var fitted: Set<String> = []
    for condition in wanted {
      guard let scores = audited.table.conditions[condition] else { continue }
      var answers = audited.answers[condition] ?? Answers(scores, severalLabels: several)
      if let validation = audited.table.validation, let held = validation.conditions[condition] {
        let temperature = FittedTemperature.of(held, validation.labels, severalLabels: several)
        answers = Answers(
          FittedTemperature.applied(temperature, to: scores, severalLabels: several), severalLabels: several)
        fitted.insert(condition)
      }
      surprises[condition] = truth.indices.map { answers.surprise($0, truth[$0]) }
      let low = Set(truth.indices.filter { answers.probability($0, truth[$0]) < Answers.smallest }.map { $0 / perRow })
      if !low.isEmpty { clipped[condition] = low.count }
    }
    self.surprises = surprises
    self.clipped = clipped
    calibrated = !surprises.isEmpty && surprises.keys.allSatisfy { fitted.contains($0) }
    let prior = truth.enumerated().map { decision, label -> Double in
      let share = several ? frequencies[decision % perRow] : frequencies[label]
      return -log2(max(several && label == 0 ? 1 - share : share, Answers.smallest))
    }
    self.prior = prior
    let alone = names.compactMap { surprises["alone:\($0)"] }
    suspicious =
      alone.count < names.count || names.isEmpty
      ? []
      : Array(
        Set(
          truth.indices.filter { decision in
            // Pointwise information below −1: the model doubts the label more than its frequency does, by a bit.
            alone.allSatisfy { prior[decision] - $0[decision] < -1 }
          }.map { $0 / perRow })
      ).sorted()
  }

  var measure: Measure { Measure { values($0) } }

  func values(_ weights: [Double]) -> [String: Double] {
    var out: [String: Double] = [:]
    func mean(_ condition: String?) -> Double? {
      condition.flatMap { surprises[$0] }.flatMap { audited.mean($0, weights) }
    }
    guard let nothing = audited.mean(prior, weights), let full = mean(PredictionTable.full) else { return out }
    out["usable.together"] = nothing - full
    out["usable.prior"] = nothing
    for name in names {
      out["usable.available.\(name)"] = mean("alone:\(name)").map { nothing - $0 }
      out["usable.embedded.\(name)"] = mean("probe:\(name)").map { nothing - $0 }
      let extra = mean(rest[name]).map { $0 - full }
      let used = mean(without[name]).map { $0 - full }
      out["usable.extra.\(name)"] = extra
      out["usable.used.\(name)"] = used
      if let extra, let used, extra != 0 { out["usable.usedShare.\(name)"] = used / extra }
      if let available = out["usable.available.\(name)"], let embedded = out["usable.embedded.\(name)"] {
        out["usable.lostInEncoder.\(name)"] = available - embedded
      }
    }
    let available = names.compactMap { out["usable.available.\($0)"] }
    if available.count == names.count, names.count > 1 {
      // What a model of one cannot use is nothing, not less.
      out["usable.beyond"] = nothing - full - available.reduce(0) { $0 + max($1, 0) }
    }
    return out
  }

  /// - Parameter models: one, or several whose values are averaged.
  static func record(_ models: [UsableBits], _ values: [String: Double]) -> AuditRecord.Usable? {
    guard let first = models.first else { return nil }
    let names = first.names
    var found = AuditRecord.Usable(calibrated: models.allSatisfy(\.calibrated))
    func table(_ key: String) -> [String: Double] { byName(names) { values["usable.\(key).\($0)"] } }
    found.available = table("available")
    found.together = values["usable.together"]
    found.extra = table("extra")
    found.used = table("used")
    found.usedShare = table("usedShare")
    found.embedded = table("embedded")
    found.lostInEncoder = table("lostInEncoder")
    found.beyond = values["usable.beyond"]
    found.clipped = models.reduce(into: [:]) { $0.merge($1.clipped, uniquingKeysWith: max) }
    // By all of them.
    let suspicious = models.dropFirst().reduce(Set(first.suspicious)) { $0.intersection($1.suspicious) }
    found.suspicious = suspicious.sorted().map { first.audited.table.ids[$0] }
    return found
  }
}

/// The temperature of least log-loss on other rows (Guo et al., ICML 2017), without tensors.
enum FittedTemperature {
  /// From 1/50 to 50, by the golden section over log T, as the loss is convex in 1/T.
  ///
  /// Each label is believed by (N + 1)/(N + 2), or a set on which all is right would want T = 0.
  static func of(_ scores: AnswerTable, _ labels: PredictionTable.Labels, severalLabels: Bool) -> Double {
    let truth = Audited.decisions(labels)
    let doubt = 1 / Double(scores.rows + 2)
    func loss(_ logOfBeta: Double) -> Double {
      let answers = Answers(
        applied(exp(-logOfBeta), to: scores, severalLabels: severalLabels), severalLabels: severalLabels)
      var sum = 0.0
      for (decision, label) in truth.enumerated() {
        let all = (0..<answers.classes).reduce(0) { $0 + answers.surprise(decision, $1, smallest: 1e-300) }
        sum += (1 - doubt) * answers.surprise(decision, label, smallest: 1e-300) + doubt / Double(answers.classes) * all
      }
      return sum
    }
    let ratio = (5.0.squareRoot() - 1) / 2
    var (low, high) = (-log(50.0), log(50.0))
    var (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
    var (leftLoss, rightLoss) = (loss(left), loss(right))
    while high - low > 1e-4 {
      if leftLoss < rightLoss {
        (high, right, rightLoss) = (right, left, leftLoss)
        left = high - ratio * (high - low)
        leftLoss = loss(left)
      } else {
        (low, left, leftLoss) = (left, right, rightLoss)
        right = low + ratio * (high - low)
        rightLoss = loss(right)
      }
    }
    return exp(-(low + high) / 2)
  }

  static func applied(_ temperature: Double, to scores: AnswerTable, severalLabels: Bool) -> AnswerTable {
    let logits = scores.logits(severalLabels: severalLabels, smallest: 1e-12)
    return AnswerTable(
      unchecked: logits.map { $0 / temperature }, rows: scores.rows, classes: scores.classes, kind: .logits)
  }
}
