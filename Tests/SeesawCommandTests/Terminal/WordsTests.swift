import Experiments
import Records
import Testing

@testable import SeesawCommand

@Suite("Words and figures")
struct WordsTests {
  @Test("a word stands right in its column, a longer one before its sentence")
  func phase() {
    #expect(Words.phase("Data", "emoji · 3 train") == "     Data  emoji · 3 train")
    #expect(Words.phase("Training", "x") == " Training  x")
    #expect(Words.phase("Calibrating", "x") == "Calibrating  x")
    #expect(Words.phase("Done", "") == "     Done")
  }

  @Test(
    "counts have commas",
    arguments: [(0, "0"), (999, "999"), (1128, "1,128"), (1_000_000, "1,000,000"), (-4096, "-4,096")])
  func count(_ number: Int, _ words: String) { #expect(Words.count(number) == words) }

  @Test(
    "durations read as they are spoken",
    arguments: [
      (-1, "0.0 s"), (0.04, "0.0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (36.4, "36 s"), (59.6, "1 min"),
      (125, "2 min 5 s"), (3600, "1 h"), (3780, "1 h 3 min"), (7199, "2 h"),
    ])
  func duration(_ seconds: Double, _ words: String) { #expect(Words.duration(seconds) == words) }

  @Test("nouns agree with their number")
  func plural() {
    #expect(Words.plural(1, "sample") == "1 sample")
    #expect(Words.plural(2000, "sample") == "2,000 samples")
    #expect(Words.plural(0, "sample") == "0 samples")
  }

  @Test("percent has one decimal and no negative zero")
  func percent() {
    #expect(Words.percent(0.8031) == "80.3")
    #expect(Words.percent(-0.0001) == "0.0")
    #expect(Words.figure(.nan) == "–")
    #expect(Words.figure(0.1234567) == "0.123457")
  }

  @Test("lists have commas and one 'and'")
  func list() {
    #expect(Words.list([]) == "")
    #expect(Words.list(["a"]) == "a")
    #expect(Words.list(["a", "b"]) == "a and b")
    #expect(Words.list(["a", "b", "c"]) == "a, b and c")
  }

  private static func summary() throws -> EncodeSummary {
    let tree: Tree = [
      "folder": "my-data", "alreadyDone": false, "counts": ["test": 317, "train": 1128, "validation": 156],
      "widths": ["text": 256, "image": 128], "conditions": ["full", "image-missing", "text-noisy"], "quarantined": 2,
      "notes": [], "seconds": 12.4,
    ]
    return try tree.decode(keys: .asNamed)
  }

  @Test("what encoding made is told in a line each")
  func encoding() throws {
    var summary = try Self.summary()
    #expect(
      Words.contents(summary)
        == "1,128 train, 156 validation, 317 test · image 128, text 256 wide · image-missing, text-noisy")
    summary.forms = ["image": "64 × 64 pixels"]
    #expect(Words.contents(summary).contains(" · text 256 wide, image 64 × 64 pixels · "))
    #expect(Words.made(summary) == "my-data   12 s")
    #expect(Words.quarantined(summary) == "2 samples left out: my-data/quarantine.jsonl says which and why")
    summary.alreadyDone = true
    summary.quarantined = 0
    #expect(Words.made(summary) == "already done: my-data, --again to repeat")
    #expect(Words.quarantined(summary) == nil)
  }

  @Test("the last line names the files that were made")
  func made() {
    #expect(Words.made(["a/results.json", "a/table.md"], seconds: 96) == "a/results.json, a/table.md   1 min 36 s")
    #expect(Words.made(["a"]) == "a")
  }
}
