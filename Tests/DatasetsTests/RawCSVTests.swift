import Testing

@testable import Datasets

@Suite struct RawCSVTests {
  private func rows(_ text: String, delimiter: Character = ",") -> [[String]] {
    RawCSV(Array(text.utf8), delimiter: delimiter.asciiValue ?? 0).records
      .map { $0.fields.map { String(decoding: $0, as: UTF8.self) } }
  }
  private func lines(_ text: String) -> [Int] { RawCSV(Array(text.utf8), delimiter: 44).records.map(\.line) }

  @Test(
    "the usual and the unusual are read alike",
    arguments: [
      ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
      ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
      ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
      ("a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
      ("a,b\n\"1,5\",2\n", [["a", "b"], ["1,5", "2"]]),
      ("a\n\"x\ny\"\n", [["a"], ["x\ny"]]),
      ("a\r\n\"x\r\ny\"\r\n", [["a"], ["x\r\ny"]]),
      ("a,b\n\"he said \"\"no\"\"\",\"\"\"\"\n", [["a", "b"], ["he said \"no\"", "\""]]),
      ("a,b\n\"\",\"\"\n", [["a", "b"], ["", ""]]),
      ("a,b\n,\n", [["a", "b"], ["", ""]]),
      ("a,b\n1,", [["a", "b"], ["1", ""]]),
      ("a,b\n\"1\",", [["a", "b"], ["1", ""]]),
      ("a,b\n1,\"2\"", [["a", "b"], ["1", "2"]]),
      ("a\n\n \n1\n\n", [["a"], ["1"]]),
      ("a,b\n5\" pipe,2\n", [["a", "b"], ["5\" pipe", "2"]]),
      ("a,b\nx,\u{301}y\n", [["a", "b"], ["x", "\u{301}y"]]),
      ("a,b\n👩‍👩‍👧,é\n", [["a", "b"], ["👩‍👩‍👧", "é"]]),
      ("a,b\n1\n1,2,3\n", [["a", "b"], ["1"], ["1", "2", "3"]]),
      ("", []), ("\n\n", []),
    ])
  func reading(text: String, expected: [[String]]) {
    #expect(rows(text) == expected)
  }

  @Test("a record is numbered by the line it begins on, whatever the line endings")
  func lineNumbers() {
    #expect(lines("a\n\"x\ny\nz\"\n\nb\n") == [1, 2, 6])
    #expect(lines("a\r\n\"x\r\ny\"\r\nb\r\n") == [1, 2, 4])
    #expect(lines("a\r\"x\ry\"\rb") == [1, 2, 4])
  }

  @Test("text after a closing quote is a fault of its record alone")
  func textAfterQuote() {
    let csv = RawCSV(Array("a,b\n\"x\" y,2\n\"x\" ,3\n".utf8), delimiter: 44)
    #expect(csv.records.map { $0.fault != nil } == [false, true, false])
    #expect(csv.unclosedQuote == nil)
  }

  @Test("a quote that is never closed is found where it was opened")
  func unclosed() {
    #expect(RawCSV(Array("a\nb\n\"c\nd\n".utf8), delimiter: 44).unclosedQuote == 3)
  }

  @Test("semicolons and tabs are recognised by the header", arguments: [",", ";", "\t"])
  func delimiters(delimiter: Character) {
    let header = "image\(delimiter)\"a, b; c\td\"\(delimiter)label\n1,2,3,4,5;6"
    #expect(RawCSV.delimiter(of: Array(header.utf8)) == delimiter.asciiValue)
    #expect(RawCSV.delimiter(of: Array("label".utf8)) == 44)
  }
}
