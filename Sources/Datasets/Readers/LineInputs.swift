import Foundation
import Records

/// Pictures and sounds that are written as base64 in JSON lines: `samples.jsonl:17:image`, the value on line 17.
///
/// A line is read again when its input is asked for; where lines begin is found out once, the first time.
final class LineInputs: StoredInputs, @unchecked Sendable {
  private let lock = NSLock()
  private var files: [String: URL] = [:]
  private var starts: [String: [Int]] = [:]
  private var stamps: [String: String] = [:]

  static func name(_ file: String, _ line: Int, _ column: String, _ element: Int?) -> String {
    "\(file):\(line):\(column)" + (element.map { "[\($0)]" } ?? "")
  }

  func add(_ file: String, _ url: URL) {
    lock.withLock {
      files[file] = url
      stamps[file] = FileStamp(url.path(percentEncoded: false)).words
    }
  }

  var isEmpty: Bool { lock.withLock { files.isEmpty } }

  private struct Parts {
    let file: String
    let line: Int
    let column: String
  }

  private func parts(_ name: String) -> Parts? {
    let words = name.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    // The names of files and columns may have colons in them too.
    for place in words.indices.dropFirst().dropLast() {
      let file = words[..<place].joined(separator: ":")
      guard let line = Int(words[place]), line > 0, files[file] != nil else { continue }
      return Parts(file: file, line: line, column: words[(place + 1)...].joined(separator: ":"))
    }
    return nil
  }

  func holds(_ name: String) -> Bool { lock.withLock { parts(name) != nil } }

  func stamp(of name: String) -> String {
    lock.withLock { parts(name).flatMap { stamps[$0.file] } ?? "" }
  }

  func bytes(of name: String, limit: Int) throws -> Data {
    guard let (parts, url, start) = try lock.withLock({ try located(name) }) else {
      throw Diagnosis("there is no such value", place: name, exitStatus: .input)
    }
    do {
      let file = try FileHandle(forReadingFrom: url)
      try file.seek(toOffset: UInt64(start))
      var line = Data()
      while line.count <= LineReader.limit, let portion = try file.read(upToCount: 1 << 18), !portion.isEmpty {
        guard let end = portion.firstIndex(of: UInt8(ascii: "\n")) else {
          line += portion
          continue
        }
        line += portion[..<end]
        break
      }
      if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
      let table = try Tree(json: String(decoding: line, as: UTF8.self)).tableValue ?? [:]
      guard let text = Self.value(parts.column, in: table) else {
        throw Diagnosis("the file changed since it was read", exitStatus: .input)
      }
      let bytes = try EncodedInput.bytes(text)
      guard bytes.count <= limit else {
        throw Diagnosis(
          "the value is too long: \(bytes.count) bytes, where at most \(limit) are read", exitStatus: .input)
      }
      return bytes
    } catch { throw Diagnosis(describing: error).placed(in: name) }
  }

  /// The text of a column, or of an element of its list.
  private static func value(_ column: String, in table: [String: Tree]) -> String? {
    if let text = table[column]?.stringValue { return text }
    guard column.hasSuffix("]"), let mark = column.lastIndex(of: "["),
      let element = Int(column[mark...].dropFirst().dropLast()), let list = table[String(column[..<mark])]?.listValue,
      list.indices.contains(element)
    else { return nil }
    return list[element].stringValue
  }

  private func located(_ name: String) throws -> (Parts, URL, Int)? {
    guard let parts = parts(name), let url = files[parts.file] else { return nil }
    if starts[parts.file] == nil { starts[parts.file] = try Self.starts(of: url) }
    guard let all = starts[parts.file], parts.line <= all.count else { return nil }
    return (parts, url, all[parts.line - 1])
  }

  /// Where each line begins.
  private static func starts(of url: URL) throws -> [Int] {
    let file = try FileHandle(forReadingFrom: url)
    var starts = [0]
    var place = 0
    while let portion = try file.read(upToCount: 1 << 20), !portion.isEmpty {
      portion.withUnsafeBytes { bytes in
        for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(place + offset + 1) }
      }
      place += portion.count
    }
    return starts
  }
}
