import Records
import Testing

@Suite("Findings in the files of a data set")
struct LayoutFindingsTests {
  @Test("cases that differ only in names, places and numbers are one finding; the largest comes first")
  func groups() {
    let cases = [
      ("a.jsonl:1", "has no label"), ("a.jsonl:2", "there is no picture 'x.png'"),
      ("a.jsonl:3", "there is no picture 'y.png'"), ("b.jsonl:1", "the id '7' is taken by a.jsonl:3"),
      ("b.jsonl:2", "there is no picture 'it is'"), ("line 9", "has 3 fields where the header has 5"),
    ]
    let found = LayoutFindings.groups(of: cases.map { (place: $0.0, reason: $0.1) }, examples: 2)
    #expect(
      found.map { "\($0.count) \($0.what)" } == [
        "3 there is no picture …", "1 has no label", "1 the id … is taken by …",
        "1 has … fields where the header has …",
      ])
    #expect(found[0].examples == ["a.jsonl:2: there is no picture 'x.png'", "a.jsonl:3: there is no picture 'y.png'"])
  }
}
