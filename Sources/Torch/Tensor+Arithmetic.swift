import CTorch

extension Tensor {
  public static func + (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try made("add", [a, b]) { ctorch_add(a.handle, b.handle, $0) }
  }
  public static func - (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try made("sub", [a, b]) { ctorch_sub(a.handle, b.handle, $0) }
  }
  public static func * (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try made("mul", [a, b]) { ctorch_mul(a.handle, b.handle, $0) }
  }
  public static func / (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try made("div", [a, b]) { ctorch_div(a.handle, b.handle, $0) }
  }
  public static func + (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try made("add", [a]) { ctorch_add_scalar(a.handle, b, $0) }
  }
  public static func - (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try made("sub", [a]) { ctorch_sub_scalar(a.handle, b, $0) }
  }
  public static func * (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try made("mul", [a]) { ctorch_mul_scalar(a.handle, b, $0) }
  }
  public static func / (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try made("div", [a]) { ctorch_div_scalar(a.handle, b, $0) }
  }
  public static func + (a: Double, b: Tensor) throws(TorchError) -> Tensor { try b + a }
  public static func * (a: Double, b: Tensor) throws(TorchError) -> Tensor { try b * a }
  public static func - (a: Double, b: Tensor) throws(TorchError) -> Tensor {
    try made("rsub", [b]) { ctorch_rsub_scalar(b.handle, a, $0) }
  }
  public static func / (a: Double, b: Tensor) throws(TorchError) -> Tensor { try b.reciprocal() * a }
  public static prefix func - (a: Tensor) throws(TorchError) -> Tensor {
    try made("neg", [a]) { ctorch_neg(a.handle, $0) }
  }

  /// The matrix product.
  public func matmul(_ other: Tensor) throws(TorchError) -> Tensor {
    try made("matmul", [self, other]) { ctorch_matmul(handle, other.handle, $0) }
  }

  /// The inner product of two vectors.
  public func dot(_ other: Tensor) throws(TorchError) -> Tensor {
    try made("dot", [self, other]) { ctorch_dot(handle, other.handle, $0) }
  }

  /// self + scale · other.
  public func added(_ other: Tensor, scale: Double) throws(TorchError) -> Tensor {
    try made("add", [self, other]) { ctorch_add_scaled(handle, other.handle, scale, $0) }
  }

  /// `self · weightᵀ + bias`, with `weight` [out, in] and `bias` [out].
  public func linear(_ weight: Tensor, _ bias: Tensor?) throws(TorchError) -> Tensor {
    try made("linear", [self, weight] + (bias.map { [$0] } ?? [])) {
      ctorch_linear(handle, weight.handle, bias?.handle, $0)
    }
  }

  public func maximum(_ other: Tensor) throws(TorchError) -> Tensor {
    try made("maximum", [self, other]) { ctorch_maximum(handle, other.handle, $0) }
  }
  public func minimum(_ other: Tensor) throws(TorchError) -> Tensor {
    try made("minimum", [self, other]) { ctorch_minimum(handle, other.handle, $0) }
  }
  public func clamped(min low: Double) throws(TorchError) -> Tensor {
    try made("clamp_min", [self]) { ctorch_clamp_min_scalar(handle, low, $0) }
  }
  public func clamped(max high: Double) throws(TorchError) -> Tensor {
    try made("clamp_max", [self]) { ctorch_clamp_max_scalar(handle, high, $0) }
  }
  /// The number, or 0 where it is below and 6 where it is above.
  public func relu6() throws(TorchError) -> Tensor { try made("relu6", [self]) { ctorch_relu6(handle, $0) } }
  public func power(_ exponent: Double) throws(TorchError) -> Tensor {
    try made("pow", [self]) { ctorch_pow_scalar(handle, exponent, $0) }
  }

  // Comparisons, element by element

