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
    #expect(try PredictionLine.tree(full) == Tree(encoding: full, keys: .asNamed))
    let bare = Prediction(labels: [], probabilities: [:], present: [], metric: "accuracy")
    #expect(try PredictionLine.tree(bare) == Tree(encoding: bare, keys: .asNamed))
    full.value = 1.5
    var number = try Tree(encoding: full, keys: .asNamed)
    number[path: "labels"] = nil
    number[path: "probabilities"] = nil
    #expect(try PredictionLine.tree(full) == number)
  }

  @Test("no property is left out of the order of keys")
  func order() throws {
    let every = Mirror(reflecting: Prediction(labels: [], probabilities: [:], present: [], metric: ""))
    #expect(every.children.compactMap(\.label).sorted() == PredictionLine.keyOrder.sorted())
  }
}
