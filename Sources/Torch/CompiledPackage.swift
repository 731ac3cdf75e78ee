import CTorch

/// A model that PyTorch compiled ahead of time into a package (`.pt2`), by `torch._inductor.aoti_compile_and_package`.
///
/// Such a file is machine code: reading and calling it runs what its author compiled. It was made for one kind of
/// processor, and for the shapes that its author gave.
public final class CompiledPackage {
  private let handle: OpaquePointer

  /// Reads the file, and so loads its code.
  ///
  /// - Throws: `TorchError` for a file that is not there, or no package.
  public init(reading path: String) throws(TorchError) {
    var package: OpaquePointer?
    try done("aoti_load_package", [], ctorch_package_load(path, &package))
    guard let package else { throw failure("aoti_load_package", []) }
    handle = package
  }

  deinit { ctorch_package_free(handle) }

  /// The most tensors of one answer that are looked at.
  private static let most = 16

  /// The tensors that it gives, in its order.
  public func callAsFunction(_ inputs: [Tensor]) throws(TorchError) -> [Tensor] {
    var found = [OpaquePointer?](repeating: nil, count: Self.most)
    var count: Int32 = 0
    let status = withHandles(inputs) { ctorch_package_run(handle, $0, $1, &found, Int32(Self.most), &count) }
    guard status == 0 else { throw failure("run", inputs) }
    return found.prefix(Int(count)).compactMap { $0.map(Tensor.init(owning:)) }
  }
}
