import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

/// Small pictures whose classes are colours, and features for texts.
struct SmallPictureSet {
  static let side = 16

  static func pictures(_ labels: [Int], seed: UInt64) throws -> Tensor {
    let noise = numbers(labels.count * 3 * side * side, seed: seed, in: 1...120)
    let place = side * side
    let bytes = noise.indices.map { index in
      let (sample, channel) = (index / (3 * place), index / place % 3)
      return UInt8(noise[index] + (channel == labels[sample] ? 60 : 0))
    }
    return try Tensor(bytes, shape: [labels.count, 3, side, side])
  }

  static func write(to folder: URL) throws {
    try SmallFeatureSet().write(to: folder)
    for (split, count, seed) in [("train", 48, 1), ("validation", 9, 2), ("test", 20, 3)] as [(String, Int, UInt64)] {
      let url = folder.appending(path: "\(split).safetensors")
      let file = try SafeTensors(reading: url)
      let tensors = [
        ("image", try pictures((0..<count).map { $0 % 3 }, seed: seed)), ("text", try file.tensor("text").cloned()),
        ("labels", try file.tensor("labels").cloned()),
      ]
      try SafeTensors.write(tensors, to: url)
    }
    try SafeTensors.write(
      [("image", try .zeros([1, 3, side, side], .uint8))],
      to: folder.appending(path: "test@image-missing.safetensors"))
  }
}

@Suite("Runs whose encoders are trained")
struct TrainedEncoderRunTests {
  private static let settings = [
    "model.encoders.image=small-cnn", "training.epochs=2", "optimizer.learning_rate=0.002",
  ]

  private func withData(_ body: (_ data: URL, _ folder: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try SmallPictureSet.write(to: folder.appending(path: "data"))
      try body(folder.appending(path: "data"), folder)
    }
  }

