public import Torch

/// Whether two lists of numbers agree: |a − b| ≤ absolute + relative · |b|, element by element.
public func allClose(_ a: [Double], _ b: [Double], relative: Double = 1e-6, absolute: Double = 1e-9) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= absolute + relative * abs($1) }
}

/// Whether two tensors have one shape and agree element by element.
public func allClose(_ a: Tensor, _ b: Tensor, relative: Double = 1e-6, absolute: Double = 1e-9) throws -> Bool {
  guard a.shape == b.shape else { return false }
  return try allClose(a.array(), b.array(), relative: relative, absolute: absolute)
}

extension Sequence<Double> {
  /// Whether every number is finite.
  public var allFinite: Bool { allSatisfy { $0.isFinite } }
}
