import CTorch

extension Tensor {
  /// A tensor of zeros.
  public static func zeros(
    _ shape: [Int], _ type: ElementType = .float32, on device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 0, type, on: device)
  }

  public static func ones(
    _ shape: [Int], _ type: ElementType = .float32, on device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 1, type, on: device)
  }

  /// A tensor whose every element is `value`.
  public static func full(
    _ shape: [Int], _ value: Double, _ type: ElementType = .float32, on device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try made("full", []) { out in
      withSizes(shape) { ctorch_full($0, $1, value, type.rawValue, device.name, out) }
    }
  }

  /// Memory that holds nothing yet.
  public static func empty(
    _ shape: [Int], _ type: ElementType = .float32, on device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try made("empty", []) { out in
      withSizes(shape) { ctorch_empty($0, $1, type.rawValue, device.name, out) }
    }
  }

  /// The whole numbers of `range`.
  public static func arange(_ range: Range<Int>, on device: Device = .cpu) throws(TorchError) -> Tensor {
    try made("arange", []) { ctorch_arange(Int64(range.lowerBound), Int64(range.upperBound), device.name, $0) }
  }

  /// A tensor from numbers in row-major order.
  ///
  /// Throws when `values` does not hold exactly as many numbers as `shape` asks for.
  public convenience init<Element: TensorElement>(
    _ values: [Element], shape: [Int]? = nil, on device: Device = .cpu
  ) throws(TorchError) {
    let shape = shape ?? [values.count]
    guard shape.productWithoutOverflow == values.count else {
      throw TorchError(
        operation: "tensor", shapes: [shape], message: "\(values.count) values do not fill the shape \(shape)")
    }
    var out: OpaquePointer?
    let status = values.withUnsafeBytes { bytes in
      withSizes(shape) {
        ctorch_from_bytes(bytes.baseAddress, $0, $1, Element.elementType.rawValue, device.name, &out)
      }
    }
    guard status == 0, let out else { throw failure("tensor", []) }
    self.init(owning: out)
  }

  /// A tensor over memory that `owner` keeps alive, without a copy; nobody may write to it.
  package static func wrapping(
    _ bytes: UnsafeRawPointer, shape: [Int], type: ElementType, keeping owner: AnyObject
  ) throws(TorchError) -> Tensor {
    let context = Unmanaged.passRetained(owner)
    do {
      return try made("wrap", []) { out in
        withSizes(shape) { sizes, rank in
          ctorch_wrap(
            UnsafeMutableRawPointer(mutating: bytes), sizes, rank, type.rawValue,
            { Unmanaged<AnyObject>.fromOpaque($0.unsafelyUnwrapped).release() }, context.toOpaque(), out)
        }
      }
    } catch {
      context.release()
      throw error
    }
  }

  /// The same bytes as elements of another type, in `shape`.
  func viewed(as type: ElementType, shape: [Int]) throws(TorchError) -> Tensor {
    try made("view", [self]) { ctorch_view_as(handle, type.rawValue, $0) }.reshaped(shape)
  }

  /// The same numbers in another type or on another device; itself where nothing changes.
  public func to(_ type: ElementType? = nil, on device: Device? = nil) throws(TorchError) -> Tensor {
    let type = type ?? elementType
    let place = device ?? self.device
    if type == elementType, place == self.device { return self }
    return try made("to", [self]) { ctorch_to(handle, type.rawValue, place.name, $0) }
  }
}

extension [Int] {
  /// How many elements a tensor of this shape has; nil where no `Int` can say.
  fileprivate var productWithoutOverflow: Int? {
    var product = 1
    for size in self {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      if overflow { return nil }
      product = next
    }
    return product
  }
}
