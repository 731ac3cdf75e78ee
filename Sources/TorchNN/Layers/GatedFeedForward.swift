public import Torch

/// W_down(silu(W_gate x) · W_up x): the feed-forward part of Llama's layers (SwiGLU, Shazeer 2020).
public struct GatedFeedForward {
  public let gate: FrozenLinear
  public let up: FrozenLinear
  public let down: FrozenLinear

  public init(gate: FrozenLinear, up: FrozenLinear, down: FrozenLinear) {
    self.gate = gate
    self.up = up
    self.down = down
  }

  public func callAsFunction(_ x: Tensor, _ pass: ForwardPass? = nil) throws -> Tensor {
    try down(gate(x, pass).silu() * up(x, pass), pass)
  }
}
