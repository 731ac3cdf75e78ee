import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Synchronization
import TestSupport
import Testing
import Torch

@testable import Experiments

/// Shards that are put together where they lie.
@Suite struct EncodingJoinTests {
  /// Pictures and texts of two classes, in a folder `raw`; the third sample's picture is none, and others have two.
  private func withRaw(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let raw = MadeUpFolder(folder.appending(path: "raw"))
      var lines: [String] = []
      for number in 0..<48 {
        var numbers = SeededNumbers(seed: 3, stream: "\(number)")
        let pictures = (0..<(number % 5 == 0 ? 2 : 1)).map { _ in
          RGBImage(width: 12, height: 9, pixels: (0..<324).map { _ in UInt8(numbers.uniform(below: 256)) })
        }
        let names = pictures.indices.map { "\(number)-\($0).png" }
        for (name, picture) in zip(names, pictures) { try raw.write(name, picture.png()) }
        if number == 2 { try raw.write(names[0], "no picture") }
        let split = number % 6 == 4 ? "validation" : number % 6 == 5 ? "test" : "train"
        lines.append(
          #"{"id": "s\#(number)", "image": \#(names), "text": "sample \#(number * 7 % 11) of some words", "#
            + #""label": "\#(number % 4 < 2 ? "a" : "b")", "split": "\#(split)"}"#)
      }
      try raw.write("samples.jsonl", lines.joined(separator: "\n") + "\n")
      try body(folder)
    }
  }

  private func request(_ folder: URL, _ out: String = "data") -> EncodeRequest {
    var request = EncodeRequest(raw: folder.appending(path: "raw"), out: folder.appending(path: out))
    request.cache = folder.appending(path: "cache-of-\(out)")
    request.name = "same"
    request.allowLoss = true
    request.settings = ["threads=1"]
    return request
  }

  /// Encodes shards, one after the other, as processes would.
  private func shards(_ count: Int, _ request: EncodeRequest) throws {
    for number in 1...count {
      var one = request
      one.shard = EncodeShard(number, of: count)
      _ = try Experiment.encode(one)
    }
  }

  @Test("of processes that begin at once one learns an encoder, and the others take it")
  func learning() throws {
    try withRaw { folder in
      let request = request(folder)
      let learnt = Mutex<[String]>([])
      _ = try threads(4) { rank in
        var one = request
        one.shard = EncodeShard(rank + 1, of: 4)
        return try Experiment.encode(one) { event in
          if case .phase("Fitting", let words) = event { learnt.withLock { $0.append(words) } }
        }.widths
      }
      let words = learnt.withLock { $0 }
      #expect(!words.isEmpty && Set(words).count == words.count)
    }
  }

  private func joined(_ request: EncodeRequest, copies: Bool = false) throws -> EncodeSummary {
    var join = request
    join.joins = true
    join.copies = copies
    return try Experiment.encode(join)
  }

