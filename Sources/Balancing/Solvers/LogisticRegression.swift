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
/// principal axes, XᵀX/N = V diag(e) Vᵀ, where W = W′ Vᵀ has the same penalty, and begin with the inverse of what the Hessian of
/// class c would be if all samples were as sure: diag(e · mean p(1 − p) + λ). Axes along which nothing varies have no weight at
/// the bottom, and are left out.
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
    let gram =
      width <= Self.mostRotated ? try inputs.transposed().matmul(inputs) / Double(inputs.shape[0]) : nil
    // Of numbers that are none there are no axes.
    guard let gram, try gram.abs().max().scalar().isFinite else {
      (self.inputs, axes, variances) = (inputs, nil, nil)
      return
    }
    let (values, vectors) = try gram.symmetricEigen()
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

  /// Of each class the mean over the samples of the loss's second derivative by its logit, [C, 1].
  private func curvatures(_ answers: Tensor) throws -> Tensor {
    // A squared error's is 2, whatever the answer.
    if task == .regression { return try .full([classes, 1], 2, .float64) }
    let p = try task.logProbabilities(answers).exp()
    let own = try (p * (1 - p)).mean(0)
    // Of several labels a class is a question of its own, and the loss a mean over them.
    return try task == .multiLabel ? own.narrowed(1, from: 0, length: 1) / Double(classes) : own.reshaped([classes, 1])
  }

  /// The inverse of a diagonal that is near the Hessian's, entry by entry; nil without axes.
  private func scales(_ answers: Tensor, _ strength: Double) throws -> Tensor? {
    guard let variances else { return nil }
    let doubt = try withoutGradients { try curvatures(answers.detached()) }
    // Of samples that are all sure nothing but the penalty is left, and b has none.
    let floored = try doubt.clamped(min: 1e-12)
    let own = try (floored * variances.reshaped([1, -1]) + strength).reciprocal()
    return try Tensor.cat([own.reshaped([-1]), floored.reshaped([-1]).reciprocal()], 0)
  }

  /// The best weights for λ, from others on.
  ///
  /// - Parameters:
  ///   - tolerance: the largest entry of the gradient at which the fit has ended; nil: where no weight is off by more than about
  ///     1e-7, as no curvature is below λ.
  ///   - wantsStop: asked before every step.
  func fitted(
    strength: Double, from start: Weights, tolerance: Double? = nil, wantsStop: () -> Bool = { false }
  ) throws -> Weights {
    let tolerance = tolerance ?? min(1e-9, 1e-7 * strength)
    var weights = try turned(start, by: axes)
    var (value, gradient, scales) = try objective(weights, strength)
    var pairs: [(s: Tensor, y: Tensor, rho: Double)] = []
    for step in 0..<Self.mostSteps {
      if wantsStop() { throw TrainingStopped() }
      if try gradient.abs().max().scalar() <= tolerance { break }
      var direction = try -descent(gradient, pairs, scales)
      var slope = try direction.dot(gradient).scalar()
      if slope >= 0 {
        pairs = []
        direction = try -descent(gradient, [], scales)
        slope = try direction.dot(gradient).scalar()
      }
      // The first step knows no curvature where there are no axes.
      var length = step == 0 && scales == nil ? min(1, 1 / (try gradient.norm().scalar())) : 1
      var found: (weights: Tensor, value: Double, gradient: Tensor, scales: Tensor?)?
      for _ in 0..<40 {
        let tried = try weights.added(direction, scale: length)
        let (triedValue, triedGradient, triedScales) = try objective(tried, strength)
        let goesDown = triedValue <= value + 1e-4 * length * slope
        // Near the bottom values differ by rounding alone, and slopes tell (W. Hager, H. Zhang, SIAM J. Optim. 16, 2005).
        let isFlat = triedValue <= value + 1e-12 * abs(value)
        let triedSlope = isFlat && !goesDown ? try direction.dot(triedGradient).scalar() : 0
        if triedValue.isFinite, goesDown || isFlat && triedSlope >= 0.9 * slope && triedSlope <= -0.8 * slope {
          found = (tried, triedValue, triedGradient, triedScales)
          break
        }
        length /= 2
      }
      // No step is short enough to go down by more than rounding: this is the bottom.
      guard let found else { break }
      let (s, y) = (try found.weights - weights, try found.gradient - gradient)
      let curvature = try s.dot(y).scalar()
      if try curvature > 1e-12 * (s.norm().scalar() * y.norm().scalar()) {
        pairs.append((s, y, 1 / curvature))
        if pairs.count > Self.remembered { pairs.removeFirst() }
      }
      (weights, value, gradient, scales) = found
    }
    let found = try turned(weights, by: axes?.transposed())
    guard task == .singleLabel || task == .binary else { return found }
    // The same number on every class's b changes nothing in a softmax: their mean is 0.
    let own = try intercept(found)
    return try Tensor.cat([matrix(found).reshaped([-1]), own - own.mean()], 0)
  }

  /// H ∇, with the inverse Hessian that the last steps tell of.
  ///
  /// - Parameter scales: what it begins with, but for a factor; nil is 1.
  private func descent(
    _ gradient: Tensor, _ pairs: [(s: Tensor, y: Tensor, rho: Double)], _ scales: Tensor?
  ) throws -> Tensor {
    var q = gradient
    var factors: [Double] = []
    for pair in pairs.reversed() {
      let factor = try pair.rho * pair.s.dot(q).scalar()
      factors.append(factor)
      q = try q.added(pair.y, scale: -factor)
    }
    if let scales { q = try q * scales }
    if let last = pairs.last {
      let scaled = try scales.map { try last.y * $0 } ?? last.y
      q = try q * (1 / (last.rho * last.y.dot(scaled).scalar()))
    }
    for (pair, factor) in zip(pairs, factors.reversed()) {
      q = try q.added(pair.s, scale: factor - pair.rho * pair.y.dot(q).scalar())
    }
    return q
  }

  /// The value, its gradient, and what steps from there begin with.
  private func objective(_ weights: Weights, _ strength: Double) throws -> (Double, Tensor, Tensor?) {
    let variable = try weights.detached().cloned().requiringGradient()
    let answers = try inputs.linear(matrix(variable), intercept(variable))
    let loss = try task.loss(answers, labels, classWeights: classWeights)
    let penalty = try matrix(variable).square().sum() * (strength / 2)
    let total = try loss + penalty
    let slope = try gradients(of: total, withRespectTo: [variable])[0]
    return (try total.scalar(), try slope ?? .zeros(weights.shape, .float64), try scales(answers, strength))
  }
}
