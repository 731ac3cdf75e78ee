import Torch

/// One parameter's part of a direction: a tensor, products δᵀX of layers' inputs, or both; they add up.
///
/// What is only scaled, added and compared stays a product, whose derivatives δ are small beside it.
final class FactoredGradient {
  /// δᵀX, with δ [B, out] and X [B, in].
  struct OuterProduct {
    let input: ConstantInput
    let derivative: OutputGradient

    /// The two matrices whose product it is: δᵀ and X, or, where δ = ζR comes from few logits, Rᵀ and ζᵀX.
    ///
    /// ζᵀX and Rᵀ(ζᵀX) cost C (B · in + in · out), ζR and δᵀX cost B (C · out + in · out).
    func matrices() throws(TorchError) -> (left: Tensor, right: Tensor) {
      guard isFromFewLogits else { return (try derivative.tensor().transposed(), try input.values()) }
      let factors = derivative.factors
      var met: [Tensor] = []
      for factor in factors { met.append(try input.product(withTransposed: factor.logits)) }
      let readout = try factors.count == 1 ? factors[0].readout.weight : Tensor.cat(factors.map(\.readout.weight), 0)
      return (try readout.transposed(), try met.count == 1 ? met[0] : Tensor.cat(met, 0))
    }

    /// The same for some rows of the product, of whose derivatives no others are computed.
    func matrices(_ rows: Range<Int>) throws(TorchError) -> (left: Tensor, right: Tensor) {
      if isFromFewLogits {
        let (left, right) = try matrices()
        return (try left.rows(rows), right)
      }
      return (try derivative.columns(rows).transposed(), try input.values())
    }

    var isFromFewLogits: Bool {
      guard derivative.isFactored, input.productType == nil else { return false }
      let (rows, inputs, logits) = (input.rows, input.width, derivative.logits)
      let outputs = derivative.factors[0].readout.weight.shape[1]
      return logits * inputs * (rows + outputs) < rows * outputs * (logits + inputs)
    }
  }

  let shape: [Int]
  private let plain: Tensor?
  private let products: [OuterProduct]
  private var whole: Tensor?
  /// By input: Σᵢ Xⱼ Xᵢᵀ δᵢ, [Bⱼ, out], whose inner products with δⱼ are those of this share with δⱼᵀXⱼ.
  private var images: [ObjectIdentifier: Tensor] = [:]
  /// By input: the same of the derivatives at logits, one for each.
  private var logitImages: [ObjectIdentifier: [(image: Tensor, readout: ClassifierWeight)]] = [:]
  private var ownProduct: Double?
  private var otherProducts: [(share: FactoredGradient, value: Double)] = []

  init(_ shape: [Int], _ plain: Tensor?, _ products: [OuterProduct] = []) {
    self.shape = shape
    self.plain = plain
    self.products = products
    whole = products.isEmpty ? plain : nil
  }

  /// The numbers, in the parameter's shape; nobody may write to them.
  func tensor() throws(TorchError) -> Tensor {
    if let whole { return whole }
    let made = try Tensor.empty(shape, elementType, on: device)
    try multiply(into: made)
    whole = made
    return made
  }

  /// Makes the numbers where they hang on weights that may move.
  func settle() throws(TorchError) {
    if products.contains(where: \.input.isOpen) { _ = try tensor() }
  }

  /// What an optimizer is given; a product where it is just one, and otherwise numbers, in `scratch` where they are new.
  func stepGradient(in scratch: () throws(TorchError) -> Tensor) throws(TorchError) -> StepGradient {
    if let whole { return .numbers(try whole.contiguous()) }
    if let single {
      let (left, right) = try single.matrices()
      let product = MatrixProduct([(left, right)])
      guard product.isShared(by: group) else { return .product(left, right) }
      return .numbers(try MatrixProduct.results([product], sharedBy: group)[0])
    }
    let target = try scratch()
    try multiply(into: target)
    return .numbers(target)
  }

  /// The same for some rows of the parameter.
  func stepGradient(
    _ rows: Range<Int>, in scratch: () throws(TorchError) -> Tensor
  ) throws(TorchError) -> StepGradient {
    if let whole { return .numbers(try whole.rows(rows).contiguous()) }
    if let single {
      let (left, right) = try single.matrices(rows)
      return .product(left, right)
    }
    let target = try scratch().rows(rows)
    try multiply(into: target, rows)
    return .numbers(target)
  }

