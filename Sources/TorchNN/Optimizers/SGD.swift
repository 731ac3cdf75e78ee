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
  /// b; nothing without momentum.
  private let memory: OptimizerMemory
  private var counts: StepCounts

  public init(
    _ store: ParameterStore, momentum: Double = 0, weightDecay: Double = 0, nesterov: Bool = false
  ) throws(TorchError) {
    self.store = store
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.nesterov = nesterov && momentum > 0
    memory = try OptimizerMemory(store, count: momentum > 0 ? 1 : 0)
    counts = StepCounts(store)
  }

  public func step(_ gradients: Gradients, learningRate: Double) throws(TorchError) {
    try memory.step(gradients, &counts) { (step, factor, move) throws(TorchError) in
      try OptimizerStep.sgd(
        move.parameters, move.gradients, momentumBuffers: move.memory.first, learningRate: learningRate * factor,
        momentum: momentum, weightDecay: weightDecay, nesterov: nesterov, first: step == 1)
    }
  }

  public func state() throws(TorchError) -> [(String, Tensor)] {
    (momentum > 0 ? [("momentum", try memory.whole(0))] : []) + [("steps", try Tensor(counts.counts))]
  }

  public func restore(_ state: (String) throws -> Tensor) throws {
    try memory.restore(momentum > 0 ? [state("momentum")] : [])
    counts = try StepCounts(restoring: state("steps"), store)
  }
}
