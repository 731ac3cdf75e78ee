import Balancing
import Encoders
import Evaluation
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

/// Joint training whose loss counts twice.
private struct Doubled: ObjectiveMethod {
  struct Configuration: Settings { @Setting("What the loss is multiplied with", .positive) var factor = 2.0 }
  static let card = MethodCard(
    name: "doubled", title: "Doubled", stage: .objective, summary: "Joint training whose loss counts twice.",
    settings: settings)
  let factor: Double
  init(_ configuration: Configuration) { factor = configuration.factor }

  mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try session.loss(outputs.logits, batch) * factor
    report.losses["fused"] = try loss.scalar()
    return loss
  }
}

/// One linear classifier over the largest of the features, element by element.
private struct Largest: NamedFusion {
  static let name = "largest"
  let classifier: Linear

  init(_ site: FusionSite) throws(TorchError) {
    classifier = try Linear(site.scope / "classifier", in: site.widths[0], out: site.classes)
  }

  func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    try classifier(Tensor.stack(features.values, 0).max(0))
  }
}

/// How often each vowel is in a text.
private struct Vowels: BuiltInEncoder {
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

/// Capital letters.
private struct Shouting: RawImpairment {
  var kind: RawInput.Kind { .text }
  func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .text(let text) = input else { return input }
    return .text(text.uppercased())
  }
}

@Suite("What other packages register")
struct RegisteredPartsTests {
  /// Texts of two classes, told apart by their vowels.
  private static func writeRaw(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var lines = ["id,text,label,split"]
    for (split, count) in [("train", 24), ("validation", 6), ("test", 8)] {
      for number in 0..<count {
        let word = number % 2 == 0 ? "aa\(String(repeating: "a", count: number % 5))" : "oo\(number)"
        lines.append("\(split)\(number),\(word) e,\(number % 2 == 0 ? "a" : "o"),\(split)")
      }
    }
    try (lines.joined(separator: "\n") + "\n").write(
      to: folder.appending(path: "samples.csv"), atomically: true, encoding: .utf8)
  }

  @Test("encodes, trains, is found in run files, predicts and is compared like what is built in")
  func everywhere() async {
    // What is registered stays: in a process of its own.
    await #expect(processExitsWith: .success) {
      let shouting = NamedImpairment(
        "shouting", .text, "capital letters", strength: "share of the letters", usual: 1
      ) { _ in Shouting() }
      try MethodRegistry.register(Doubled.self)
      try FusionRegistry.register(Largest.self)
      try EncoderRegistry.register(Vowels.self)
      try NamedImpairment.register(shouting)
      #expect(MethodRegistry.names.last == "doubled")
      #expect(FusionForm.allowed.last == "largest" && FusionRegistry.entries.last?.name == "largest")
      #expect(try EncoderRegistry.encoder(of: .text) is HashedNGramEncoder.Type)
      try withTemporaryFolder { folder in
        try RegisteredPartsTests.writeRaw(to: folder.appending(path: "raw"))
        let data = folder.appending(path: "data")
        var encoding = EncodeRequest(raw: folder.appending(path: "raw"), out: data)
        encoding.textEncoder = "vowels"
        encoding.impairments = "shouting"
        let encoded = try Experiment.encode(encoding)
        #expect(encoded.widths == ["text": 5] && encoded.conditions.contains("text-shouting"))

        var request = TrainRequest(data: data)
        request.method = "Doubled"
        request.out = folder.appending(path: "run")
        request.settings = ["model.fusion=largest", "factor=3", "training.epochs=30", "optimizer.learning_rate=0.03"]
        let outcome = try Experiment.train(request)
        guard case .finished(let summary) = outcome else { throw Diagnosis("the run is not finished") }
        #expect(summary.record.configuration[path: "method"] == ["name": "doubled", "factor": 3.0])
        #expect(summary.record.configuration[path: "model.fusion"] == "largest")
        #expect((summary.evaluation.scores["full"] ?? 0) > 0.9)
        #expect((summary.evaluation.scores["text-shouting"] ?? 1) < 0.9)
        let predictor = try Predictor(run: folder.appending(path: "run"))
        #expect(try predictor.predict([PredictionInput(text: "aaaa")])[0].labels == ["a"])
        #expect(try Experiment.evaluate(run: folder.appending(path: "run")).scores == summary.evaluation.scores)

        var compare = CompareRequest(
          data: data, methods: ["joint", "doubled"], seeds: 1, out: folder.appending(path: "compared"))
        compare.settings = ["training.epochs=2"]
        compare.specialists = false
        let results = try Experiment.compare(compare)
        #expect(results.methods.map(\.name) == ["joint", "doubled"])
      }
      #expect(throws: Diagnosis.self) { try MethodRegistry.register(Doubled.self) }
      #expect(throws: Diagnosis.self) { try FusionRegistry.register(Largest.self) }
      #expect(throws: Diagnosis.self) { try EncoderRegistry.register(Vowels.self) }
      #expect(throws: Diagnosis.self) { try NamedImpairment.register(shouting) }
    }
  }

  @Test("an impairment whose usual strength is out of its range is refused")
  func usual() throws {
    let broken = NamedImpairment("shouting", .text, "capital letters", strength: "share", usual: 2) { _ in Shouting() }
    let error = try #require(throws: Diagnosis.self) { try NamedImpairment.register(broken) }
    #expect(error.found.first?.contains("the strength of 'shouting' is 2, must be from 0 to 1") == true)
  }

  /// A finished run whose record says something else.
  private func withRun(saying change: (inout Tree) -> Void, _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let (data, run) = (folder.appending(path: "data"), folder.appending(path: "run"))
      try SmallFeatureSet().write(to: data)
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: run, settings: ["training.epochs=1"]))
      let file = RunFolder(run).record
      var record = try Tree(json: String(contentsOf: file, encoding: .utf8), place: "run.json")
      change(&record)
      try record.json(.pretty).write(to: file, atomically: true, encoding: .utf8)
      try body(run)
    }
  }

  @Test("a run whose method is not registered is refused by one sentence, with its record's place")
  func unknownMethod() throws {
    try withRun(saying: { $0[path: "configuration.method.name"] = "tilt" }) { run in
      for open in [{ _ = try Predictor(run: $0) }, { _ = try Experiment.evaluate(run: $0) }] as [(URL) throws -> Void] {
        let error = try #require(throws: Diagnosis.self) { try open(run) }
        #expect(error.what == "the run was trained by the method 'tilt', which is not registered in this program")
        #expect(error.place?.hasSuffix("run/run.json") == true)
        #expect(error.remedy?.contains("MethodRegistry.register") == true)
        #expect(error.exitStatus == .input)
      }
    }
  }

  @Test("a run whose fusion is not registered is refused by one sentence")
  func unknownFusion() throws {
    try withRun(saying: { $0[path: "configuration.model.fusion"] = "glue" }) { run in
      let error = try #require(throws: Diagnosis.self) { try Predictor(run: run) }
      #expect(error.what == "the run has the fusion 'glue', which is not registered in this program")
      #expect(error.place?.hasSuffix("run/run.json") == true)
      #expect(error.remedy?.contains("FusionRegistry.register") == true)
    }
  }
}
