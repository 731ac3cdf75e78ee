public import Torch

/// What a step's batch says of running means and variances; they follow once the step is done, since gradients are taken
/// through what they were.
public final class BatchStatistics {
  private var noted: [Int: (parameter: Parameter, value: Tensor)] = [:]

  public init() {}

  /// Of several passes over a batch the first counts.
  func note(_ parameter: Parameter, _ value: Tensor) {
    if noted[parameter.index] == nil { noted[parameter.index] = (parameter, value) }
  }

  /// s ← (1 − momentum) s + momentum · noted, for each.
  public func apply(momentum: Double = 0.1) throws(TorchError) {
    for (parameter, value) in noted.values {
      try parameter.tensor.scale(by: 1 - momentum)
      try parameter.tensor.add(value.to(parameter.tensor.elementType), scale: momentum)
    }
    forget()
  }

  public func forget() { noted = [:] }
}
