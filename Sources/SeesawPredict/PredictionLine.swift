package import Foundation
package import Records

/// JSON in and out of `predict`, in a file, on a line or over a network.
package enum PredictionLine {
  package static func features(reading url: URL) throws -> [String: [Float]] {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestRecord)
    do {
      guard let text = String(validating: data, as: UTF8.self) else {
        throw Diagnosis("the file is not UTF-8 text", place: url.relativePath)
      }
      return try PredictionInput.features(Tree(json: text, place: url.relativePath))
    } catch {
      var diagnosis = Diagnosis(describing: error).placed(in: url.relativePath)
      diagnosis.exitStatus = .input
      throw diagnosis
    }
  }

  package static let keyOrder = [
    "id", "value", "labels", "probabilities", "calibrated", "present", "empty", "reliance", "condition", "score",
    "metric", "mae", "rmse", "calibration", "model",
  ]

  /// As the prediction encodes itself, written out: a server does it for every answer.
  package static func tree(_ prediction: Prediction) throws -> Tree {
    var table: [String: Tree] = [:]
    func numbers(_ values: [String: Double]) -> Tree { .table(values.mapValues(Tree.number)) }
    func texts(_ values: [String]) -> Tree { .list(values.map(Tree.string)) }
    table["id"] = prediction.id.map(Tree.string)
    if let value = prediction.value {
      table["value"] = .number(value)
    } else {
      // A number has neither.
      table["labels"] = texts(prediction.labels)
      table["probabilities"] = numbers(prediction.probabilities)
    }
    table["calibrated"] = prediction.calibrated.map(numbers)
    table["present"] = texts(prediction.present)
    table["empty"] = prediction.empty.map(texts)
    table["reliance"] = prediction.reliance.map(numbers)
    table["condition"] = prediction.condition.map(Tree.string)
    table["score"] = prediction.score.map(Tree.number)
    table["metric"] = .string(prediction.metric)
    table["mae"] = prediction.mae.map(Tree.number)
    table["rmse"] = prediction.rmse.map(Tree.number)
    table["calibration"] = try prediction.calibration.map { try Tree(encoding: $0, keys: .asNamed) }
    table["model"] = prediction.model.map(Tree.string)
    return .table(table)
  }

  package static func text(_ prediction: Prediction) throws -> String { try tree(prediction).json(order: keyOrder) }

  package static func text(_ diagnosis: Diagnosis, id: String?, line: Int) -> String {
    let words = ([diagnosis.what] + (diagnosis.place.map { ["in \($0)"] } ?? []) + diagnosis.found).joined(
      separator: ", ")
    var answer: Tree = ["error": .string(words), "line": .int(line)]
    if let id { answer[path: "id"] = .string(id) }
    return answer.json(order: ["id", "line", "error"])
  }
}
