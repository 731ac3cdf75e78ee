package import Torch

/// The functions between two layers.
package enum Activation: String, Codable, Sendable {
  case gelu, geluTanh, quickGelu, relu, silu, tanh, sigmoid, identity

  package func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    switch self {
    case .gelu: try x.gelu()
    case .geluTanh: try x.gelu(tanhApproximation: true)
    case .quickGelu: try x * (x * 1.702).sigmoid()
    case .relu: try x.relu()
    case .silu: try x.silu()
    case .tanh: try x.tanh()
    case .sigmoid: try x.sigmoid()
    case .identity: x
    }
  }
}
