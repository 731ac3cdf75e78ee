import TorchNN

/// ⟨g, k⟩ / ‖k‖² over some parameters; 0 where k is nothing.
///
/// Below zero the two conflict, and g minus this multiple of k is orthogonal to k.
func conflictCoefficient(_ g: Gradients, _ k: Gradients, within indices: [Int]) throws -> Double {
  let square = try k.dot(k, within: indices)
  guard square > 1e-30 else { return 0 }
  return try g.dot(k, within: indices) / square
}
