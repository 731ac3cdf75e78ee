import Foundation
import Testing
import Torch

@testable import Encoders

/// The small checkpoints that scripts/reference/encoders.py makes.
enum Checkpoints {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Golden/encoders")

  static func folder(_ name: String) -> URL { folder.appending(path: name) }

  static func expected(_ name: String, _ file: String = "expected") throws -> SafeTensors {
    try SafeTensors(reading: folder(name).appending(path: "\(file).safetensors"))
  }

  /// A copy whose configuration is changed.
  static func copy(_ name: String, in place: URL, _ change: (inout [String: Any]) -> Void = { _ in }) throws -> URL {
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let copy = place.appending(path: name)
    try FileManager.default.copyItem(at: folder(name), to: copy)
    let url = copy.appending(path: "config.json")
    if var table = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] {
      change(&table)
      try JSONSerialization.data(withJSONObject: table).write(to: url)
    }
    return copy
  }
}

/// The largest difference between two tensors of one shape.
func difference(_ a: Tensor, _ b: Tensor) throws -> Double {
  try #require(a.shape == b.shape)
  return try (a.to(.float64) - b.to(.float64)).abs().max().scalar()
}
