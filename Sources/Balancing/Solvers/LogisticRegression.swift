import Foundation
import Multimodal
import Torch

/// L2-regularized logistic regression in float64, by L-BFGS: one answer for the same numbers, to the last digits.
///
///     min over W, b:   mean loss(X Wᵀ + b, y) + (λ/2) ‖W‖²
///
/// The loss is the task's, weighted by class where classes are; b is free. W and b begin at zero, or where a fit with
/// another λ ended. (D. Liu, J. Nocedal, Mathematical Programming 45, 1989; steps are halved until Armijo's condition holds.)
struct LogisticRegression {
  let task: PredictionTask
  let classes: Int
  /// [N, D] float64.
  let inputs: Tensor
  let labels: Tensor
  let classWeights: Tensor?

  /// W, [C, D], then b, [C], in one row.
  typealias Weights = Tensor

  private static let remembered = 10
  private static let mostSteps = 1000

  var width: Int { inputs.shape[1] }

  func start() throws -> Weights { try .zeros([classes * (width + 1)], .float64) }

  func matrix(_ weights: Weights) throws -> Tensor {
    try weights.narrowed(0, from: 0, length: classes * width).reshaped([classes, width])
  }

  func intercept(_ weights: Weights) throws -> Tensor {
    try weights.narrowed(0, from: classes * width, length: classes)
  }

  func logits(_ inputs: Tensor, _ weights: Weights) throws -> Tensor {
    try inputs.linear(matrix(weights), intercept(weights))
  }

  /// The best weights for λ, from others on.
  ///
  /// - Parameters:
  ///   - tolerance: the largest entry of the gradient at which the fit has ended.
  ///   - wantsStop: asked before every step.
  func fitted(
    strength: Double, from start: Weights, tolerance: Double = 1e-9, wantsStop: () -> Bool = { false }
  ) throws -> Weights {
    var weights = start
    var (value, gradient) = try objective(weights, strength)
    var pairs: [(s: Tensor, y: Tensor, rho: Double)] = []
    for step in 0..<Self.mostSteps {
      if wantsStop() { throw TrainingStopped() }
      if try gradient.abs().max().scalar() <= tolerance { break }
      var direction = try -descent(gradient, pairs)
      var slope = try direction.dot(gradient).scalar()
      if slope >= 0 {
        (pairs, direction) = ([], try -gradient)
        slope = try direction.dot(gradient).scalar()
      }
      // The first step knows no curvature.
      var length = step == 0 ? min(1, 1 / (try gradient.norm().scalar())) : 1
      var found: (weights: Tensor, value: Double, gradient: Tensor)?
      for _ in 0..<40 {
        let tried = try weights.added(direction, scale: length)
        let (triedValue, triedGradient) = try objective(tried, strength)
        if triedValue.isFinite, triedValue <= value + 1e-4 * length * slope {
          found = (tried, triedValue, triedGradient)
          break
        }
        length /= 2
      }
      // No step is short enough to go down by more than rounding: this is the bottom.
      guard let found else { break }
      let (s, y) = (try found.weights - weights, try found.gradient - gradient)
      let curvature = try s.dot(y).scalar()
      if curvature > 1e-14 {
        pairs.append((s, y, 1 / curvature))
        if pairs.count > Self.remembered { pairs.removeFirst() }
      }
      (weights, value, gradient) = found
    }
    return weights
  }

  /// H ∇, with the inverse Hessian that the last steps tell of.
  private func descent(_ gradient: Tensor, _ pairs: [(s: Tensor, y: Tensor, rho: Double)]) throws -> Tensor {
    var q = gradient
    var factors: [Double] = []
    for pair in pairs.reversed() {
      let factor = try pair.rho * pair.s.dot(q).scalar()
      factors.append(factor)
      q = try q.added(pair.y, scale: -factor)
    }
    if let last = pairs.last { q = try q * (1 / (last.rho * last.y.dot(last.y).scalar())) }
    for (pair, factor) in zip(pairs, factors.reversed()) {
      q = try q.added(pair.s, scale: factor - pair.rho * pair.y.dot(q).scalar())
    }
    return q
  }

  /// The value and its gradient.
  private func objective(_ weights: Weights, _ strength: Double) throws -> (Double, Tensor) {
    let variable = try weights.detached().cloned().requiringGradient()
    let loss = try task.loss(logits(inputs, variable), labels, classWeights: classWeights)
    let penalty = try matrix(variable).square().sum() * (strength / 2)
    let total = try loss + penalty
    let slope = try gradients(of: total, withRespectTo: [variable])[0]
    return (try total.scalar(), try slope ?? .zeros(weights.shape, .float64))
  }
}
