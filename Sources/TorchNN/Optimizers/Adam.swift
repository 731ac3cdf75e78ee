public import Torch

/// Adam (Kingma & Ba, 2015) and, with the decay decoupled, AdamW (Loshchilov & Hutter, 2019), as PyTorch computes them.
///
///     m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
///     θ ← θ − η · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
///
/// where β₁ is `beta1`, β₂ `beta2`, ε `epsilon` and t counts the steps of each parameter. Weight decay λ adds λθ to g
/// (Adam) or takes ηλθ off θ (AdamW).
public final class Adam: Optimizer {
  private let store: ParameterStore
  private let beta1: Double
  private let beta2: Double
  private let epsilon: Double
  private let weightDecay: Double
  private let decoupled: Bool
  /// m, then v.
  private let memory: OptimizerMemory
  private var counts: StepCounts

  public init(
    _ store: ParameterStore, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
    weightDecay: Double = 0, decoupled: Bool = false
  ) throws(TorchError) {
    self.store = store
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.decoupled = decoupled
    memory = try OptimizerMemory(store, count: 2)
    counts = StepCounts(store)
  }

  public func step(_ gradients: Gradients, learningRate: Double) throws(TorchError) {
    try memory.step(gradients, &counts) { (step, factor, move) throws(TorchError) in
      let step = try Tensor([Float(step)], shape: [], on: store.device)
      try OptimizerStep.adam(
        move.parameters, move.gradients, means: move.memory[0], squares: move.memory[1], step: step,
        learningRate: learningRate * factor, beta1: beta1, beta2: beta2, weightDecay: weightDecay, epsilon: epsilon,
        decoupled: decoupled)
    }
  }

  public func state() throws(TorchError) -> [(String, Tensor)] {
    [("mean", try memory.whole(0)), ("square", try memory.whole(1)), ("steps", try Tensor(counts.counts))]
  }

  public func restore(_ state: (String) throws -> Tensor) throws {
    try memory.restore([state("mean"), state("square")])
    counts = try StepCounts(restoring: state("steps"), store)
  }
}
