import Foundation
import Multimodal
import Records
import Torch
import TorchNN

// Readings of the paper and ways out of it that are not the published step.

extension BalGrad {
  // MARK: Divergences

  /// Of a regression: Kₘ is the mean squared difference from the others' predictions.
  func squaredDifferences(_ logits: PerModality<Tensor>) throws -> PerModality<Tensor> {
    try refuseWithoutClasses()
    let students = try logits.values.map { try $0 / configuration.kl.temperature }
    let targets = configuration.kl.stopGrad ? try students.map { try $0.detached() } : students
    return try PerModality(logits.modalities, meanSquaredDifferences(from: targets, to: students))
  }

  private func refuseWithoutClasses() throws {
    let (kl, form) = (configuration.kl, configuration.weight.form)
    let js = kl.direction == .js ? "kl.direction=js" : nil
    let consensus = kl.partner == .consensus ? "kl.partner=consensus" : nil
    guard let refused = js ?? consensus ?? (form == .confRatio ? "weight.form=conf_ratio" : nil) else { return }
    throw Diagnosis(
      "'balgrad' needs class probabilities for '\(refused)', and the task is a regression", exitStatus: .usage)
  }

  /// D_KL(pₘ ‖ mean of the others).
  func reversedDivergences(
    _ students: PerModality<Tensor>, _ targets: PerModality<Tensor>
  ) throws -> PerModality<Tensor> {
    let sums = try sumsOfOthers(targets.values) { try $0 + $1 }
    return try PerModality(
      students.modalities,
      students.modalities.indices.map { m in
        try Divergence.kullbackLeibler(students.values[m], sums[m] / Double(students.count - 1))
      })
  }

  /// The mean of the Jensen–Shannon divergences from the others, over all pairs.
  func jensenShannonDivergences(
    _ students: PerModality<Tensor>, _ targets: PerModality<Tensor>
  ) throws -> PerModality<Tensor> {
    try PerModality(
      students.modalities,
      students.modalities.indices.map { m in
        let terms = try students.modalities.indices.filter { $0 != m }
          .map { try Divergence.jensenShannon(students.values[m], targets.values[$0]) }
        return try Tensor.stack(terms).sum() / Double(students.count - 1)
      })
  }

  /// Kₘ for each modality against the consensus of the others.
  func divergencesFromConsensus(
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

  // MARK: Weights

  /// One over the mean probability of the truth, for each modality.
  func inverseConfidences(
    _ logits: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession
  ) throws -> [Double] {
    try logits.values.map {
      try 1 / max(session.model.task.trueProbability($0, batch.labels).mean().scalar(), 1e-12)
    }
  }

  /// Weights in a form that is no ratio to the sum.
  func otherWeights(_ values: [Double], total: Double) -> [Double] {
    switch configuration.weight.form {
    case .lossSoftmax:
      let top = values.max() ?? 0
      let powers = values.map { exp(($0 - top) / configuration.weight.temperature) }
      let sum = powers.reduce(0, +)
      return powers.map { Double(values.count) / 2 * $0 / sum }
    case .lossQuotient: return values.map { $0 / max((total - $0) / Double(values.count - 1), 1e-12) }
    case .lossRatio, .confRatio, .fixed: return values
    }
  }

  // MARK: The ramp

  /// s · w, or λ₀ + w · τ.
  func factor(_ weight: Double, _ ramp: Double, _ clock: TrainingClock) -> Double {
    guard configuration.ramp.where == .inside else { return ramp * weight }
    let progress = configuration.ramp.unit == .epoch ? clock.epochProgress : clock.progress
    return configuration.ramp.lambda0 + weight * progress
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
}

/// The losses that weights are made of, where they are not the batch's alone.
struct ConvergenceMemory: Codable {
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