  public func equal(to other: Tensor) throws(TorchError) -> Tensor {
    try made("eq", [self, other]) { ctorch_eq(handle, other.handle, $0) }
  }
  public func equal(to value: Double) throws(TorchError) -> Tensor {
    try made("eq", [self]) { ctorch_eq_scalar(handle, value, $0) }
  }
  public func greater(than other: Tensor) throws(TorchError) -> Tensor {
    try made("gt", [self, other]) { ctorch_gt(handle, other.handle, $0) }
  }
  public func greater(than value: Double) throws(TorchError) -> Tensor {
    try made("gt", [self]) { ctorch_gt_scalar(handle, value, $0) }
  }
  public func less(than value: Double) throws(TorchError) -> Tensor {
    try made("lt", [self]) { ctorch_lt_scalar(handle, value, $0) }
  }
  public func logicalAnd(_ other: Tensor) throws(TorchError) -> Tensor {
    try made("logical_and", [self, other]) { ctorch_logical_and(handle, other.handle, $0) }
  }
  public func logicalOr(_ other: Tensor) throws(TorchError) -> Tensor {
    try made("logical_or", [self, other]) { ctorch_logical_or(handle, other.handle, $0) }
  }
  public func logicalNot() throws(TorchError) -> Tensor {
    try made("logical_not", [self]) { ctorch_logical_not(handle, $0) }
  }

  /// Elements of `a` where `self` is true, of `b` elsewhere.
  public func choose(_ a: Tensor, _ b: Tensor) throws(TorchError) -> Tensor {
    try made("where", [self, a, b]) { ctorch_where(handle, a.handle, b.handle, $0) }
  }

  public func maskedFill(_ mask: Tensor, _ value: Double) throws(TorchError) -> Tensor {
    try made("masked_fill", [self, mask]) { ctorch_masked_fill(handle, mask.handle, value, $0) }
  }

  // Functions of each element

  public func abs() throws(TorchError) -> Tensor { try made("abs", [self]) { ctorch_abs(handle, $0) } }
  public func exp() throws(TorchError) -> Tensor { try made("exp", [self]) { ctorch_exp(handle, $0) } }
  public func log() throws(TorchError) -> Tensor { try made("log", [self]) { ctorch_log(handle, $0) } }
  public func log1p() throws(TorchError) -> Tensor { try made("log1p", [self]) { ctorch_log1p(handle, $0) } }
  public func squareRoot() throws(TorchError) -> Tensor { try made("sqrt", [self]) { ctorch_sqrt(handle, $0) } }
  public func reciprocalSquareRoot() throws(TorchError) -> Tensor {
    try made("rsqrt", [self]) { ctorch_rsqrt(handle, $0) }
  }
  public func square() throws(TorchError) -> Tensor { try made("square", [self]) { ctorch_square(handle, $0) } }
  public func reciprocal() throws(TorchError) -> Tensor {
    try made("reciprocal", [self]) { ctorch_reciprocal(handle, $0) }
  }
  public func sine() throws(TorchError) -> Tensor { try made("sin", [self]) { ctorch_sin(handle, $0) } }
  public func cosine() throws(TorchError) -> Tensor { try made("cos", [self]) { ctorch_cos(handle, $0) } }
  /// The angle of each cosine, from 0 to π; its slope is infinite at ±1.
  public func arccosine() throws(TorchError) -> Tensor { try made("acos", [self]) { ctorch_acos(handle, $0) } }
  public func tanh() throws(TorchError) -> Tensor { try made("tanh", [self]) { ctorch_tanh(handle, $0) } }
  public func sigmoid() throws(TorchError) -> Tensor { try made("sigmoid", [self]) { ctorch_sigmoid(handle, $0) } }
  public func logSigmoid() throws(TorchError) -> Tensor {
    try made("log_sigmoid", [self]) { ctorch_log_sigmoid(handle, $0) }
  }
  public func relu() throws(TorchError) -> Tensor { try made("relu", [self]) { ctorch_relu(handle, $0) } }
  public func silu() throws(TorchError) -> Tensor { try made("silu", [self]) { ctorch_silu(handle, $0) } }
  public func gelu(tanhApproximation: Bool = false) throws(TorchError) -> Tensor {
    try made("gelu", [self]) { ctorch_gelu(handle, tanhApproximation, $0) }
  }
  public func sign() throws(TorchError) -> Tensor { try made("sign", [self]) { ctorch_sign(handle, $0) } }
  public func isFinite() throws(TorchError) -> Tensor { try made("isfinite", [self]) { ctorch_isfinite(handle, $0) } }
}
