import Foundation
import Multimodal
import Torch
import TorchNN

extension LFM {
  /// k.
  func balance(_ clock: TrainingClock) -> Double {
    switch configuration.schedule {
    case .polynomial: Self.polynomial(200 * clock.epochProgress)
    case .learned: 1 - agreement
    case .constant: configuration.constant
    }
  }

  /// The authors' fit for an epoch of 200, held within 0 and 1.
  static func polynomial(_ epoch: Double) -> Double {
    let coefficients = [
      0.204623704, 3.35472727e-3, 1.22989557e-4, -2.92947416e-6, 2.23835486e-8, -5.39717505e-11,
    ]
    return min(max(coefficients.reversed().reduce(0) { $0 * epoch + $1 }, 0), 1)
  }

  /// A few samples of a split.
  func batch(of source: any BatchSource, _ stream: String, _ context: TrainingContext) throws -> Batch {
    var numbers = SeededNumbers(seed: context.random.seed, stream: "lfm/\(stream)")
    let samples = numbers.sample(min(configuration.learning.samples, source.count), of: source.count)
    return try source.batch(samples.map { SamplingPlan.Visit($0) }[...])
  }

  /// h, by the gradients of a held-out and a training batch.
  func heldOutSlope(_ heldOut: Batch, _ training: Batch, _ session: TrainingSession) throws -> Double {
    let aim = try session.gradients(of: parts(session.forward(heldOut), heldOut, session).target)
    let (target, gap, _) = try parts(session.forward(training), training, session)
    let classification = try session.gradients(of: target, keepingGraph: true)
    return try -(aim.dot(session.gradients(of: gap)) - aim.dot(classification))
  }

  /// h as the authors' code takes it.
  func codeSlope(_ heldOut: Batch, _ session: TrainingSession) throws -> Double {
    let half = (heldOut.count + 1) / 2
    func first(_ tensor: Tensor) throws(TorchError) -> Tensor { try tensor.narrowed(0, from: 0, length: half) }
    let batch = Batch(
      samples: Array(heldOut.samples.prefix(half)), inputs: try heldOut.inputs.map { try first($1) },
      labels: try first(heldOut.labels))
    let variables = session.model.store.trainable.map { session.model.store.parameters[$0].tensor }
    // Through the whole graph, which is differentiated twice.
    let (target, gap, _) = try parts(session.model(batch.inputs), batch, session)
    let slopes = try gradients(
      of: (target * (1 - agreement) + gap * agreement) * 2, withRespectTo: variables, creatingGraph: true)
    let directions = try gradients(of: target, withRespectTo: variables, keepingGraph: true)
    let products = try zip(slopes, directions).compactMap { slope, direction in
      if let slope, let direction { try (slope * direction.detached()).sum() } else { nil as Tensor? }
    }
    let found = try gradients(of: Tensor.total(products), withRespectTo: Array(variables.prefix(1)))
    return try found.first?.map { try $0.mean().scalar() } ?? 0
  }
}
