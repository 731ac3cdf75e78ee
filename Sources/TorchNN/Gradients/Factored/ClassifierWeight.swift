import Torch

/// The weight R [C, H] with which a layer read some features, as it was then.
final class ClassifierWeight {
  /// In the type of the layer's products.
  let weight: Tensor
  /// R Rᵀ, and R Sᵀ with those it has met.
  private var own: Tensor?
  private var others: [(readout: ClassifierWeight, products: Tensor)] = []
  private var plain: Tensor?

  init(_ weight: Tensor) { self.weight = weight }

  /// The weight in the type of what it is multiplied with here.
  func weight(_ type: ElementType) throws(TorchError) -> Tensor {
    if weight.elementType == type { return weight }
    if let plain { return plain }
    let made = try weight.to(type)
    plain = made
    return made
  }

  /// R Sᵀ, [C, C′].
  func products(with other: ClassifierWeight, _ type: ElementType) throws(TorchError) -> Tensor {
    if let own, other === self { return own }
    if let known = others.first(where: { $0.readout === other }) { return known.products }
    if let known = other.others.first(where: { $0.readout === self }) { return try known.products.transposed() }
    let product = MatrixProduct([(try weight(type), try other.weight(type).transposed())])
    let made = try MatrixProduct.results([product])[0]
    // Neither keeps itself.
    if other === self { own = made } else { others.append((other, made)) }
    return made
  }
}

extension Combination {
  /// The first column of a layer's weight that meets each feature.
  func columns(of features: [LazyOutput]) -> [Int] {
    var columns = [0]
    for feature in features.dropLast() { columns.append((columns.last ?? 0) + (self == .sum ? 0 : feature.width)) }
    return columns
  }

  /// The part of a layer's weight that meets each feature.
  func parts(
    of layer: Linear, _ features: [LazyOutput]
  ) throws(TorchError) -> [(feature: LazyOutput, readout: ClassifierWeight)] {
    // The layer may have moved when somebody asks for a gradient's numbers.
    let weight =
      try layer.weight.productType == nil
      ? layer.weight.tensor.detached().cloned() : layer.weight.inProductType()
    let whole = self == .sum || features.count == 1 ? ClassifierWeight(weight) : nil
    var parts: [(feature: LazyOutput, readout: ClassifierWeight)] = []
    var column = 0
    for feature in features {
      let width = feature.width
      if let whole {
        parts.append((feature, whole))
      } else {
        parts.append((feature, ClassifierWeight(try weight.narrowed(1, from: column, length: width))))
      }
      column += width
    }
    return parts
  }
}
