public import Torch

/// An order of a split's samples that is made again from a few numbers, and so is never stored.
public struct SampleOrder: Codable, Equatable, Sendable {
  /// What is mixed with what.
  public enum Shuffle: Codable, Equatable, Sendable {
    /// Nothing: the order of the file.
    case none
    /// Everything: each order of all samples is equally likely.
    case full
    /// Blocks of neighbours, and then the samples of some blocks at a time.
    case blocks(BlockLayout)
  }

  /// How many samples there are.
  public let count: Int
  public let shuffle: Shuffle
  let seed: UInt64
  let epoch: Int

  public init(_ count: Int, _ shuffle: Shuffle, _ random: RandomSource = RandomSource(seed: 0), epoch: Int = 0) {
    self.count = count
    self.shuffle = shuffle
    seed = random.seed
    self.epoch = epoch
  }

  /// The order of all samples where it is shuffled as a whole, from the stream `order/<epoch>`.
  func permutation() -> [Int] {
    var numbers = SeededNumbers(seed: seed, stream: "order/\(epoch)")
    return numbers.permutation(count)
  }

  /// The windows that the samples come in where they are cut in blocks.
  ///
  /// The order of blocks is from the stream `order/<epoch>`, that within window w from `order/<epoch>/<w>`.
  ///
  /// - Parameter layout: of an order that has none of its own; its blocks then come as they lie.
  public func windows(_ layout: BlockLayout? = nil) -> SampleWindows? {
    switch shuffle {
    case .full: return nil
    case .none:
      return layout.map { SampleWindows(count, $0, blocks: Array(0..<$0.blocks(of: count)), numbers: nil) }
    case .blocks(let layout):
      var numbers = SeededNumbers(seed: seed, stream: "order/\(epoch)")
      let (seed, epoch) = (seed, epoch)
      return SampleWindows(count, layout, blocks: numbers.permutation(layout.blocks(of: count))) {
        SeededNumbers(seed: seed, stream: "order/\(epoch)/\($0)")
      }
    }
  }
}

/// How a split is cut to be read in large pieces: blocks of neighbouring samples, and so many of them held at a time.
public struct BlockLayout: Codable, Equatable, Sendable {
  /// Samples in a block; the last block may have fewer.
  public let samples: Int
  /// Blocks in a window, which is what is shuffled and held in memory.
  public let blocks: Int

  public init(samples: Int, blocks: Int) {
    self.samples = max(samples, 1)
    self.blocks = max(blocks, 1)
  }

  /// Blocks of 4 MiB, 64 of them in a window of 256 MiB.
  ///
  /// 4 MiB are read at a disk's full speed wherever they lie. It depends on the data alone, so that an order is the same
  /// on every machine.
  public init(bytesPerSample: Int) {
    self.init(samples: (4 << 20) / max(bytesPerSample, 1), blocks: 64)
  }

  func blocks(of count: Int) -> Int { (count + samples - 1) / samples }
}

/// The samples of a split, window after window.
public struct SampleWindows: Sendable {
  private let total: Int
  private let layout: BlockLayout
  private let blocks: [Int]
  /// The random numbers that shuffle a window; nil: nothing does.
  private let numbers: (@Sendable (Int) -> SeededNumbers)?
  /// The window of the block that is last in the file, which alone can have fewer samples.
  private let last: Int

  init(_ total: Int, _ layout: BlockLayout, blocks: [Int], numbers: (@Sendable (Int) -> SeededNumbers)?) {
    self.total = total
    self.layout = layout
    self.blocks = blocks
    self.numbers = numbers
    last = (blocks.firstIndex(of: blocks.count - 1) ?? 0) / layout.blocks
  }

  /// How many windows there are.
  public var count: Int { (blocks.count + layout.blocks - 1) / layout.blocks }

  /// How many samples the largest can have.
  public var capacity: Int { min(layout.samples * layout.blocks, total) }

  /// The samples of a window's blocks, range by range, as they are read.
  public func ranges(_ window: Int) -> [Range<Int>] {
    blocks[(window * layout.blocks)..<min((window + 1) * layout.blocks, blocks.count)].map {
      ($0 * layout.samples)..<min(($0 + 1) * layout.samples, total)
    }
  }

  /// For each place in a window's order, which of the samples read comes there.
  public func order(_ window: Int) -> [Int] {
    let size = ranges(window).reduce(0) { $0 + $1.count }
    guard let numbers else { return Array(0..<size) }
    var stream = numbers(window)
    return stream.permutation(size)
  }

  /// The samples of a window, in the order they come.
  public func samples(_ window: Int) -> [Int] {
    let read = ranges(window).flatMap { Array($0) }
    return order(window).map { read[$0] }
  }

  /// The window that a place in the whole order is in, and how many places come before that window.
  public func window(ofPlace place: Int) -> (window: Int, before: Int) {
    let full = layout.samples * layout.blocks
    let missing = blocks.count * layout.samples - total
    if place < (last + 1) * full - missing { return (min(place / full, last), min(place / full, last) * full) }
    let window = (place + missing) / full
    return (window, window * full - missing)
  }
}