  private func features(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".safetensors") }.sorted()
  }

  @Test("joined shards are the features of one process, bit for bit, with no second copy of the rows and no input read")
  func joinedIsWhole() throws {
    try withRaw { folder in
      let whole = try Experiment.encode(request(folder, "whole"))
      let shared = request(folder)
      try shards(5, shared)
      // Nothing but the table of samples is read.
      for file in try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "raw").path)
      where file.hasSuffix(".png") {
        let picture = folder.appending(path: "raw/\(file)").path
        let times = try FileManager.default.attributesOfItem(atPath: picture)
        try Data().write(to: URL(filePath: picture))
        try FileManager.default.setAttributes(
          [.modificationDate: times[.modificationDate] as Any], ofItemAtPath: picture)
      }
      let summary = try joined(shared)
      #expect(summary.counts == whole.counts && summary.conditions == whole.conditions && summary.quarantined == 1)
      #expect(summary.notes == whole.notes && summary.widths == whole.widths && summary.views == whole.views)
      let (one, other) = (folder.appending(path: "whole"), folder.appending(path: "data"))
      #expect(try features(one) == features(other) && !features(one).isEmpty)
      for name in try features(one) {
        #expect(try FeatureFile.agree(one.appending(path: name), other.appending(path: name)), "\(name)")
      }
      for name in ["train.samples.jsonl", "quarantine.jsonl", "encoders/image.safetensors"] {
        #expect(
          try Data(contentsOf: one.appending(path: name)) == Data(contentsOf: other.appending(path: name)), "\(name)")
      }
      let train = try Data(contentsOf: other.appending(path: "train.safetensors"))
      let plain = try Data(contentsOf: one.appending(path: "train.safetensors"))
      #expect(train.count * 4 < plain.count)
      // The cache may go: the rows are in the folder by a second name.
      try FileManager.default.removeItem(at: shared.cache ?? folder)
      #expect(try FeatureSet(at: other).counts == whole.counts)
      #expect(try joined(shared).alreadyDone)
    }
  }

  @Test("copied, joined shards are the files of one process, byte for byte")
  func copied() throws {
    try withRaw { folder in
      _ = try Experiment.encode(request(folder, "whole"))
      let shared = request(folder)
      try shards(3, shared)
      _ = try joined(shared, copies: true)
      let (one, other) = (folder.appending(path: "whole"), folder.appending(path: "data"))
      for name in try features(one) {
        #expect(
          try Data(contentsOf: one.appending(path: name)) == Data(contentsOf: other.appending(path: name)), "\(name)")
      }
      #expect(try DatasetManifest.read(in: other).format == "seesaw-features/1")
      #expect(!FileManager.default.fileExists(atPath: other.appending(path: "rows.json").path))
    }
  }

  @Test(
    "a training over joined features has the bits of one over copied features, streamed too, and so have other readers")
  func readers() throws {
    try withRaw { folder in
      let shared = request(folder)
      try shards(4, shared)
      var copy = shared
      copy.out = folder.appending(path: "copy")
      _ = try joined(shared)
      try shards(4, copy)
      _ = try joined(copy, copies: true)
      for (number, settings) in [["training.shuffle=full"], ["training.shuffle=blocks"]].enumerated() {
        let runs = try [shared.out, copy.out].map { data in
          try SmallFeatureSet.finished(
            SmallFeatureSet.train(
              "fulcrum", data, to: folder.appending(path: "\(data.lastPathComponent)-\(number)"),
              settings: settings + ["training.epochs=3"]))
        }
        #expect(
          try Data(contentsOf: RunFolder(runs[0].folder).weights) == Data(contentsOf: RunFolder(runs[1].folder).weights)
        )
        #expect(runs[0].evaluation.metrics == runs[1].evaluation.metrics)
      }
      let findings = try [shared.out, copy.out].map { try Experiment.check(CheckRequest(data: $0)).findings }
      #expect(findings[0] == findings[1])
      let set = try FeatureSet(at: shared.out)
      #expect(set.train.rows["image"].isScattered && set.train.rows["text"].isScattered)
      let index = Array(try HeldOutData.heldOut(set).reversed())
      let rows = try set.train.rows["image"].indexed(index)
      let expected = try FeatureSet(at: copy.out).train.inputs["image"].indexed(0, by: Tensor(index))
      #expect(try rows.array(of: Float.self) == expected.array(of: Float.self))
    }
  }

  @Test(
    "a shard that is missing, changed, doubled or of earlier versions is told in one sentence, before anything is written"
  )
  func refused() throws {
    try withRaw { folder in
      let shared = request(folder)
      func what() -> String? {
        do {
          _ = try joined(shared)
          return nil
        } catch {
          let diagnosis = Diagnosis(describing: error)
          return ([diagnosis.what] + diagnosis.found).joined(separator: ": ")
        }
      }
      #expect(what() == "there are no shards to join")
      try shards(3, shared)
      let records = folder.appending(path: "cache-of-data/shards/data")
      func bytes(_ name: String) throws -> Data { try Data(contentsOf: records.appending(path: name)) }
      let (record, part) = (try bytes("2-of-3.json"), try bytes("2-of-3.safetensors"))

      try FileManager.default.removeItem(at: records.appending(path: "2-of-3.json"))
      #expect(what() == "a shard is missing: 2/3")
      try bytes("1-of-3.json").write(to: records.appending(path: "2-of-3.json"))
      #expect(what() == "a shard is there twice: 1/3")
      var old = try Tree(json: String(decoding: record, as: UTF8.self))
      old[path: "part"] = nil
      try Data(old.json().utf8).write(to: records.appending(path: "2-of-3.json"))
      #expect(what() == "shard 2/3 is of an earlier version, which did not say where its rows lie")
      try record.write(to: records.appending(path: "2-of-3.json"))
      try bytes("1-of-3.safetensors").write(to: records.appending(path: "2-of-3.safetensors"))
      #expect(what() == "what shard 2/3 says of its rows is missing or has changed")
      try part.write(to: records.appending(path: "2-of-3.safetensors"))

      let rows = try FileManager.default.subpathsOfDirectory(atPath: folder.appending(path: "cache-of-data").path)
        .filter { $0.contains("text-") && $0.contains("0002-of-3-") }
      let file = folder.appending(path: "cache-of-data/\(try #require(rows.first))")
      let plain = try Data(contentsOf: file)
      var changed = plain
      changed[plain.count - 3] ^= 1
      try changed.write(to: file)
      #expect(what() == "a shard has changed since it was encoded: 2/3")
      try plain.prefix(100).write(to: file)
      #expect(what() == "a shard has changed since it was encoded: 2/3: a file of its rows is shorter than it was")
      try FileManager.default.removeItem(at: file)
      #expect(what() == "a file of a shard's rows is missing: 2/3")
      #expect(!FileManager.default.fileExists(atPath: shared.out.path))
      try plain.write(to: file)
      #expect(what() == nil)
    }
  }

  @Test("joined features are refused where rows went, and looked through where their files have other times")
  func opening() throws {
    try withRaw { folder in
      let shared = request(folder)
      try shards(2, shared)
      _ = try joined(shared)
      let copy = folder.appending(path: "copy")
      try FileManager.default.copyItem(at: shared.out, to: copy)
      let rows = try FileManager.default.subpathsOfDirectory(atPath: copy.path).filter { $0.hasSuffix(".rows") }
        .sorted()
      let file = copy.appending(path: try #require(rows.first))
      let plain = try Data(contentsOf: file)
      // A copy with times of its own is as good.
      try plain.write(to: file)
      #expect(try FeatureSet(at: copy).counts == FeatureSet(at: shared.out).counts)
      func what() -> String? { #expect(throws: Diagnosis.self) { try FeatureSet(at: copy) }?.what }
      var changed = plain
      changed[plain.count - 3] ^= 1
      try changed.write(to: file)
      #expect(what()?.hasSuffix("not what it was") == true)
      try plain.dropLast(4).write(to: file)
      #expect(what() == "a file of the joined features' rows is shorter than it was")
      try FileManager.default.removeItem(at: file)
      #expect(what() == "a file of the joined features' rows is missing")
      try FileManager.default.removeItem(at: copy.appending(path: "rows.json"))
      #expect(throws: (any Error).self) { try FeatureSet(at: copy) }
    }
  }

  @Test("pixels stay where they are, too")
  func forms() throws {
    try withRaw { folder in
      var shared = request(folder)
      shared.imageEncoder = "pixels:8"
      var whole = shared
      whole.out = folder.appending(path: "whole")
      _ = try Experiment.encode(whole)
      try shards(3, shared)
      _ = try joined(shared)
      for name in try features(whole.out) {
        #expect(try FeatureFile.agree(whole.out.appending(path: name), shared.out.appending(path: name)), "\(name)")
      }
      #expect(try FeatureSet(at: shared.out).train.rows["image"].isScattered)
    }
  }
}
