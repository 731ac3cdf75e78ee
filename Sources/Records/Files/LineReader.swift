import Foundation

/// Lines of a stream as they come, in constant memory.
package struct LineReader {
  package enum Line: Equatable {
    case text(String)
    /// More bytes than ``LineReader/limit``; they are passed over.
    case tooLong
    case notText
  }

  /// The longest line in bytes.
  package static let limit = 16 << 20
  private static let portion = 1 << 16

  private let descriptor: Int32
  private var lines: [Line] = []
  private var rest: [UInt8] = []
  private var isSkipping = false
  private var isAtEnd = false
  private var isFirst = true
  /// What was read before, to be taken first.
  private var beginning: [UInt8]

  /// - Parameter beginning: what was read of the stream already.
  package init(descriptor: Int32, after beginning: [UInt8] = []) {
    self.descriptor = descriptor
    self.beginning = beginning
  }

  /// At least one line, and of what has arrived at most so many; nil at the end.
  package mutating func next(upTo count: Int) throws -> [Line]? {
    while lines.isEmpty, !isAtEnd { try read() }
    guard !lines.isEmpty else { return nil }
    let portion = Array(lines.prefix(count))
    lines.removeFirst(portion.count)
    return portion
  }

  private mutating func read() throws {
    var buffer = beginning.isEmpty ? [UInt8](repeating: 0, count: Self.portion) : beginning
    let count = beginning.isEmpty ? Foundation.read(descriptor, &buffer, buffer.count) : beginning.count
    beginning = []
    if count < 0 {
      if errno == EINTR { return }
      throw Diagnosis("standard input cannot be read", found: [String(cString: strerror(errno))], exitStatus: .input)
    }
    guard count > 0 else {
      isAtEnd = true
      if isSkipping || !rest.isEmpty { end() }
      return
    }
    var new = buffer[..<count]
    while let newline = new.firstIndex(of: UInt8(ascii: "\n")) {
      take(new[..<newline])
      end()
      new = new[(newline + 1)...]
    }
    take(new)
  }

  private mutating func take(_ bytes: ArraySlice<UInt8>) {
    guard !isSkipping else { return }
    if rest.count + bytes.count > Self.limit {
      isSkipping = true
      rest = []
    } else {
      rest += bytes
    }
  }

  private mutating func end() {
    defer {
      rest = []
      isSkipping = false
      isFirst = false
    }
    if isSkipping {
      lines.append(.tooLong)
      return
    }
    if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
    if isFirst, rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest.removeFirst(3) }
    lines.append(String(validating: rest, as: UTF8.self).map(Line.text) ?? .notText)
  }
}
