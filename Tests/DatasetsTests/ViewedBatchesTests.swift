import Evaluation
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("Views while training")
struct ViewedBatchesTests {
  private static let count = 41

  /// Rows that tell their sample, their column and, in the thousands, their view.
  private static func rows(_ width: Int, count: Int = count, view: Int) throws -> Tensor {
    try Tensor(
      (0..<count).flatMap { row in (0..<width).map { Float(1000 * view + 10 * row + $0) } }, shape: [count, width])
  }

  private static func write(_ file: String, _ modality: String, _ features: Tensor, to folder: URL) throws {
    try SafeTensors.write([(modality, features)], to: folder.appending(path: "\(file).safetensors"))
  }

  /// A set with two draws of noisy images and blurred ones, one draw of noisy texts, and what stands for no image.
  private func withSet(_ body: (FeatureSet, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try DatasetManifest(
        name: "numbered", task: .singleLabel, classes: ["a", "b"], modalities: ["image", "text"], metric: .accuracy
      ).write(to: folder)
      for (split, count) in [("train", Self.count), ("validation", 7), ("test", 9)] {
        try SafeTensors.write(
          [
            ("image", try Self.rows(3, count: count, view: 0)), ("text", try Self.rows(2, count: count, view: 0)),
            ("labels", try Tensor((0..<count).map { $0 % 2 })),
          ], to: folder.appending(path: "\(split).safetensors"))
      }
      try Self.write("train@image-noisy", "image", Self.rows(3, view: 1), to: folder)
      try Self.write("train@image-noisy.2", "image", Self.rows(3, view: 2), to: folder)
      try Self.write("train@image-blur", "image", Self.rows(3, view: 3), to: folder)
      try Self.write("train@text-noisy", "text", Self.rows(2, view: 1), to: folder)
      try Self.write("test@image-missing", "image", Self.rows(3, count: 1, view: 9), to: folder)
      try body(FeatureSet(at: folder), folder)
    }
  }

  private func views(_ batch: Batch, _ modality: Modality) throws -> [Int] {
    let values: [Float] = try batch.inputs[modality].array()
    let width = values.count / batch.count
    return (0..<batch.count).map { row in
      let view = Int(values[row * width]) / 1000
      if view != 9 { #expect(values[row * width] == Float(1000 * view + 10 * batch.samples[row])) }
      return view
    }
  }

  private func all(_ source: any BatchSource, _ plan: SamplingPlan, size: Int = 8) throws -> [Batch] {
    let feed = try source.feed(plan.batches(of: size), from: 0)
    var batches: [Batch] = []
    while let batch = try feed.next() { batches.append(batch) }
    return batches
  }

  private func plan(_ source: some BatchSource, seed: Int = 3, epoch: Int = 0) -> SamplingPlan {
    let random = RandomSource(seed: seed)
    return SamplingPlan.shuffled(source.count, random, epoch: epoch).flipping(random, epoch: epoch)
  }

  @Test("the split says which views there are; draws, flips and what is missing are none")
  func names() throws {
    try withSet { set, folder in
      #expect(set.train.views == ["image": ["noisy", "blur"], "text": ["noisy"]])
      #expect(set.validation?.views == [:] && set.test?.views == [:])
      try Self.write("train@image-flipped", "image", Self.rows(3, view: 4), to: folder)
      try Self.write("train@image-missing", "image", Self.rows(3, count: 1, view: 9), to: folder)
      try Self.write("train@text-noisy-0.5", "text", Self.rows(2, view: 2), to: folder)
      let again = try FeatureSet(at: folder)
      #expect(again.train.views == ["image": ["noisy", "blur"], "text": ["noisy", "noisy-0.5"]])
      #expect(
        try again.viewFiles(of: "train", impairments: ["noisy"]).map(\.lastPathComponent) == [
          "train@image-noisy.safetensors", "train@image-noisy.2.safetensors", "train@text-noisy.safetensors",
        ])
      #expect(try again.viewFiles(of: "validation").isEmpty)
    }
  }

  @Test("files of a feature set that everybody depends on do not list views")
  func files() throws {
    try withSet { set, _ in
      let names = try set.files().map(\.lastPathComponent)
      #expect(!names.contains { $0.contains("noisy") })
    }
  }

