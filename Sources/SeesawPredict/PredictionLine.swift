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

  package static func tree(_ prediction: Prediction) throws -> Tree {
    var tree = try Tree(encoding: prediction, keys: .asNamed)
    // A number has neither.
    if prediction.value != nil { for key in ["labels", "probabilities"] { tree[path: key] = nil } }
    return tree
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
