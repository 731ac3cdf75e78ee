public import Multimodal
public import Torch
public import TorchNN

/// A method that is a loss.
public protocol ObjectiveMethod: BalancingMethod {
  /// The loss to descend; what it measured on the way goes into `report`.
  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  )
    throws -> Tensor
}

extension ObjectiveMethod {
  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    let outputs = try session.forward(batch)
    let loss = try objective(outputs, batch, session, &report)
    try session.update(along: session.gradients(of: loss))
    return report
  }
}

/// A method that edits the gradient of the fused loss.
public protocol GradientMethod: BalancingMethod {
  mutating func adjust(
    _ gradients: Gradients, _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Gradients
}

extension GradientMethod {
  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let outputs = try session.forward(batch)
    let loss = try session.loss(outputs.logits, batch)
    var report = StepReport(losses: ["fused": try loss.scalar()])
    let found = try session.gradients(of: loss)
    try session.update(along: adjust(found, outputs, batch, session, &report))
    return report
  }
}

/// A method that changes what the fusion sees.
public protocol FeedForwardMethod: BalancingMethod {
  mutating func features(
    _ features: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> PerModality<Tensor>
}

extension FeedForwardMethod {
  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    let plain = try session.forward(batch)
    let changed = try features(plain.features, batch, session, &report)
    let loss = try session.loss(session.outputs(ofFeatures: changed).logits, batch)
    report.losses["fused"] = try loss.scalar()
    try session.update(along: session.gradients(of: loss))
    return report
  }
}
