import Auditing
import Experiments
import Foundation
import Records
import TestSupport
import Testing
import Torch

/// Files of predictions, read and refused.
@Suite("Files of predictions")
struct TableFileTests {
  /// What is refused, and with which words.
  struct Malformed: CustomTestStringConvertible, Sendable {
    let lines: String
    let words: String
    var testDescription: String { words }
  }

  private func read(_ text: String, needsLabels: Bool = true) throws -> PredictionTable {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "predictions.jsonl")
      try Data(text.utf8).write(to: url)
      return try PredictionTable(reading: url, needsLabels: needsLabels)
    }
  }

  private func refusal(_ body: () throws -> PredictionTable) -> Diagnosis? {
    do {
      _ = try body()
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  private static let lines = """
    {"classes": ["cat", "dog"], "modalities": ["text", "image"], "prior": [0.6, 0.4]}
    {"id": "a", "label": "cat", "group": "g", "full": [0.9, 0.1], "missing:image": {"dog": 0.2, "cat": 0.8}, \
    "swap:text:0": [0.5, 0.5], "swap:text:0:index": 1, "logits/only:text": [1, -1], "grid": [[1, 0], [0.5, 0.5]], \
    "embedding:image": [1, 2, 3]}
    {"id": "b", "label": "dog", "group": "h", "full": [0.3, 0.7], "missing:image": {"dog": 1, "cat": 0}, \
    "swap:text:0": [0.1, 0.9], "swap:text:0:index": 0, "logits/only:text": [0, 2], "grid": [[0, 1], [0.25, 0.75]], \
    "embedding:image": [4, 5, 6.5]}

    """

  @Test("JSON lines become the table that they describe")
  func lines() throws {
    let table = try read(Self.lines)
    #expect(table.ids == ["a", "b"])
    #expect(table.classes == ["cat", "dog"])
    #expect(table.modalities == ["text", "image"])
    #expect(table.labels == .classes([0, 1]))
    #expect(table.groups == ["g", "h"])
    #expect(table.prior == [0.6, 0.4])
    #expect(table.conditions["full"]?.values == [0.9, 0.1, 0.3, 0.7])
    #expect(table.conditions["missing:image"]?.values == [0.8, 0.2, 0, 1])
    #expect(table.conditions["only:text"]?.kind == .logits)
    #expect(table.swaps.map(\.index) == [[1, 0]])
    #expect(table.grid?.index == [0, 1])
    #expect(table.embeddings == ["image": .init(width: 3, values: [1, 2, 3, 4, 5, 6.5])])
    #expect(table.grid?.scores.values == [1, 0, 0.5, 0.5, 0, 1, 0.25, 0.75])
  }

  @Test("a table that is written is read as it was, number for number")
  func roundTrip() throws {
    let table = try read(Self.lines)
    try withTemporaryFolder { folder in
      let url = folder.appending(path: PredictionTable.fileName)
      try table.write(to: url)
      #expect(try PredictionTable(reading: url) == table)
    }
  }

  @Test("grids of three modalities stand in the lines of their rows, and are read as they were written")
  func threeModalities() throws {
    let lines = (0..<3).map { row in
      let grid =
        row == 1 ? "" : (["a", "b", "c"].map { #", "grid:\#($0)": [[1, 0], [0.\#(row)5, 0.\#(9 - row)5]]"# }).joined()
      let partners = row == 1 ? "" : #", "grid:partners": [\#(row), \#(2 - row), \#(row)]"#
      return #"{"label": \#(row % 2), "full": [0.5, 0.5]\#(grid)\#(partners)}"#
    }
    let table = try read(lines.joined(separator: "\n") + "\n")
    #expect(table.modalities == ["a", "b", "c"] && table.grid == nil)
    let grids = try #require(table.grids)
    #expect(grids.index == [0, 2] && grids.partners == [[0, 2, 0], [2, 0, 2]])
    #expect(grids.scores["b"]?.values == [1, 0, 0.05, 0.95, 1, 0, 0.25, 0.75])
    try withTemporaryFolder { folder in
      let url = folder.appending(path: PredictionTable.fileName)
      try table.write(to: url)
      #expect(try PredictionTable(reading: url) == table)
    }
  }

  @Test("several labels a row, as a matrix and as names, are the same")
  func severalLabels() throws {
    let table = try read(
      """
      {"classes": ["a", "b", "c"]}
      {"label": ["a", "c"], "full": [0.9, 0.2, 0.8]}
      {"label": [], "full": [0.1, 0.2, 0.3]}
      """)
    #expect(table.severalLabels)
    #expect(table.labels == .several([true, false, true, false, false, false]))
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "several.safetensors")
      try table.write(to: url)
      #expect(try PredictionTable(reading: url) == table)
    }
  }

  @Test("one number a row is the second of two classes, a logit too")
  func binary() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "binary.safetensors")
      try SafeTensors.write(
        [
          ("labels", try Tensor([1, 0], shape: [2])), ("full", try Tensor([0.75, 0.25], shape: [2])),
          ("logits/missing:image", try Tensor([2.0, -1.0], shape: [2, 1])),
        ], to: url)
      let table = try PredictionTable(reading: url)
      #expect(table.classes == ["0", "1"])
      #expect(table.conditions["full"]?.values == [0.25, 0.75, 0.75, 0.25])
      #expect(table.conditions["missing:image"]?.values == [0, 2, 0, -1])
    }
  }

  @Test("modalities are those that conditions name: image, text, audio, then by the alphabet")
  func modalities() throws {
    let table = try read(
      #"{"label": 0, "full": [1, 0], "missing:text": [1, 0], "noisy:depth": [1, 0], "only:image+audio": [1, 0]}"# + "\n"
    )
    #expect(table.modalities == ["image", "text", "audio", "depth"])
  }

  @Test("labels may be lacking where that is said")
  func unlabelled() throws {
    let text = #"{"full": [1, 0], "missing:text": [1, 0]}"# + "\n"
    #expect(refusal { try read(text) }?.what == "there is no array 'labels'")
    #expect(try read(text, needsLabels: false).labels == nil)
  }

  static let malformed: [Malformed] = [
    Malformed(lines: "", words: "the file has no rows"),
    Malformed(lines: "[1]", words: "the line is not a JSON object"),
    Malformed(lines: "{\"label\": 0", words: "a ',' or '}' is missing"),
    Malformed(lines: #"{"label": 0, "missing:image": [1, 0]}"#, words: "there is no array 'full'"),
    Malformed(lines: #"{"label": 0, "full": [1, 0], "mising": [1, 0]}"#, words: "does not know the array 'mising'"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0], "logits/full": [1, 0]}"#, words: "both as probabilities and as logits"),
    Malformed(lines: #"{"label": 0, "full": [0.5, 0.9]}"#, words: "add up to 1.4"),
    Malformed(lines: #"{"label": 0, "full": [NaN, 0.9]}"#, words: "row 0 of 'full' has nan"),
    Malformed(lines: #"{"label": 0, "full": ["a", 0.9]}"#, words: "'full' holds 'a', not a number"),
    Malformed(lines: #"{"label": 5, "full": [0.5, 0.5]}"#, words: "row 0 of 'labels' is class 5"),
    Malformed(lines: #"{"label": 0, "full": {"a": 1}}"#, words: "the order of classes is not known"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0]}"# + "\n" + #"{"label": 0, "full": [1, 0, 0]}"#,
      words: "'full' has 3 numbers, and 2 in the first line"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0]}"# + "\n" + #"{"label": 0}"#, words: "'full' is not in this line"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0]}"# + "\n" + #"{"label": 0, "full": [1, 0], "none": [1, 0]}"#,
      words: "'none' is in this line and not in the first"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0], "swap:image:0": [1, 0]}"#,
      words: "'swap:image:0' has no 'swap:image:0:index'"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0], "swap:image:0": [1, 0], "swap:image:0:index": 7}"#,
      words: "row 0 of 'swap:image:0:index' is 7"),
    Malformed(
      lines: #"{"classes": ["a", "a"]}"# + "\n" + #"{"label": 0, "full": [1, 0]}"#, words: "'a' is named twice"),
    Malformed(
      lines: #"{"classes": ["a"]}"# + "\n" + #"{"label": 0, "full": [1, 0]}"#,
      words: "'classes' names 1 classes, and 'full' has 2"),
    Malformed(
      lines: #"{"classes": ["a", "b"]}"# + "\n" + #"{"label": "c", "full": [1, 0]}"#, words: "is 'c', which is no class"
    ),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0], "missing:image": [1, 0], "grid": [[1, 0], [1, 0]]}"#,
      words: "'grid' has 2 cells, and 1 rows have one"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0], "missing:a": [1, 0], "missing:b": [1, 0], "grid:c": [[1, 0]]}"#,
      words: "'grid:c' has no 'grid:partners'"),
    Malformed(
      lines: #"{"label": 0, "full": [1, 0], "missing:c": [1, 0], "grid:a": [[1, 0]], "grid:b": [[1, 0]], "#
        + #""grid:partners": [0, 0]}"#,
      words: "'grid:partners' has the shape [1, 2]"),
    Malformed(
      lines: #"{"modalities": ["text"]}"# + "\n" + #"{"label": 0, "full": [1, 0], "missing:image": [1, 0]}"#,
      words: "'missing:image' names a modality that is not there"),
  ]

  @Test("what does not fit is one sentence with the file and the array", arguments: malformed)
  func refused(_ case: Malformed) throws {
    let diagnosis = try #require(refusal { try read(`case`.lines + "\n") })
    #expect(diagnosis.what.contains(`case`.words), "\(diagnosis)")
    #expect(diagnosis.place?.contains("predictions.jsonl") == true, "\(diagnosis)")
    #expect(diagnosis.exitStatus == .input)
  }

  @Test("a file of another kind, a folder and nothing at all are refused")
  func otherFiles() throws {
    try withTemporaryFolder { folder in
      let text = folder.appending(path: "predictions.txt")
      try Data("x".utf8).write(to: text)
      #expect(refusal { try PredictionTable(reading: text) }?.what.contains("not .txt") == true)
      let none = folder.appending(path: "none.npz")
      #expect(refusal { try PredictionTable(reading: none) }?.what == "no such file or folder")
      let pickle = folder.appending(path: "a.npz")
      try Data([0x80, 4, 1, 2]).write(to: pickle)
      #expect(refusal { try PredictionTable(reading: pickle) }?.what.contains("Python objects") == true)
    }
  }
}
