import Foundation
public import Multimodal
public import Records
import Torch
import TorchNN

/// BalGrad: reweighted mutual divergence, and the target gradient projected off it where the two conflict.
///
///     g_kl = s(t) · [wᵐ · ∇ Kₘ  on each branch θₘ],   Kₘ = D_KL(sg(p_other) ‖ pₘ)                (eq. 2–4)
///     wᵐ   = Lₘ / Σⱼ Lⱼ                                                                         (eq. 3)
///     g_T⊥ = g_T − min(0, ⟨g_T, g_kl⟩) / ‖g_kl‖² · g_kl                                         (eq. 6)
///     θₘ  : g_T⊥ + ∇ Lₘ + g_kl      f_T : g_T      fₘ : ∇ Lₘ (+ g_kl)                           (figure 3)
///
/// where s is `ramp`, w `weight`, K the choice of `kl`, and the inner product runs over the branches of all modalities
/// (`projection.scope`). The divergence does not depend on f_T, so that projecting there would change nothing.
///
/// For M > 2, Kₘ is the mean over the other modalities and wᵐ = (M/2) · Lₘ/Σⱼ Lⱼ, which is eq. 3 at M = 2; written
/// with sums over modalities, so that the cost grows linearly in M (`js` alone takes all pairs). The paper leaves M > 2 open. With `kl.partner` =
/// consensus the target is instead one distribution, qₘ = Σⱼ≠ₘ aⱼpⱼ / Σⱼ≠ₘ aⱼ with aⱼ = 1/Lⱼ: a modality learns from
/// the others in the measure in which they have converged. At M = 2 both are the same.
///
/// Departures: the paper's ramp and its constant are not known to us; ours is linear from 0.1 to 1.
public struct BalGrad: BalancingMethod, Checkpointed, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var reweighting = true
    public var kl = Divergences()
    public var weight = Weights()
    public var ramp = Ramp()
    public var projection = Projection()
    public var heads = Heads()
    public init() {}

    public struct Divergences: Settings {
      public var direction = Direction.targetStudent
      public var stopGrad = true
      public var temperature = 1.0
      public var partner = Partner.others
      public init() {}
    }
    public enum Partner: String, Choice { case others, consensus }
    public enum Direction: String, Choice {
      case targetStudent = "target_student"
      case studentTarget = "student_target"
      case js
    }
    public struct Weights: Settings {
      public var form = WeightForm.lossRatio
      public var source = WeightSource.batch
      /// τ_w of `loss_softmax`.
      public var temperature = 1.0
      /// The value of `fixed`.
      public var value = 0.5
      /// The share that `ema` keeps of the past.
      public var beta = 0.9
      public init() {}
    }
    public enum WeightForm: String, Choice {
      case lossRatio = "loss_ratio"
      case lossSoftmax = "loss_softmax"
      case lossQuotient = "loss_quotient"
      case confRatio = "conf_ratio"
      case fixed
    }
    public enum WeightSource: String, Choice {
      case batch
      case ema
      case previousEpochMean = "previous_epoch_mean"
    }
    public struct Ramp: Settings {
      public var form = RampForm.linearToOne
      public var lambda0 = 0.1
      public var unit = RampUnit.step
      public var `where` = RampPlace.outside
      public init() {}
    }
    public enum RampForm: String, Choice {
      case linearToOne = "linear_to_one"
      case additive, multiplicative, power, gaussian, log, constant
    }
    public enum RampUnit: String, Choice { case step, epoch }
    public enum RampPlace: String, Choice { case outside, inside }
    public struct Projection: Settings {
      public var enabled = true
      public var scope = ProjectionScope.embeddingsGlobal
      public var target = ProjectionTarget.fused
      public init() {}
    }
    public enum ProjectionScope: String, Choice {
      case embeddingsGlobal = "embeddings_global"
      case perModality = "per_modality"
      case perTensor = "per_tensor"
    }
    public enum ProjectionTarget: String, Choice {
      case fused
      case fusedAndUnimodal = "fused_and_unimodal"
    }
    public struct Heads: Settings {
      public var update = HeadUpdate.cePlusKL
      public init() {}
    }
    public enum HeadUpdate: String, Choice {
      case ceOnly = "ce_only"
      case cePlusKL = "ce_plus_kl"
    }
  }

  public static let card = MethodCard(
    name: "balgrad", title: "BalGrad",
    citation: Citation(
      authors: ["Junehyoung Kwon", "MiHyeon Kim", "Eunju Lee", "Juhwan Choi", "YoungBin Kim"],
      title: "See-Saw Modality Balance: See Gradient, and Sew Impaired Vision-Language Balance to Mitigate Dominant "
        + "Modality Bias", venue: "NAACL", year: 2025, url: "https://aclanthology.org/2025.naacl-long.222"),
    stage: .optimization,
    summary:
      "Adds a divergence loss between the unimodal predictions, weighted to the slower modality and growing over "
      + "training, and projects conflicting components out of the task gradient.",
    needs: ["unimodal classifiers", "three gradients a step"], modalities: .several,
    departures: [
      "The paper's ramp s(t) and its constant are not known to us: linear from 0.1 to 1, other forms by `ramp.form`.",
      "Which direction of the divergence trains which modality is read as in mutual learning: the other modality is "
        + "the target and gets no gradient (`kl.direction`, `kl.stop_grad`).",
      "The paper has classes: of a regression the divergence is the squared difference of the predictions, and "
        + "`js`, `consensus` and `conf_ratio` are refused.",
      "The paper has two modalities: for more, divergences are means over the others and weights keep the mean 1/2.",
    ],
    settings: settings([
      SettingNote("reweighting", "Weigh the divergences by `weight`; off: 1/2 each"),
      SettingNote(
        "kl.direction", "Which divergence: D_KL(other ‖ own), D_KL(own ‖ other), Jensen–Shannon",
        allowed: Configuration.Direction.allowed),
      SettingNote("kl.stop_grad", "Take the other modality's prediction as a fixed target"),
      SettingNote("kl.temperature", "Divides the logits before the divergence", range: .positive),
      SettingNote(
        "kl.partner",
        "Of several others: the mean of the divergences, or one from their consensus, in which the more "
          + "converged weigh more", allowed: Configuration.Partner.allowed),
      SettingNote("weight.form", "How convergence becomes a weight", allowed: Configuration.WeightForm.allowed),
      SettingNote(
        "weight.source", "Which losses the weights are made of", allowed: Configuration.WeightSource.allowed),
      SettingNote("weight.temperature", "Of loss_softmax", range: .positive),
      SettingNote("weight.value", "Of fixed", range: .nonNegative),
      SettingNote("weight.beta", "The share that ema keeps of the past", range: .fraction),
      SettingNote("ramp.form", "How the divergence grows over training", allowed: Configuration.RampForm.allowed),
      SettingNote("ramp.lambda0", "The factor at the first step", range: .nonNegative),
      SettingNote("ramp.unit", "Grow by step or by epoch", allowed: Configuration.RampUnit.allowed),
      SettingNote(
        "ramp.where", "Scale the whole divergence, or add to each weight: λ₀ + w·τ",
        allowed: Configuration.RampPlace.allowed),
      SettingNote("projection.enabled", "Project the target gradient where it conflicts"),
      SettingNote(
        "projection.scope", "One inner product over all branches, or one for each modality or tensor",
        allowed: Configuration.ProjectionScope.allowed),
      SettingNote(
        "projection.target", "Project the fused loss's gradient, or its sum with the unimodal ones",
        allowed: Configuration.ProjectionTarget.allowed),
      SettingNote(
        "heads.update", "Train the unimodal classifiers on their loss, or on the divergence too",
        allowed: Configuration.HeadUpdate.allowed),
    ]))

  private let configuration: Configuration
  private var convergence = ConvergenceMemory()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    let outputs = try session.forward(batch)
    let unimodal = try outputs.unimodal()
    let fusedLoss = try session.loss(outputs.logits, batch)
    let unimodalLosses = try unimodal.map { try session.loss($1, batch) }
    let lossValues = try unimodalLosses.values.map { try $0.scalar() }
    let divergences = try mutualDivergences(unimodal, lossValues, task: model.task)
    let weights = try weights(unimodal, lossValues, batch, session)
    let ramp = ramp(session.clock)

    let weighted = try zip(weights, divergences.values).map { try $1 * factor($0, ramp, session.clock) }
    let target = try session.gradients(of: fusedLoss, keepingGraph: true)
    let fullBalance = try session.gradients(of: Tensor.stack(weighted).sum(), keepingGraph: true)
    let own = try session.gradients(of: Tensor.stack(unimodalLosses.values).sum())

    let branches = model.branches
    let balance = configuration.heads.update == .cePlusKL ? fullBalance : fullBalance.within(branches)
    let aimed =
      configuration.projection.target == .fused ? target : try target.adding(own, scale: 1, within: branches)
    let rest = configuration.projection.target == .fused ? own : own.within(headIndices(model))
    let (projected, conflict) = try projected(aimed, awayFrom: balance, model)

    try session.note("target", target)
    try session.note("balance", balance)
    try session.note("unimodal", own)
    try session.note("projected", projected)
    try session.update(along: projected + rest + balance)

    var report = StepReport(losses: ["fused": try fusedLoss.scalar()])
    let dot = try aimed.dot(balance, within: branches)
    let targetNorm = try aimed.norm(within: branches)
    let balanceNorm = try balance.norm(within: branches)
    let lengths = targetNorm * balanceNorm
    report.scalars = [
      "ramp": ramp, "dot": dot, "cosine": lengths > 0 ? dot / lengths : 0, "norm.target": targetNorm,
      "norm.balance": balanceNorm, "conflict": conflict ? 1 : 0,
    ]
    // Nothing is decided by it, and it costs as much as the other two lengths.
    if session.isMeasured { report.scalars["norm.unimodal"] = try own.norm(within: branches) }
    for (position, modality) in model.modalities.enumerated() {
      report.losses[modality.name] = lossValues[position]
      report.scalars["weight.\(modality.name)"] = weights[position]
      report.scalars["divergence.\(modality.name)"] = try divergences.values[position].scalar()
    }
    return report
  }

  // MARK: Parts

  /// Kₘ for each modality, the mean over the others; sums over modalities keep the cost linear in their number, where
  /// the divergence is linear in one of its sides: not so Jensen–Shannon.
  private func mutualDivergences(
    _ logits: PerModality<Tensor>, _ losses: [Double], task: PredictionTask
  ) throws -> PerModality<Tensor> {
    let temperature = configuration.kl.temperature
    if !task.hasClasses {
      try refuseWithoutClasses()
      let students = try logits.values.map { try $0 / temperature }
      let targets = configuration.kl.stopGrad ? try students.map { try $0.detached() } : students
      return try PerModality(logits.modalities, meanSquaredDifferences(from: targets, to: students))
    }
    let students = try logits.map { try task.logProbabilities(temperature == 1 ? $1 : $1 / temperature) }
    let targets = configuration.kl.stopGrad ? try students.map { try $1.detached() } : students
    if configuration.kl.partner == .consensus { return try divergencesFromConsensus(students, targets, losses) }
    let others = Double(logits.count - 1)
    switch configuration.kl.direction {
    case .targetStudent:
      return try PerModality(logits.modalities, meanDivergences(from: targets.values, to: students.values))
    case .studentTarget:
      let sums = try sumsOfOthers(targets.values) { try $0 + $1 }
      return try PerModality(
        logits.modalities,
        logits.modalities.indices.map { m in
          try Divergence.kullbackLeibler(students.values[m], sums[m] / others)
        })
    case .js:
      return try PerModality(
        logits.modalities,
        logits.modalities.indices.map { m in
          let terms = try logits.modalities.indices.filter { $0 != m }
            .map { try Divergence.jensenShannon(students.values[m], targets.values[$0]) }
          return try Tensor.stack(terms).sum() / others
        })
    }
  }

  private func refuseWithoutClasses() throws {
    let (kl, form) = (configuration.kl, configuration.weight.form)
    let js = kl.direction == .js ? "kl.direction=js" : nil
    let consensus = kl.partner == .consensus ? "kl.partner=consensus" : nil
    guard let refused = js ?? consensus ?? (form == .confRatio ? "weight.form=conf_ratio" : nil) else { return }
    throw Diagnosis(
      "'balgrad' needs class probabilities for '\(refused)', and the task is a regression", exitStatus: .usage)
  }

  /// Kₘ for each modality against the consensus of the others.
  private func divergencesFromConsensus(
    _ students: PerModality<Tensor>, _ targets: PerModality<Tensor>, _ losses: [Double]
  ) throws -> PerModality<Tensor> {
    let shares = losses.map { 1 / max($0, 1e-12) }
    // By logarithms, as in the Jensen–Shannon divergence: nothing may become log 0.
    let weighted = try sumsOfOthers(zip(targets.values, shares).map { try $0 + log($1) }) {
      try Tensor.stack([$0, $1]).logSumExp(0)
    }
    let totals = sumsOfOthers(shares, +)
    return try PerModality(
      students.modalities,
      students.modalities.indices.map { m in
        let consensus = try weighted[m] - log(totals[m])
        switch configuration.kl.direction {
        case .targetStudent: return try Divergence.kullbackLeibler(consensus, students.values[m])
        case .studentTarget: return try Divergence.kullbackLeibler(students.values[m], consensus)
        case .js: return try Divergence.jensenShannon(students.values[m], consensus)
        }
      })
  }

  /// wᵐ, whose mean over modalities is 1/2 where the form is normalised.
  private mutating func weights(
    _ logits: PerModality<Tensor>, _ losses: [Double], _ batch: Batch, _ session: TrainingSession
  ) throws -> [Double] {
    let half = Double(losses.count) / 2
    let form = configuration.weight.form
    guard configuration.reweighting else { return losses.map { _ in 0.5 } }
    if form == .fixed { return losses.map { _ in configuration.weight.value } }
    let measured =
      form == .confRatio
      ? try logits.values.map {
        try 1 / max(session.model.task.trueProbability($0, batch.labels).mean().scalar(), 1e-12)
      }
      : losses
    let values = convergence.update(measured, epoch: session.clock.epoch, configuration.weight)
    let total = max(values.reduce(0, +), 1e-12)
    switch form {
    case .lossRatio, .confRatio: return values.map { half * $0 / total }
    case .lossSoftmax:
      let top = values.max() ?? 0
      let powers = values.map { exp(($0 - top) / configuration.weight.temperature) }
      let sum = powers.reduce(0, +)
      return powers.map { half * $0 / sum }
    case .lossQuotient:
      return values.map { $0 / max((total - $0) / Double(values.count - 1), 1e-12) }
    case .fixed: return values
    }
  }

  /// s(t).
  private func ramp(_ clock: TrainingClock) -> Double {
    let byEpoch = configuration.ramp.unit == .epoch
    return Self.ramp(
      configuration.ramp.form, configuration.ramp.lambda0, progress: byEpoch ? clock.epochProgress : clock.progress,
      count: byEpoch ? clock.epoch : clock.step)
  }

  /// The factor s at τ = `progress`, after `count` steps or epochs.
  static func ramp(_ form: Configuration.RampForm, _ lambda0: Double, progress: Double, count: Int) -> Double {
    switch form {
    case .linearToOne: lambda0 + (1 - lambda0) * progress
    case .additive: lambda0 + progress
    case .multiplicative: lambda0 * (1 + progress)
    case .power: pow(lambda0, 1 - progress)
    case .gaussian: pow(lambda0, (1 - progress) * (1 - progress))
    case .log: lambda0 * (1 + Foundation.log(1 + Double(count)))
    case .constant: lambda0
    }
  }

  private func factor(_ weight: Double, _ ramp: Double, _ clock: TrainingClock) -> Double {
    guard configuration.ramp.where == .inside else { return ramp * weight }
    let progress = configuration.ramp.unit == .epoch ? clock.epochProgress : clock.progress
    return configuration.ramp.lambda0 + weight * progress
  }

  private func projected(
    _ target: Gradients, awayFrom balance: Gradients, _ model: MultimodalModel
  ) throws -> (Gradients, conflict: Bool) {
    let groups: [[Int]] =
      switch configuration.projection.scope {
      case .embeddingsGlobal: [model.branches]
      case .perModality: model.modalities.map(model.branch)
      case .perTensor: model.branches.map { [$0] }
      }
    var result = target
    var conflict = false
    for group in groups {
      let coefficient = try conflictCoefficient(target, balance, within: group)
      guard coefficient < 0 else { continue }
      conflict = true
      if configuration.projection.enabled { result = try result.adding(balance, scale: -coefficient, within: group) }
    }
    return (result, conflict)
  }

  private func headIndices(_ model: MultimodalModel) -> [Int] {
    model.modalities.flatMap { model.store.indices(within: $0.head) }
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: convergence)) }

  public mutating func restore(_ state: MethodState) throws {
    convergence = try state.numbers.decode(ConvergenceMemory.self)
  }
}

/// The losses that weights are made of, where they are not the batch's alone.
private struct ConvergenceMemory: Codable {
  private var average: [Double] = []
  private var epoch = -1
  private var sums: [Double] = []
  private var count = 0.0
  private var previous: [Double] = []

  /// Takes up this batch's values and returns those to weigh by.
  mutating func update(_ values: [Double], epoch: Int, _ settings: BalGrad.Configuration.Weights) -> [Double] {
    switch settings.source {
    case .batch: return values
    case .ema:
      average = average.isEmpty ? values : zip(average, values).map { settings.beta * $0 + (1 - settings.beta) * $1 }
      return average
    case .previousEpochMean:
      if epoch != self.epoch {
        if count > 0 { previous = sums.map { $0 / count } }
        self.epoch = epoch
        sums = values.map { _ in 0 }
        count = 0
      }
      sums = zip(sums, values).map(+)
      count += 1
      return previous.isEmpty ? values : previous
    }
  }
}