  @Test("whole rows are views, each modality by itself, as often as the share says and each draw alike")
  func shares() throws {
    try withSet { set, _ in
      let source = try ViewedBatches(set.train, share: 0.5)
      var counts: [Int: Int] = [:]
      var agreeing = 0
      for epoch in 0..<60 {
        for batch in try all(source, plan(source, epoch: epoch)) {
          let (images, texts) = (try views(batch, "image"), try views(batch, "text"))
          for view in images { counts[view, default: 0] += 1 }
          agreeing += zip(images, texts).count { ($0 > 0) == ($1 > 0) }
        }
      }
      let total = 60.0 * Double(Self.count)
      // Within four standard deviations.
      #expect(abs(Double(counts[0] ?? 0) / total - 1 / 2) < 0.041)
      #expect(abs(Double(counts[1] ?? 0) / total - 1 / 8) < 0.027)
      #expect(abs(Double(counts[2] ?? 0) / total - 1 / 8) < 0.027)
      #expect(abs(Double(counts[3] ?? 0) / total - 1 / 4) < 0.035)
      #expect(abs(Double(agreeing) / total - 1 / 2) < 0.041)
    }
  }

  @Test("what is drawn depends on seed, epoch and sample, not on the order, the batches or where one begins")
  func draws() throws {
    try withSet { set, _ in
      let source = try ViewedBatches(set.train, share: 0.4)
      func found(_ plan: SamplingPlan, size: Int = 8) throws -> [Int: Int] {
        var found: [Int: Int] = [:]
        for batch in try all(source, plan, size: size) {
          for (sample, view) in zip(batch.samples, try views(batch, "image")) { found[sample] = view }
        }
        return found
      }
      let first = try found(plan(source))
      #expect(try found(plan(source)) == first)
      #expect(try found(SamplingPlan.inOrder(source.count).flipping(RandomSource(seed: 3), epoch: 0), size: 5) == first)
      #expect(try found(plan(source, epoch: 1)) != first)
      #expect(try found(plan(source, seed: 4)) != first)
      let batches = plan(source).batches(of: 8)
      let feed = try source.feed(batches, from: 3)
      let middle = try #require(try feed.next())
      #expect(middle.samples == batches[3].map(\.sample))
      #expect(try views(middle, "image") == middle.samples.map { first[$0] })
    }
  }

