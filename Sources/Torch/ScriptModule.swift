import CTorch

/// A module that PyTorch saved as TorchScript, by `torch.jit.save`.
///
/// Such a file is a program: reading and calling it runs what its author wrote. It computes on the processor, as for
/// prediction, and the same inputs give the same bits at every call.
public final class ScriptModule {
  private let handle: OpaquePointer
  /// What `forward` takes, by name.
  public let arguments: [String]
  /// How many of them, from the first on, it cannot do without.
  public let required: Int

  /// Reads the file, and so runs its code.
  ///
  /// - Throws: `TorchError` for a file that is not there, or no module.
  public init(reading path: String) throws(TorchError) {
    var module: OpaquePointer?
    try done("torch.jit.load", [], ctorch_module_load(path, &module))
    guard let module else { throw failure("torch.jit.load", []) }
    handle = module
    var (count, names): (Int32, UnsafePointer<CChar>?) = (0, nil)
    guard ctorch_module_arguments(module, &count, &names) == 0 else {
      // An initializer that fails before all is there frees nothing.
      defer { ctorch_module_free(module) }
      throw failure("torch.jit.load", [])
    }
    required = Int(count)
    arguments = Self.lines(names)
  }

  deinit { ctorch_module_free(handle) }

  private static func lines(_ names: UnsafePointer<CChar>?) -> [String] {
    guard let names else { return [] }
    return String(cString: names).split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  /// The most tensors of one answer that are looked at.
  private static let most = 64

  /// The tensors that `forward` gives, in its order: one, or those of a tuple, list or dict.
  ///
  /// What else is in these is left out. A name is a dict's key or a named tuple's field, else empty.
  public func callAsFunction(_ inputs: [Tensor]) throws(TorchError) -> [(name: String, tensor: Tensor)] {
    var found = [OpaquePointer?](repeating: nil, count: Self.most)
    var (count, names): (Int32, UnsafePointer<CChar>?) = (0, nil)
    let status = withHandles(inputs) {
      ctorch_module_forward(handle, $0, $1, &found, Int32(Self.most), &count, &names)
    }
    guard status == 0 else { throw failure("forward", inputs) }
    let tensors = found.prefix(Int(count)).compactMap { $0.map(Tensor.init(owning:)) }
    return Array(zip(Self.lines(names), tensors)).map { (name: $0, tensor: $1) }
  }
}
