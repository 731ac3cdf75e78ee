import Foundation
import Records

/// How the text of a table is written in bytes.
struct TableEncoding: Equatable {
  let name: String
  private let encoding: String.Encoding
  /// Whether a byte is a character.
  private let isSingleByte: Bool

  private static let known: [(names: [String], encoding: String.Encoding, isSingleByte: Bool)] = [
    (["utf-8", "utf8"], .utf8, false), (["utf-16", "utf16", "unicode"], .utf16, false),
    (["windows-1252", "cp1252", "ansi"], .windowsCP1252, true),
    (["latin-1", "latin1", "iso-8859-1"], .isoLatin1, true),
    (["windows-1250", "cp1250"], .windowsCP1250, true), (["windows-1251", "cp1251"], .windowsCP1251, true),
    (["windows-1253", "cp1253"], .windowsCP1253, true), (["windows-1254", "cp1254"], .windowsCP1254, true),
    (["latin-2", "iso-8859-2"], .isoLatin2, true), (["iso-8859-15", "latin-9"], .init(rawValue: 0x8000_020F), true),
    (["koi8-r"], .init(rawValue: 0x8000_0A02), true), (["mac-roman"], .macOSRoman, true),
    (["shift-jis", "sjis", "cp932"], .shiftJIS, false), (["euc-jp"], .japaneseEUC, false),
    (["gb18030", "gbk", "gb2312"], .init(rawValue: 0x8000_0632), false),
    (["big5"], .init(rawValue: 0x8000_0A03), false), (["euc-kr", "cp949"], .init(rawValue: 0x8000_0940), false),
  ]

  static let utf8 = TableEncoding(name: "utf-8", encoding: .utf8, isSingleByte: false)
  static let utf16 = TableEncoding(name: "utf-16", encoding: .utf16, isSingleByte: false)

  private init(name: String, encoding: String.Encoding, isSingleByte: Bool) {
    (self.name, self.encoding, self.isSingleByte) = (name, encoding, isSingleByte)
  }

  /// The encoding of a name; nil where none is given.
  ///
  /// - Throws: a `Diagnosis` for a name that nobody knows.
  init?(named name: String) throws {
    guard !name.isEmpty else { return nil }
    guard let found = Self.known.first(where: { $0.names.contains { $0.tolerantKey == name.tolerantKey } }) else {
      throw Diagnosis(
        "the encoding '\(name)' is not known",
        found: ["known are \(Self.known.map(\.names[0]).joined(separator: ", "))"],
        exitStatus: .usage)
    }
    self.init(name: found.names[0], encoding: found.encoding, isSingleByte: found.isSingleByte)
  }

  /// The same text as UTF-8, without a byte-order mark; nil where the bytes are no such text.
  func utf8(_ bytes: Data) -> [UInt8]? {
    guard isSingleByte else {
      return String(data: bytes, encoding: encoding).map {
        Array(($0.hasPrefix("\u{FEFF}") ? String($0.dropFirst()) : $0).utf8)
      }
    }
    // Byte by byte: one that stands for nothing must not cost the others.
    let table = (0...255).map { byte -> [UInt8] in
      byte < 128
        ? [UInt8(byte)] : Array((String(data: Data([UInt8(byte)]), encoding: encoding) ?? "\u{FFFD}").utf8)
    }
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count + bytes.count / 8)
    for byte in bytes { text += table[Int(byte)] }
    return text
  }

  /// What bytes that are no UTF-8 seem to be, in words; nil where they look like nothing that is written.
  static func guess(_ bytes: some Sequence<UInt8>) -> String? {
    var (high, pairs, undefined) = (0, 0, 0)
    var last: UInt8 = 0
    for byte in bytes {
      if byte >= 0x80 {
        high += 1
        if last >= 0x80 { pairs += 1 }
        if [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains(byte) { undefined += 1 }
      }
      last = byte
    }
    guard high > 0 else { return nil }
    // Western letters with accents stand alone between plain ones; characters of two bytes stand in rows.
    if pairs * 2 > high { return "an encoding other than UTF-8, such as gb18030, shift-jis or windows-1251" }
    return undefined == 0 ? "Windows-1252" : nil
  }
}
