import Experiments
import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Lines of predict")
struct PredictTests {
  private func entry(_ text: String, number: Int = 1) throws -> PredictionEntry {
    try #require(PredictionEntry(.text(text), number: number))
  }

  private static func prediction(_ input: PredictionInput) throws -> Prediction {
    let tree: Tree = [
      "id": input.id.map(Tree.string) ?? .null, "labels": ["cat"], "probabilities": ["cat": 0.75, "dog": 0.25],
      "present": ["text"], "condition": "image-missing", "score": 0.5, "metric": "accuracy",
    ]
    return try tree.decode(keys: .asNamed)
  }

  private func answers(_ lines: [String]) throws -> [PredictionEntry.Answer] {
    let entries = try lines.enumerated().map { try entry($1, number: $0 + 1) }
    return PredictionEntry.answers(entries) { inputs in
      inputs.map { input in
        Result { try Self.prediction(input) }.mapError(Diagnosis.init(describing:))
          .flatMap { input.text == "bad" ? .failure(Diagnosis("no", found: ["why"])) : .success($0) }
      }
    }
  }

  @Test("a line names id, image, text, audio and features, and null is absent")
  func input() throws {
    let line =
      #"{"id": 7, "image": "a b.png", "text": null, "audio": "a.wav", "features": {"audio": [1, 2.5], "image": null}}"#
    let entry = try entry(line)
    let input = try entry.input.get()
    #expect(entry.id == "7")
    #expect(input.image?.relativePath == "a b.png")
    #expect(input.text == nil && input.audio?.relativePath == "a.wav")
    #expect(input.features == ["audio": [1, 2.5]])
  }

  @Test(
    "a line that cannot be understood says why",
    arguments: [
      (#"{"text": "a""#, "a ',' or '}' is missing"),
      (#"[1]"#, "the line is not a JSON object"),
      (#"{"txt": "a"}"#, "'txt' is not one of id, image, text, audio and features; did you mean 'text'?"),
      (#"{"text": 1}"#, "'text' is not a text"),
      (#"{"id": "a"}"#, "there is no image, text, audio or features to predict from"),
      (#"{"features": [1]}"#, "'features' is not a table of modality and list of numbers"),
      (#"{"features": {"image": 1}}"#, "'features.image' is not a list of numbers"),
      (#"{"features": {"image": ["a"]}}"#, "'features.image' holds something that is not a number"),
    ])
  func misunderstood(_ line: String, _ why: String) throws {
    guard case .failure(let diagnosis) = try entry(line).input else {
      Issue.record("the line was understood")
      return
    }
    #expect(diagnosis.what == why)
  }

  @Test("an empty line is passed over; bytes that are no text and endless lines are answered")
  func odd() throws {
    #expect(PredictionEntry(.text("  "), number: 1) == nil)
    let entries = [PredictionEntry(.notText, number: 1), PredictionEntry(.tooLong, number: 2)].compactMap { $0 }
    let answers = PredictionEntry.answers(entries) { _ in [] }
    #expect(
      answers.map(\.text) == [
        #"{"line":1,"error":"the line is not UTF-8 text"}"#, #"{"line":2,"error":"the line is longer than 16 MiB"}"#,
      ])
  }

  @Test("answers stand in the order of the lines, a bad one in its place with its id")
  func order() throws {
    let found = try answers([
      #"{"id":"a","text":"x"}"#, #"{"id":"b","text":"bad"}"#, #"{"id":"c","image":3}"#, #"{"id":"d","text":"y"}"#,
    ])
    #expect(
      found.map(\.text) == [
        #"{"id":"a","labels":["cat"],"probabilities":{"cat":0.75,"dog":0.25},"present":["text"],"condition":"image-missing","score":0.5,"metric":"accuracy"}"#,
        #"{"id":"b","line":2,"error":"no, why"}"#, #"{"id":"c","line":3,"error":"'image' is not a text"}"#,
        #"{"id":"d","labels":["cat"],"probabilities":{"cat":0.75,"dog":0.25},"present":["text"],"condition":"image-missing","score":0.5,"metric":"accuracy"}"#,
      ])
    #expect(found.map(\.isError) == [false, true, true, false])
  }

  @Test("the model is not asked where no line was understood")
  func nothing() throws {
    let entries = [try entry("{")]
    let answers = PredictionEntry.answers(entries) { _ in
      Issue.record("the model was asked")
      return []
    }
    #expect(answers.count == 1 && answers[0].isError)
  }

  @Test("a file of features is a table of lists, and an error in it names it")
  func featuresFile() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "f.json")
      try Data(#"{"image": [1, 2], "text": [0.5]}"#.utf8).write(to: url)
      #expect(try PredictionLine.features(reading: url) == ["image": [1, 2], "text": [0.5]])
      try Data(#"{"image": "x"}"#.utf8).write(to: url)
      let found = try #require(throws: Diagnosis.self) { try PredictionLine.features(reading: url) }
      #expect(found.what == "'features.image' is not a list of numbers")
      #expect(found.place == url.relativePath)
      #expect(found.exitStatus == .input)
      let missing = try #require(throws: Diagnosis.self) {
        try PredictionLine.features(reading: folder.appending(path: "none.json"))
      }
      #expect(missing.exitStatus == .input)
    }
  }

  @Test("a person sees the best classes, and how far the model may be trusted")
  func text() throws {
    var prediction = try Self.prediction(PredictionInput(text: "x"))
    prediction.probabilities = Dictionary(uniqueKeysWithValues: (0..<7).map { ("c\($0)", 0.1) })
    prediction.probabilities["cat"] = 0.3
    #expect(
      PredictionText.text(prediction) == """
          →  cat  30.0 %
             c0   10.0 %
             c1   10.0 %
             c2   10.0 %
             c3   10.0 %
             … and 3 more

          from text; in the condition 'image-missing' the run's accuracy is 50.0 % on the test split
          probabilities are as the model has them: the run was not calibrated for this
        """)
    prediction.calibrated = prediction.probabilities.mapValues { $0 > 0.2 ? 0.125 : 0.1 }
    prediction.calibration = Calibration(temperature: 1.5, samples: 40, error: 0.2, calibratedError: 0.031)
    let calibrated = PredictionText.text(prediction)
    #expect(calibrated.contains("→  cat  12.5 %"))
    #expect(
      calibrated.hasSuffix(
        "probabilities are calibrated on 40 validation samples, temperature 1.50; on the test split they are off by "
          + "3.1 %, uncalibrated by 20.0 %"))
    prediction.calibration?.error = nil
    #expect(PredictionText.calibration(prediction).hasSuffix("temperature 1.50"))
    prediction.score = nil
    prediction.labels = []
    #expect(PredictionText.text(prediction).contains("no class is above one half"))
    #expect(
      PredictionText.trust(prediction)
        == "from text; the run was not tried so, and how far this may be trusted is not known")
  }
}
