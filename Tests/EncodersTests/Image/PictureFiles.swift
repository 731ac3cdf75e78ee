import CImage
import Foundation
import Multimodal

/// Files of pictures for tests, also of kinds that the library does not write.
enum PictureFiles {
  /// A picture in which every pixel can be told from its neighbours, smooth enough for JPEG.
  static func gradient(width: Int, height: Int) -> RGBImage {
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        pixels += [
          UInt8(x * 255 / max(width - 1, 1)), UInt8(y * 255 / max(height - 1, 1)), UInt8((x + y) % 2 * 20 + 90),
        ]
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  static let goldenFolder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Golden/pictures").standardized

  /// A file that Pillow wrote, or reads.
  static func golden(_ name: String) throws -> Data { try Data(contentsOf: goldenFolder.appending(path: name)) }

  static func jpeg(
    _ pixels: [UInt8], width: Int, height: Int, channels: Int, quality: Int = 95, progressive: Bool = false,
    orientation: Int = 1
  ) -> Data {
    file {
      cimage_encode_jpeg(
        pixels, UInt32(width), UInt32(height), Int32(channels), Int32(quality), progressive ? 1 : 0,
        Int32(orientation), &$0)
    }
  }

  static func png<Sample: FixedWidthInteger>(_ pixels: [Sample], width: Int, height: Int, channels: Int) -> Data {
    pixels.withUnsafeBytes { bytes in
      file {
        cimage_encode_png(
          bytes.baseAddress, UInt32(width), UInt32(height), Int32(channels), Int32(MemoryLayout<Sample>.size * 8), &$0)
      }
    }
  }

  static func webp(_ pixels: [UInt8], width: Int, height: Int, channels: Int, quality: Float = 101) -> Data {
    file { cimage_encode_webp(pixels, UInt32(width), UInt32(height), Int32(channels), quality, &$0) }
  }

  private static func file(_ write: (inout cimage_bytes) -> cimage_status) -> Data {
    var bytes = cimage_bytes()
    defer { cimage_free_bytes(&bytes) }
    guard write(&bytes) == CIMAGE_OK, let start = bytes.bytes else { return Data() }
    return Data(bytes: start, count: bytes.count)
  }

  /// A PNG from its parts, with the pixels stored uncompressed: for the kinds that the library does not write.
  ///
  /// - Parameters:
  ///   - colour: the colour type of the header.
  ///   - lines: each with its filter byte in front.
  ///   - chunks: further chunks before the pixels, such as `PLTE`.
  static func png(
    width: Int, height: Int, depth: UInt8, colour: UInt8, interlaced: Bool = false, chunks: [(String, [UInt8])] = [],
    lines: [[UInt8]]
  ) -> Data {
    let raw = lines.flatMap { $0 }
    let length = [UInt8(raw.count & 255), UInt8(raw.count >> 8)]
    let (a, b) = raw.reduce((1, 0)) { sums, byte in
      let a = (sums.0 + Int(byte)) % 65521
      return (a, (sums.1 + a) % 65521)
    }
    let stored: [UInt8] = [0x78, 0x01, 1] + length + length.map { ~$0 } + raw + big(UInt32(b << 16 | a))
    var data = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    let header = big(UInt32(width)) + big(UInt32(height)) + [depth, colour, 0, 0, interlaced ? 1 : 0]
    for (name, content) in [("IHDR", header)] + chunks + [("IDAT", stored), ("IEND", [])] {
      let body = Array(name.utf8) + content
      data.append(contentsOf: big(UInt32(content.count)) + body + big(checksum(body)))
    }
    return data
  }

  private static func big(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0 as UInt32) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
  }
}
