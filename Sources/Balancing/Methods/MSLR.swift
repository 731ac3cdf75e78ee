import Foundation
public import Multimodal
import Records
import Torch
import TorchNN

/// MSLR: every modality's branch learns at a rate of its own.
///
///     keep     ηₘ = η · cₘ
///     smooth   ηₘ = η · cₘ^(1−k) · c̄^k                  c̄: the geometric mean of all cₘ
///     dynamic  ηₘ = η · cₘ · aₘ(e) / mean of the N values before it               (`dynamic.form=from_init`)
///              ηₘ ← ηₘ · aₘ(e) / mean of the last N values, every N epochs        (`cumulative`)
///
/// where η is the optimizer's rate, k `smooth.strength`, N `dynamic.window`, aₘ(e) the accuracy of the modality's part of
/// the fused logits on the validation split after epoch e, and cₘ given in `rates` or found: each modality is trained
/// alone for a few epochs at every rate from η/r^n to η·r^n (`search`), and the most accurate is its own; the nearest to
/// η where several are. The classifier keeps η.
///
/// The rates act on the optimizer's steps: as factors on gradients they would do nothing under Adam. The formula of
/// `smooth` is ours; `from_init` and `cumulative` are two public readings of `dynamic`.
public struct MSLR: BalancingMethod, PreparesBeforeTraining, ActsBetweenEpochs, Checkpointed {
  let configuration: Configuration
  private var memory = Memory()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    if configuration.strategy == .dynamic {
      guard context.model.task.hasClasses else {
        throw Diagnosis(
          "'mslr' changes rates by ratios of accuracies, and a regression has none", place: "method.strategy",
          remedy: "--set method.strategy=keep, or smooth", exitStatus: .usage)
      }
      _ = try validation(context)
    }
    memory.first =
      configuration.rates.isEmpty
      ? try search(context) : try Self.rates(configuration.rates, context.model.modalities)
    if configuration.strategy == .smooth {
      memory.first = Self.smoothed(memory.first, strength: configuration.smooth.strength)
    }
    memory.current = memory.first
  }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    guard configuration.strategy == .dynamic, epoch > 0 else { return }
    let accuracies = try ModalityScores.accuracies(context.session, context, validation(context)) { outputs, batch in
      try ModalityScores.logits(outputs, batch, context.session)
    }
    memory.accuracies.append(accuracies)
    memory.current = Self.dynamic(
      memory.accuracies, first: memory.first, current: memory.current, configuration.dynamic)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let modalities = session.model.modalities
    // A step that is looked at has not been prepared for.
    let rates = memory.current.isEmpty ? try Self.rates(configuration.rates, modalities) : memory.current
    let loss = try session.loss(session.forward(batch).logits, batch)
    let direction = try session.gradients(of: loss)
    var report = StepReport(losses: ["fused": try loss.scalar()])
    var scalings: [(parameters: [Int], factor: Double)] = []
    for (modality, rate) in zip(modalities, rates) {
      report.scalars["rate.\(modality.name)"] = rate
      if rate != 1 {
        scalings.append((session.model.branch(modality).filter(direction.presentIndices.contains), rate))
      }
    }
    try session.update(along: direction, scalingSteps: scalings)
    return report
  }

  // MARK: Rates

  /// The factors in `text`, 1 for modalities that it does not name.
  static func rates(_ text: String, _ modalities: [Modality]) throws -> [Double] {
    var rates = modalities.map { _ in 1.0 }
    for entry in text.split(separator: ",") {
      let parts = entry.split(separator: "=", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard parts.count == 2, let rate = Double(parts[1]), rate.isFinite, rate >= 0 else {
        throw Diagnosis(
          "'\(entry)' is no rate", place: "method.rates", remedy: "write them as image=1.4,text=0.7",
          exitStatus: .usage)
      }
      guard let position = modalities.firstIndex(where: { $0.name == parts[0] }) else {
        throw UnknownModality(name: parts[0], known: modalities.map(\.name))
      }
      rates[position] = rate
    }
    return rates
  }

  static func smoothed(_ rates: [Double], strength: Double) -> [Double] {
    let mean = exp(rates.map { Foundation.log($0) }.reduce(0, +) / Double(rates.count))
    return rates.map { strength == 0 ? $0 : pow($0, 1 - strength) * pow(mean, strength) }
  }

  /// The rates after the epochs whose accuracies are given, the last of them just ended.
  static func dynamic(
    _ accuracies: [[Double]], first: [Double], current: [Double], _ settings: Configuration.Dynamic
  ) -> [Double] {
    let window = settings.window
    return first.indices.map { m in
      let own = accuracies.map { $0[m] }
      func ratio(_ earlier: ArraySlice<Double>) -> Double {
        let mean = earlier.reduce(0, +) / Double(earlier.count)
        return mean > 0 ? (own.last ?? 0) / mean : 1
      }
      switch settings.form {
      case .fromInit: return own.count > window ? first[m] * ratio(own.dropLast().suffix(window)) : first[m]
      case .cumulative:
        return own.count.isMultiple(of: window) ? current[m] * ratio(own.suffix(window)) : current[m]
      }
    }
  }

  // MARK: State

  private struct Memory: Codable {
    /// The cₘ of all modalities.
    var first: [Double] = []
    var current: [Double] = []
    /// By epoch and modality.
    var accuracies: [[Double]] = []
  }

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: memory)) }

  public mutating func restore(_ state: MethodState) throws { memory = try state.numbers.decode(Memory.self) }
}
