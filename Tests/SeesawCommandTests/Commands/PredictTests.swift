import Experiments
import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Lines of predict")
struct PredictTests {
  private func entry(_ text: String, number: Int = 1) throws -> PredictionEntry {
    var keys = try PredictionKeys()
    return try #require(PredictionEntry(.text(text), number: number, &keys))
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

  @Test("keys of other usual names are taken, further ones passed over, and both are told once")
  func keys() throws {
    var keys = try PredictionKeys()
    var told: Set<String> = []
    let line = #"{"tweet_id": 1, "file_name": "a.png", "caption": "x", "label": "cat", "split": "test"}"#
    let input = try #require(PredictionEntry(.text(line), number: 1, &keys)).input.get()
    #expect(input.image?.relativePath == "a.png" && input.text == "x")
    #expect(
      keys.newNotes(told: &told) == [
        "the key 'caption' is taken for 'text'", "the key 'file_name' is taken for 'image'",
        "keys not used: label, split, tweet_id",
      ])
    _ = PredictionEntry(.text(line), number: 2, &keys)
    #expect(keys.newNotes(told: &told) == [])
    // Which of two is meant, nobody knows but the person.
    let two = try #require(PredictionEntry(.text(#"{"title": "a", "caption": "b"}"#), number: 3, &keys)).input
    guard case .failure(let diagnosis) = two else {
      Issue.record("one of two keys was taken")
      return
    }
    #expect(diagnosis.what == "2 keys could be 'text': 'caption', 'title'")
    var chosen = try PredictionKeys(columns: "text=title+caption,id=tweet_id")
    let both = try #require(
      PredictionEntry(.text(#"{"tweet_id": 18446744073709551615, "title": "a", "caption": "b"}"#), number: 1, &chosen))
    #expect(try both.input.get().text == "a\nb" && both.id == "18446744073709551615")
  }

  @Test(
    "what is missing in a line is absent, as encoding takes it",
    arguments: [
      #"{"text": "a", "image": ""}"#, #"{"text": "a", "image": "nan"}"#, #"{"text": "a", "image": NaN}"#,
      #"{"text": "a", "image": [null, "", "None"]}"#, #"{"text": "a", "audio": "N/A", "price": Infinity}"#,
    ])
  func missing(_ line: String) throws {
    let input = try entry(line).input.get()
    #expect(input.text == "a" && input.image == nil && input.frames.isEmpty && input.audio == nil)
  }

  @Test("an empty line is passed over; bytes that are no text and endless lines are answered")
  func odd() throws {
    var keys = try PredictionKeys()
    #expect(PredictionEntry(.text("  "), number: 1, &keys) == nil)
    let entries = [
      PredictionEntry(.notText, number: 1, &keys), PredictionEntry(.tooLong, number: 2, &keys),
    ].compactMap { $0 }
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
