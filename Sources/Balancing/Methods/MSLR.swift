import Foundation
public import Multimodal
public import Records
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
  public struct Configuration: Settings {
    public var strategy = Strategy.keep
    public var rates = ""
    public var search = Search()
    public var smooth = Smooth()
    public var dynamic = Dynamic()
    public init() {}

    public struct Search: Settings {
      /// The r of η · r^n.
      public var ratio = 2.0
      /// The n of η · r^n.
      public var reach = 2
      public var epochs = 3
      public init() {}
    }
    public struct Smooth: Settings {
      public var strength = 0.5
      public init() {}
    }
    public struct Dynamic: Settings {
      public var form = DynamicForm.fromInit
      public var window = 5
      public init() {}
    }
  }
  public enum Strategy: String, Choice { case keep, smooth, dynamic }
  public enum DynamicForm: String, Choice {
    case fromInit = "from_init"
    case cumulative
  }

  public static let card = MethodCard(
    name: "mslr", title: "MSLR",
    citation: Citation(
      authors: ["Yiqun Yao", "Rada Mihalcea"],
      title: "Modality-specific Learning Rates for Effective Multimodal Additive Late-fusion", venue: "Findings of ACL",
      year: 2022, url: "https://aclanthology.org/2022.findings-acl.143"),
    stage: .optimization,
    summary: "Trains the branch of each modality at the learning rate that suits it best alone.",
    needs: ["a validation split, unless `rates` are given and kept", "a few epochs of unimodal training beforehand"],
    modalities: .several,
    departures: [
      "The paper's formula for Smooth is not known to us: rates move towards their geometric mean.",
      "The paper has classes: of a regression the search compares squared errors, and there is no `dynamic` strategy.",
      "The paper searches each modality's rate by full unimodal training: here by `search.epochs` epochs for each rate.",
    ],
    settings: settings([
      SettingNote("strategy", "What happens to the rates during training", allowed: Strategy.allowed),
      SettingNote(
        "rates", "Factors on the learning rate by name, such as image=1.4,text=0.7; empty searches for them"),
      SettingNote(
        "search.ratio", "Between one rate that is tried and the next",
        range: SettingRange(minimum: 1, aboveMinimum: true)),
      SettingNote("search.reach", "How many rates are tried above and below", range: .nonNegative),
      SettingNote("search.epochs", "For how long each rate is tried", range: .atLeast(1)),
      SettingNote("smooth.strength", "How far the rates move towards their mean", range: .fraction),
      SettingNote(
        "dynamic.form", "Follow the first rates, or the last", allowed: DynamicForm.allowed),
      SettingNote("dynamic.window", "How many epochs an accuracy is compared with", range: .atLeast(1)),
    ]))

  public static let requirements = MethodRequirements(trainedEncoders: true, validationByDefault: true)

  private let configuration: Configuration
  private var memory = Memory()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ lab: Lab) throws {
    if configuration.strategy == .dynamic {
      guard lab.model.task.hasClasses else {
        throw Diagnosis(
          "'mslr' changes rates by ratios of accuracies, and a regression has none", place: "method.strategy",
          remedy: "--set method.strategy=keep, or smooth", exitStatus: .usage)
      }
      _ = try validation(lab)
    }
    memory.first =
      configuration.rates.isEmpty
      ? try search(lab) : try Self.rates(configuration.rates, lab.model.modalities)
    if configuration.strategy == .smooth {
      memory.first = Self.smoothed(memory.first, strength: configuration.smooth.strength)
    }
    memory.current = memory.first
  }

  public mutating func epochWillBegin(_ epoch: Int, _ lab: Lab) throws {
    guard configuration.strategy == .dynamic, epoch > 0 else { return }
    let accuracies = try Self.accuracies(lab.session, lab, validation(lab)) { outputs, batch in
      try ModalityScores.logits(outputs, batch, lab.session)
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

  // MARK: Search

  private func validation(_ lab: Lab) throws -> any BatchSource {
    guard let validation = lab.validation, validation.count > 0 else {
      throw Diagnosis(
        "'mslr' finds its rates on a validation split, and there is none",
        remedy:
          "--set method.strategy=keep --set method.rates=\(lab.model.modalities.map { "\($0)=1" }.joined(separator: ","))",
        exitStatus: .usage)
    }
    return validation
  }

  private func search(_ lab: Lab) throws -> [Double] {
    let validation = try validation(lab)
    let reach = configuration.search.reach
    // The nearest to 1 first: of several that are equally good it wins.
    let candidates = (-reach...reach).sorted { abs($0) < abs($1) }.map { pow(configuration.search.ratio, Double($0)) }
    var best = lab.model.modalities.map { _ in (rate: 1.0, accuracy: -Double.infinity) }
    for rate in candidates {
      let trial = try lab.fresh()
      try train(trial, at: rate, lab)
      let accuracies = try Self.accuracies(trial, lab, validation) { outputs, _ in try outputs.unimodal() }
      for (m, accuracy) in accuracies.enumerated() where accuracy > best[m].accuracy { best[m] = (rate, accuracy) }
    }
    return best.map(\.rate)
  }

  /// Trains every modality alone; they have no parameters in common.
  private func train(_ trial: TrainingSession, at rate: Double, _ lab: Lab) throws {
    for epoch in 0..<min(configuration.search.epochs, max(trial.clock.epochs, 1)) {
      trial.clock.epoch = epoch
      let plan = lab.shuffled(epoch)
      try lab.forEachBatch(of: lab.training, plan) { batch in
        let losses = try trial.forward(batch).unimodal().map { try trial.loss($1, batch) }
        let direction = try trial.gradients(of: Tensor.stack(losses.values).sum())
        try trial.update(along: direction, scalingSteps: rate == 1 ? [] : [(direction.presentIndices, rate)])
        trial.clock.step += 1
      }
    }
  }

  /// The share of right answers of each modality alone; of right labels where a sample may have several, and of a regression
  /// the mean squared error with a minus sign.
  private static func accuracies(
    _ session: TrainingSession, _ lab: Lab, _ source: any BatchSource,
    _ logits: (Outputs, Batch) throws -> PerModality<Tensor>
  ) throws -> [Double] {
    var right = [Double](repeating: 0, count: session.model.modalities.count)
    var count = 0
    try lab.forEachBatch(of: source) { batch in
      try withoutGradients {
        let hits = try logits(session.forward(batch), batch).values.map { logits in
          guard session.model.task.hasClasses else {
            return try -session.model.task.losses(logits, batch.labels).to(.float64).sum()
          }
          let found = session.model.task == .multiLabel ? try logits.greater(than: 0) : try logits.argmax(-1)
          return try found.to(.int64).equal(to: batch.labels.to(.int64)).to(.float64).sum()
        }
        right = try zip(right, Tensor.stack(hits).array(of: Double.self)).map(+)
        count += batch.labels.count
      }
    }
    return right.map { $0 / Double(max(count, 1)) }
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
