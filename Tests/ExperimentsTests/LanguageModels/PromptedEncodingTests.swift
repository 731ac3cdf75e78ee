import Foundation
import LanguageModels
import Multimodal
import Records
import SeesawPredict
import TestSupport
import Testing
import Torch

@testable import Experiments

/// A small random model as the encoder of pictures and texts.
@Suite("Encoding by a language model")
struct PromptedEncodingTests {
  private func request(_ model: URL, _ data: URL, _ out: URL) -> EncodeRequest {
    var request = EncodeRequest(raw: data, out: out)
    request.imageEncoder = "mllm:\(model.path)"
    request.textEncoder = "mllm:\(model.path)"
    request.views = EncodeViews("none")
    request.name = "same"
    request.settings = ["threads=1"]
    return request
  }

  @Test func `features are encoded once, trained on, and predicted with from raw pictures and texts`() throws {
    try SmallLanguageModel.with("llava-clip", count: 36) { model, data, out in
      let features = out.appending(path: "features")
      let first = try Experiment.encode(request(model, data, features))
      #expect(first.widths == ["image": 24, "text": 24] && (first.rows?.encoded ?? 0) > 0)
      let manifest = try Tree(
        json: Data(contentsOf: features.appending(path: "dataset.json")), place: "dataset.json", pairsUnder: [])
      for kind in ["image", "text"] {
        let known = try #require(manifest[path: "about.encoders.\(kind)"])
        #expect(known[path: "architecture"] == "llava" && known[path: "sha256"]?.stringValue?.count == 64)
        #expect(known[path: "pooling"] == "one-word prompt, frame vicuna")
      }
      // Another set of the same inputs takes all rows from the cache.
      var other = request(model, data, out.appending(path: "again"))
      other.cache = URL(filePath: features.path + ".cache")
      #expect(try Experiment.encode(other).rows?.encoded == 0)

      let run = out.appending(path: "run")
      var training = TrainRequest(data: features)
      (training.method, training.out) = ("joint", run)
      training.settings = ["training.epochs=2", "training.threads=1", "model.embedding_width=8"]
      guard case .finished = try Experiment.train(training) else { throw Diagnosis("the run is not finished") }
      let predictor = try Predictor(run: run)
      let predicted = try predictor.predict([
        PredictionInput(image: data.appending(path: "3.png"), text: "a cat sat"), PredictionInput(text: "a dog sat"),
      ])
      #expect(predicted.allSatisfy { ["cat", "dog"].contains($0.labels.first ?? "") })
      // The weights that features were made of are the only ones that are taken.
      let weights = model.appending(path: "model.safetensors")
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: weights)
      let error = try #require(throws: (any Error).self) {
        try Predictor(run: run).predict([PredictionInput(text: "a")])
      }
      #expect(Diagnosis(describing: error).what == "the checkpoint is not the one that the features were made with")
    }
  }

  @Test func `shards that are joined are the features of one process`() throws {
    try SmallLanguageModel.with("llava-clip", count: 24) { model, data, out in
      _ = try Experiment.encode(request(model, data, out.appending(path: "whole")))
      for number in 1...2 {
        var one = request(model, data, out.appending(path: "shards"))
        one.shard = EncodeShard(number, of: 2)
        _ = try Experiment.encode(one)
      }
      var joining = request(model, data, out.appending(path: "shards"))
      (joining.joins, joining.copies) = (true, true)
      _ = try Experiment.encode(joining)
      for split in ["train", "test"] {
        let files = try ["whole", "shards"].map {
          try SafeTensors(reading: out.appending(path: "\($0)/\(split).safetensors"))
        }
        for name in ["image", "text"] {
          let rows = try files.map { try $0.tensor(name).flattened().array() as [Float] }
          #expect(rows[0] == rows[1] && !rows[0].isEmpty, "\(split) \(name)")
        }
      }
    }
  }
}
