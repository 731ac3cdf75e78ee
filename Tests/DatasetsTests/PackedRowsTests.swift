import Foundation
import Records
import TestSupport
import Testing

@testable import Datasets

@Suite struct PackedRowsTests {
  /// A row with everything that a row can have, and one with nothing.
  private func row(_ number: Int, text: String = "words and 字") -> RawRows.Row {
    var row = RawRows.Row(number: number)
    guard number % 3 > 0 else { return row }
    row.file = number % 2 == 0 ? "train.csv" : "test.csv"
    row.id = "id \(number)"
    row.image = "images/\(number).png"
    row.frames = (0..<(number % 4)).map { "frame \($0)" }
    row.text = number % 5 == 0 ? "" : text
    row.audio = "\(number).wav"
    row.split = "train"
    row.group = "film"
    row.fault = number % 7 == 0 ? "is odd" : nil
    row.labels = (0..<(number % 4)).map { "class \($0)" }
    return row
  }

  @Test("rows come out as they went in, from memory and from the file", arguments: [1, 500, 1 << 20])
  func rows(portion: Int) {
    let expected = (0..<300).map { row($0) }
    let packed = PackedRows(expected, portion: portion)
    #expect(packed.count == 300)
    for (one, other) in zip(packed, expected) { #expect("\(one)" == "\(other)") }
    // In any order.
    for place in [299, 0, 150, 1] { #expect("\(packed[place])" == "\(expected[place])") }
    #expect(packed.haveSplits && !PackedRows([row(0), row(3)]).haveSplits)
  }

  @Test("long texts stay out of memory: a row takes the place where it begins")
  func memory() {
    let packed = PackedRows(portion: 1 << 16)
    let text = String(repeating: "long ", count: 200)
    for number in 0..<4_000 { packed.append(row(number, text: text)) }
    // Arrays have up to twice the room that they need.
    #expect(packed.bytesInMemory < 4_000 * 16 + (1 << 18))
    #expect(packed[3_998].text == text)
  }

  @Test("a table longer than the window is read to its end, whatever lies across the border")
  func window() throws {
    try withTemporaryFolder { folder in
      let text = String(repeating: "é\"\"x\r\n", count: 4_000)
      let lines = (0..<120).map { "\($0),\"\(text)\",\($0 % 2 == 0 ? "x" : "y")\n" }
      let file = folder.appending(path: "samples.csv")
      try Data(("\u{feff}id,text,label\n" + lines.joined()).utf8).write(to: file)
      let data = try RawDataset(at: file)
      #expect(data.samples.map(\.id) == (0..<120).map { "\($0)" })
      let plain = text.replacing("\"\"", with: "\"")
      #expect(data.samples.allSatisfy { $0.text == plain })
      #expect(data.samples[1].row == 2 + 4_001)
      let objects = (0..<120).map {
        #"{"id": \#($0), "text": "\#(String(repeating: "é", count: 9_000))", "label": \#($0 % 2)}"#
      }
      let other = folder.appending(path: "samples.jsonl")
      try Data(objects.joined(separator: "\n").utf8).write(to: other)
      let read = try RawDataset(at: other)
      #expect(read.samples.map(\.row) == Array(1...120) && read.samples.allSatisfy { $0.text?.count == 9_000 })
    }
  }

  @Test("what names the rows of a cache takes at most 20 bytes a row")
  func index() {
    var index = RowIndex()
    let keys = (0..<55_000).map { RowKey(nil, condition: "\($0)") }
    for key in keys { index.append(key) }
    #expect(index.bytesInMemory <= 55_000 * 20)
    for number in stride(from: 0, to: 55_000, by: 997) { #expect(index.candidates(keys[number]).contains(number)) }
    #expect(index.candidates(RowKey(nil, condition: "other")).count < 2)
    // The same key twice: the first comes first, also after the table has grown.
    for _ in 0..<3 { index.append(keys[7]) }
    for number in 0..<60_000 { index.append(RowKey(nil, condition: "more \(number)")) }
    #expect(index.candidates(keys[7]).prefix(4) == [7, 55_000, 55_001, 55_002])
  }
}
