import Foundation
import Multimodal
public import Records
import Torch
import TorchNN

/// Where a factor acts.
public enum ModulationPlace: String, SettingChoice {
  /// On the gradient, as published.
  case gradient
  /// On the optimizer's step, which no optimizer can cancel.
  case step
}

/// The part of training in which a method acts, both ends as fractions of all steps.
public struct ModulationWindow: Settings {
  public var begin = 0.0
  public var end = 1.0
  public init() {}

  func contains(_ clock: TrainingClock) -> Bool { begin <= clock.progress && clock.progress <= end }
}

/// What a modality's score is compared with; all the same for two modalities.
public enum ScoreComparison: String, SettingChoice {
  /// The mean of the others.
  case mean
  /// The smallest of all.
  case minimum
  /// The sum of the others.
  case sum
}

/// The modulation that OGM and OGM-GE share; the equations stand there.
struct GradientModulation {
  let alpha: Double
  let comparison: ScoreComparison
  let place: ModulationPlace
  let window: ModulationWindow

  /// One step of joint training, the branches of the modalities that are ahead slowed down.
  func step(_ batch: Batch, _ session: TrainingSession, noise: Bool) throws -> StepReport {
    let outputs = try session.forward(batch)
    let loss = try session.loss(outputs.logits, batch)
    var report = StepReport(losses: ["fused": try loss.scalar()])
    var direction = try session.gradients(of: loss)
    guard window.contains(session.clock) else {
      try session.update(along: direction)
      return report
    }
    let scores = try ModalityScores.sums(outputs, batch, session)
    let ratios = Self.ratios(scores, comparison)
    let factors = ratios.map { Self.factor($0, alpha: alpha) }
    var scalings: [(parameters: [Int], factor: Double)] = []
    for (position, modality) in session.model.modalities.enumerated() {
      let factor = factors[position]
      report.scalars["score.\(modality.name)"] = scores[position] / Double(batch.count)
      report.scalars["ratio.\(modality.name)"] = ratios[position]
      report.scalars["factor.\(modality.name)"] = factor
      let trained = session.model.branch(modality).filter(direction.presentIndices.contains)
      let scale = place == .gradient ? factor : 1
      if noise {
        direction = try Self.disturbed(direction, trained, scale: scale, session)
      } else if scale != 1 {
        direction = try direction.scaled(by: scale, within: trained)
      }
      if place == .step, factor != 1 { scalings.append((trained, factor)) }
    }
    try session.update(along: direction, scalingSteps: scalings)
    return report
  }

  /// ρₘ; finite whatever the scores.
  static func ratios(_ scores: [Double], _ comparison: ScoreComparison) -> [Double] {
    let means = ModalityScores.meanOfOthers(scores)
    let references =
      switch comparison {
      case .mean: means
      case .minimum: scores.map { _ in scores.min() ?? 0 }
      case .sum: means.map { $0 * Double(scores.count - 1) }
      }
    return zip(scores, references).map { $0 / max($1, 1e-12) }
  }

  /// kₘ, which is never above 1.
  static func factor(_ ratio: Double, alpha: Double) -> Double { ratio > 1 ? 1 - tanh(alpha * ratio) : 1 }

  /// The direction with some parameters' part scaled, and normal noise on each as wide as it was before.
  static func disturbed(
    _ direction: Gradients, _ indices: [Int], scale: Double, _ session: TrainingSession
  ) throws -> Gradients {
    var result = direction
    for index in indices {
      let generator = try session.random("noise/\(session.model.store.parameters[index].path)")
      result = try result.mapping([index]) { (gradient) throws(TorchError) in
        // A single number has no spread.
        let variance = try gradient.variance(correction: gradient.count > 1 ? 1 : 0)
        return try generator.disturb(gradient, scale: scale, width: variance.squareRoot() + 1e-8)
      }
    }
    return result
  }
}
