import CTorch

/// Writing into a tensor's memory; no gradient is recorded.
extension Tensor {
  package func copy(from source: Tensor) throws(TorchError) {
    try done("copy_", [self, source], ctorch_copy_into(handle, source.handle))
  }
  /// self ← self + scale · source.
  package func add(_ source: Tensor, scale: Double = 1) throws(TorchError) {
    try done("add_", [self, source], ctorch_add_into(handle, source.handle, scale))
  }
  package func scale(by factor: Double) throws(TorchError) {
    try done("mul_", [self], ctorch_scale_into(handle, factor))
  }
  package func fill(_ value: Double) throws(TorchError) {
    try done("fill_", [self], ctorch_fill_into(handle, value))
  }
  /// self ← beta · self + alpha · a b.
  package func addMatmul(_ a: Tensor, _ b: Tensor, beta: Double = 0, alpha: Double = 1) throws(TorchError) {
    try done("addmm_", [self, a, b], ctorch_addmm_into(handle, a.handle, b.handle, beta, alpha))
  }
  /// self ← the sum of `rows` over their first dimension.
  package func setSumOfRows(_ rows: Tensor) throws(TorchError) {
    try done("sum", [self, rows], ctorch_sum_rows_into(handle, rows.handle))
  }
}
