import Foundation
import Records
import TestSupport
import Testing

@Suite("Lines of a stream")
struct LineReaderTests {
  private func lines(_ bytes: [UInt8], upTo count: Int = 100) throws -> [[LineReader.Line]] {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "input")
      try Data(bytes).write(to: url)
      let handle = try FileHandle(forReadingFrom: url)
      var reader = LineReader(descriptor: handle.fileDescriptor)
      var portions: [[LineReader.Line]] = []
      while let portion = try reader.next(upTo: count) { portions.append(portion) }
      return portions
    }
  }

  @Test("lines end with LF or CRLF, the last with neither, and a byte order mark is no part of the first")
  func endings() throws {
    let bytes: [UInt8] = [0xEF, 0xBB, 0xBF] + Array("a\r\n\nb\nç".utf8)
    #expect(try lines(bytes).flatMap { $0 } == [.text("a"), .text(""), .text("b"), .text("ç")])
    #expect(try lines(Array("a\n".utf8)) == [[.text("a")]])
    #expect(try lines([]).isEmpty)
  }

  @Test("no more lines are given than are asked for, and none is lost")
  func portions() throws {
    let found = try lines(Array((1...5).map { "\($0)\n" }.joined().utf8), upTo: 2)
    #expect(found.map(\.count) == [2, 2, 1])
    #expect(found.flatMap { $0 } == (1...5).map { .text("\($0)") })
  }

  @Test("a line longer than a portion is put together")
  func long() throws {
    let text = String(repeating: "x", count: 200_000)
    #expect(try lines(Array((text + "\nend\n").utf8)).flatMap { $0 } == [.text(text), .text("end")])
  }

  @Test("a line beyond the limit is passed over, the next is read")
  func tooLong() throws {
    let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: LineReader.limit + 1) + Array("\nend\n".utf8)
    #expect(try lines(bytes).flatMap { $0 } == [.tooLong, .text("end")])
  }

  @Test("bytes that are no text say so in their place")
  func notText() throws {
    #expect(try lines([0xFF, 0x0A, 0x61]).flatMap { $0 } == [.notText, .text("a")])
  }
}
