import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

/// What an encoder makes nothing of is that sample's fault, and no other's.
@Suite struct EncodingRefusalsTests {
  private static let count = 40

  private func texts(_ number: Int) -> String { number == 7 || number == 8 ? "[NEW] w9" : "w\(number % 20 + 6) w9" }

  /// Pictures and texts of two classes in `raw`, of which the picture of one and the texts of two others are odd, and
  /// checkpoints that make nothing of those.
  private func withRaw(_ body: (URL, EncodeRequest) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let (files, raw) = (FileManager.default, folder.appending(path: "raw"))
      try files.createDirectory(at: raw, withIntermediateDirectories: true)
      var lines = ["id,image,text,label,split"]
      for number in 0..<Self.count {
        let (height, width) = number == 4 ? (200_000, 1) : (14, 14)
        let pixels = (0..<height * width * 3).map { UInt8(($0 * 7 + number) % 256) }
        try RGBImage(width: width, height: height, pixels: pixels).png().write(to: raw.appending(path: "\(number).png"))
        let split = number % 5 == 4 ? "test" : "train"
        lines.append("s\(number),\(number).png,\(texts(number)),\(number % 2 == 0 ? "a" : "b"),\(split)")
      }
      try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: raw.appending(path: "samples.csv"))
      for name in ["vit", "bert"] {
        try files.copyItem(at: Conditions.golden("encoders/\(name)"), to: folder.appending(path: name))
      }
      // Nothing is cropped away of a picture, however narrow.
      let processor =
        #"{"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 12}, "do_center_crop": false}"#
      try Data(processor.utf8).write(to: folder.appending(path: "vit/preprocessor_config.json"))
      let configuration = try Tree(
        json: String(contentsOf: folder.appending(path: "bert/config.json"), encoding: .utf8))
      let size = try #require(configuration[path: "vocab_size"]?.intValue)
      let marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
      let vocabulary = (0..<size).map { $0 < marks.count ? marks[$0] : "w\($0)" }
      try Data((vocabulary.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "bert/vocab.txt"))
      // A token that the network has no row for.
      try Data(#"{"[NEW]": \#(size)}"#.utf8).write(to: folder.appending(path: "bert/added_tokens.json"))
      var request = EncodeRequest(raw: raw, out: folder.appending(path: "data"))
      request.cache = folder.appending(path: "cache")
      request.imageEncoder = folder.appending(path: "vit").path
      request.textEncoder = folder.appending(path: "bert").path
      // They are three of forty.
      request.allowLoss = true
      try body(folder, request)
    }
  }

  @Test("samples that an encoder refuses are listed with their line and its reason, the others are encoded")
  func quarantined() throws {
    try withRaw { _, request in
      let summary = try Experiment.encode(request)
      #expect(summary.quarantined == 3)
      #expect(summary.counts.values.reduce(0, +) == Self.count - 3)
      let rows = try JSONLines.read(Quarantined.self, from: request.out.appending(path: "quarantine.jsonl"))
        .sorted { $0.row < $1.row }
      #expect(rows.map(\.row) == [6, 9, 10] && rows.map(\.id) == ["s4", "s7", "s8"])
      #expect(rows[0].reason.contains("its processor would make 2400000 x 12 pixels of 200000 x 1"))
      // Two equal texts are refused alike.
      for row in rows[1...] { #expect(row.reason.contains("the tokenizer gives token")) }
      let set = try FeatureSet(at: request.out)
      #expect(try set.origins(of: "train")?.contains { ["s4", "s7", "s8"].contains($0.id) } == false)
      #expect(try set.origins(of: "test")?.count == set.counts["test"])
    }
  }

  @Test("where they are more than may be lost, that is a failure with their reasons")
  func loss() throws {
    try withRaw { _, request in
      var request = request
      request.allowLoss = false
      let error = try #require(throws: Diagnosis.self) { try Experiment.encode(request) }
      #expect(error.what.contains("too much of the data would be lost: 3 of 40 rows"))
      #expect(!FileManager.default.fileExists(atPath: request.out.path))
    }
  }

  @Test("strict makes an error of them, and rows that were encoded stay known")
  func strict() throws {
    try withRaw { _, request in
      var request = request
      request.strict = true
      let error = try #require(throws: RawDatasetError.self) { try Experiment.encode(request) }
      #expect(error.diagnosis.what == "3 rows cannot be used")
      #expect(error.diagnosis.found.contains { $0.contains("line 6") && $0.contains("2400000 x 12") })
      request.strict = false
      let summary = try Experiment.encode(request)
      #expect(summary.quarantined == 3)
      #expect(try #require(summary.rows).known > 60)
    }
  }

  @Test("shards that are put together leave out the same samples")
  func shards() throws {
    try withRaw { folder, request in
      var whole = request
      whole.out = folder.appending(path: "whole")
      whole.cache = folder.appending(path: "other")
      _ = try Experiment.encode(whole)
      for number in 1...2 {
        var shard = request
        shard.shard = try EncodeShard("\(number)/2")
        _ = try Experiment.encode(shard)
      }
      #expect(try Experiment.encode(request).quarantined == 3)
      for file in ["train.safetensors", "test.safetensors", "quarantine.jsonl"] {
        let bytes = try [request, whole].map { try Data(contentsOf: $0.out.appending(path: file)) }
        #expect(bytes[0] == bytes[1], "\(file)")
      }
    }
  }
}