  private func weights(_ run: URL) throws -> [String: [Float]] {
    let file = try SafeTensors(reading: RunFolder(run).weights)
    return try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0).array()) })
  }

  @Test("a run stopped at a checkpoint ends with the bits of one that was not, running means included")
  func resume() throws {
    try withData { data, folder in
      let (whole, part) = (folder.appending(path: "whole"), folder.appending(path: "part"))
      let settings = Self.settings + ["training.checkpoint_seconds=0"]
      let summary = try SmallFeatureSet.finished(
        SmallFeatureSet.train("balgrad", data, to: whole, settings: settings))
      #expect(summary.evaluation.conditions.contains("image-missing"))

      var request = TrainRequest(data: data)
      request.method = "balgrad"
      request.out = part
      request.settings = ["training.threads=1", "training.batch_size=16"] + settings
      let stop = StopFlag()
      let outcome = try Experiment.train(request, stop: stop) { event in
        if case .progress(_, 1, _, _) = event { stop.request() }
      }
      guard case .interrupted = outcome else {
        Issue.record("not interrupted: \(outcome)")
        return
      }
      request.resume = true
      _ = try SmallFeatureSet.finished(Experiment.train(request))
      #expect(try weights(part) == weights(whole))
      #expect(
        try SafeTensors(reading: RunFolder(whole).weights).names.contains(
          "encoder.image.layers.0.normalization.running_var"))
    }
  }

  @Test("pictures are seen flipped where both views are stored, and a view that is of another kind is refused")
  func flips() throws {
    try withData { data, folder in
      let view = data.appending(path: "train@image-flipped.safetensors")
      let labels = (0..<48).map { $0 % 3 }
      try SafeTensors.write([("image", try SmallPictureSet.pictures(labels, seed: 9))], to: view)
      func run(_ flip: String) throws -> (flip: Tree?, weights: [String: [Float]]) {
        let out = folder.appending(path: flip)
        let settings = Self.settings + ["training.flip=\(flip)"]
        let summary = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: out, settings: settings))
        return (summary.record.configuration[path: "training.flip"], try weights(out))
      }
      let (auto, off) = (try run("auto"), try run("off"))
      #expect(auto.flip == "on" && off.flip == "off" && auto.weights != off.weights)

      let reals = try SmallPictureSet.pictures(labels, seed: 9).to(.float32)
      try SafeTensors.write([("image", reals)], to: view)
      let error = #expect(throws: FeatureSetError.self) { _ = try run("on") }
      #expect(error?.faults == ["train@image-flipped.safetensors: 'image' has the type float32, expected uint8"])
    }
  }

  @Test("crops are drawn by sample and epoch: a run that was stopped ends with the same bits, a run without is another")
  func crops() throws {
    try withData { data, folder in
      let settings = Self.settings + ["training.crop=0.5", "training.checkpoint_seconds=0"]
      let (whole, part, plain) = (
        folder.appending(path: "whole"), folder.appending(path: "part"), folder.appending(path: "plain")
      )
      let cropped = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: whole, settings: settings))
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: plain, settings: Self.settings))
      #expect(cropped.record.configuration[path: "training.crop"] == 0.5)
      #expect(try weights(whole) != weights(plain))
      try SmallFeatureSet.interrupt("joint", data, to: part, settings: settings)
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: part, settings: settings, resume: true))
      #expect(try weights(part) == weights(whole))
    }
  }

  @Test("dropout is drawn by step: a run that was stopped ends with the same bits, and 0 is a run without")
  func dropout() throws {
    try withData { data, folder in
      let own = ["model.encoders.image=vit-tiny", "training.epochs=1", "training.checkpoint_seconds=0"]
      let settings = own + ["training.dropout=0.2"]
      let out = ["whole", "part", "plain", "none"].map { folder.appending(path: $0) }
      let whole = try SmallFeatureSet.finished(
        SmallFeatureSet.train("balgrad", data, to: out[0], settings: settings + ["training.probe.form=conflicts"]))
      #expect(whole.record.configuration[path: "training.dropout"] == "0.2")
      let stop = StopFlag()
      stop.request()
      guard case .interrupted = try SmallFeatureSet.train("balgrad", data, to: out[1], settings: settings, stop: stop)
      else {
        Issue.record("the run was not interrupted")
        return
      }
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("balgrad", data, to: out[1], settings: settings, resume: true))
      // Nor does a probe that looks at the steps change what is drawn.
      #expect(try weights(out[1]) == weights(out[0]))
      // This architecture has none of its own.
      let plain = try SmallFeatureSet.finished(SmallFeatureSet.train("balgrad", data, to: out[2], settings: own))
      #expect(plain.record.configuration[path: "training.dropout"] == "0")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("balgrad", data, to: out[3], settings: own + ["training.dropout=0"]))
      let bits = try out.map { try weights($0) }
      #expect(bits[2] == bits[3] && bits[2] != bits[0])
    }
  }

  @Test("dropout that no encoder has, and a share that is none, are refused")
  func noDropout() throws {
    try withData { data, folder in
      func diagnosis(_ value: String) throws -> Diagnosis {
        let error = try #require(throws: (any Error).self) {
          try SmallFeatureSet.train(
            "joint", data, to: folder.appending(path: "run"), settings: Self.settings + ["training.dropout=\(value)"])
        }
        return Diagnosis(describing: error)
      }
      let lacking = try diagnosis("0.1")
      #expect(lacking.found == ["image: small-cnn has none"])
      for value in ["1", "-0.1", "much", "nan"] {
        let refused = try diagnosis(value)
        #expect(refused.what == "'\(value)' is neither 'checkpoint' nor a share from 0 to below 1")
      }
    }
  }

  @Test("a run is evaluated and predicts as it was scored, with nothing but its own folder")
  func evaluated() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      let summary = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: run, settings: Self.settings))
      #expect(try Experiment.evaluate(run: run).scores == summary.evaluation.scores)

      let test = try SafeTensors(reading: data.appending(path: "test.safetensors"))
      let (pictures, texts): ([Float], [Float]) = (
        try test.tensor("image").array(), try test.tensor("text").array()
      )
      let predictor = try Predictor(run: run)
      let place = 3 * SmallPictureSet.side * SmallPictureSet.side
      var right = 0
      for row in 0..<20 {
        var input = PredictionInput()
        input.features = [
          "image": Array(pictures[(row * place)..<((row + 1) * place)]),
          "text": Array(texts[(row * SmallFeatureSet.width)..<((row + 1) * SmallFeatureSet.width)]),
        ]
        if try predictor.predict([input])[0].labels == [["red", "green", "blue"][row % 3]] { right += 1 }
      }
      #expect(Double(right) / 20 == summary.evaluation.scores["full"])
    }
  }

  @Test("frozen paths stay as they begin and paths with a rate of 0 do not move, the longer path holding")
  func paths() throws {
    try withData { data, folder in
      func trained(_ name: String, _ settings: [String]) throws -> [String: [Float]] {
        let run = folder.appending(path: name)
        _ = try SmallFeatureSet.finished(
          SmallFeatureSet.train("joint", data, to: run, settings: Self.settings + settings))
        return try weights(run)
      }
      let first = try trained("first", ["training.frozen=[encoder, text]", "training.epochs=1"])
      let other = try trained(
        "other",
        [
          "training.frozen=encoder.image.layers.0,text", "training.epochs=1",
          "optimizer.learning_rates=[encoder=0, encoder.image.layers.2=1e-3]",
        ])
      for (name, values) in first where name.hasPrefix("encoder.image") {
        let isSame = other[name] == values
        // Statistics follow wherever the normalization is not frozen.
        let moves = name.contains("layers.2.") || name.contains("running_") && !name.contains("layers.0.")
        #expect(isSame != moves, "\(name)")
      }
      #expect(
        first["image.embedding.weight"] != nil && first["text.embedding.weight"] == other["text.embedding.weight"])
    }
  }

  @Test(
    "what cannot work is refused before anything is trained, with what would",
    arguments: [
      (["training.epochs=1"], "'image' is 16 × 16 pixels a sample, of which an encoder must make features"),
      (["model.encoders.image=small-cmm"], "no image encoder is called 'small-cmm'"),
      (["model.encoders.image=small-cnn", "model.encoders.text=small-cnn"], "'text' is features already"),
      (["model.encoders.image=small-cnn", "model.encoders.imago=small-cnn"], "there is no modality 'imago'"),
      (
        ["model.encoders.image=small-cnn", "training.frozen=encoder.image.layer.0"],
        "no parameter is at or below 'encoder.image.layer.0'"
      ),
      (["model.encoders.image=small-cnn", "optimizer.learning_rates=[encoder]"], "'encoder' is not path=rate"),
      (
        ["model.encoders.image=small-cnn", "training.frozen=[encoder, image, text, fusion]"],
        "every parameter is frozen"
      ),
    ])
  func refusals(settings: [String], sentence: String) throws {
    try withData { data, folder in
      let error = #expect(throws: (any Error).self) {
        try SmallFeatureSet.train("joint", data, to: folder.appending(path: "run"), settings: settings)
      }
      let diagnosis = Diagnosis(describing: try #require(error))
      #expect(diagnosis.what.contains(sentence), "\(diagnosis.what)")
      #expect(diagnosis.exitStatus == .usage)
    }
  }

  @Test("the same settings name the same run, and a run without encoders is named as before there were any")
  func digests() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: run, settings: ["training.epochs=1"]))
      // A record from before the settings were there.
      let record = RunFolder(run).record
      var tree = try Tree(json: String(contentsOf: record, encoding: .utf8))
      for path in ["model.encoders", "training.frozen", "optimizer.learning_rates"] {
        #expect(tree[path: "configuration.\(path)"] != nil)
        tree[path: "configuration.\(path)"] = nil
      }
      try Data(tree.json().utf8).write(to: record)
      let outcome = try SmallFeatureSet.train("joint", data, to: run, settings: ["training.epochs=1"])
      #expect(try Experiment.evaluate(run: run).scores["full"] != nil)
      guard case .alreadyDone = outcome else {
        Issue.record("trained again: \(outcome)")
        return
      }
    }
  }
}
