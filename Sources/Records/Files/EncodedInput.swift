package import Foundation

/// Pictures and sounds that are written as text: `data:image/png;base64,…`, or the base64 alone.
package enum EncodedInput {
  /// What the base64 of a JPEG, PNG, GIF, WebP, WAVE, BMP, TIFF, FLAC, Ogg or MP3 file begins with.
  private static let beginnings = [
    "/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR", "Qk", "SUkq", "TU0A", "ZkxhQ", "T2dnU", "SUQz",
  ]
  /// The path of a file is hardly as long, and has a dot before its ending.
  private static let shortest = 64

  /// Whether a text is such an input, and no path.
  package static func isOne(_ text: String) -> Bool {
    if text.hasPrefix("data:") { return true }
    guard text.utf8.count >= shortest, beginnings.contains(where: text.hasPrefix) else { return false }
    return text.utf8.prefix(4096).allSatisfy(isSign)
  }

  private static func isSign(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), 10, 13:
      true
    default: false
    }
  }

  /// The bytes that a text stands for.
  ///
  /// - Throws: a ``Diagnosis`` where it is not base64.
  package static func bytes(_ text: String) throws -> Data {
    var coded = text[...]
    if coded.hasPrefix("data:") {
      guard let comma = coded.firstIndex(of: ","), coded[..<comma].hasSuffix(";base64") else {
        throw Diagnosis("a data: address without ';base64,'", exitStatus: .input)
      }
      coded = coded[coded.index(after: comma)...]
    }
    guard let bytes = Data(base64Encoded: String(coded), options: .ignoreUnknownCharacters), !bytes.isEmpty else {
      throw Diagnosis("base64 that cannot be read", exitStatus: .input)
    }
    return bytes
  }
}
