import Foundation
import TestSupport
import Testing

@testable import Datasets

struct RawKinshipTests {
  private func row(
    _ number: Int, image: String? = nil, text: String? = nil, id: String? = nil, group: String? = nil
  ) -> RawRows.Row {
    var row = RawRows.Row(number: number)
    (row.image, row.text, row.id, row.group) = (image, text, id, group)
    return row
  }

  private func names(_ rows: [RawRows.Row], alike: [[Int]] = []) -> [String?] {
    RawKinship(count: rows.count, alike: alike) { rows[$0] }.names { rows[$0] }
  }

  @Test("samples of one picture, of one text but for its signs, and of pictures that look the same are kin")
  func kin() {
    var rows = (0..<20).map { row($0, image: "\($0).png", text: "some words, number \($0)") }
    rows[7].image = "./3.png"
    rows[9].text = "Some words: NUMBER 4!"
    let names = names(rows, alike: [[1, 2]])
    #expect(names[3] == names[7] && names[3] != nil)
    #expect(names[4] == names[9] && names[4] != nil)
    #expect(names[1] == names[2] && names[1] != nil)
    #expect(Set(names.compactMap { $0 }).count == 3 && names.compactMap { $0 }.count == 6)
  }

  @Test("groups stay as they are named, and what a fifth of all share is no kinship")
  func limits() {
    let rows = (0..<20).map { row($0, text: $0 < 8 ? "the same long text everywhere" : "text of number \($0)") }
    #expect(names(rows).allSatisfy { $0 == nil })
    let short = (0..<20).map { row($0, text: $0 < 2 ? "ok" : "text of number \($0)") }
    #expect(names(short).allSatisfy { $0 == nil })
    let grouped = (0..<20).map { row($0, text: "text of number \($0)", group: "film \($0 / 5)") }
    #expect(names(grouped) == (0..<20).map { "film \($0 / 5)" })
  }

  @Test("ids that begin alike are kin where no column says groups")
  func stems() {
    let rows = (0..<40).map { row($0, text: "text of number \($0)", id: "film\($0 / 4)_\($0 % 4)") }
    let names = names(rows)
    #expect(Dictionary(grouping: names.indices, by: { names[$0] }).values.allSatisfy { $0.count == 4 })
  }

  @Test("the names do not depend on the order of the rows")
  func order() {
    let rows = (0..<20).map { row($0, image: "\($0 % 15).png", id: "id\($0)") }
    let forth = names(rows)
    let back = names(rows.reversed())
    #expect(Array(back.reversed()) == forth)
  }

  @Test("a drawn split keeps copies together, says so, and is what it was where there are none")
  func drawn() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      let words = (0..<60).map { "words of sample number \($0 % 50)" }
      try made.write(
        "samples.csv",
        "id,text,label\n" + words.enumerated().map { "n\($0.offset),\($0.element),\($0.offset % 2)\n" }.joined())
      let data = try RawDataset(at: folder)
      for samples in Dictionary(grouping: data.samples, by: \.text).values {
        #expect(Set(samples.map(\.split)).count == 1)
      }
      #expect(data.notes.contains { $0.hasPrefix("20 rows in 10 sets of copies, near-copies or ids that begin alike") })
      // A look at pictures joins what it finds.
      try made.write(
        "samples.csv", "id,text,label\n" + (0..<60).map { "n\($0),\(words[$0]) \($0),\($0 % 2)\n" }.joined())
      let plain = try RawDataset(at: folder)
      #expect(plain.interpretations.isEmpty)
      let joined = try RawDataset(at: folder, alike: { count, _ in (0..<count / 2).map { [$0, $0 + count / 2] } })
      for place in 0..<30 { #expect(joined.samples.split(at: place) == joined.samples.split(at: place + 30)) }
    }
  }
}