  /// The product that an optimizer can multiply by itself, where there is nothing else.
  private var single: OuterProduct? {
    guard plain == nil, products.count == 1, products[0].input.productType == nil, !products[0].input.isOpen else {
      return nil
    }
    return products[0]
  }

  /// The derivatives that the numbers are to be made of.
  var openDerivatives: [OutputGradient] {
    whole == nil ? products.filter { !$0.isFromFewLogits }.map(\.derivative) : []
  }

  /// - Parameter rows: which of the rows, that the target has alone; nil: all, shared out where that pays.
  private func multiply(into target: Tensor, _ rows: Range<Int>? = nil) throws(TorchError) {
    if rows == nil { try OutputGradient.settle(openDerivatives) }
    func some(_ tensor: Tensor) throws(TorchError) -> Tensor {
      if let rows { try tensor.rows(rows) } else { tensor }
    }
    var terms: [(left: Tensor, right: Tensor)] = []
    var isFirst = true
    for product in products {
      if let type = product.input.productType {
        let derivative = try some(product.derivative.tensor().to(type).transposed())
        let rounded = try derivative.matmul(product.input.inProductType())
        if isFirst { try target.copy(from: rounded) } else { try target.add(rounded) }
        isFirst = false
      } else if product.input.isOpen {
        let isPlace = isFirst && rows == nil
        let place = isPlace ? target : try Tensor.empty(shape, elementType, on: device)
        try product.input.write(productWithTransposed: product.derivative.tensor(), to: place)
        if !isPlace { if isFirst { try target.copy(from: some(place)) } else { try target.add(some(place)) } }
        isFirst = false
      } else {
        if let rows { terms.append(try product.matrices(rows)) } else { terms.append(try product.matrices()) }
      }
    }
    if !terms.isEmpty {
      let product = MatrixProduct(terms)
      let group = rows == nil ? group : nil
      if isFirst {
        try product.write(to: target, sharedBy: group)
      } else {
        try target.add(MatrixProduct.results([product], sharedBy: group)[0])
      }
    }
    if let plain { try target.add(some(plain)) }
  }

  private var group: ProcessGroup? { products.first?.input.group }
  private var elementType: ElementType { plain?.elementType ?? products[0].derivative.elementType }
  private var device: Device { plain?.device ?? products[0].derivative.device }

  // MARK: Linear algebra

  /// a · self.
  func scaled(by a: Double) throws(TorchError) -> FactoredGradient {
    if a == 1 { return self }
    if let whole { return FactoredGradient(shape, try whole * a) }
    var scaled: [OuterProduct] = []
    for product in products {
      scaled.append(OuterProduct(input: product.input, derivative: try product.derivative.scaled(by: a)))
    }
    return FactoredGradient(shape, try plain.map { (tensor) throws(TorchError) in try tensor * a }, scaled)
  }

  /// self + a · other.
  func adding(_ other: FactoredGradient, scale a: Double = 1) throws(TorchError) -> FactoredGradient {
    if let whole, let more = other.whole { return FactoredGradient(shape, try whole.plus(more, a)) }
    // Numbers that are there already are cheaper to add than to make anew.
    let (own, others) = (whole == nil ? products : [], other.whole == nil ? other.products : [])
    var sum = own
    for product in others {
      if let position = sum.firstIndex(where: { $0.input === product.input }) {
        let derivative = try sum[position].derivative.adding(product.derivative, scale: a)
        sum[position] = OuterProduct(input: product.input, derivative: derivative)
      } else {
        sum.append(OuterProduct(input: product.input, derivative: try product.derivative.scaled(by: a)))
      }
    }
    return FactoredGradient(shape, try Tensor.sum(whole ?? plain, other.whole ?? other.plain, a), sum)
  }

  // MARK: Inner products

  /// ⟨self, other⟩.
  func dot(_ other: FactoredGradient) throws(TorchError) -> Double {
    if other === self, let ownProduct { return ownProduct }
    if let known = otherProducts.first(where: { $0.share === other }) { return known.value }
    if let known = other.otherProducts.first(where: { $0.share === self }) { return known.value }
    let found = try computedDot(other)
    // Neither keeps itself.
    if other === self { ownProduct = found } else { otherProducts.append((other, found)) }
    return found
  }

