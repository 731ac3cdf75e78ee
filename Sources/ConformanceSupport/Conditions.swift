import Foundation
public import Torch

/// What all tests of tensors share: the conditions that the environment may set.
///
/// This module is what the conformance suite and the tests here have in common; it is in no product.
public enum Conditions {
  /// float32, or what `SEESAW_TEST_DTYPE` names.
  public static let elementType: ElementType = {
    prepare()
    return ProcessInfo.processInfo.environment["SEESAW_TEST_DTYPE"] == "float64" ? .float64 : .float32
  }()

  /// The relative error that is allowed for a few operations in that type.
  public static var tolerance: Double { elementType == .float64 ? 1e-12 : 1e-5 }

  /// One thread for each operation, set once: tests run beside each other, and sums keep their order.
  public static func prepare() { _ = oneThread }

  private static let oneThread: Void = Runtime.setThreads(1)
}

/// Numbers that look random and are always the same.
public func numbers(_ count: Int, seed: UInt64 = 1, in range: ClosedRange<Double> = -2...2) -> [Double] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return range.lowerBound + (range.upperBound - range.lowerBound) * Double(state >> 11) * 0x1p-53
  }
}

extension Tensor {
  /// A tensor of the tests' element type.
  public static func of(_ values: [Double], _ shape: [Int]? = nil) throws -> Tensor {
    try Tensor(values, shape: shape).to(Conditions.elementType)
  }
}

/// A tensor's numbers in row-major order; none where there is no tensor.
public func values(_ tensor: Tensor?) throws -> [Double] { try tensor?.array() ?? [] }
