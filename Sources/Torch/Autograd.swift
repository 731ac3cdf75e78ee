import CTorch

extension Tensor {
  /// Marks this tensor as a variable that gradients may be taken with respect to.
  @discardableResult
  public func requiringGradient(_ required: Bool = true) throws(TorchError) -> Tensor {
    try done("requires_grad_", [self], ctorch_requires_grad(handle, required))
    return self
  }

  /// The same values, cut off from the graph; memory is shared.
  public func detached() throws(TorchError) -> Tensor {
    try made("detach", [self]) { ctorch_detach(handle, $0) }
  }

  public func cloned() throws(TorchError) -> Tensor { try made("clone", [self]) { ctorch_clone(handle, $0) } }
}

/// The gradient of a scalar with respect to each variable; nil where it does not depend on it.
///
/// - Parameters:
///   - keepingGraph: whether the graph will be walked again.
///   - creatingGraph: whether the gradients themselves are to be differentiated.
public func gradients(
  of output: Tensor, withRespectTo variables: [Tensor], keepingGraph: Bool = false, creatingGraph: Bool = false
) throws(TorchError) -> [Tensor?] {
  if variables.isEmpty { return [] }
  var found = [OpaquePointer?](repeating: nil, count: variables.count)
  let status = withHandles(variables) {
    ctorch_gradients(output.handle, $0, $1, keepingGraph || creatingGraph, creatingGraph, &found)
  }
  try done("grad", [output], status)
  return found.map { $0.map { Tensor(owning: $0) } }
}

/// Whether what is computed now is recorded in a graph.
public enum Autograd {
  public static var isRecording: Bool { ctorch_grad_enabled() }
}

/// Runs `body` without recording a graph.
public func withoutGradients<R, Failure: Error>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
  let before = ctorch_grad_enabled()
  ctorch_set_grad_enabled(false)
  defer { ctorch_set_grad_enabled(before) }
  return try body()
}
