import Torch

/// An input of linear layers, X [B, in], and what products of gradients need of it.
final class ConstantInput {
  let rows: Int
  /// The number of columns.
  let width: Int
  /// The type that the layers' products are taken in; nil: that of the values.
  let productType: ElementType?
  /// The processes that share out the layers' products; nil where there is one.
  let group: ProcessGroup?
  /// The values, where they have been asked for.
  private(set) var known: Tensor?
  /// The outputs that it is made of; none where it is given.
  private let outputs: [LazyOutput]
  private let combination: Combination
  private var ownProducts: Tensor?
  private var rounded: Tensor?
  /// δᵀX by δ.
  private var met: [(derivative: Tensor, product: Tensor)] = []

  init(_ values: Tensor, productType: ElementType? = nil, sharedBy group: ProcessGroup? = nil) {
    self.group = group
    known = values
    (rows, width) = (values.shape[0], values.shape[1])
    (outputs, combination) = ([], .sum)
    self.productType = productType
  }

  /// Outputs, joined when somebody asks for the values.
  init(
    _ outputs: [LazyOutput], _ combination: Combination, productType: ElementType? = nil,
    sharedBy group: ProcessGroup? = nil
  ) {
    self.group = group
    self.outputs = outputs
    self.combination = combination
    rows = outputs.first?.rows ?? 0
    width = combination == .sum ? outputs.first?.width ?? 0 : outputs.reduce(0) { $0 + $1.width }
    self.productType = productType
  }

  /// Whether it is made of outputs that nobody has computed.
  var isOpen: Bool { known == nil && outputs.contains { $0.known == nil } }

  func values() throws(TorchError) -> Tensor {
    if let known { return known }
    let made = try withoutGradients { () throws(TorchError) in
      let features = try LazyOutput.tensors(outputs)
      if features.count == 1 { return try features[0].detached() }
      return try combination(features)
    }
    known = made
    return made
  }

  /// The values in the type of products.
  func inProductType() throws(TorchError) -> Tensor {
    if let rounded { return rounded }
    let made = try values().to(productType)
    rounded = made
    return made
  }

  /// X Yᵀ, the inner products of all samples of both, [B, B′].
  func products(with other: ConstantInput) throws(TorchError) -> Tensor {
    guard other === self else { return try values().matmul(other.values().transposed()) }
    if let ownProducts { return ownProducts }
    let found = try MatrixProduct.results([MatrixProduct([(values(), try values().transposed())])], sharedBy: group)[0]
    ownProducts = found
    return found
  }

  /// δᵀX, [out, in].
  func product(withTransposed derivative: Tensor) throws(TorchError) -> Tensor {
    if let known = met.first(where: { $0.derivative === derivative }) { return known.product }
    let product = MatrixProduct([(try derivative.transposed(), try values())])
    let made = try MatrixProduct.results([product], sharedBy: group)[0]
    met.append((derivative, made))
    return made
  }

  /// Writes δᵀE to `target` [C, width], where E is this input, of outputs XWᵀ + b that need not be computed for it:
  /// δᵀE = (δᵀX)Wᵀ + (δᵀ1)b.
  func write(productWithTransposed derivative: Tensor, to target: Tensor) throws(TorchError) {
    let sums = try derivative.sum(0).unsqueezed(1)
    var terms: [[(left: Tensor, right: Tensor)]] = []
    for output in outputs {
      if let known = output.known {
        terms.append([(try derivative.transposed(), try known.detached())])
      } else if let origin = output.origin {
        try origin.checkWeights()
        let (weight, bias) = (try origin.layer.weight.tensor.detached(), try origin.layer.bias.tensor.detached())
        terms.append([
          (try origin.input.product(withTransposed: derivative), try weight.transposed()),
          (sums, try bias.unsqueezed(0)),
        ])
      }
    }
    switch combination {
    case .sum: try MatrixProduct(terms.flatMap { $0 }).write(to: target)
    case .concatenated:
      var places: [Tensor] = []
      var column = 0
      for output in outputs {
        places.append(try target.narrowed(1, from: column, length: output.width))
        column += output.width
      }
      try MatrixProduct.write(terms.map { MatrixProduct($0) }, to: places)
    }
  }
}
