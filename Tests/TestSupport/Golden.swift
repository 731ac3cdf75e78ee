@_exported public import ConformanceSupport
public import Foundation

extension Conditions {
  /// A file of numbers that `make golden` computes with PyTorch.
  public static func golden(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Golden/\(name)")
  }
}
