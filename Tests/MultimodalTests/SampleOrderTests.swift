import Foundation
import Multimodal
import TestSupport
import Testing
import Torch

@Suite("Orders of samples")
struct SampleOrderTests {
  static let layouts = [
    (26, BlockLayout(samples: 4, blocks: 3)), (26, BlockLayout(samples: 26, blocks: 1)),
    (24, BlockLayout(samples: 4, blocks: 2)), (7, BlockLayout(samples: 100, blocks: 5)),
    (101, BlockLayout(samples: 1, blocks: 7)), (50, BlockLayout(samples: 9, blocks: 1)),
  ]

  private func order(_ count: Int, _ layout: BlockLayout, seed: Int = 1, epoch: Int = 0) -> SampleOrder {
    SampleOrder(count, .blocks(layout), RandomSource(seed: seed), epoch: epoch)
  }

  @Test("by blocks, every sample comes exactly once an epoch, whatever the layout", arguments: layouts)
  func everySampleOnce(_ count: Int, _ layout: BlockLayout) {
    for epoch in 0..<3 {
      let samples = SamplingPlan(order(count, layout, epoch: epoch)).visits.map(\.sample)
      #expect(samples.sorted() == Array(0..<count))
    }
  }

  @Test("windows hold whole blocks, and no more of them than the layout says", arguments: layouts)
  func windows(_ count: Int, _ layout: BlockLayout) throws {
    let windows = try #require(order(count, layout).windows())
    var place = 0
    for window in 0..<windows.count {
      let ranges = windows.ranges(window)
      #expect(ranges.count <= layout.blocks)
      #expect(ranges.allSatisfy { $0.lowerBound % layout.samples == 0 && $0.count <= layout.samples })
      let samples = windows.samples(window)
      #expect(samples.sorted() == ranges.flatMap { Array($0) }.sorted())
      #expect(samples.count <= windows.capacity)
      for offset in samples.indices {
        let found = windows.window(ofPlace: place + offset)
        #expect(found.window == window && found.before == place)
      }
      place += samples.count
    }
    #expect(place == count)
  }

  @Test("the order depends on seed and epoch, and on nothing else")
  func determinism() {
    let layout = BlockLayout(samples: 4, blocks: 3)
    let first = SamplingPlan(order(60, layout)).visits
    #expect(SamplingPlan(order(60, layout)).visits == first)
    #expect(SamplingPlan(order(60, layout, epoch: 1)).visits != first)
    #expect(SamplingPlan(order(60, layout, seed: 2)).visits != first)
  }

  @Test("samples of blocks that are far apart meet in a batch, and neighbours are parted")
  func mixing() {
    let samples = SamplingPlan(order(1000, BlockLayout(samples: 10, blocks: 20))).visits.map(\.sample)
    let spans = stride(from: 0, to: 1000, by: 50).map { Set(samples[$0..<($0 + 50)].map { $0 / 10 }).count }
    #expect(spans.allSatisfy { $0 > 10 })
  }

  @Test("an order of ten million samples is a few numbers, and its middle is found without the rest")
  func tenMillion() throws {
    let layout = BlockLayout(bytesPerSample: 2 * 768 * 4)
    let plan = SamplingPlan(order(10_000_000, layout))
    #expect(try JSONEncoder().encode(#require(plan.order)).count < 200)
    let batches = plan.batches(of: 128)
    #expect(batches.count == 78_125)
    #expect(Set(batches[40_000].map(\.sample)).count == 128)
    // 64 blocks of 4 MiB.
    #expect(try #require(plan.order?.windows()).capacity * 2 * 768 * 4 <= 256 << 20)
  }

  @Test(
    "an order survives being written and read", arguments: [SampleOrder.Shuffle.none, .full, .blocks(layouts[0].1)])
  func coding(shuffle: SampleOrder.Shuffle) throws {
    let order = SampleOrder(26, shuffle, RandomSource(seed: 3), epoch: 2)
    let read = try JSONDecoder().decode(SampleOrder.self, from: JSONEncoder().encode(order))
    #expect(read == order)
    #expect(SamplingPlan(read).visits == SamplingPlan(order).visits)
  }

  @Test("which samples are flipped depends on seed, epoch and sample alone; about half of them are")
  func flips() {
    let source = RandomSource(seed: 3)
    func flipped(_ plan: SamplingPlan) -> Set<Int> { Set(plan.visits.filter(\.isFlipped).map(\.sample)) }
    let count = 4000
    let first = flipped(SamplingPlan.inOrder(count).flipping(source, epoch: 0))
    #expect(abs(first.count - count / 2) < 150)
    #expect(flipped(SamplingPlan.shuffled(count, source, epoch: 0).flipping(source, epoch: 0)) == first)
    let order = SampleOrder(count, .blocks(BlockLayout(samples: 7, blocks: 5)), source)
    #expect(flipped(SamplingPlan(order).flipping(source, epoch: 0)) == first)
    #expect(flipped(SamplingPlan(SamplingPlan.inOrder(count).visits).flipping(source, epoch: 0)) == first)
    for other in [
      flipped(SamplingPlan.inOrder(count).flipping(source, epoch: 1)),
      flipped(SamplingPlan.inOrder(count).flipping(RandomSource(seed: 4), epoch: 0)),
    ] {
      // Neither the same nor its opposite.
      #expect(abs(first.symmetricDifference(other).count - count / 2) < 150)
    }
    #expect(flipped(SamplingPlan.shuffled(count, source, epoch: 0)).isEmpty)
  }

  @Test("a feed gives the batches of its plan from where it is told to begin")
  func feeds() throws {
    let data = SyntheticData()
    for plan in [
      SamplingPlan(order(26, BlockLayout(samples: 4, blocks: 2))), .inOrder(26), .init([.init(3), .init(1)]),
    ] {
      let batches = plan.batches(of: 5)
      for first in [0, 2] {
        let feed = try data.feed(batches, from: first)
        var found: [[Int]] = []
        while let batch = try feed.next() { found.append(batch.samples) }
        #expect(found == batches.dropFirst(first).map { $0.map(\.sample) })
      }
    }
  }
}
