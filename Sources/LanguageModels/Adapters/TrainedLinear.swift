import Torch
import TorchNN

/// A map that is trained in full, in place of the frozen one that it begins as.
final class TrainedLinear: LinearAdapter {
  let weight: Parameter
  let bias: Parameter?

  init(_ scope: Scope, of map: FrozenLinear) throws {
    weight = try scope.parameter("weight", map.weight.shape, .zeros)
    bias = try map.bias.map { try scope.parameter("bias", $0.shape, .zeros) }
    try withoutGradients {
      try weight.tensor.copy(from: map.weight)
      if let bias, let own = map.bias { try bias.tensor.copy(from: own) }
    }
  }

  func adapted(_ output: Tensor, of input: Tensor, _ pass: ForwardPass) throws -> Tensor {
    let x = try input.to(weight.tensor.elementType)
    return try x.frozenLinear(weight.tensor, bias?.tensor).to(output.elementType)
  }
}
