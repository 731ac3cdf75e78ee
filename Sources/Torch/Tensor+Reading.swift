import CTorch

extension Tensor {
  /// The elements in row-major order, converted to `Element` where they are of another type.
  public func array<Element: TensorElement>(of type: Element.Type = Element.self) throws(TorchError) -> [Element] {
    let source = try to(Element.elementType)
    let count = source.count
    var status: ctorch_status = 0
    let values = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      status = ctorch_read(source.handle, buffer.baseAddress, count * Element.elementType.byteCount)
      initialized = status == 0 ? count : 0
    }
    try done("read", [source], status)
    return values
  }

  /// The value of a tensor of one element.
  public func scalar() throws(TorchError) -> Double {
    var value = 0.0
    try done("item", [self], ctorch_item(handle, &value))
    return value
  }

  /// The elements' bytes, little-endian and in row-major order.
  package func bytes() throws(TorchError) -> [UInt8] {
    let size = count * elementType.byteCount
    var status: ctorch_status = 0
    let values = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
      status = ctorch_read(handle, buffer.baseAddress, size)
      initialized = status == 0 ? size : 0
    }
    try done("read", [self], status)
    return values
  }
}
