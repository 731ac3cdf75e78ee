import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("Splits that are streamed")
struct StreamingTests {
  private static let count = 53

  /// Features that tell their sample and column, image in half precision.
  private func withSplit(_ body: (FeatureSplit, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let count = Self.count
      try DatasetManifest(
        name: "numbered", task: .singleLabel, classes: ["a", "b"], modalities: ["image", "text"], metric: .accuracy
      ).write(to: folder)
      let image = try Tensor((0..<(count * 3)).map { Float($0) }, shape: [count, 3]).to(.float16)
      let text = try Tensor((0..<(count * 2)).map { Float($0) / 7 }, shape: [count, 2])
      try SafeTensors.write(
        [("image", image), ("text", text), ("labels", try Tensor((0..<count).map { $0 % 2 }))],
        to: folder.appending(path: "train.safetensors"))
      // Multiplied, so that both ways have to.
      try body(FeatureSet(at: folder).scaled("image=0.25").train, folder)
    }
  }

  private func same(_ a: Batch?, _ b: Batch) throws {
    let a = try #require(a)
    #expect(a.samples == b.samples)
    #expect(try a.labels.array(of: Int.self) == b.labels.array(of: Int.self))
    for (modality, features) in b.inputs {
      #expect(a.inputs[modality].elementType == features.elementType)
      #expect(try a.inputs[modality].array(of: Float.self) == features.array(of: Float.self))
    }
  }

  @Test(
    "the batches are those that gathering gives, from wherever one begins, through the page cache and past it",
    arguments: [1, 4, 60], [(blocks: 1, memory: nil), (3, 0), (3, nil), (100, nil), (100, 0)])
  func sameBatches(samples: Int, read: (blocks: Int, memory: Int?)) throws {
    try withSplit { split, _ in
      let layout = BlockLayout(samples: samples, blocks: read.blocks)
      let streamed = split.streamed(layout, memory: read.memory)
      let orders: [SampleOrder.Shuffle] = [.blocks(layout), .none]
      for shuffle in orders {
        let plan = SamplingPlan(SampleOrder(split.count, shuffle, RandomSource(seed: 5), epoch: 1))
        for (first, dropping) in [(0, false), (0, true), (3, false)] {
          let batches = plan.batches(of: 8, droppingLast: dropping)
          let feed = try streamed.feed(batches, from: first)
          for number in first..<batches.count { try same(feed.next(), split.batch(batches[number])) }
          #expect(try feed.next() == nil)
        }
      }
    }
  }

  @Test("flipped views are taken where the plan says, the same gathered and streamed")
  func flipped() throws {
    try withSplit { _, folder in
      let count = Self.count
      let image = try Tensor((0..<(count * 3)).map { -Float($0) }, shape: [count, 3]).to(.float16)
      try SafeTensors.write([("image", image)], to: folder.appending(path: "train@image-flipped.safetensors"))
      let set = try FeatureSet(at: folder)
      #expect(set.train.flippedModalities == ["image"])
      #expect(try set.files().map(\.lastPathComponent).contains("train@image-flipped.safetensors"))
      let layout = BlockLayout(samples: 4, blocks: 3)
      let source = RandomSource(seed: 5)
      let plan = SamplingPlan(SampleOrder(count, .blocks(layout), source)).flipping(source, epoch: 0)
      let batches = plan.batches(of: 8)
      for (first, memory) in [(0, nil), (3, nil), (0, 0)] {
        let feed = try set.train.streamed(layout, memory: memory).feed(batches, from: first)
        for number in first..<batches.count {
          let gathered = try set.train.batch(batches[number])
          try same(feed.next(), gathered)
          let signs = batches[number].flatMap { visit in
            (0..<3).map { Float(visit.sample * 3 + $0) * (visit.isFlipped ? -1 : 1) }
          }
          #expect(try gathered.inputs["image"].array(of: Float.self) == signs)
          try same(set.train.withoutFlips().streamed(layout).feed(batches, from: number).next(), withoutFlips(number))
        }
        func withoutFlips(_ number: Int) throws -> Batch { try set.train.withoutFlips().batch(batches[number]) }
      }
      #expect(plan.visits.contains { $0.isFlipped })
    }
  }

