import Torch

/// The derivative of a loss at a layer's output, [B, H]: numbers, products ζR of derivatives at logits with the weights
/// that read the output, or both; they add up.
final class OutputGradient {
  struct Factor {
    /// ζ, [B, C].
    let logits: Tensor
    let readout: ClassifierWeight
  }

  private let plain: Tensor?
  let factors: [Factor]
  private var whole: Tensor?

  init(_ plain: Tensor?, _ factors: [Factor] = []) {
    self.plain = plain
    self.factors = factors
    whole = factors.isEmpty ? plain : nil
  }

  /// Whether it is products alone whose numbers nobody has asked for.
  var isFactored: Bool { whole == nil && plain == nil }
  /// How many logits it comes from.
  var logits: Int { factors.reduce(0) { $0 + $1.logits.shape[1] } }
  var elementType: ElementType { sample.elementType }
  var device: Device { sample.device }
  private var sample: Tensor { plain ?? factors[0].logits }

  /// The numbers; nobody may write to them.
  func tensor() throws(TorchError) -> Tensor {
    try Self.settle([self])
    return whole ?? sample
  }

  /// Some columns of the numbers; where nobody has asked for the others, those are not computed.
  func columns(_ range: Range<Int>) throws(TorchError) -> Tensor {
    func some(_ tensor: Tensor) throws(TorchError) -> Tensor {
      try tensor.narrowed(1, from: range.lowerBound, length: range.count)
    }
    if let whole { return try some(whole) }
    var terms: [(left: Tensor, right: Tensor)] = []
    for factor in factors {
      let weight = factor.readout.weight
      terms.append((try factor.logits.to(weight.elementType), try some(weight)))
    }
    let numbers = try MatrixProduct.results([MatrixProduct(terms)])[0].to(elementType)
    return try plain.map { (plain) throws(TorchError) in try some(plain) + numbers } ?? numbers
  }

  /// Computes the numbers of several that have none yet, side by side.
  static func settle(_ derivatives: [OutputGradient]) throws(TorchError) {
    let open = derivatives.filter { $0.whole == nil }
    var products: [MatrixProduct] = []
    for derivative in open {
      var terms: [(left: Tensor, right: Tensor)] = []
      for factor in derivative.factors {
        let weight = factor.readout.weight
        terms.append((try factor.logits.to(weight.elementType), weight))
      }
      products.append(MatrixProduct(terms))
    }
    for (derivative, product) in zip(open, try MatrixProduct.results(products)) {
      let numbers = try product.to(derivative.elementType)
      derivative.whole = try derivative.plain.map { (plain) throws(TorchError) in try plain + numbers } ?? numbers
    }
  }

  /// The sum over samples, [H].
  func sumOfRows() throws(TorchError) -> Tensor {
    if let whole { return try whole.sum(0) }
    var sum = try plain?.sum(0)
    for factor in factors {
      let part = try factor.logits.sum(0, keeping: true).matmul(factor.readout.weight(elementType)).flattened()
      sum = try sum.map { (sum) throws(TorchError) in try sum + part } ?? part
    }
    return sum ?? sample
  }

  // MARK: Linear algebra

  /// a · self.
  func scaled(by a: Double) throws(TorchError) -> OutputGradient {
    if a == 1 { return self }
    if let whole { return OutputGradient(try whole * a) }
    var scaled: [Factor] = []
    for factor in factors { scaled.append(Factor(logits: try factor.logits * a, readout: factor.readout)) }
    return OutputGradient(try plain.map { (plain) throws(TorchError) in try plain * a }, scaled)
  }

  /// self + a · other.
  func adding(_ other: OutputGradient, scale a: Double = 1) throws(TorchError) -> OutputGradient {
    // Numbers that are there already are cheaper to add than to make anew.
    let (own, others) = (whole == nil ? factors : [], other.whole == nil ? other.factors : [])
    let plain = try Tensor.sum(whole ?? self.plain, other.whole ?? other.plain, a)
    var sum = own
    for factor in others {
      if let position = sum.firstIndex(where: { $0.readout === factor.readout }) {
        let logits = try sum[position].logits.plus(factor.logits, a)
        sum[position] = Factor(logits: logits, readout: factor.readout)
      } else {
        sum.append(Factor(logits: a == 1 ? factor.logits : try factor.logits * a, readout: factor.readout))
      }
    }
    return OutputGradient(plain, sum)
  }
}

extension Tensor {
  /// Some of the rows, where they lie.
  func rows(_ range: Range<Int>) throws(TorchError) -> Tensor {
    try narrowed(0, from: range.lowerBound, length: range.count)
  }

  /// self + a · other.
  func plus(_ other: Tensor, _ a: Double) throws(TorchError) -> Tensor {
    a == 1 ? try self + other : try added(other, scale: a)
  }

  /// x + a · y, where what is nil is nothing.
  static func sum(_ x: Tensor?, _ y: Tensor?, _ a: Double) throws(TorchError) -> Tensor? {
    switch (x, y) {
    case (let x?, let y?): try x.plus(y, a)
    case (let x?, nil): x
    case (nil, let y?): a == 1 ? y : try y * a
    case (nil, nil): nil
    }
  }
}
