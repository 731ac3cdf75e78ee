public import Torch
public import TorchNN

/// The features side by side, and beside them what they say together: a low-rank product of all of them.
///
///     p = (U₁ e₁ + u₁) ⊙ … ⊙ (U_M e_M + u_M),   z = W [e₁; …; e_M; p] + b
///
/// where Uₘ, [R, H], and uₘ, [R], are `factors`. Each element of p is a rank-one form over the outer product of the
/// features, each with a constant 1 appended (the tensor fusion of Zadeh et al., EMNLP 2017), and R of them are its
/// low-rank form (Liu et al., ACL 2018, eq. 7; with factors that the classes share as in Kim et al., ICLR 2017, eq. 5).
/// The linear part is that of concatenation, so that no rank limits it. Features may differ in width. uₘ begins at 1:
/// then a product begins as 1 + Σₘ Uₘ eₘ + …, in which no modality hides another.
///
/// It can express what only the combination of modalities tells, which no sum of parts can; of one modality it is linear.
public struct BilinearFusion: Fusion {
  /// Uₘ and uₘ, `factor.0` for the first modality; `weight` [R, H], `bias` [R].
  public let factors: [Linear]
  /// `weight` [C, ΣH + R], columns in the order of the modalities and then of the products; `bias` [C].
  public let classifier: Linear

  /// - Parameter rank: R.
  public init(_ scope: Scope, widths: [Int], classes: Int, rank: Int) throws(TorchError) {
    var factors: [Linear] = []
    for (place, width) in widths.enumerated() {
      factors.append(try Linear(scope / "factor" / "\(place)", in: width, out: rank, bias: .ones))
    }
    self.factors = factors
    classifier = try Linear(scope / "classifier", in: widths.reduce(0, +) + rank, out: classes)
  }

  public func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    var product: Tensor?
    for (factor, feature) in zip(factors, features.values) {
      let form = try factor(feature)
      product = try product.map { (before) throws(TorchError) in try before * form } ?? form
    }
    return try classifier(.cat(features.values + [product].compactMap { $0 }, -1))
  }
}
