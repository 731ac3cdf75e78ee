import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Views that are encoded")
struct EncodingViewsTests {
  private static let counts = [("train", 8), ("validation", 3), ("test", 4)]

  private static func picture(_ id: String) -> RGBImage {
    var numbers = SeededNumbers(seed: 2, stream: id)
    return RGBImage(width: 12, height: 9, pixels: (0..<324).map { _ in UInt8(numbers.uniform(below: 256)) })
  }

  private static func text(_ id: String) -> String { "the \(id) sample of some words, more than a few of them" }

  /// Pictures and texts of two classes in a folder `raw`.
  private func withRaw(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let raw = folder.appending(path: "raw")
      try FileManager.default.createDirectory(at: raw, withIntermediateDirectories: true)
      var lines = ["id,image,text,label,split"]
      for (split, count) in Self.counts {
        for number in 0..<count {
          let id = "\(split)\(number)"
          try Self.picture(id).png().write(to: raw.appending(path: "\(id).png"))
          lines.append("\(id),\(id).png,\"\(Self.text(id))\",\(number % 2 == 0 ? "a" : "b"),\(split)")
        }
      }
      try (lines.joined(separator: "\n") + "\n").write(
        to: raw.appending(path: "samples.csv"), atomically: true, encoding: .utf8)
      try body(folder)
    }
  }

  private func encode(
    _ folder: URL, _ out: String = "data", said: Said? = nil, _ change: (inout EncodeRequest) throws -> Void = { _ in }
  ) throws -> EncodeSummary {
    var request = EncodeRequest(raw: folder.appending(path: "raw"), out: folder.appending(path: out))
    request.cache = folder.appending(path: "cache")
    try change(&request)
    return try Experiment.encode(request) { said?.add($0) }
  }

  private func rows(_ file: String, _ modality: String, in folder: URL) throws -> [[Float]] {
    let features = try SafeTensors(reading: folder.appending(path: "data/\(file).safetensors")).tensor(modality)
    let values: [Float] = try features.array()
    let width = features.shape[1]
    return (0..<features.shape[0]).map { Array(values[($0 * width)..<(($0 + 1) * width)]) }
  }

  private func names(_ out: URL) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: out.path).filter { $0.contains("@") })
  }

  @Test("training and validation are encoded noisy by default, as their impaired inputs are encoded")
  func noisy() throws {
    try withRaw { folder in
      let said = Said()
      let summary = try encode(folder, said: said)
      #expect(summary.views == ["image": ["noisy"], "text": ["noisy"]])
      #expect(
        said.phases["Views"]
          == "image-noisy, text-noisy for training and validation · 22 more inputs to encode, --views none does without"
      )
      let set = try FeatureSet(at: folder.appending(path: "data"))
      #expect(set.train.views == ["image": ["noisy"], "text": ["noisy"]])
      for modality in ["image", "text"] {
        let file = try #require(set.encoderFiles[modality])
        let encoder = try EncoderFile.read(file) { _ in }
        let missing = try encoder.encode(.missing(modality == "image" ? .image : .text))
        for (split, count) in Self.counts {
          let stored = try rows("\(split)@\(modality)-noisy", modality, in: folder)
          #expect(try rows("\(split)@\(modality)-missing", modality, in: folder) == [missing])
          #expect(stored.count == count)
          for (number, row) in stored.enumerated() {
            let id = "\(split)\(number)"
            let impairment: any RawImpairment = modality == "image" ? SaltAndPepper() : TokenDeletion()
            let input = modality == "image" ? RawInput.image(Self.picture(id)) : .text(Self.text(id))
            let noisy = try impairment.impaired(input, sample: id, condition: "\(modality)-noisy", seed: 0)
            let expected = try encoder.encode(noisy)
            #expect(zip(row, expected).allSatisfy { abs($0 - $1) < 1e-5 })
          }
        }
      }
      #expect(try set.validation(under: "image-noisy") != nil)
      #expect(set.missingConvention("image") == "encoded-empty")
      #expect(set.manifest.about[path: "missing"] == ["image": "encoded-empty", "text": "encoded-empty"])
    }
  }

  @Test("features and the digests that every run depends on are the same with and without views")
  func without() throws {
    try withRaw { folder in
      let none = try encode(folder, "plain") {
        $0.views = .none
        $0.name = "x"
      }
      #expect(none.views == nil)
      #expect(try names(folder.appending(path: "plain")).allSatisfy { $0.hasPrefix("test@") })
      _ = try encode(folder) { $0.name = "x" }
      let (plain, viewed) = (
        try LoadedData(at: folder.appending(path: "plain")), try LoadedData(at: folder.appending(path: "data"))
      )
      #expect(plain.digests == viewed.digests && plain.digests["dataset.json"] != nil)
      #expect(
        try Set(
          viewed.digests(
            ofViews: viewed.set.viewFiles(of: "train", impairments: ["noisy"]) + viewed.set.viewFiles(of: "validation")
          ).keys) == [
            "train@image-noisy.safetensors", "train@text-noisy.safetensors", "validation@image-missing.safetensors",
            "validation@image-noisy.safetensors", "validation@text-missing.safetensors",
            "validation@text-noisy.safetensors",
          ])
      #expect(try plain.set.viewFiles(of: "train").isEmpty)
      let recorded = try viewed.digests.merging(
        viewed.digests(ofViews: viewed.set.viewFiles(of: "train", impairments: ["noisy"]))
      ) { $1 }
      #expect(viewed.fits(recorded) && viewed.fits(viewed.digests) && !plain.fits(recorded))
    }
  }

  @Test("views are added to features that are there, and draws differ from each other")
  func draws() throws {
    try withRaw { folder in
      _ = try encode(folder) { $0.views = .none }
      let before = try Data(contentsOf: folder.appending(path: "data/train.safetensors"))
      let added = try encode(folder) { $0.viewDraws = 2 }
      #expect(!added.alreadyDone && added.rows?.encoded == 2 * (2 * 8 + 3))
      #expect(try Data(contentsOf: folder.appending(path: "data/train.safetensors")) == before)
      let (first, second) = (
        try rows("train@image-noisy", "image", in: folder), try rows("train@image-noisy.2", "image", in: folder)
      )
      #expect(first.count == 8 && zip(first, second).allSatisfy { $0 != $1 })
      #expect(try encode(folder) { $0.viewDraws = 2 }.alreadyDone)
      // More than is asked for does no harm.
      #expect(try encode(folder) { $0.views = .none }.alreadyDone)
      #expect(try FeatureSet(at: folder.appending(path: "data")).train.views["image"] == ["noisy"])
      for number in [0, 101] {
        let error = #expect(throws: Diagnosis.self) { try encode(folder) { $0.viewDraws = number } }
        #expect(error?.what == "--view-draws is \(number), must be from 1 to 100")
      }
    }
  }

  @Test("impairments become conditions of test and validation, and views of training where they are named")
  func impairments() throws {
    try withRaw { folder in
      let summary = try encode(folder) {
        $0.impairments = "blur=1,typos,jpeg"
        $0.views = EncodeViews("noisy,blur")
      }
      #expect(summary.views == ["image": ["noisy", "blur"], "text": ["noisy"]])
      let conditions = ["image-noisy", "image-blur", "image-jpeg", "text-noisy", "text-typos"]
      let missing = ["image-missing", "text-missing"]
      let files = try names(folder.appending(path: "data"))
      let trained = ["image-noisy", "image-blur", "text-noisy"]
      #expect(
        files
          == Set((trained + missing).map { "train@\($0).safetensors" })
          .union(
            ["validation", "test"].flatMap { split in (conditions + missing).map { "\(split)@\($0).safetensors" } }))
      let set = try FeatureSet(at: folder.appending(path: "data"))
      #expect(
        set.manifest.about[path: "conditions"]?.tableValue?["image-blur"] == ["impairment": "blur", "strength": 1.0])
      #expect(try set.conditions().contains("text-typos"))
      let blurred = try GaussianBlur(deviation: 1).impaired(
        .image(Self.picture("test2")), sample: "test2", condition: "image-blur", seed: 0)
      let encoder = try EncoderFile.read(#require(set.encoderFiles["image"])) { _ in }
      let expected = try encoder.encode(blurred)
      #expect(zip(try rows("test@image-blur", "image", in: folder)[2], expected).allSatisfy { abs($0 - $1) < 1e-5 })
      // The features have been made otherwise than without them.
      let error = #expect(throws: Diagnosis.self) { try encode(folder) }
      #expect(error?.what == "the folder holds features that were made otherwise")
      let unknown = #expect(throws: Diagnosis.self) { try encode(folder, "other") { $0.views = EncodeViews("blur") } }
      #expect(unknown?.what == "there is no condition 'blur' that training could see")
    }
  }

  @Test("raw files that have only other times are told again by their bytes; a changed one is not")
  func times() throws {
    try withRaw { folder in
      let first = try encode(folder)
      let manifest = try Data(contentsOf: folder.appending(path: "data/dataset.json"))
      let raw = folder.appending(path: "raw")
      let pictures = try FileManager.default.contentsOfDirectory(atPath: raw.path).filter { $0.hasSuffix(".png") }
        .sorted()
      func age(_ seconds: Double) throws {
        for name in pictures {
          let date = Date(timeIntervalSince1970: 1_000_000_000 + seconds)
          try FileManager.default.setAttributes(
            [.modificationDate: date], ofItemAtPath: raw.appending(path: name).path)
        }
      }
      for seconds in [0.0, 3600] {
        try age(seconds)
        let again = try encode(folder)
        #expect(again.alreadyDone && again.counts == first.counts)
      }
      #expect(try Data(contentsOf: folder.appending(path: "data/dataset.json")) == manifest)
      // Of the same size.
      let picture = raw.appending(path: pictures[0])
      try FileManager.default.removeItem(at: picture)
      try FileManager.default.copyItem(at: raw.appending(path: pictures[1]), to: picture)
      try age(7200)
      let error = #expect(throws: Diagnosis.self) { try encode(folder) }
      #expect(error?.what == "the folder holds features that were made otherwise")
      #expect(try encode(folder) { $0.again = true }.alreadyDone == false)
    }
  }

  @Test("shards with views come together as one encoding does")
  func shards() throws {
    try withRaw { folder in
      _ = try encode(folder, "whole") { $0.cache = folder.appending(path: "own") }
      for number in 1...2 { _ = try encode(folder) { $0.shard = try EncodeShard("\(number)/2") } }
      let all = try encode(folder)
      #expect(all.rows?.encoded == 0)
      for name in try names(folder.appending(path: "whole")) {
        let parts = try ["whole", "data"].map { try Data(contentsOf: folder.appending(path: "\($0)/\(name)")) }
        #expect(parts[0] == parts[1], "\(name)")
      }
    }
  }

  @Test("pixels are encoded noisy for validation and test, and impaired while training sees them")
  func pixels() throws {
    try withRaw { folder in
      let summary = try encode(folder) { $0.imageEncoder = "pixels:8" }
      #expect(summary.views == ["text": ["noisy"]])
      let files = try names(folder.appending(path: "data"))
      #expect(!files.contains("train@image-noisy.safetensors") && files.contains("validation@image-noisy.safetensors"))
      let set = try FeatureSet(at: folder.appending(path: "data"))
      #expect(set.train.views == ["image": ["noisy"], "text": ["noisy"]])
      let source = try ViewedBatches(set.train, share: 1)
      let plan = SamplingPlan.inOrder(8).flipping(RandomSource(seed: 0), epoch: 0)
      let batch = try #require(try source.feed(plan.batches(of: 8), from: 0).next())
      let (seen, plain): ([UInt8], [UInt8]) = (
        try batch.inputs["image"].array(), try set.train.inputs["image"].array()
      )
      let changed = zip(seen, plain).filter { $0 != $1 }
      #expect(!changed.isEmpty && changed.allSatisfy { $0.0 == 0 || $0.0 == 255 })
    }
  }

  @Test("a part that is held out for validation takes its views with it")
  func heldOut() throws {
    try withRaw { folder in
      _ = try encode(folder)
      let data = folder.appending(path: "data")
      for name in try FileManager.default.contentsOfDirectory(atPath: data.path) where name.hasPrefix("validation") {
        try FileManager.default.removeItem(at: data.appending(path: name))
      }
      let loaded = try LoadedData(at: data)
      let held = try HeldOutData.heldOut(loaded.set)
      let set = try HeldOutData.make(of: loaded, in: folder.appending(path: "held")).set
      #expect(set.train.views == ["image": ["noisy"], "text": ["noisy"]])
      let noisy = try rows("train@image-noisy", "image", in: folder)
      let under = try #require(try set.validation(under: "image-noisy"))
      #expect(try under.inputs["image"].array(of: Float.self) == held.flatMap { noisy[$0] })
      let source = try ViewedBatches(set.train, share: 1)
      let plan = SamplingPlan.inOrder(source.count).flipping(RandomSource(seed: 0), epoch: 0)
      let batch = try #require(try source.feed(plan.batches(of: 64), from: 0).next())
      let kept = (0..<8).filter { !held.contains($0) }
      #expect(try batch.inputs["image"].array(of: Float.self) == kept.flatMap { noisy[$0] })
    }
  }
}

/// What an experiment says, from whatever thread.
private final class Said: @unchecked Sendable {
  private let lock = NSLock()
  private var found: [String: String] = [:]

  var phases: [String: String] { lock.withLock { found } }

  func add(_ event: ExperimentEvent) {
    if case .phase(let word, let sentence) = event { lock.withLock { found[word] = sentence } }
  }
}
