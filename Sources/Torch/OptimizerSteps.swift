import CTorch

/// A gradient as an optimizer is given it.
package enum StepGradient {
  case numbers(Tensor)
  /// left · right, which is computed piece by piece on the way.
  case product(Tensor, Tensor)

  fileprivate var left: Tensor {
    switch self {
    case .numbers(let tensor), .product(let tensor, _): tensor
    }
  }
  fileprivate var right: Tensor? { if case .product(_, let right) = self { right } else { nil } }
}

/// ATen's fused optimizer steps over some parameters: one pass that reads a gradient and moves its parameter in place.
package enum OptimizerStep {
  /// Adam, or AdamW where the decay is decoupled; `step` is a float tensor of rank 0, counted from 1.
  package static func adam(
    _ parameters: [Tensor], _ gradients: [StepGradient], means: [Tensor], squares: [Tensor], step: Tensor,
    learningRate: Double, beta1: Double, beta2: Double, weightDecay: Double, epsilon: Double, decoupled: Bool
  ) throws(TorchError) {
    let status = withHandles(parameters) { parameters, count in
      withHandles(gradients.map(\.left)) { lefts, _ in
        withOptionalHandles(gradients.map(\.right)) { rights in
          withHandles(means) { means, _ in
            withHandles(squares) { squares, _ in
              ctorch_adam_step(
                parameters, lefts, rights, means, squares, count, step.handle, learningRate, beta1, beta2, weightDecay,
                epsilon, decoupled)
            }
          }
        }
      }
    }
    try done("_fused_adam_", parameters + gradients.map(\.left), status)
  }

  /// SGD; the momentum buffers are filled at the first step.
  package static func sgd(
    _ parameters: [Tensor], _ gradients: [StepGradient], momentumBuffers: [Tensor]?, learningRate: Double,
    momentum: Double, weightDecay: Double, nesterov: Bool, first: Bool
  ) throws(TorchError) {
    let status = withHandles(parameters) { parameters, count in
      withHandles(gradients.map(\.left)) { lefts, _ in
        withOptionalHandles(gradients.map(\.right)) { rights in
          withHandles(momentumBuffers ?? []) { buffers, _ in
            ctorch_sgd_step(
              parameters, lefts, rights, momentumBuffers == nil ? nil : buffers, count, learningRate, momentum,
              weightDecay, nesterov, first)
          }
        }
      }
    }
    try done("_fused_sgd_", parameters + gradients.map(\.left), status)
  }
}
