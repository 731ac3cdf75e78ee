import Datasets
import Encoders
import Foundation
import Multimodal
import Records

// A row of pixels is kept as its bytes, four in the place of a number.
extension InputForm {
  /// The width of a row in the cache, in numbers of four bytes.
  var cachedWidth: Int { if case .pixels = self { (count + 3) / 4 } else { count } }

  /// Rows as the cache takes them.
  func cached(_ rows: [Float]) -> [Float] {
    guard case .pixels = self else { return rows }
    var packed = [Float](repeating: 0, count: rows.count / count * cachedWidth)
    packed.withUnsafeMutableBytes { bytes in
      for row in 0..<(rows.count / count) {
        for place in 0..<count { bytes[row * cachedWidth * 4 + place] = UInt8(rows[row * count + place]) }
      }
    }
    return packed
  }

  /// Hands over rows of the cache as they are stored.
  func stored(_ rows: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    switch self {
    case .features: try body(rows)
    case .tokens: try rows.bindMemory(to: Float.self).map { Int32($0) }.withUnsafeBytes(body)
    case .pixels:
      for start in stride(from: 0, to: rows.count, by: cachedWidth * 4) {
        try body(UnsafeRawBufferPointer(rebasing: rows[start..<(start + count)]))
      }
    }
  }
}
