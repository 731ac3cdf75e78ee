import Foundation
import Records

/// A body of `multipart/form-data` (RFC 7578), read in memory.
struct Multipart {
  struct Part: Equatable {
    var name: String
    var bytes: ArraySlice<UInt8>
  }

  /// More are no sample.
  static let mostParts = 1000

  let parts: [Part]

  /// - Parameter contentType: of the request, with the boundary between parts.
  /// - Throws: a ``Refused`` that says where the body is not of this form.
  init(_ body: [UInt8], contentType: String) throws {
    let boundary = try Self.parameter("boundary", of: contentType).map { Array("--\($0)".utf8) }
    guard let boundary, (3...72).contains(boundary.count) else {
      throw Refused(400, "the boundary of a multipart body is missing", place: "Content-Type")
    }
    var parts: [Part] = []
    guard var at = Self.find(boundary, in: body[...]) else {
      throw Refused(400, "the boundary that the header names is not in the body")
    }
    while true {
      var start = at + boundary.count
      if body[start...].starts(with: Array("--".utf8)) { break }
      // White space may follow a boundary.
      while start < body.count, body[start] == 0x20 || body[start] == 0x09 { start += 1 }
      guard body[start...].starts(with: [0x0D, 0x0A]) else { throw Self.broken(parts.count) }
      start += 2
      guard let end = Self.find([0x0D, 0x0A] + boundary, in: body[(start - 2)...]) else {
        throw Self.broken(parts.count)
      }
      guard parts.count < Self.mostParts else { throw Refused(400, "more than \(Self.mostParts) parts") }
      guard let part = try Self.part(body[start..<max(start, end)]) else { throw Self.broken(parts.count) }
      parts.append(part)
      at = end + 2
    }
    self.parts = parts
  }

  private static func broken(_ number: Int) -> Refused {
    Refused(400, "part \(number + 1) of the multipart body is cut short, or has no name")
  }

  /// Headers, an empty line, and what the part holds.
  private static func part(_ bytes: ArraySlice<UInt8>) throws -> Part? {
    guard let gap = find([0x0D, 0x0A, 0x0D, 0x0A], in: bytes), gap - bytes.startIndex <= 8192,
      let head = String(validating: bytes[..<gap], as: UTF8.self)
    else { return nil }
    var name: String?
    for line in head.split(separator: "\r\n") {
      let halves = line.split(separator: ":", maxSplits: 1)
      guard halves.count == 2 else { return nil }
      switch halves[0].lowercased() {
      case "content-disposition": name = try parameter("name", of: String(halves[1]))
      case "content-transfer-encoding":
        let encoding = halves[1].trimmingCharacters(in: .whitespaces).lowercased()
        guard ["binary", "8bit", "7bit"].contains(encoding) else {
          throw Refused(415, "a part is encoded as '\(encoding)'", remedy: "send the bytes as they are")
        }
      default: break
      }
    }
    return name.map { Part(name: $0, bytes: bytes[(gap + 4)...]) }
  }

  /// The value of `name=value` or `name="value"` behind a semicolon.
  private static func parameter(_ wanted: String, of header: String) throws -> String? {
    for piece in header.split(separator: ";").dropFirst() {
      let halves = piece.split(separator: "=", maxSplits: 1)
      guard halves.count == 2, halves[0].trimmingCharacters(in: .whitespaces).lowercased() == wanted else { continue }
      let value = halves[1].trimmingCharacters(in: .whitespaces)
      return value.count > 1 && value.hasPrefix("\"") && value.hasSuffix("\"")
        ? String(value.dropFirst().dropLast()) : value
    }
    return nil
  }

  /// Where some bytes are found first.
  private static func find(_ wanted: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    bytes.withUnsafeBytes { all in
      guard let base = all.baseAddress, let first = wanted.first else { return nil }
      var start = 0
      while start + wanted.count <= all.count {
        guard let hit = memchr(base + start, Int32(first), all.count - wanted.count - start + 1) else { return nil }
        start = UnsafeRawPointer(hit) - base
        if memcmp(hit, wanted, wanted.count) == 0 { return bytes.startIndex + start }
        start += 1
      }
      return nil
    }
  }
}
