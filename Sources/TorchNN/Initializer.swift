import Torch

/// How a parameter begins.
public enum Initializer: Sendable {
  case zeros
  case ones
  case constant(Double)
  /// Uniform in ±1/√fanIn, as PyTorch begins the weights and biases of its linear layers.
  case uniform(fanIn: Int)
  case normal(standardDeviation: Double)

  /// Draws in float64 and rounds, so that a model begins alike in either precision.
  func make(
    _ shape: [Int], _ generator: Generator, _ type: ElementType, on device: Device
  ) throws(TorchError)
    -> Tensor
  {
    switch self {
    case .zeros: try .zeros(shape, type, on: device)
    case .ones: try .ones(shape, type, on: device)
    case .constant(let value): try .full(shape, value, type, on: device)
    case .uniform(let fanIn):
      try generator.uniform(shape, in: Self.range(fanIn), .float64).to(type, on: device)
    case .normal(let deviation):
      try (generator.normal(shape, .float64) * deviation).to(type, on: device)
    }
  }

  private static func range(_ fanIn: Int) -> Range<Double> {
    let bound = 1 / Double(max(fanIn, 1)).squareRoot()
    return -bound..<bound
  }
}
