import CTorch

extension Tensor {
  /// softmax(self · keyᵀ / √width) · value, with [B, heads, L, width] each.
  ///
  /// - Parameters:
  ///   - mask: boolean, true where a query may look, or numbers to add to the scores; broadcast to [B, heads, L, L].
  ///   - causal: whether a place sees only itself and those before it; not together with a mask.
  public func attention(
    key: Tensor, value: Tensor, mask: Tensor? = nil, causal: Bool = false
  ) throws(TorchError) -> Tensor {
    try made("scaled_dot_product_attention", [self, key, value] + (mask.map { [$0] } ?? [])) {
      ctorch_attention(handle, key.handle, value.handle, mask?.handle, causal, $0)
    }
  }

  /// How a row is bent after a product.
  package enum Gelu: Int32 { case exact = 1, byTanh }

  /// self · `weight`ᵀ + `bias`, and GELU where it is asked for, by what is fastest where no gradient is recorded.
  package func frozenLinear(_ weight: Tensor, _ bias: Tensor?, then gelu: Gelu? = nil) throws(TorchError) -> Tensor {
    try made("linear", [self, weight] + (bias.map { [$0] } ?? [])) {
      ctorch_frozen_linear(handle, weight.handle, bias?.handle, gelu?.rawValue ?? 0, $0)
    }
  }

  /// Pictures [B, channels, height, width] whose numbers lie place by place in memory, which convolutions on a processor like
  /// best.
  package func channelsLast() throws(TorchError) -> Tensor {
    try made("channels_last", [self]) { ctorch_channels_last(handle, $0) }
  }

  /// Zero mean and unit variance over the last dimension, then `weight` and `bias`.
  public func layerNorm(_ weight: Tensor, _ bias: Tensor, epsilon: Double) throws(TorchError) -> Tensor {
    try made("layer_norm", [self, weight, bias]) {
      ctorch_layer_norm(handle, weight.handle, bias.handle, epsilon, $0)
    }
  }

  /// The rows of this table [N, D] at whole numbers of any shape.
  public func embedding(_ indices: Tensor) throws(TorchError) -> Tensor {
    try made("embedding", [self, indices]) { ctorch_embedding(handle, indices.handle, $0) }
  }

  /// Pictures [B, channels, height, width] under kernels `weight` [out, channels / groups, height, width].
  public func convolved(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0), groups: Int = 1
  ) throws(TorchError) -> Tensor {
    try made("conv2d", [self, weight] + (bias.map { [$0] } ?? [])) { out in
      withSizes([stride.0, stride.1]) { stride, _ in
        withSizes([padding.0, padding.1]) { padding, _ in
          ctorch_conv2d(handle, weight.handle, bias?.handle, stride, padding, Int64(groups), out)
        }
      }
    }
  }

  /// Pictures [B, channels, height, width] with rows and columns of zeros around them.
  public func zeroPadded(left: Int, right: Int, top: Int, bottom: Int) throws(TorchError) -> Tensor {
    try made("constant_pad_nd", [self]) { out in
      withSizes([left, right, top, bottom]) { margins, _ in ctorch_zero_padded(handle, margins, out) }
    }
  }

  /// Each channel of [B, channels, …] by a mean and a variance [channels], then `weight` and `bias`.
  public func batchNormalized(
    _ weight: Tensor, _ bias: Tensor, mean: Tensor, variance: Tensor, epsilon: Double = 1e-5
  ) throws(TorchError) -> Tensor {
    try made("batch_norm", [self, weight, bias, mean, variance]) {
      ctorch_batch_norm(handle, weight.handle, bias.handle, mean.handle, variance.handle, epsilon, $0)
    }
  }

  /// The same by the batch's own mean and variance (over N, not N − 1), which are given too and are constants.
  public func batchNormalized(
    _ weight: Tensor, _ bias: Tensor, epsilon: Double = 1e-5
  ) throws(TorchError) -> (normalized: Tensor, mean: Tensor, variance: Tensor) {
    var (mean, variance): (OpaquePointer?, OpaquePointer?)
    let normalized = try made("native_batch_norm", [self, weight, bias]) {
      ctorch_batch_norm_own(handle, weight.handle, bias.handle, epsilon, $0, &mean, &variance)
    }
    guard let mean, let variance else { throw failure("native_batch_norm", [self, weight, bias]) }
    return (normalized, Tensor(owning: mean), Tensor(owning: variance))
  }

  /// The largest of each square of `size` places.
  public func maxPooled(size: Int, stride: Int, padding: Int = 0) throws(TorchError) -> Tensor {
    try made("max_pool2d", [self]) {
      ctorch_max_pool2d(handle, Int64(size), Int64(stride), Int64(padding), $0)
    }
  }

  /// A part of each picture [B, channels, height, width], stretched to the picture's size by linear interpolation.
  ///
  /// - Parameter boxes: left edge, upper edge, width and height of each part, as shares of the picture's.
  package func stretchedParts(
    _ boxes: [(left: Double, top: Double, width: Double, height: Double)]
  )
    throws(TorchError) -> Tensor
  {
    let maps = boxes.flatMap { box -> [Float] in
      let right: Double = 2 * box.left + box.width - 1
      let down: Double = 2 * box.top + box.height - 1
      return [Float(box.width), 0, Float(right), 0, Float(box.height), Float(down)]
    }
    let theta = try Tensor(maps, shape: [boxes.count, 2, 3]).to(on: device)
    return try made("grid_sampler", [self, theta]) { ctorch_parts(handle, theta.handle, $0) }
  }

  /// Pictures [B, channels, height, width] in another size, by bicubic interpolation between pixel centres.
  public func bicubic(height: Int, width: Int) throws(TorchError) -> Tensor {
    try made("upsample_bicubic2d", [self]) { ctorch_upsample_bicubic(handle, Int64(height), Int64(width), $0) }
  }
}
