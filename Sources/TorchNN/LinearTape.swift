public import Torch

/// Remembers where linear layers met inputs that nothing is differentiated through, such as frozen features.
///
/// Such a layer's weight has the gradient δᵀX, where X [B, in] is the input and δ [B, out] the derivative at the
/// layer's output. So the graph of a loss need not reach the weight: it ends at the output, and the product is left
/// until somebody wants its numbers. Inner products of such gradients need no product of that size at all
/// (``Gradients/dot(_:within:)``).
///
/// A layer that meets the same input again, with weights that have not changed, answers with the same output.
public final class LinearTape {
  struct Meeting {
    let layer: Linear
    let input: FrozenInput
    /// The layer's output: a variable, at which graphs end.
    let output: Tensor
    /// How often the weights had been written to.
    let changes: Int
  }

  private(set) var meetings: [Meeting] = []
  private var inputs: [FrozenInput] = []

  public init() {}

  /// The layer's output; remembered where its weights are trained, the input is constant and a graph is recorded.
  public func callAsFunction(_ layer: Linear, _ input: Tensor) throws(TorchError) -> Tensor {
    guard layer.weight.tensor.requiresGradient, layer.bias.tensor.requiresGradient, !input.requiresGradient else {
      return try layer(input)
    }
    let changes = try layer.weight.tensor.changes
    if let known = meetings.last(where: {
      $0.layer.weight === layer.weight && $0.input.values === input && $0.changes == changes
    }) {
      return known.output
    }
    guard Autograd.isRecording else { return try layer(input) }
    let frozen: FrozenInput
    if let known = inputs.last(where: { $0.values === input }) {
      frozen = known
    } else {
      frozen = FrozenInput(input, productType: layer.weight.productType)
      inputs.append(frozen)
    }
    let output = try withoutGradients { () throws(TorchError) in
      guard layer.weight.productType != nil else { return try layer(input) }
      return try frozen.inProductType().linear(layer.weight.inProductType(), layer.bias.inProductType())
        .to(input.elementType)
    }
    try output.requiringGradient()
    meetings.append(Meeting(layer: layer, input: frozen, output: output, changes: changes))
    return output
  }

  /// Forgets all, as after a step, when graphs over the old weights are done with.
  public func clear() {
    meetings.removeAll(keepingCapacity: true)
    inputs.removeAll(keepingCapacity: true)
  }
}

/// An input of linear layers, X [B, in], and what products of gradients need of it.
final class FrozenInput {
  let values: Tensor
  /// The type that the layers' products are taken in; nil: that of the values.
  let productType: ElementType?
  private var ownProducts: Tensor?
  private var rounded: Tensor?

  init(_ values: Tensor, productType: ElementType? = nil) {
    self.values = values
    self.productType = productType
  }

  /// The values in the type of products.
  func inProductType() throws(TorchError) -> Tensor {
    if let rounded { return rounded }
    let made = try values.to(productType)
    rounded = made
    return made
  }

  var rows: Int { values.shape[0] }

  /// X Yᵀ, the inner products of all samples of both, [B, B′].
  func products(with other: FrozenInput) throws(TorchError) -> Tensor {
    guard other === self else { return try values.matmul(other.values.transposed()) }
    if let ownProducts { return ownProducts }
    let found = try values.matmul(values.transposed())
    ownProducts = found
    return found
  }
}
