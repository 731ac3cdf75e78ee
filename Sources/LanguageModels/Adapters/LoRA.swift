import Torch
import TorchNN

/// Low-rank adaptation (Hu et al. 2022):
///
///     y = W₀ x + b + c B A dropout(x),   c = α/r
///
/// where A [r, in] begins uniform in ±1/√in and B [out, r] at zero, so that the model begins as it was.
final class LoRA: LinearAdapter {
  /// A.
  let down: Parameter
  /// B.
  let up: Parameter
  private let factor: Double
  private let mode: AdapterMode

  init(_ scope: Scope, inputs: Int, outputs: Int, _ settings: AdapterSettings, _ mode: AdapterMode) throws {
    down = try (scope / "lora_A").parameter("weight", [settings.rank, inputs], .uniform(fanIn: inputs))
    up = try (scope / "lora_B").parameter("weight", [outputs, settings.rank], .zeros)
    factor = settings.factor
    self.mode = mode
  }

  func adapted(_ output: Tensor, of input: Tensor, _ pass: ForwardPass) throws -> Tensor {
    guard mode.takers != .none else { return output }
    let x = try mode.dropped(input.to(down.tensor.elementType))
    var change = try x.linear(down.tensor, nil).linear(up.tensor, nil) * factor
    if let taking = try mode.taking(pass, like: change) { change = try change * taking }
    return try output + change.to(output.elementType)
  }

  /// c B A, [out, in].
  func change() throws -> Tensor { try up.tensor.matmul(down.tensor) * factor }
}
