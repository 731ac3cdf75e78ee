import Records
import Testing

@testable import SeesawPredict

@Suite("A prediction as a line of JSON")
struct PredictionLineTests {
  @Test("every property is written as the prediction encodes itself, and of a number neither labels nor probabilities")
  func encoding() throws {
    var full = Prediction(
      id: "7", labels: ["b", "a"], probabilities: ["a": 0.25, "b": 0.75], calibrated: ["a": 0.5, "b": 0.5],
      present: ["text"], empty: ["image"], reliance: ["text": 1, "image": 0], condition: "image-absent", score: 0.5,
      metric: "accuracy", calibration: Calibration(temperature: 2, samples: 3, error: 0.1), model: "abc")
    full.mae = 1
    full.rmse = 2
    #expect(try Tree(json: PredictionLine.text(full)) == Tree(encoding: full, keys: .asNamed))
    let bare = Prediction(labels: [], probabilities: [:], present: [], metric: "accuracy")
    #expect(try Tree(json: PredictionLine.text(bare)) == Tree(encoding: bare, keys: .asNamed))
    full.value = 1.5
    var number = try Tree(encoding: full, keys: .asNamed)
    number[path: "labels"] = nil
    number[path: "probabilities"] = nil
    #expect(try Tree(json: PredictionLine.text(full)) == number)
  }

  @Test("keys come in the order of their use, names of classes sorted, notes last")
  func order() {
    let prediction = Prediction(
      id: "7", labels: ["b"], probabilities: ["b": 0.75, "a\"": 0.25], present: ["text"], metric: "accuracy",
      calibration: Calibration(temperature: 2, samples: 3), model: "abc")
    var text = JSONText()
    PredictionLine.write(prediction, notes: ["seen"], to: &text)
    #expect(
      text.string == """
        {"id":"7","labels":["b"],"probabilities":{"a\\"":0.25,"b":0.75},"present":["text"],"metric":"accuracy",\
        "calibration":{"samples":3,"temperature":2.0},"model":"abc","notes":["seen"]}
        """)
  }
}
