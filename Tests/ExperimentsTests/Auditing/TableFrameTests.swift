import Auditing
import Datasets
import Experiments
import Foundation
import Records
import TestSupport
import Testing

/// Data frames of predictions; `scripts/reference/predictions.py` made those that are read here.
@Suite("Predictions in Parquet and Arrow files", .enabled(if: ReadableFiles.arrow != nil))
struct TableFrameTests {
  private func file(_ name: String) -> URL { Conditions.golden("predictions/\(name)") }

  @Test(
    "lists, structs, one column for each class and files of Arrow are the table that they say",
    arguments: ["lists.parquet", "fixed-lists.parquet", "lists.arrow", "structs.parquet", "columns.parquet"])
  func forms(_ name: String) throws {
    let expected = try PredictionTable(reading: file("table.jsonl"))
    #expect(expected.grid?.index == [1, 4] && expected.classes == ["cat", "dog", "cow"])
    #expect(try PredictionTable(reading: file(name)) == expected)
  }

  @Test("what predict writes is a table once the truth is a column")
  func predict() throws {
    let expected = try PredictionTable(reading: file("table.jsonl"))
    let table = try PredictionTable(reading: file("predict-truth.parquet"))
    #expect(table.ids == expected.ids && table.labels == expected.labels && table.classes == expected.classes)
    #expect(table.conditions == ["full": try #require(expected.conditions["full"])])
    #expect(try PredictionTable(reading: file("predict.parquet"), needsLabels: false).labels == nil)
  }

  @Test("several labels as names and as yes and no, and one number a row of two classes")
  func otherTasks() throws {
    let names = try PredictionTable(reading: file("several.parquet"))
    #expect(names.severalLabels && names.classes == ["cat", "dog", "cow"])
    let ones = try PredictionTable(reading: file("several-ones.parquet"))
    #expect(ones.labels == names.labels)
    let binary = try PredictionTable(reading: file("binary.parquet"))
    #expect(binary.labels == .classes([1, 0, 1, 0, 1, 0]))
    #expect(binary.conditions["full"]?.values.prefix(4) == [0.25, 0.75, 0.75, 0.25])
  }

  @Test(
    "what does not fit is one sentence with the file, the column and the row",
    arguments: [
      ("predict.parquet", "there is no column 'truth'"),
      ("predict-error.parquet", "row 5 has no prediction: the picture cannot be read"),
      ("uneven.parquet", "'full' has 3 numbers, and 2 before, in row 1"),
      ("lacking.parquet", "'full' has no value in row 1"), ("unknown.parquet", "does not know the array 'path'"),
      ("one-class.parquet", "'missing:image' does not have one column for each class"),
      ("twice.parquet", "'label' and 'labels' say the same"),
    ])
  func refused(_ name: String, _ words: String) throws {
    let diagnosis = try #require(refusal { try PredictionTable(reading: file(name)) })
    #expect(diagnosis.what.contains(words), "\(diagnosis)")
    #expect(diagnosis.place?.contains(name) == true && diagnosis.exitStatus == .input, "\(diagnosis)")
  }

  @Test("a file that is no Parquet, and one that is cut off, are refused")
  func broken() throws {
    try withTemporaryFolder { folder in
      let whole = try Data(contentsOf: file("lists.parquet"))
      for (number, bytes) in [Data("PAR1 and no more".utf8), whole.prefix(whole.count - 20), Data()].enumerated() {
        let url = folder.appending(path: "\(number).parquet")
        try bytes.write(to: url)
        #expect(refusal { try PredictionTable(reading: url) }?.exitStatus == .input, "\(number)")
      }
      #expect(
        refusal { try PredictionTable(reading: folder.appending(path: "none.parquet")) }?.what.contains("no such file")
          == true)
    }
  }

  private func refusal(_ body: () throws -> PredictionTable) -> Diagnosis? {
    do {
      _ = try body()
      return nil
    } catch { return Diagnosis(describing: error) }
  }
}