  @Test("a larger share keeps the views of a smaller one")
  func nested() throws {
    try withSet { set, _ in
      let (few, many) = (try ViewedBatches(set.train, share: 0.2), try ViewedBatches(set.train, share: 0.7))
      for (a, b) in zip(try all(few, plan(few)), try all(many, plan(many))) {
        for (a, b) in zip(try views(a, "image"), try views(b, "image")) where a > 0 { #expect(a == b) }
      }
    }
  }

  @Test("only the impairments that are named are drawn; missing and swapped may be")
  func named() throws {
    try withSet { set, _ in
      func seen(_ names: [String], _ modality: Modality) throws -> Set<Int> {
        let source = try ViewedBatches(set.train, share: 0.9, impairments: names)
        return try Set(all(source, plan(source)).flatMap { try views($0, modality) })
      }
      #expect(try seen(["blur"], "image") == [0, 3] && seen(["blur"], "text") == [0])
      #expect(try seen(["missing", "noisy"], "image") == [0, 1, 2, 9])
      let swapping = try ViewedBatches(set.train, share: 1, impairments: ["swapped"])
      for batch in try all(swapping, plan(swapping)) {
        let values: [Float] = try batch.inputs["text"].array()
        for (row, sample) in batch.samples.enumerated() {
          #expect(values[2 * row] != Float(10 * sample) && values[2 * row] == values[2 * row + 1] - 1)
        }
      }
      let error = #expect(throws: Diagnosis.self) { try ViewedBatches(set.train, share: 1, impairments: ["jpeg"]) }
      #expect(error?.what == "there are no training views under 'jpeg'")
      #expect(error?.found == ["there are views under blur, noisy"])
    }
  }

  @Test("a share that is none is refused", arguments: [-0.1, 1.5, .nan])
  func wrongShare(_ share: Double) throws {
    try withSet { set, _ in
      let error = #expect(throws: Diagnosis.self) { try ViewedBatches(set.train, share: share) }
      #expect(error?.what == "the share of impaired rows is \(share), must be from 0 to 1")
    }
  }

  @Test("without a share or an epoch everything is as it is, and hidden modalities stay hidden")
  func clean() throws {
    try withSet { set, _ in
      let none = try ViewedBatches(set.train, share: 0)
      #expect(try all(none, plan(none)).flatMap { try views($0, "image") }.allSatisfy { $0 == 0 })
      let source = try ViewedBatches(set.train, share: 1)
      #expect(try views(source.batch([SamplingPlan.Visit(4), .init(2)]), "image") == [0, 0])
      #expect(try all(source, .inOrder(8)).flatMap { try views($0, "image") } == [Int](repeating: 0, count: 8))
      let listed = SamplingPlan([.init(5, hidden: ["image"]), .init(5)]).flipping(RandomSource(seed: 1), epoch: 0)
      let batch = try #require(try all(source, listed).first)
      let image: [Float] = try batch.inputs["image"].array()
      #expect(image.prefix(3) == [0, 0, 0] && image[3] >= 1000)
    }
  }

  @Test("batches come in the precision of the split, and streamed ones are the same as gathered ones")
  func streamed() throws {
    try withSet { set, folder in
      try Self.write("train@image-flipped", "image", Self.rows(3, view: 4), to: folder)
      let split = try FeatureSet(at: folder).train
      let random = RandomSource(seed: 5)
      let layout = BlockLayout(samples: 4, blocks: 3)
      let plan = SamplingPlan(SampleOrder(split.count, .blocks(layout), random, epoch: 2)).flipping(random, epoch: 2)
      let gathered = try all(ViewedBatches(split.prepared(.float64, on: .cpu), share: 0.5), plan)
      #expect(gathered[0].inputs["image"].elementType == .float64)
      for memory in [nil, 0] {
        let streamed = split.streamed(layout, memory: memory)
        let found = try all(ViewedBatches(streamed, share: 0.5), plan)
        #expect(found.count == gathered.count)
        for (a, b) in zip(found, gathered) {
          #expect(a.samples == b.samples)
          for modality in ["image", "text"] as [Modality] {
            #expect(try a.inputs[modality].array(of: Double.self) == b.inputs[modality].array(of: Double.self))
          }
        }
      }
      // A view wins over a flipped picture.
      let seen = try Set(gathered.flatMap { try views($0, "image") })
      #expect(seen == [0, 1, 2, 3, 4])
    }
  }

  @Test("a view that does not fit is told when it is asked for, and not before")
  func misfits() throws {
    try withSet { set, folder in
      try Self.write("train@text-noisy", "text", Self.rows(2, count: 5, view: 1), to: folder)
      let shape = try FeatureSet(at: folder)
      let error = #expect(throws: FeatureSetError.self) { try ViewedBatches(shape.train, share: 0.5) }
      #expect(
        error?.faults == ["train@text-noisy.safetensors: 'text' has the shape [5, 2], expected [41, 2] or [1, 2]"])
      var values = [Float](repeating: 1, count: 2 * Self.count)
      values[9] = .nan
      try Self.write("train@text-noisy", "text", Tensor(values, shape: [Self.count, 2]), to: folder)
      let nan = #expect(throws: FeatureSetError.self) { try ViewedBatches(FeatureSet(at: folder).train, share: 0.5) }
      #expect(nan?.faults == ["train@text-noisy.safetensors: 'text' is not finite in 1 row: 4"])
      try Self.write("train@text-noisy", "image", Self.rows(2, view: 1), to: folder)
      let name = #expect(throws: FeatureSetError.self) { try ViewedBatches(FeatureSet(at: folder).train, share: 0.5) }
      #expect(name?.faults == ["train@text-noisy.safetensors: 'text' is not there; it holds image"])
    }
  }

  @Test("validation under a condition: by file, missing and swapped without one, nothing for others")
  func validation() throws {
    try withSet { set, folder in
      try Self.write("validation@image-noisy", "image", Self.rows(3, count: 7, view: 1), to: folder)
      func first(_ condition: String) throws -> [Float]? {
        try set.validation(under: condition)?.batch([SamplingPlan.Visit(2), .init(3)]).inputs["image"].array()
      }
      #expect(try first("full")?.first == 20 && first("image-noisy")?.first == 1020)
      #expect(try first("image-missing") == [9000, 9001, 9002, 9000, 9001, 9002])
      #expect(try first("image-swapped")?.first != 20)
      #expect(try set.validation(under: "text-missing")?.inputs["text"].array(of: Float.self) == [0, 0])
      #expect(try set.validation(under: "text-noisy") == nil && set.validation(under: "image-none") == nil)
      #expect(set.missingConvention("image") == "encoded-empty" && set.missingConvention("text") == "zeros")
    }
  }

