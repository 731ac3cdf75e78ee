import CTorch

extension Tensor {
  private func reduce(
    _ operation: StaticString, _ dimensions: [Int], _ keep: Bool,
    _ call: (OpaquePointer?, UnsafePointer<Int64>?, Int32, Bool, Result1) -> ctorch_status
  ) throws(TorchError) -> Tensor {
    let dimensions = dimensions.isEmpty ? Array(0..<rank) : dimensions
    return try made(operation, [self]) { out in
      withSizes(dimensions) { call(handle, $0, $1, keep, out) }
    }
  }

  /// The sum over `dimensions`, or over all where none is named.
  public func sum(_ dimensions: Int..., keeping: Bool = false) throws(TorchError) -> Tensor {
    try reduce("sum", dimensions, keeping, ctorch_sum)
  }
  public func mean(_ dimensions: Int..., keeping: Bool = false) throws(TorchError) -> Tensor {
    try reduce("mean", dimensions, keeping, ctorch_mean)
  }
  public func max(_ dimensions: Int..., keeping: Bool = false) throws(TorchError) -> Tensor {
    try reduce("amax", dimensions, keeping, ctorch_amax)
  }
  public func min(_ dimensions: Int..., keeping: Bool = false) throws(TorchError) -> Tensor {
    try reduce("amin", dimensions, keeping, ctorch_amin)
  }
  public func logSumExp(_ dimensions: Int..., keeping: Bool = false) throws(TorchError) -> Tensor {
    try reduce("logsumexp", dimensions, keeping, ctorch_logsumexp)
  }

  /// Whether every element is true.
  public func all() throws(TorchError) -> Tensor { try made("all", [self]) { ctorch_all(handle, $0) } }
  public func any() throws(TorchError) -> Tensor { try made("any", [self]) { ctorch_any(handle, $0) } }

  /// The position of the largest element along `dimension`.
  public func argmax(_ dimension: Int, keeping: Bool = false) throws(TorchError) -> Tensor {
    try made("argmax", [self]) { ctorch_argmax(handle, Int64(dimension), keeping, $0) }
  }
  public func argsort(_ dimension: Int, descending: Bool = false) throws(TorchError) -> Tensor {
    try made("argsort", [self]) { ctorch_argsort(handle, Int64(dimension), descending, $0) }
  }

  /// The variance of all elements, divided by `count − correction`.
  public func variance(correction: Int = 1) throws(TorchError) -> Tensor {
    try made("var", [self]) { ctorch_variance(handle, Int64(correction), $0) }
  }

  /// The Euclidean length of all elements together.
  public func norm() throws(TorchError) -> Tensor { try square().sum().squareRoot() }

  public func softmax(_ dimension: Int) throws(TorchError) -> Tensor {
    try made("softmax", [self]) { ctorch_softmax(handle, Int64(dimension), $0) }
  }
  public func logSoftmax(_ dimension: Int) throws(TorchError) -> Tensor {
    try made("log_softmax", [self]) { ctorch_log_softmax(handle, Int64(dimension), $0) }
  }
  public func cumulativeSum(_ dimension: Int) throws(TorchError) -> Tensor {
    try made("cumsum", [self]) { ctorch_cumsum(handle, Int64(dimension), $0) }
  }

  /// Cross-entropy of `self` [B, C] logits with labels [B] of class numbers: the mean over samples, or one value each.
  public func crossEntropy(
    _ labels: Tensor, classWeights: Tensor? = nil, mean: Bool = true
  ) throws(TorchError) -> Tensor {
    try made("cross_entropy", [self, labels]) {
      ctorch_cross_entropy(handle, labels.handle, classWeights?.handle, mean, $0)
    }
  }

  /// Binary cross-entropy of `self` logits with targets of the same shape: the mean over all, or one value each.
  public func binaryCrossEntropy(_ targets: Tensor, mean: Bool = true) throws(TorchError) -> Tensor {
    try made("binary_cross_entropy_with_logits", [self, targets]) {
      ctorch_binary_cross_entropy(handle, targets.handle, mean, $0)
    }
  }

  /// Eigenvalues, ascending, and eigenvectors (columns) of a symmetric matrix.
  public func symmetricEigen() throws(TorchError) -> (values: Tensor, vectors: Tensor) {
    var values: OpaquePointer?
    var vectors: OpaquePointer?
    guard ctorch_eigh(handle, &values, &vectors) == 0, let values, let vectors else {
      throw failure("linalg_eigh", [self])
    }
    return (Tensor(owning: values), Tensor(owning: vectors))
  }

  /// The reduced QR decomposition.
  public func qr() throws(TorchError) -> (q: Tensor, r: Tensor) {
    var q: OpaquePointer?
    var r: OpaquePointer?
    guard ctorch_qr(handle, &q, &r) == 0, let q, let r else { throw failure("linalg_qr", [self]) }
    return (Tensor(owning: q), Tensor(owning: r))
  }
}
