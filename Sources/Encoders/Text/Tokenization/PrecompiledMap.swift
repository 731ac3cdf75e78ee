import Foundation

/// The table that SentencePiece keeps its normalization in: a double-array trie over bytes, and texts to replace by.
///
/// Layout: the trie's size in bytes (4, little-endian), its units (4 bytes each), then the texts, each ending in a zero.
struct PrecompiledMap: Sendable, Equatable {
  private let units: [UInt32]
  private let texts: [UInt8]

  /// Nil where the bytes are no such table.
  init?(_ data: Data) {
    let bytes = [UInt8](data)
    func number(_ at: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
    }
    guard bytes.count > 4 else { return nil }
    let size = Int(number(0))
    guard size > 0, size % 4 == 0, 4 + size <= bytes.count else { return nil }
    units = stride(from: 4, to: 4 + size, by: 4).map(number)
    texts = Array(bytes[(4 + size)...])
  }

  func callAsFunction(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var whole = String.UnicodeScalarView()
    whole.append(contentsOf: text)
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    // What people see as one letter is looked up as a whole where it is short, as the reference does; the shortest entry
    // that it begins with then stands for all of it.
    for letter in String(whole) {
      if letter.utf8.count < 6, let found = replacement(letter.utf8) {
        out += found
        continue
      }
      for scalar in letter.unicodeScalars {
        if let found = replacement(String(scalar).utf8) { out += found } else { out.append(scalar) }
      }
    }
    return out
  }

  /// What the shortest entry that begins the bytes is replaced by.
  private func replacement(_ bytes: some Sequence<UInt8>) -> [Unicode.Scalar]? {
    guard let root = units.first else { return nil }
    var node = Self.offset(root)
    for byte in bytes {
      guard byte != 0 else { return nil }
      node ^= Int(byte)
      guard units.indices.contains(node) else { return nil }
      let unit = units[node]
      guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
      node ^= Self.offset(unit)
      // A unit that a text ends at says where its value is.
      guard unit >> 8 & 1 == 1 else { continue }
      guard units.indices.contains(node) else { return nil }
      let start = Int(units[node] & 0x7FFF_FFFF)
      guard start <= texts.count else { return nil }
      return Array(String(decoding: texts[start...].prefix { $0 != 0 }, as: UTF8.self).unicodeScalars)
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 0x200) >> 6) }
}