  @Test("swapped: every row once, never its own, the same for the same seed, without a file")
  func swapped() throws {
    try withSet { set, folder in
      func owners(_ set: FeatureSet, _ condition: String, _ modality: Modality) throws -> [Int] {
        let split = try set.test(under: condition).split
        let values: [Float] = try split.prepared(.float32, on: .cpu)
          .batch(SamplingPlan.inOrder(9).visits[...]).inputs[modality].array()
        return stride(from: 0, to: values.count, by: values.count / 9).map { Int(values[$0]) / 10 }
      }
      let image = try owners(set, "image-swapped", "image")
      #expect(image.sorted() == Array(0..<9) && zip(image, 0...).allSatisfy { $0 != $1 })
      #expect(try owners(set, "image-swapped", "text") == Array(0..<9))
      #expect(try owners(FeatureSet(at: folder), "image-swapped", "image") == image)
      #expect(try owners(set, "text-swapped", "text") != image)
      let (_, absent, zero) = try set.test(under: "image-swapped")
      #expect(absent.isEmpty && !zero)
      let streamed = try set.test(under: "image-swapped").split.streamed(BlockLayout(samples: 2, blocks: 2))
      let batch = try all(streamed, .inOrder(9))[0]
      #expect(try batch.inputs["image"].array(of: Float.self).first == Float(10 * image[0]))
    }
  }

  @Test("pixels and tokens are impaired as they are visited, as the impairments impair them")
  func drawn() throws {
    try withTemporaryFolder { folder in
      var manifest = DatasetManifest(
        name: "raw", task: .singleLabel, classes: ["a", "b"], modalities: ["image", "text"], metric: .accuracy)
      manifest.about = ["impairments": ["noisy_pixels": 0.5, "deleted_tokens": 0.6]]
      try manifest.write(to: folder)
      let bytes = (0..<(4 * 3 * 5 * 6)).map { UInt8(truncatingIfNeeded: 1 + $0 % 200) }
      let tokens: [Int32] = [101, 1, 2, 3, 4, 102, 0, 0, 101, 7, 102, 0, 0, 0, 0, 0] + [101, 5, 6, 7, 8, 9, 10, 102]
      try SafeTensors.write(
        [
          ("image", try Tensor(bytes, shape: [4, 3, 5, 6])),
          ("text", try Tensor(tokens + [Int32](repeating: 0, count: 8), shape: [4, 8])),
          ("labels", try Tensor([0, 1, 0, 1])),
        ], to: folder.appending(path: "train.safetensors"))
      let set = try FeatureSet(at: folder)
      #expect(set.train.views == ["image": ["noisy"], "text": ["noisy"]])
      let source = try ViewedBatches(set.train, share: 1)
      let plan = SamplingPlan.inOrder(4).flipping(RandomSource(seed: 8), epoch: 3)
      let batch = try #require(try all(source, plan).first)
      let (pixels, left): ([UInt8], [Int32]) = (try batch.inputs["image"].array(), try batch.inputs["text"].array())
      let size = 3 * 5 * 6
      for sample in 0..<4 {
        var numbers = SeededNumbers(seed: 8, stream: "view/image/3/\(sample)")
        var interleaved: [UInt8] = []
        for place in 0..<30 { for channel in 0..<3 { interleaved.append(bytes[size * sample + 30 * channel + place]) } }
        let noisy = SaltAndPepper(ratio: 0.5).impaired(
          RGBImage(width: 6, height: 5, pixels: interleaved), using: &numbers)
        for channel in 0..<3 {
          for place in 0..<30 {
            #expect(pixels[size * sample + 30 * channel + place] == noisy.pixels[3 * place + channel])
          }
        }
        var text = SeededNumbers(seed: 8, stream: "view/text/3/\(sample)")
        let before = tokens.dropFirst(8 * sample).prefix(8).filter { $0 != 0 }
        var expected = before
        if before.count > 2 {
          let kept = TokenDeletion(ratio: 0.6).kept(of: before.count - 2, using: &text)
          expected = [101] + zip(before.dropFirst().dropLast(), kept).filter(\.1).map(\.0) + [102]
        }
        #expect(Array(left[(8 * sample)..<(8 * sample + 8)].prefix(expected.count)) == expected)
        #expect(left[(8 * sample + expected.count)..<(8 * sample + 8)].allSatisfy { $0 == 0 })
      }
      #expect(pixels != bytes && left.count { $0 != 0 } < tokens.count { $0 != 0 })
    }
  }
}