  @Test("a flipped view that does not fit the features is told")
  func flippedMisfit() throws {
    try withSplit { _, folder in
      try SafeTensors.write(
        [("image", try Tensor.zeros([3, 3], .float32))], to: folder.appending(path: "train@image-flipped.safetensors"))
      let error = #expect(throws: FeatureSetError.self) { try FeatureSet(at: folder) }
      #expect(error?.faults == ["train@image-flipped.safetensors: 'image' has the shape [3, 3], expected [53, 3]"])
    }
  }

  @Test("a batch that has come is not changed by those that come after")
  func noOverwriting() throws {
    try withSplit { split, _ in
      let layout = BlockLayout(samples: 4, blocks: 2)
      let plan = SamplingPlan(SampleOrder(split.count, .blocks(layout), RandomSource(seed: 5)))
      let batches = plan.batches(of: 8)
      let feed = try split.streamed(layout).feed(batches)
      var kept: [Batch] = []
      while let batch = try feed.next() { kept.append(batch) }
      for (number, batch) in kept.enumerated() { try same(batch, split.batch(batches[number])) }
    }
  }

  @Test("plans that a method lists are gathered, with what they hide")
  func listed() throws {
    try withSplit { split, _ in
      let plan = SamplingPlan([.init(9), .init(2, hidden: ["text"]), .init(9)])
      let feed = try split.streamed().feed(plan.batches(of: 2))
      let first = try #require(try feed.next())
      #expect(first.samples == [9, 2])
      #expect(try first.inputs["text"].array(of: Float.self)[2...] == [0, 0])
      #expect(try feed.next()?.samples == [9])
    }
  }

  @Test("samples that follow each other are not copied, others are")
  func runs() throws {
    try withSplit { split, _ in
      for (visits, isShared) in [([4, 5, 6], true), ([4, 6, 5], false), ([7], true)] {
        let batch = try split.batch(visits.map { SamplingPlan.Visit($0) }[...])
        #expect(try batch.inputs["text"].sharesStorage(with: split.inputs["text"]) == isShared)
        let wanted = visits.flatMap { [Float(2 * $0) / 7, Float(2 * $0 + 1) / 7] }
        #expect(try batch.inputs["text"].array(of: Float.self) == wanted)
      }
    }
  }

  @Test("batches lie in their window, but for the last, which may outlive it")
  func views() throws {
    try withSplit { split, _ in
      let layout = BlockLayout(samples: 4, blocks: 4)
      let plan = SamplingPlan(SampleOrder(split.count, .none))
      let feed = try split.streamed(layout).feed(plan.batches(of: 4))
      let texts = try (0..<4).map { _ in try #require(try feed.next()).inputs["text"] }
      #expect(texts[1].sharesStorage(with: texts[0]) && texts[2].sharesStorage(with: texts[0]))
      #expect(!texts[3].sharesStorage(with: texts[0]))
    }
  }

  @Test("two buffers hold all windows in turn, unless somebody still looks into one")
  func buffers() throws {
    try withSplit { split, _ in
      let stored = try #require(split.stored)["text"]
      let windows = try #require(SampleOrder(split.count, .none).windows(BlockLayout(samples: 4, blocks: 2)))
      let reader = WindowReader(windows, [.init(plain: stored, flipped: nil)], nil)
      func address(_ window: Int) throws -> ObjectIdentifier { ObjectIdentifier(try reader.take(window).buffers[0]) }
      let first = try address(0)
      #expect(try address(1) == first)
      let kept = try reader.take(2).buffers[0].tensor(8, of: stored)
      let second = try address(3)
      #expect(second != first)
      #expect(try address(4) == second)
      let wanted = try split.inputs["text"].narrowed(0, from: 16, length: 8)
      #expect(try kept.array(of: Float.self) == wanted.array(of: Float.self))
    }
  }

  @Test("a file that became shorter while it was read is told, not waited for", arguments: [nil, 0])
  func shrunk(memory: Int?) throws {
    try withSplit { split, folder in
      let layout = BlockLayout(samples: 4, blocks: 2)
      let file = try FileHandle(forWritingTo: folder.appending(path: "train.safetensors"))
      try file.truncate(atOffset: 300)
      try file.close()
      let feed = try split.streamed(layout, memory: memory).feed(SamplingPlan.inOrder(split.count).batches(of: 8))
      let error = #expect(throws: SafeTensorsError.self) { while try feed.next() != nil {} }
      #expect(error?.description.contains("shorter") == true)
    }
  }
}
