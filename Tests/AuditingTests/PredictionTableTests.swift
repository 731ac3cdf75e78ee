import Records
import Testing

@testable import Auditing

struct PredictionTableTests {
  private func scores(_ values: [Double], rows: Int = 2) throws -> AnswerTable {
    try AnswerTable(rows: rows, classes: values.count / rows, values: values, name: "full")
  }

  private func refusal(_ body: () throws -> Void) -> Diagnosis? {
    do {
      try body()
      return nil
    } catch { return error as? Diagnosis }
  }

  @Test("numbers that are none, out of range or do not add up are refused, with their row")
  func scores() throws {
    let nan = try #require(refusal { _ = try scores([0.5, 0.5, .nan, 1]) })
    #expect(nan.what.contains("row 1") && nan.what.contains("nan") && nan.exitStatus == .input)
    let sum = try #require(refusal { _ = try scores([0.5, 0.5, 0.5, 0.6]) })
    #expect(sum.what.contains("row 1 of 'full'") && sum.what.contains("1.1"))
    #expect(refusal { _ = try scores([0.5, 0.5, 1.5, -0.5]) } != nil)
    #expect(refusal { _ = try AnswerTable(rows: 2, classes: 2, values: [1]) } != nil)
    #expect(refusal { _ = try AnswerTable(rows: 1, classes: 2, kind: .logits, values: [7, -.infinity]) } != nil)
    // Rounding to single precision, and labels that do not exclude each other.
    _ = try scores([0.33333, 0.66666, 1, 0])
    _ = try AnswerTable(rows: 1, classes: 2, values: [0.9, 0.9], severalLabels: true)
  }

  @Test("arrays that do not fit the rows, the classes or the modalities are refused by name")
  func fitting() throws {
    let full = try scores([1, 0, 0, 1])
    func refused(
      _ labels: PredictionTable.Labels?, _ conditions: [String: AnswerTable], swaps: [PredictionTable.Swap] = []
    )
      -> Diagnosis?
    {
      refusal {
        _ = try PredictionTable(
          classes: ["a", "b"], modalities: ["image", "text"], labels: labels, conditions: conditions, swaps: swaps)
      }
    }
    #expect(refused(.classes([0, 1]), [:])?.what.contains("'full' is missing") == true)
    #expect(refused(.classes([0]), ["full": full])?.place == "labels")
    #expect(refused(.classes([0, 2]), ["full": full])?.what.contains("row 1 of 'labels' is class 2") == true)
    let odd = refused(.classes([0, 1]), ["full": full, "missing:sound": full])
    #expect(odd?.what.contains("'missing:sound'") == true && odd?.found.first?.contains("'image', 'text'") == true)
    let short = refused(.classes([0, 1]), ["full": full, "alone:image": try scores([1, 0], rows: 1)])
    #expect(short?.place == "alone:image")
    let swap = PredictionTable.Swap(modality: "image", k: 0, index: [0, 2], scores: full)
    #expect(
      refused(.classes([0, 1]), ["full": full], swaps: [swap])?.what.contains("'swap:image:0:index' is 2") == true)
    #expect(refused(.several([true, false, true, true]), ["full": full]) == nil)
    let grid = PredictionTable.Grid(index: [0, 1], scores: full)
    #expect(
      refusal {
        _ = try PredictionTable(
          classes: ["a", "b"], modalities: ["image", "text"], labels: nil, conditions: ["full": full], grid: grid)
      }?.place == "grid")
  }

  @Test("an AUROC of three classes is refused")
  func metric() throws {
    let table = try PredictionTable(
      classes: ["a", "b", "c"], modalities: ["image", "text"], labels: .classes([0]),
      conditions: ["full": scores([1, 0, 0], rows: 1)])
    #expect(refusal { _ = try Audit.measure(table, options: AuditOptions(metric: .auroc)) }?.exitStatus == .usage)
  }
}
