import Foundation
import Multimodal
import Torch

/// L2-regularized logistic regression in float64, by L-BFGS: one answer for the same numbers, to the last digits.
///
///     min over W, b:   mean loss(X Wᵀ + b, y) + (λ/2) ‖W‖²
///
/// The loss is the task's, weighted by class where classes are; b is free. W and b begin at zero, or where a fit with
/// another λ ended. (D. Liu, J. Nocedal, Mathematical Programming 45, 1989; steps are halved until Armijo's condition holds.)
///
/// Columns that say nearly the same would take thousands of steps. So the steps are taken in the coordinates of the columns'
/// principal axes, XᵀX/N = V diag(e) Vᵀ, where W = W′ Vᵀ has the same penalty, and begin with the inverse of the bound
/// diag(e/2 + λ) of every Hessian (D. Böhning, Annals of the Institute of Statistical Mathematics 44, 1992). Axes along which
/// nothing varies have no weight at the bottom, and are left out.
struct LogisticRegression {
  let task: PredictionTask
  let classes: Int
  /// D.
  let width: Int
  private let labels: Tensor
  private let classWeights: Tensor?
  /// X V, [N, R] float64; X where there is no V.
  private let inputs: Tensor
  /// V, [D, R]; nil where it would cost more than it saves.
  private let axes: Tensor?
  /// e, [R]; nil with ``axes``.
  private let variances: Tensor?

  /// W, [C, D], then b, [C], in one row.
  typealias Weights = Tensor

  private static let remembered = 10
  private static let mostSteps = 1000
  /// The eigenvectors of more columns take longer than the steps that they spare.
  private static let mostRotated = 4096

  /// - Parameter inputs: [N, D] float64.
  init(task: PredictionTask, classes: Int, inputs: Tensor, labels: Tensor, classWeights: Tensor?) throws {
    self.task = task
    self.classes = classes
    self.labels = labels
    self.classWeights = classWeights
    width = inputs.shape[1]
    guard width <= Self.mostRotated else {
      (self.inputs, axes, variances) = (inputs, nil, nil)
      return
    }
    let (values, vectors) = try (inputs.transposed().matmul(inputs) / Double(inputs.shape[0])).symmetricEigen()
    let all: [Double] = try values.array()
    // In rising order.
    let first = all.firstIndex { $0 > 1e-12 * max(all.last ?? 0, 1e-300) } ?? all.count - 1
    let kept = all.count - first
    let axes = try vectors.narrowed(1, from: first, length: kept).contiguous()
    self.axes = axes
    variances = try values.narrowed(0, from: first, length: kept)
    self.inputs = try inputs.matmul(axes)
  }

  func start() throws -> Weights { try .zeros([classes * (width + 1)], .float64) }

  func matrix(_ weights: Weights) throws -> Tensor { try Self.matrix(weights, classes) }

  func intercept(_ weights: Weights) throws -> Tensor { try Self.intercept(weights, classes) }

  func logits(_ inputs: Tensor, _ weights: Weights) throws -> Tensor {
    try inputs.linear(matrix(weights), intercept(weights))
  }

  private static func matrix(_ weights: Tensor, _ classes: Int) throws -> Tensor {
    let width = weights.shape[0] / classes - 1
    return try weights.narrowed(0, from: 0, length: classes * width).reshaped([classes, width])
  }

  private static func intercept(_ weights: Tensor, _ classes: Int) throws -> Tensor {
    try weights.narrowed(0, from: weights.shape[0] - classes, length: classes)
  }

  /// The same with W times a matrix.
  private func turned(_ weights: Tensor, by axes: Tensor?) throws -> Tensor {
    guard let axes else { return weights }
    return try Tensor.cat([matrix(weights).matmul(axes).reshaped([-1]), intercept(weights)], 0)
  }

  /// The inverse of the bound of every Hessian, entry by entry; nil without axes.
  private func inverseBound(_ strength: Double) throws -> Tensor? {
    guard let variances else { return nil }
    let own = try (variances * 0.5 + strength).reciprocal()
    return try Tensor.cat([own.expanded([classes, own.shape[0]]).reshaped([-1]), .full([classes], 2, .float64)], 0)
  }

  /// The best weights for λ, from others on.
  ///
  /// - Parameters:
  ///   - tolerance: the largest entry of the gradient at which the fit has ended.
  ///   - wantsStop: asked before every step.
  func fitted(
    strength: Double, from start: Weights, tolerance: Double = 1e-9, wantsStop: () -> Bool = { false }
  ) throws -> Weights {
    var weights = try turned(start, by: axes)
    let bound = try inverseBound(strength)
    var (value, gradient) = try objective(weights, strength)
    var pairs: [(s: Tensor, y: Tensor, rho: Double)] = []
    for step in 0..<Self.mostSteps {
      if wantsStop() { throw TrainingStopped() }
      if try gradient.abs().max().scalar() <= tolerance { break }
      var direction = try -descent(gradient, pairs, bound)
      var slope = try direction.dot(gradient).scalar()
      if slope >= 0 {
        pairs = []
        direction = try -descent(gradient, [], bound)
        slope = try direction.dot(gradient).scalar()
      }
      // The first step knows no curvature where nothing bounds it.
      var length = step == 0 && bound == nil ? min(1, 1 / (try gradient.norm().scalar())) : 1
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
    return try turned(weights, by: axes?.transposed())
  }

  /// H ∇, with the inverse Hessian that the last steps tell of.
  ///
  /// - Parameter bound: what it begins with, but for a factor; nil is 1.
  private func descent(
    _ gradient: Tensor, _ pairs: [(s: Tensor, y: Tensor, rho: Double)], _ bound: Tensor?
  ) throws -> Tensor {
    var q = gradient
    var factors: [Double] = []
    for pair in pairs.reversed() {
      let factor = try pair.rho * pair.s.dot(q).scalar()
      factors.append(factor)
      q = try q.added(pair.y, scale: -factor)
    }
    if let bound { q = try q * bound }
    if let last = pairs.last {
      let bounded = try bound.map { try last.y * $0 } ?? last.y
      q = try q * (1 / (last.rho * last.y.dot(bounded).scalar()))
    }
    for (pair, factor) in zip(pairs, factors.reversed()) {
      q = try q.added(pair.s, scale: factor - pair.rho * pair.y.dot(q).scalar())
    }
    return q
  }

  /// The value and its gradient.
  private func objective(_ weights: Weights, _ strength: Double) throws -> (Double, Tensor) {
    let variable = try weights.detached().cloned().requiringGradient()
    let answers = try inputs.linear(matrix(variable), intercept(variable))
    let loss = try task.loss(answers, labels, classWeights: classWeights)
    let penalty = try matrix(variable).square().sum() * (strength / 2)
    let total = try loss + penalty
    let slope = try gradients(of: total, withRespectTo: [variable])[0]
    return (try total.scalar(), try slope ?? .zeros(weights.shape, .float64))
  }
}
