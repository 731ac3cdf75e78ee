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
      return try PredictionInput.features(Tree(json: text, place: url.relativePath, floatsUnder: ""))
    } catch {
      var diagnosis = Diagnosis(describing: error).placed(in: url.relativePath)
      diagnosis.exitStatus = .input
      throw diagnosis
    }
  }

  /// As the prediction encodes itself, written out in the order of the keys: a server does it for every answer.
  ///
  /// - Parameter notes: to go with it.
  package static func write(_ prediction: Prediction, notes: [String] = [], to text: inout JSONText) {
    text.appendTable { text in
      text.append(key: "id", prediction.id)
      if let value = prediction.value {
        // A number has neither labels nor probabilities.
        text.append(key: "value", value)
      } else {
        text.append(key: "labels", prediction.labels)
        text.append(key: "probabilities", prediction.probabilities)
      }
      text.append(key: "calibrated", prediction.calibrated)
      text.append(key: "present", prediction.present)
      text.append(key: "empty", prediction.empty)
      text.append(key: "reliance", prediction.reliance)
      text.append(key: "condition", prediction.condition)
      text.append(key: "score", prediction.score)
      text.append(key: "metric", prediction.metric)
      text.append(key: "mae", prediction.mae)
      text.append(key: "rmse", prediction.rmse)
      if let calibration = prediction.calibration {
        text.append(key: "calibration")
        text.appendTable { text in
          text.append(key: "calibratedError", calibration.calibratedError)
          text.append(key: "error", calibration.error)
          text.append(key: "samples")
          text.append(calibration.samples)
          text.append(key: "temperature", calibration.temperature)
        }
      }
      text.append(key: "model", prediction.model)
      if !notes.isEmpty { text.append(key: "notes", notes) }
    }
  }

  package static func text(_ prediction: Prediction) -> String {
    var text = JSONText()
    write(prediction, to: &text)
    return text.string
  }

  package static func text(_ diagnosis: Diagnosis, id: String?, line: Int) -> String {
    let words = ([diagnosis.what] + (diagnosis.place.map { ["in \($0)"] } ?? []) + diagnosis.found).joined(
      separator: ", ")
    var answer: Tree = ["error": .string(words), "line": .int(line)]
    if let id { answer[path: "id"] = .string(id) }
    return answer.json(order: ["id", "line", "error"])
  }
}
