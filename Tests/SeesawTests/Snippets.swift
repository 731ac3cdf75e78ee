import Foundation
import Seesaw

// What the catalogue's articles show, between "snippet" and "end"; DocumentationTests runs it, and holds the articles to it.

/// A folder with pictures and texts of two classes, and one to write to.
struct SnippetFolders {
  let folder: URL
  let work: URL
}

extension SnippetFolders {
  func encode() throws -> URL {
    // snippet
    let features = work.appending(path: "features")
    let encoded = try Experiment.encode(EncodeRequest(raw: folder, out: features))
    print(encoded.widths, encoded.conditions)
    // end
    return features
  }

  func trainAndPredict(_ features: URL) async throws {
    // snippet
    var training = TrainRequest(data: features)
    training.method = "fulcrum"
    training.seed = 1
    training.out = work.appending(path: "run")
    training.settings = ["training.epochs=20"]
    guard case .finished(let run) = try Experiment.train(training) else {
      print("stopped; resume = true goes on")
      return
    }
    for condition in run.evaluation.conditions {
      print(condition, run.evaluation.scores[condition] ?? .nan)
    }
    // end
    // snippet
    let predictor = try Predictor(run: run.folder)
    let answers = try predictor.predict([
      PredictionInput(image: folder.appending(path: "test0.png"), text: "warm and bright"),
      PredictionInput(text: "cold and dark"),
    ])
    for answer in answers {
      print(answer.labels, "from", answer.present, answer.reliance ?? [:])
    }
    // end
    // snippet
    let batching = BatchingPredictor(predictor)
    let picture = try Data(contentsOf: folder.appending(path: "test1.png"))
    let answer = try await batching.predict([PredictionInput(images: [picture])])[0]
    print(answer.probabilities)
    // end
  }

  func compare(_ features: URL) throws -> ComparisonResults {
    // snippet
    var request = CompareRequest(
      data: features, methods: ["joint", "fulcrum"], seeds: 2, out: work.appending(path: "comparison"))
    request.settings = ["training.epochs=20"]
    let results = try Experiment.compare(request)
    for row in results.methods {
      let full = row.mean.scores["full"] ?? .nan
      let withoutImage = row.mean.scores["image-missing"] ?? .nan
      let worst = row.mean.regret["worst"] ?? .nan
      print("\(row.name): \(full) with everything, \(withoutImage) without the image, worst regret \(worst)")
    }
    // end
    // snippet
    for test in results.tests where test.isBeyondNoise {
      print("\(test.methods[0]) differs from \(test.methods[1]) in \(test.quantity) by \(test.difference)")
    }
    // end
    return results
  }

  func audit(_ program: String) throws -> (AuditRecord, AuditRecord) {
    // snippet
    let full = try AnswerTable(rows: 4, classes: 2, values: [0.9, 0.1, 0.2, 0.8, 0.7, 0.3, 0.4, 0.6])
    let text = try AnswerTable(rows: 4, classes: 2, values: [0.8, 0.2, 0.3, 0.7, 0.6, 0.4, 0.2, 0.8])
    let image = try AnswerTable(rows: 4, classes: 2, values: [0.5, 0.5, 0.4, 0.6, 0.4, 0.6, 0.6, 0.4])
    let table = try PredictionTable(
      classes: ["cat", "dog"], modalities: ["image", "text"], labels: .classes([0, 1, 0, 1]),
      conditions: ["full": full, "only:text": text, "only:image": image])
    let record = try Audit.measure(table)
    print(record.scores["full"]?.value ?? .nan, record.scores["only:text"]?.value ?? .nan)
    for untold in record.untold { print("not told: \(untold.measure), needs \(untold.needs)") }
    // end
    // snippet
    var request = AuditRequest(subject: folder, out: work.appending(path: "audit"))
    request.door = .program(program)
    request.swaps = 2
    request.grid = 0
    let summary = try Experiment.audit(request)
    print(AuditText(summary.record).text())
    // end
    return (record, summary.record)
  }

  func encodeVowels() throws -> [String: Int] {
    // snippet
    try EncoderRegistry.register(Vowels.self)
    var request = EncodeRequest(raw: folder, out: work.appending(path: "features"))
    request.textEncoder = "vowels"
    let encoded = try Experiment.encode(request)
    print(encoded.widths)
    // end
    return encoded.widths
  }
}

// snippet
struct Vowels: BuiltInEncoder {
  static let name = "vowels"
  static let version = 1
  static let kind = RawInput.Kind.text
  static let summary = "how often each vowel is in a text"
  var width: Int { 5 }

  init() {}
  init(restoring state: EncoderState) {}
  func state() -> EncoderState { EncoderState(json: Data("{}".utf8)) }

  func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .text(let text) = input else { throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind) }
    return PreparedInput(values: "aeiou".map { vowel in Float(text.count { $0 == vowel }) })
  }

  func encode(_ inputs: [PreparedInput], threads: Int) -> [Float] { inputs.flatMap(\.values) }
}
// end
