import Datasets
import Experiments
import Foundation
import Records

/// The predictions for the samples of a file: a line or a row each, in JSON lines or Parquet.
final class PredictionFile {
  private enum Form {
    case lines(FileHandle)
    case table(ParquetWriter)
  }

  static let endings = ["jsonl", "ndjson", "parquet"]

  private let form: Form
  private let classes: [String]
  private let isRegression: Bool

  /// - Parameters:
  ///   - url: where it is written, under whatever name.
  ///   - name: what it will be called; the ending says the form.
  /// - Throws: a `Diagnosis` where the file cannot be made.
  init(_ url: URL, named name: URL, classes: [String], isRegression: Bool = false, about run: String) throws {
    self.classes = classes
    self.isRegression = isRegression
    guard name.pathExtension.lowercased() == "parquet" else {
      try Data().write(to: url)
      form = .lines(try FileHandle(forWritingTo: url))
      return
    }
    let answers: [(String, ParquetWriter.Kind)] =
      isRegression ? [("value", .number)] : [("label", .text), ("labels", .texts)]
    let columns: [(String, ParquetWriter.Kind)] =
      [("id", .text), ("place", .text)] + answers
      + classes.map { ("probability:\($0)", .number) } + classes.map { ("calibrated:\($0)", .number) }
      + [("present", .texts), ("empty", .texts), ("condition", .text), ("score", .number), ("metric", .text)]
      + [("error", .text)]
    form = .table(try ParquetWriter(url, columns: columns, about: run))
  }

  /// Refuses a name whose ending says no form.
  static func check(_ name: String) throws {
    guard endings.contains(URL(filePath: name).pathExtension.lowercased()) else {
      throw Diagnosis(
        "predictions are written to a file that ends in .jsonl or .parquet", place: "--out \(name)", exitStatus: .usage)
    }
  }

  /// - Parameter place: where the sample is, as errors name it.
  func write(_ result: Result<Prediction, Diagnosis>, id: String?, place: String, number: Int) throws {
    switch form {
    case .lines(let file):
      let line: String =
        switch result {
        case .success(let prediction): PredictionLine.text(prediction)
        case .failure(let diagnosis): PredictionLine.text(diagnosis, id: id, line: number)
        }
      try file.write(contentsOf: Data((line + "\n").utf8))
    case .table(let table): try table.append(cells(result, id, place))
    }
  }

  private func cells(_ result: Result<Prediction, Diagnosis>, _ id: String?, _ place: String) -> [ParquetWriter.Cell] {
    func text(_ text: String?) -> ParquetWriter.Cell { text.map { .text($0) } ?? .null }
    func number(_ value: Double?) -> ParquetWriter.Cell { value.map { .number($0) } ?? .null }
    let head = [text(id), .text(place)]
    switch result {
    case .success(let one):
      let answers = isRegression ? [number(one.value)] : [text(one.labels.first), .texts(one.labels)]
      return head + answers + classes.map { number(one.probabilities[$0]) }
        + classes.map { number(one.calibrated?[$0]) }
        + [.texts(one.present), one.empty.map { .texts($0) } ?? .null, text(one.condition), number(one.score)]
        + [.text(one.metric), .null]
    case .failure(let diagnosis):
      let lacking = [ParquetWriter.Cell](repeating: .null, count: (isRegression ? 1 : 2) + 2 * classes.count + 5)
      return head + lacking + [.text(([diagnosis.what] + diagnosis.found).joined(separator: ", "))]
    }
  }

  func close() throws {
    switch form {
    case .lines(let file): try file.close()
    case .table(let table): try table.close()
    }
  }
}
