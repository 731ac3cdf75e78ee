import Balancing
import Multimodal
import Records
import Torch
import TorchNN

/// Joint training, but for what a test spoils.
protocol Spoilt: ObjectiveMethod where Configuration == NoSettings {
  init()
}

struct NoSettings: Settings {}

extension MethodCard {
  static func spoilt(_ settings: [SettingDescription] = []) -> MethodCard {
    MethodCard(
      name: "spoilt", title: "Spoilt", stage: .objective, summary: "Joint training, spoilt on purpose for one test.",
      settings: settings)
  }
}

extension Spoilt {
  static var card: MethodCard { .spoilt() }
  init(_ configuration: NoSettings) { self.init() }

  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor { try fused(outputs, batch, session, &report) }
}

/// The loss of joint training, reported.
func fused(
  _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
) throws -> Tensor {
  let loss = try session.loss(outputs.logits, batch)
  report.losses["fused"] = try loss.scalar()
  return loss
}

/// Nothing is spoilt.
struct Sound: Spoilt {}

/// Follows no direction.
struct Still: Spoilt {
  mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    _ = try fused(session.forward(batch), batch, session, &report)
    return report
  }
}

/// Moves what is frozen, and says that a number is none.
struct Careless: Spoilt {
  mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:], scalars: ["weight": .nan])
    _ = try fused(session.forward(batch), batch, session, &report)
    try withoutGradients {
      for parameter in session.model.store.parameters { try parameter.tensor.copy(from: parameter.tensor * 0.9) }
    }
    return report
  }
}

/// Goes uphill.
struct Uphill: Spoilt {
  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor { try fused(outputs, batch, session, &report) * -1 }
}

/// Draws from the system.
struct Chance: Spoilt {
  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor { try fused(outputs, batch, session, &report) * Double.random(in: 0.5...1) }
}

/// Begins with weights of its own.
struct OwnWeights: Spoilt, AddsParameters {
  func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    try withoutGradients {
      for head in model.heads.values { try head.weight.tensor.copy(from: head.weight.tensor * 2) }
    }
  }
}

/// Counts its steps, and keeps the count in no checkpoint.
struct Forgetful: Spoilt {
  var steps = 0

  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    steps += 1
    return try fused(outputs, batch, session, &report) / Double(steps)
  }
}

/// Descends the loss of whichever modality comes first, too.
struct FirstFavoured: Spoilt, TrainsUnimodalClassifiers {
  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try fused(outputs, batch, session, &report)
    guard let first = try outputs.unimodal().values.first else { return loss }
    return try loss + session.loss(first, batch) * 3
  }
}

/// Trains no unimodal classifier, and says it does.
struct Boastful: Spoilt, TrainsUnimodalClassifiers {}

/// Moves the model past `session.update`.
struct Direct: Spoilt {
  mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    let loss = try fused(session.forward(batch), batch, session, &report)
    let gradients = try session.gradients(of: loss)
    try withoutGradients {
      let bias = session.model.store.parameters[0].tensor
      try bias.copy(from: bias * 1.01)
    }
    try session.update(along: gradients)
    return report
  }
}

/// Predicts what is no number where a modality is absent.
struct Speechless: Spoilt, PredictsItsOwnWay {
  func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    absent.isEmpty ? outputs.logits : try outputs.logits * Double.nan
  }
}

/// Keeps a tensor of every step.
struct Hoarder: Spoilt {
  nonisolated(unsafe) static var kept: [Tensor] = []

  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try fused(outputs, batch, session, &report)
    Self.kept.append(try loss.detached())
    return loss
  }
}

/// With a card of its own.
struct Wordless: Spoilt {
  static let card = MethodCard(name: "Wordless 2", title: "", stage: .objective, summary: "does it", needs: ["all."])
}

/// A method with settings, spoilt in what it does with them.
protocol SpoiltSettings: ObjectiveMethod {
  var factor: Double { get }
}

extension SpoiltSettings {
  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor { try fused(outputs, batch, session, &report) * factor }
}

/// Divides by a setting that may be 0.
struct Divided: SpoiltSettings {
  struct Configuration: Settings { @Setting("What it divides by", .fraction) var share = 0.5 }
  static let card = MethodCard.spoilt(settings)
  let factor: Double
  init(_ configuration: Configuration) { factor = 1 / configuration.share }
}

/// Has a setting that its card does not say.
struct Secretive: SpoiltSettings {
  struct Configuration: Settings { var share = 0.5 }
  static let card = MethodCard.spoilt()
  let factor: Double
  init(_ configuration: Configuration) { factor = configuration.share }
}

/// Writes another number than it has read.
struct Rounding: SpoiltSettings {
  struct Configuration: Settings {
    @Setting("What it multiplies with", .fraction) var share = 0.5

    init() {}
    init(from decoder: any Decoder) throws {
      share = try decoder.container(keyedBy: Keys.self).decode(Double.self, forKey: .share)
    }
    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(max(share, 0.25), forKey: .share)
    }
    private enum Keys: String, CodingKey { case share }
  }
  static let card = MethodCard.spoilt(settings)
  let factor: Double
  init(_ configuration: Configuration) { factor = configuration.share + 0.5 }
}

/// Takes any word for a choice.
struct Tolerant: SpoiltSettings {
  struct Configuration: Settings { var way = "plain" }
  static let card = MethodCard.spoilt([
    SettingDescription("way", "How it goes", default: "plain", allowed: ["plain", "double"])
  ])
  let factor: Double
  init(_ configuration: Configuration) { factor = configuration.way == "double" ? 2 : 1 }
}
