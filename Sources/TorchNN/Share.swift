import Torch

/// One parameter's part of a direction: a tensor, products δᵀX of layers' inputs, or both; they add up.
///
/// What is only scaled, added and compared stays a product, whose derivatives δ are small beside it.
final class Share {
  /// δᵀX, with δ [B, out] and X [B, in].
  struct Product {
    let input: FrozenInput
    let derivative: Tensor
  }

  let shape: [Int]
  private let plain: Tensor?
  private let products: [Product]
  private var whole: Tensor?
  /// Σᵢ Xⱼ Xᵢᵀ δᵢ for each j, [Bⱼ, out]: the inner products of this share with δⱼᵀXⱼ are those with δⱼ.
  private var images: [ObjectIdentifier: Tensor] = [:]

  init(_ shape: [Int], _ plain: Tensor?, _ products: [Product] = []) {
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

  /// The numbers, without a copy where they are there already, and otherwise in `scratch`.
  func tensor(in scratch: () throws(TorchError) -> Tensor) throws(TorchError) -> Tensor {
    if let whole { return whole }
    let target = try scratch()
    try multiply(into: target)
    return target
  }

  /// Whether the numbers have yet to be computed.
  var isPending: Bool { whole == nil }

  private func multiply(into target: Tensor) throws(TorchError) {
    if let plain { try target.copy(from: plain) }
    for (position, product) in products.enumerated() {
      let isFirst = position == 0 && plain == nil
      if let type = product.input.productType {
        let rounded = try product.derivative.to(type).transposed().matmul(product.input.inProductType())
        if isFirst { try target.copy(from: rounded) } else { try target.add(rounded) }
      } else {
        try target.addMatmul(product.derivative.transposed(), product.input.values, beta: isFirst ? 0 : 1)
      }
    }
  }

  private var sample: Tensor { plain ?? products[0].derivative }
  private var elementType: ElementType { sample.elementType }
  private var device: Device { sample.device }

  // MARK: Linear algebra

  /// a · self.
  func scaled(by a: Double) throws(TorchError) -> Share {
    if a == 1 { return self }
    if let whole { return Share(shape, try whole * a) }
    var scaled: [Product] = []
    for product in products { scaled.append(Product(input: product.input, derivative: try product.derivative * a)) }
    return Share(shape, try plain.map { (tensor) throws(TorchError) in try tensor * a }, scaled)
  }

  /// self + a · other.
  func adding(_ other: Share, scale a: Double = 1) throws(TorchError) -> Share {
    if let whole, let more = other.whole { return Share(shape, try whole.plus(more, a)) }
    // Numbers that are there already are cheaper to add than to make anew.
    let (own, others) = (whole == nil ? products : [], other.whole == nil ? other.products : [])
    let (ownPlain, otherPlain) = (whole ?? plain, other.whole ?? other.plain)
    var sum = own
    for product in others {
      if let position = sum.firstIndex(where: { $0.input === product.input }) {
        let derivative = try sum[position].derivative.plus(product.derivative, a)
        sum[position] = Product(input: product.input, derivative: derivative)
      } else {
        sum.append(
          Product(input: product.input, derivative: a == 1 ? product.derivative : try product.derivative * a))
      }
    }
    let tensor: Tensor?
    switch (ownPlain, otherPlain) {
    case (let own?, let other?): tensor = try own.plus(other, a)
    case (let own?, nil): tensor = own
    case (nil, let other?): tensor = a == 1 ? other : try other * a
    case (nil, nil): tensor = nil
    }
    return Share(shape, tensor, sum)
  }

  /// ⟨self, other⟩.
  func dot(_ other: Share) throws(TorchError) -> Double {
    guard paysAsProducts, other.paysAsProducts else {
      return try tensor().flattened().dot(other.tensor().flattened()).scalar()
    }
    // Whichever has met such inputs before knows most of it already.
    let (a, b) = images.isEmpty && !other.images.isEmpty ? (other, self) : (self, other)
    var sum = 0.0
    for product in b.products {
      sum += try a.image(product.input).dot(product.derivative.flattened()).scalar()
    }
    return sum
  }

  /// X Σᵢ Xᵢᵀ δᵢ, in a row.
  private func image(_ input: FrozenInput) throws(TorchError) -> Tensor {
    let key = ObjectIdentifier(input)
    if let known = images[key] { return known }
    var parts: [Tensor] = []
    for product in products { parts.append(try input.products(with: product.input).matmul(product.derivative)) }
    var sum = parts[0]
    for part in parts.dropFirst() { sum = try sum + part }
    let found = try sum.flattened()
    images[key] = found
    return found
  }

  /// Whether inner products are cheaper by the samples' products, B (B · in + B · out), than by the numbers, B · in · out.
  private var paysAsProducts: Bool {
    guard whole == nil, plain == nil else { return false }
    let rows = products.reduce(0) { $0 + $1.input.rows }
    return rows * (shape[0] + shape[1]) < shape[0] * shape[1]
  }
}

extension Tensor {
  /// self + a · other.
  fileprivate func plus(_ other: Tensor, _ a: Double) throws(TorchError) -> Tensor {
    a == 1 ? try self + other : try added(other, scale: a)
  }
}