  private func computedDot(_ other: FactoredGradient) throws(TorchError) -> Double {
    guard paysAsProducts, other.paysAsProducts else {
      return try tensor().flattened().dot(other.tensor().flattened()).scalar()
    }
    if isCheapByLogits, other.isCheapByLogits { return try dotByLogits(other) }
    // Whichever has met such inputs before knows most of it already.
    let (a, b) = images.isEmpty && !other.images.isEmpty ? (other, self) : (self, other)
    var sum = 0.0
    for product in b.products {
      sum += try a.image(product.input).dot(product.derivative.tensor().flattened()).scalar()
    }
    return sum
  }

  /// Σ ⟨ζⱼᵀ Xⱼ Xᵢᵀ ζᵢ, Rⱼ Rᵢᵀ⟩: nothing in it is larger than [B, B], [B, C] or [C, C]; or, where logits are few beside
  /// samples, than the [C, in] numbers of ζᵀX, which the step's own gradient is made of too.
  private func dotByLogits(_ other: FactoredGradient) throws(TorchError) -> Double {
    if hasFewLogits, other.hasFewLogits { return try dotByFewLogits(other) }
    let (a, b) = logitImages.isEmpty && !other.logitImages.isEmpty ? (other, self) : (self, other)
    var sum = 0.0
    for product in b.products {
      let images = try a.logitImages(product.input)
      for factor in product.derivative.factors {
        for (image, readout) in images {
          let weights = try factor.readout.products(with: readout, factor.logits.elementType)
          sum += try (factor.logits.transposed().matmul(image) * weights).sum().scalar()
        }
      }
    }
    return sum
  }

  private func dotByFewLogits(_ other: FactoredGradient) throws(TorchError) -> Double {
    var sum = 0.0
    for product in products {
      for factor in product.derivative.factors {
        let met = try product.input.product(withTransposed: factor.logits)
        for others in other.products {
          for second in others.derivative.factors {
            let inputs = try met.matmul(others.input.product(withTransposed: second.logits).transposed())
            let weights = try factor.readout.products(with: second.readout, factor.logits.elementType)
            sum += try (inputs * weights).sum().scalar()
          }
        }
      }
    }
    return sum
  }

  /// X Σᵢ Xᵢᵀ δᵢ, in a row.
  private func image(_ input: ConstantInput) throws(TorchError) -> Tensor {
    let key = ObjectIdentifier(input)
    if let known = images[key] { return known }
    var terms: [(left: Tensor, right: Tensor)] = []
    for product in products { terms.append((try input.products(with: product.input), try product.derivative.tensor())) }
    let found = try MatrixProduct.results([MatrixProduct(terms)])[0].flattened()
    images[key] = found
    return found
  }

  /// X Xᵢᵀ ζᵢ for each derivative at logits.
  private func logitImages(_ input: ConstantInput) throws(TorchError) -> [(image: Tensor, readout: ClassifierWeight)] {
    let key = ObjectIdentifier(input)
    if let known = logitImages[key] { return known }
    var found: [(image: Tensor, readout: ClassifierWeight)] = []
    for product in products {
      for factor in product.derivative.factors {
        let products = try input.products(with: product.input)
        found.append((try products.matmul(factor.logits), factor.readout))
      }
    }
    logitImages[key] = found
    return found
  }

  /// Whether inner products are cheaper by the samples' products, B (B · in + B · out), than by the numbers, B · in · out.
  private var paysAsProducts: Bool {
    guard whole == nil, plain == nil else { return false }
    let rows = products.reduce(0) { $0 + $1.input.rows }
    return rows * (shape[0] + shape[1]) < shape[0] * shape[1]
  }

  /// Whether they are cheaper still by the readouts' products, C · C · out, than by derivatives that are B · out numbers.
  private var isCheapByLogits: Bool {
    products.allSatisfy { $0.derivative.isFactored && $0.derivative.logits <= $0.input.rows }
  }

  private var hasFewLogits: Bool {
    products.allSatisfy { $0.input.productType == nil && 2 * $0.derivative.logits <= $0.input.rows }
  }
}
