import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("What each modality adds")
struct ModalityValuesTests {
  @Test("the worked example: nothing 0.1, audio 0.5, video 0.6, both 0.8 gives 0.3 and 0.4")
  func vector() throws {
    let values = try Shapley.values([0.1, 0.5, 0.6, 0.8])
    #expect(allClose(values, [0.3, 0.4], relative: 1e-12))
    let table = EvaluationTable(
      dataset: "d", metric: "accuracy", modalities: ["a", "v"], conditions: ["full"], scores: ["full": 0.8],
      shapley: ["a": values[0], "v": values[1]])
    #expect(abs(try #require(table.imbalance) - 0.1) < 1e-12)
  }

  /// Data whose modalities are missing in their own way: image as one row for all, text as a row for each sample.
  private func write(_ set: SmallFeatureSet, to data: URL) throws {
    try set.write(to: data)
    let labels = try #require(set.test)
    try SmallFeatureSet.write(
      "image-missing", "image", [Float](repeating: 0.25, count: SmallFeatureSet.width), to: data)
    let rows = SmallFeatureSet.rows(labels.map { ($0 / 2) % 3 }, seed: 90, signal: 1)
    try SmallFeatureSet.write("text-missing", "text", rows, to: data)
  }

  @Test("the test split with several modalities missing has each as its own condition has it")
  func replaced() throws {
    try withTemporaryFolder { folder in
      try write(SmallFeatureSet(), to: folder)
      let set = try FeatureSet(at: folder)
      let (image, text) = (Modality("image"), Modality("text"))
      let full = try #require(set.test)
      let alone = try set.test(under: "text-missing").split
      let both = try set.test(without: [image, text])
      #expect(both.zeroFeatures.isEmpty)
      #expect(try both.split.inputs[image].shape == [1, SmallFeatureSet.width])
      #expect(try allClose(both.split.inputs[text], alone.inputs[text]))
      #expect(try allClose(set.test(without: [text]).split.inputs[image], full.inputs[image]))
      #expect(try allClose(set.test(without: []).split.inputs[text], full.inputs[text]))
      try FileManager.default.removeItem(at: folder.appending(path: "test@image-missing.safetensors"))
      let zeros = try FeatureSet(at: folder).test(without: [image, text])
      #expect(zeros.zeroFeatures == [image])
      #expect(try allClose(zeros.split.inputs[image], Tensor.zeros([1, SmallFeatureSet.width], .float32)))
    }
  }

  @Test(
    "an evaluation's values are the plain sums over its scores, also where a method predicts its own way",
    arguments: ["joint", "unimodal", "ume"])
  func evaluation(method: String) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try write(SmallFeatureSet(), to: data)
      let run = folder.appending(path: "run")
      let evaluation = try SmallFeatureSet.finished(
        SmallFeatureSet.train(method, data, to: run, settings: ["training.epochs=2"])
      ).evaluation
      let shapley = try #require(evaluation.shapley)
      #expect(shapley.keys.sorted() == ["image", "text"])
      // v(∅) is the score of the most frequent class of training, the first of equals, not what a model says to nothing.
      let truth = try #require(SmallFeatureSet().test)
      let nothing = Double(truth.count { $0 == 0 }) / Double(truth.count)
      let score = evaluation.scores
      let (full, onlyText, onlyImage) = (score["full"] ?? -1, score["image-missing"] ?? -1, score["text-missing"] ?? -1)
      let image2 = ((onlyImage - nothing) + (full - onlyText)) / 2
      let text2 = ((onlyText - nothing) + (full - onlyImage)) / 2
      #expect(allClose([shapley["image"] ?? -1, shapley["text"] ?? -1], [image2, text2], relative: 1e-9))
      #expect(abs(try #require(evaluation.imbalance) - abs(image2 - text2)) < 1e-12)
      // With two modalities that is the gap.
      #expect(abs(try #require(evaluation.imbalance) - (evaluation.gap["missing"] ?? -1)) < 1e-12)
      #expect(try RunFolder(run).readEvaluation() == evaluation)
    }
  }

  /// A set of `count` modalities, each with a column that says something of the class; none has files for conditions.
  private func writeSeveral(_ count: Int, to folder: URL) throws -> [String] {
    let names = (0..<count).map { "m\($0)" }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try DatasetManifest(
      name: "several", task: .singleLabel, classes: ["red", "green", "blue"], modalities: names, metric: .accuracy
    ).write(to: folder)
    for (place, split) in ["train", "test"].enumerated() {
      let labels = (0..<24).map { $0 % 3 }
      let shape = [labels.count, SmallFeatureSet.width]
      let inputs = try names.enumerated().map { position, name in
        (
          name,
          try Tensor(
            SmallFeatureSet.rows(labels, seed: UInt64(10 * place + position), signal: 0.4 + 0.3 * Double(position)),
            shape: shape)
        )
      }
      try SafeTensors.write(
        inputs + [("labels", try Tensor(labels))], to: folder.appending(path: "\(split).safetensors"))
    }
    return names
  }

  @Test("of three modalities the values are the means over all orders of joining, with zeros for what is missing")
  func three() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      let names = try writeSeveral(3, to: data)
      let run = folder.appending(path: "run")
      let evaluation = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: run, settings: ["training.epochs=3"])
      ).evaluation
      // Each set tried as a data set of its own, in which the others are zero.
      let base = try SafeTensors(reading: data.appending(path: "test.safetensors"))
      func worth(_ present: Set<String>) throws -> Double {
        // Of three classes that are equally frequent, the first.
        if present.isEmpty { return 1.0 / 3 }
        let other = folder.appending(path: "set-\(present.sorted().joined())")
        if !FileManager.default.fileExists(atPath: other.path) {
          try FileManager.default.copyItem(at: data, to: other)
          let inputs = try names.map { ($0, try base.tensor($0) * (present.contains($0) ? 1.0 : 0.0)) }
          try SafeTensors.write(
            inputs + [("labels", try base.tensor("labels"))], to: other.appending(path: "test.safetensors"))
        }
        return try #require(Experiment.evaluate(run: run, data: other).scores["full"])
      }
      var sums = [String: Double]()
      let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
      for order in orders {
        var present: Set<String> = []
        for player in order {
          let before = try worth(present)
          present.insert(names[player])
          sums[names[player], default: 0] += (try worth(present) - before) / Double(orders.count)
        }
      }
      let shapley = try #require(evaluation.shapley)
      #expect(allClose(names.map { shapley[$0] ?? -9 }, names.map { sums[$0] ?? 9 }, relative: 1e-9))
      #expect(Set(shapley.values.map { Int(($0 * 1e6).rounded()) }).count > 1)
      #expect(evaluation.notes.contains { $0.hasPrefix("features of a missing modality are zeros in m0-missing") })
    }
  }

  @Test("above six modalities nothing is measured, and a note says so; without a test split there is nothing to say")
  func many() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      _ = try writeSeveral(7, to: data)
      let settings = ["training.epochs=1"]
      let evaluation = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: folder.appending(path: "run"), settings: settings)
      ).evaluation
      #expect(evaluation.shapley == nil && evaluation.imbalance == nil)
      #expect(
        evaluation.notes.contains(
          "what each modality adds was not measured: with 7 of them there are too many sets to try, 6 is the most"))
      var untested = SmallFeatureSet()
      untested.test = nil
      let other = folder.appending(path: "untested")
      try untested.write(to: other)
      let nothing = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", other, to: folder.appending(path: "run-2"), settings: settings)
      ).evaluation
      #expect(nothing.shapley == nil)
    }
  }
}
