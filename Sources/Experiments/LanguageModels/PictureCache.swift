import Datasets
import Foundation
import Multimodal
import Records
import Torch

/// What a tower makes of pictures, kept in a folder for further commands: of each picture the numbers that the projector is
/// given, which depend on frozen weights and the picture's pixels alone.
///
/// There is a folder below for each shape, such as `4x1280`, with rows as `encode` keeps them: several processes may add at a
/// time, and what is damaged counts as not there.
final class PictureCache {
  private let folder: URL
  /// Names the weights, and all else that the numbers depend on besides the picture.
  private let identity: String
  private var caches: [(shape: [Int], rows: FeatureCache)] = []

  init(_ folder: URL, identity: String) throws {
    self.folder = folder
    self.identity = identity
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in names.sorted() {
      guard let shape = Self.shape(named: name) else { continue }
      caches.append((shape, try rows(shape)))
    }
  }

  private static func name(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }

  /// The shape that a folder is called by; nil for one of another kind.
  private static func shape(named name: String) -> [Int]? {
    let sizes = name.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    var count = 1
    for size in sizes {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size > 0, !overflow, product <= Self.largest, name == Self.name(sizes) else { return nil }
      count = product
    }
    return sizes
  }

  /// Numbers of one picture at most: what no tower makes.
  private static let largest = 1 << 28

  private func rows(_ shape: [Int]) throws -> FeatureCache {
    try FeatureCache(folder.appending(path: Self.name(shape)), width: shape.reduce(1, *))
  }

  /// What is kept of a picture, else what is made of it, which is then kept.
  ///
  /// - Parameter type: that the model computes in; float32 holds all of bfloat16 and float16.
  func features(of picture: RGBImage, as type: ElementType, make: () throws -> Tensor) throws -> Tensor {
    let size = Array("\(picture.width) x \(picture.height)\n".utf8)
    let key = RowKey(InputDigest(of: size + picture.pixels), condition: identity)
    for (shape, rows) in caches {
      var numbers = [Float](repeating: 0, count: rows.width)
      if numbers.withUnsafeMutableBytes({ rows.read(key, into: $0) }) {
        return try Tensor(numbers, shape: shape).to(type)
      }
    }
    let made = try make()
    let shape = made.shape
    guard made.elementType != .float64, Self.shape(named: Self.name(shape)) == shape else { return made }
    var own = caches.first { $0.shape == shape }?.rows
    if own == nil {
      let fresh = try rows(shape)
      caches.append((shape, fresh))
      own = fresh
    }
    try own?.append([key], made.to(.float32).array())
    return made
  }
}
