import CTorch

/// A multidimensional array that libtorch computes with.
///
/// A tensor belongs to the thread that made it and frees its memory when the last reference is gone. Operations throw
/// `TorchError`, operators included, so one `try` covers a whole expression.
public final class Tensor {
  let handle: OpaquePointer

  init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { ctorch_free(handle) }

  /// The size of each dimension.
  public var shape: [Int] {
    let rank = Int(ctorch_rank(handle))
    if rank == 0 { return [] }
    let sizes = [Int64](unsafeUninitializedCapacity: rank) { buffer, count in
      ctorch_sizes(handle, buffer.baseAddress)
      count = rank
    }
    return sizes.map(Int.init)
  }

  public var rank: Int { Int(ctorch_rank(handle)) }

  /// How many elements there are.
  public var count: Int { shape.reduce(1, *) }

  public var elementType: ElementType {
    ElementType(rawValue: ctorch_type(handle)) ?? .float32
  }

  public var device: Device {
    var name = [CChar](repeating: 0, count: 32)
    ctorch_device(handle, &name, name.count)
    return Device(name.withUnsafeBufferPointer { String(cString: $0.baseAddress.unsafelyUnwrapped) })
  }

  /// Whether gradients are recorded for what is computed from this tensor.
  public var requiresGradient: Bool { ctorch_needs_grad(handle) }

  /// Whether writing to one of the two changes the other.
  public func sharesStorage(with other: Tensor) -> Bool { ctorch_shares_storage(handle, other.handle) }

  /// How often the memory has been written to, through views of it too.
  package var changes: Int {
    get throws(TorchError) {
      var count: Int64 = 0
      try done("_version", [self], ctorch_changes(handle, &count))
      return Int(count)
    }
  }

  /// How many tensors exist in this process.
  public static var liveCount: Int { Int(ctorch_live_tensors()) }
}

extension Tensor: CustomStringConvertible {
  public var description: String { "Tensor(\(shape), \(elementType), \(device))" }
}

// MARK: - Calls into the shim

typealias Result1 = UnsafeMutablePointer<OpaquePointer?>

/// Runs one call that yields a tensor; its failure becomes an error with the operands' shapes.
@inline(__always)
func made(
  _ operation: StaticString, _ operands: @autoclosure () -> [Tensor], _ call: (Result1) -> ctorch_status
) throws(TorchError) -> Tensor {
  var out: OpaquePointer?
  let status = call(&out)
  guard status == 0, let out else { throw failure(operation, operands()) }
  return Tensor(owning: out)
}

/// Runs one call that yields nothing.
@inline(__always)
func done(
  _ operation: StaticString, _ operands: @autoclosure () -> [Tensor], _ status: ctorch_status
) throws(TorchError) {
  guard status == 0 else { throw failure(operation, operands()) }
}

@inline(never)
func failure(_ operation: StaticString, _ operands: [Tensor]) -> TorchError {
  TorchError(
    operation: "\(operation)", shapes: operands.map(\.shape), message: String(cString: ctorch_last_error()))
}

/// The one place where arrays of handles are built: the tensors are kept alive until the call has returned.
@inline(__always)
func withHandles<R>(_ tensors: [Tensor], _ body: (UnsafePointer<OpaquePointer?>?, Int32) -> R) -> R {
  withExtendedLifetime(tensors) {
    tensors.map { Optional($0.handle) }.withUnsafeBufferPointer { body($0.baseAddress, Int32($0.count)) }
  }
}

@inline(__always)
func withSizes<R>(_ sizes: [Int], _ body: (UnsafePointer<Int64>?, Int32) -> R) -> R {
  sizes.map(Int64.init).withUnsafeBufferPointer { body($0.baseAddress, Int32($0.count)) }
}

@inline(__always)
func withOptionalHandles<R>(_ tensors: [Tensor?], _ body: (UnsafePointer<OpaquePointer?>?) -> R) -> R {
  withExtendedLifetime(tensors) {
    tensors.map { $0?.handle }.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
