package import Torch

/// A place where numbers are left out while a network is trained (``ForwardPass/dropping(_:of:)``).
package struct Dropout {
  /// Nil where the architecture has no such place.
  package let share: Double?

  package init(_ share: Double?) { self.share = share }

  /// Whether anything is left out in this pass.
  func isActive(_ pass: ForwardPass) -> Bool { share.map(pass.dropped) ?? 0 > 0 }

  package func callAsFunction(_ x: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
    guard let share else { return x }
    return try pass.dropping(share, of: x)
  }
}
