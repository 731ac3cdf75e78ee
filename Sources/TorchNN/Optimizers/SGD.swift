public import Torch

/// Stochastic gradient descent with momentum, as PyTorch computes it.
///
///     g ← g + λθ,   b ← μ b + g  (b = g at the first step),   θ ← θ − η · b   (or g + μ b with Nesterov)
///
/// where μ is `momentum` and λ `weightDecay`.
public final class SGD: Optimizer {
  private let store: ParameterStore
  private let momentum: Double
  private let weightDecay: Double
  private let nesterov: Bool
  private let buffer: Tensor?
  private let buffers: [Tensor]?
  private var counts: StepCounts

  public init(
    _ store: ParameterStore, momentum: Double = 0, weightDecay: Double = 0, nesterov: Bool = false
  ) throws(TorchError) {
    self.store = store
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.nesterov = nesterov && momentum > 0
    buffer = momentum > 0 ? try .zeros([store.count], store.elementType, on: store.device) : nil
    buffers = try buffer.map(store.views)
    counts = StepCounts(store)
  }

  public func step(_ gradients: Gradients, learningRate: Double) throws(TorchError) {
    _ = try store.flat()
    for (step, factor, indices) in counts.advance(gradients) {
      try OptimizerStep.sgd(
        indices.map { store.parameters[$0].tensor }, gradients.stepGradients(indices),
        momentumBuffers: buffers.map { buffers in indices.map { buffers[$0] } }, learningRate: learningRate * factor,
        momentum: momentum, weightDecay: weightDecay, nesterov: nesterov, first: step == 1)
    }
  }

  public func state() throws(TorchError) -> [(String, Tensor)] {
    (buffer.map { [("momentum", $0)] } ?? []) + [("steps", try Tensor(counts.counts))]
  }

  public func restore(_ state: (String) throws -> Tensor) throws {
    if let buffer { try buffer.copy(from: state("momentum")) }
    counts = try StepCounts(restoring: state("steps"), store)
  }
}
