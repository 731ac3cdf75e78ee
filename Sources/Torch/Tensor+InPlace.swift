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
}
