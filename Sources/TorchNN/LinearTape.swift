public import Torch

/// Remembers where linear layers met inputs that nothing is differentiated through, such as frozen features, and where
/// linear layers read what came out of those.
///
/// A layer's weight has the gradient δᵀX, where X [B, in] is its input and δ [B, out] the derivative at its output. So
/// the graph of a loss need not reach the weight: it ends at the output, and the product is left until somebody wants its
/// numbers. Inner products of such gradients need no product of that size at all (``Gradients/dot(_:within:)``).
///
/// A layer that reads such outputs, a classifier, ends the graph too: what is left of it then are the few operations
/// between logits and loss. Its input's derivative is ζR, with ζ [B, C] the derivative at the logits and R [C, out] its
/// weight, and is kept as these two.
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

  /// A layer that reads the outputs of others.
  struct Reading {
    let layer: Linear
    let joining: Joining
    /// What the layer was given.
    let input: FrozenInput
    /// The outputs that it reads, and the part of its weight that each meets.
    let parts: [(output: Tensor, readout: Readout)]
    /// Its own output: a variable, at which graphs end.
    let output: Tensor
    let changes: Int
  }

  /// How a layer reads several outputs.
  public enum Joining: Sendable { case sideBySide, sum }

  private(set) var meetings: [Meeting] = []
  private(set) var readings: [Reading] = []
  private var inputs: [FrozenInput] = []

  public init() {}

  /// The layer's output; remembered where its weights are trained, the input is constant and a graph is recorded.
  public func callAsFunction(_ layer: Linear, _ input: Tensor) throws(TorchError) -> Tensor {
    try callAsFunction([layer], [input])[0]
  }

  /// The same for several layers, each with its input, computed side by side.
  public func callAsFunction(_ layers: [Linear], _ inputs: [Tensor]) throws(TorchError) -> [Tensor] {
    var outputs: [Tensor?] = []
    var new: [(position: Int, layer: Linear, input: FrozenInput, changes: Int)] = []
    for (position, (layer, input)) in zip(layers, inputs).enumerated() {
      guard layer.isTrained, !input.requiresGradient else {
        outputs.append(try layer(input))
        continue
      }
      let changes = try layer.weight.tensor.changes
      if let known = meetings.last(where: {
        $0.layer.weight === layer.weight && $0.input.values === input && $0.changes == changes
      }) {
        outputs.append(known.output)
      } else if Autograd.isRecording {
        outputs.append(nil)
        new.append((position, layer, frozen(input, layer), changes))
      } else {
        outputs.append(try layer(input))
      }
    }
    for (entry, output) in zip(new, try Self.outputs(new.map { ($0.layer, $0.input) })) {
      meetings.append(Meeting(layer: entry.layer, input: entry.input, output: output, changes: entry.changes))
      outputs[entry.position] = output
    }
    return outputs.compactMap { $0 }
  }

  /// The outputs of layers that each read some features, remembered where a graph is recorded and the features are
  /// outputs that were; nil where they are not, for a layer that is to be called as ever.
  public func reading(
    _ layers: [(layer: Linear, features: [Tensor])], _ joining: Joining = .sideBySide
  ) throws(TorchError) -> [Tensor]? {
    guard Autograd.isRecording else { return nil }
    for (layer, features) in layers {
      guard layer.isTrained, features.allSatisfy({ feature in meetings.contains { $0.output === feature } }) else {
        return nil
      }
    }
    var outputs: [Tensor?] = []
    var new: [(position: Int, input: FrozenInput, changes: Int)] = []
    for (position, (layer, features)) in layers.enumerated() {
      let changes = try layer.weight.tensor.changes
      if let known = readings.last(where: {
        $0.layer.weight === layer.weight && $0.changes == changes && $0.joining == joining
          && $0.parts.elementsEqual(features) { $0.output === $1 }
      }) {
        outputs.append(known.output)
      } else {
        outputs.append(nil)
        new.append((position, FrozenInput(try joining.input(features), productType: layer.weight.productType), changes))
      }
    }
    let found = try Self.outputs(new.map { (layers[$0.position].layer, $0.input) })
    for (entry, output) in zip(new, found) {
      let (layer, features) = layers[entry.position]
      readings.append(
        Reading(
          layer: layer, joining: joining, input: entry.input, parts: try joining.parts(of: layer, features),
          output: output, changes: entry.changes))
      outputs[entry.position] = output
    }
    return outputs.compactMap { $0 }
  }

  private func frozen(_ input: Tensor, _ layer: Linear) -> FrozenInput {
    if let known = inputs.last(where: { $0.values === input }) { return known }
    let made = FrozenInput(input, productType: layer.weight.productType)
    inputs.append(made)
    return made
  }

  /// The outputs of layers as variables.
  private static func outputs(_ pairs: [(layer: Linear, input: FrozenInput)]) throws(TorchError) -> [Tensor] {
    var outputs: [Tensor] = []
    if pairs.contains(where: { $0.layer.weight.productType != nil }) {
      for (layer, input) in pairs {
        outputs.append(
          try withoutGradients { () throws(TorchError) in
            try input.inProductType().linear(layer.weight.inProductType(), layer.bias.inProductType())
              .to(input.values.elementType)
          })
      }
    } else {
      var products: [MatrixProduct] = []
      for (layer, input) in pairs {
        products.append(
          MatrixProduct([(input.values, try layer.weight.tensor.transposed())], bias: layer.bias.tensor))
      }
      outputs = try MatrixProduct.results(products)
    }
    for output in outputs { try output.requiringGradient() }
    return outputs
  }

  /// Forgets all, as after a step, when graphs over the old weights are done with.
  public func clear() {
    meetings.removeAll(keepingCapacity: true)
    readings.removeAll(keepingCapacity: true)
    inputs.removeAll(keepingCapacity: true)
  }
}

extension Linear {
  fileprivate var isTrained: Bool { weight.tensor.requiresGradient && bias.tensor.requiresGradient }
}

extension LinearTape.Joining {
  /// What a layer is given of features.
  fileprivate func input(_ features: [Tensor]) throws(TorchError) -> Tensor {
    try withoutGradients { () throws(TorchError) in
      if features.count == 1 { return try features[0].detached() }
      switch self {
      case .sideBySide: return try Tensor.cat(features, -1)
      case .sum: return try Tensor.stack(features).sum(0)
      }
    }
  }

  /// The part of a layer's weight that meets each feature.
  fileprivate func parts(
    of layer: Linear, _ features: [Tensor]
  ) throws(TorchError) -> [(output: Tensor, readout: Readout)] {
    // The layer may have moved when somebody asks for a gradient's numbers.
    let weight =
      try layer.weight.productType == nil
      ? layer.weight.tensor.detached().cloned() : layer.weight.inProductType()
    let whole = self == .sum || features.count == 1 ? Readout(weight) : nil
    var parts: [(output: Tensor, readout: Readout)] = []
    var column = 0
    for feature in features {
      let width = feature.shape[1]
      if let whole {
        parts.append((feature, whole))
      } else {
        parts.append((feature, Readout(try weight.narrowed(1, from: column, length: width))))
      }
      column += width
    }
    return parts
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
    let found = try MatrixProduct.results([MatrixProduct([(values, try values.transposed())])])[0]
    ownProducts = found
    return found
  }
}
