import CImage
public import Foundation
public import Multimodal

/// The pixels could not be written in that format.
public struct ImageWritingError: Error, Equatable {
  /// The format, as people write it.
  public let format: String
}

extension RGBImage {
  /// The bytes of a PNG file.
  public func png() throws -> Data {
    try Self.written("PNG") { cimage_encode_png(pixels, UInt32(width), UInt32(height), 3, 8, &$0) }
  }

  /// The bytes of a JPEG file.
  ///
  /// - Parameter quality: 1…100.
  public func jpeg(quality: Int = 90) throws -> Data {
    try Self.written("JPEG") {
      cimage_encode_jpeg(pixels, UInt32(width), UInt32(height), 3, Int32(quality), 0, 1, &$0)
    }
  }

  private static func written(
    _ format: String, _ write: (inout cimage_bytes) -> cimage_status
  ) throws(ImageWritingError) -> Data {
    var bytes = cimage_bytes()
    defer { cimage_free_bytes(&bytes) }
    guard write(&bytes) == CIMAGE_OK, let start = bytes.bytes else { throw ImageWritingError(format: format) }
    return Data(bytes: start, count: bytes.count)
  }
}
