import CTorch

/// ATen's fused optimizer steps: one pass that reads the gradient and moves the parameter in place.
package enum OptimizerStep {
  /// Adam, or AdamW where the decay is decoupled; `step` is a float tensor of rank 0, counted from 1.
  package static func adam(
    _ parameter: Tensor, _ gradient: Tensor, mean: Tensor, square: Tensor, step: Tensor, learningRate: Double,
    beta1: Double, beta2: Double, weightDecay: Double, epsilon: Double, decoupled: Bool
  ) throws(TorchError) {
    try done(
      "_fused_adam_", [parameter, gradient],
      ctorch_adam_step(
        parameter.handle, gradient.handle, mean.handle, square.handle, step.handle, learningRate, beta1, beta2,
        weightDecay, epsilon, decoupled))
  }

  /// SGD; the momentum buffer is filled at the first step.
  package static func sgd(
    _ parameter: Tensor, _ gradient: Tensor, momentumBuffer: Tensor?, learningRate: Double, momentum: Double,
    weightDecay: Double, nesterov: Bool, first: Bool
  ) throws(TorchError) {
    try done(
      "_fused_sgd_", [parameter, gradient],
      ctorch_sgd_step(
        parameter.handle, gradient.handle, momentumBuffer?.handle, learningRate, momentum, weightDecay, nesterov,
        first))
  }
}
