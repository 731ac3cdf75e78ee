import CTorch

extension Tensor {
  /// The same elements in another shape; one size may be −1.
  public func reshaped(_ shape: [Int]) throws(TorchError) -> Tensor {
    try made("reshape", [self]) { out in withSizes(shape) { ctorch_reshape(handle, $0, $1, out) } }
  }
  public func flattened() throws(TorchError) -> Tensor { try reshaped([-1]) }
  public func expanded(_ shape: [Int]) throws(TorchError) -> Tensor {
    try made("expand", [self]) { out in withSizes(shape) { ctorch_expand(handle, $0, $1, out) } }
  }
  public func permuted(_ dimensions: [Int]) throws(TorchError) -> Tensor {
    try made("permute", [self]) { out in withSizes(dimensions) { ctorch_permute(handle, $0, $1, out) } }
  }
  public func transposed(_ first: Int = -2, _ second: Int = -1) throws(TorchError) -> Tensor {
    try made("transpose", [self]) { ctorch_transpose(handle, Int64(first), Int64(second), $0) }
  }
  public func unsqueezed(_ dimension: Int) throws(TorchError) -> Tensor {
    try made("unsqueeze", [self]) { ctorch_unsqueeze(handle, Int64(dimension), $0) }
  }
  public func squeezed(_ dimension: Int) throws(TorchError) -> Tensor {
    try made("squeeze", [self]) { ctorch_squeeze(handle, Int64(dimension), $0) }
  }
  public func contiguous() throws(TorchError) -> Tensor {
    try made("contiguous", [self]) { ctorch_contiguous(handle, $0) }
  }

  /// `length` slices along `dimension` from `start` on, sharing memory.
  public func narrowed(_ dimension: Int, from start: Int, length: Int) throws(TorchError) -> Tensor {
    try made("narrow", [self]) { ctorch_narrow(handle, Int64(dimension), Int64(start), Int64(length), $0) }
  }
  /// One slice along `dimension`, sharing memory.
  public func selected(_ dimension: Int, _ index: Int) throws(TorchError) -> Tensor {
    try made("select", [self]) { ctorch_select(handle, Int64(dimension), Int64(index), $0) }
  }
  /// The slices at `index` along `dimension`, copied.
  public func indexed(_ dimension: Int, by index: Tensor) throws(TorchError) -> Tensor {
    try made("index_select", [self, index]) { ctorch_index_select(handle, Int64(dimension), index.handle, $0) }
  }
  public func gathered(_ dimension: Int, by index: Tensor) throws(TorchError) -> Tensor {
    try made("gather", [self, index]) { ctorch_gather(handle, Int64(dimension), index.handle, $0) }
  }
  /// `self` with the slices of `source` added at `index`.
  public func indexAdded(_ dimension: Int, _ index: Tensor, _ source: Tensor) throws(TorchError) -> Tensor {
    try made("index_add", [self, index, source]) {
      ctorch_index_add(handle, Int64(dimension), index.handle, source.handle, $0)
    }
  }
  /// One row a label, 1 at the label and 0 elsewhere (int64).
  public func oneHot(_ classes: Int) throws(TorchError) -> Tensor {
    try made("one_hot", [self]) { ctorch_one_hot(handle, Int64(classes), $0) }
  }

  public static func cat(_ tensors: [Tensor], _ dimension: Int) throws(TorchError) -> Tensor {
    try made("cat", tensors) { out in withHandles(tensors) { ctorch_cat($0, $1, Int64(dimension), out) } }
  }
  public static func stack(_ tensors: [Tensor], _ dimension: Int = 0) throws(TorchError) -> Tensor {
    try made("stack", tensors) { out in withHandles(tensors) { ctorch_stack($0, $1, Int64(dimension), out) } }
  }
}
