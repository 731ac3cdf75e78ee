public import Torch

/// Some samples, ready for a model.
public struct Batch {
  /// The samples' numbers in their split.
  public let samples: [Int]
  /// The features of each modality, [B, Dₘ].
  public let inputs: PerModality<Tensor>
  /// [B] class numbers, or [B, C] for several labels.
  public let labels: Tensor
  /// The modalities that the plan hides at each row; empty where it hides none.
  public let hidden: [Set<Modality>]
  /// The modalities that are seen under an impairment at each row; empty where none is.
  public package(set) var impaired: [Set<Modality>] = []

  public init(samples: [Int], inputs: PerModality<Tensor>, labels: Tensor, hidden: [Set<Modality>] = []) {
    self.samples = samples
    self.inputs = inputs
    self.labels = labels
    self.hidden = hidden
  }

  /// The same samples with other inputs.
  public func replacing(_ inputs: PerModality<Tensor>) -> Batch {
    var batch = Batch(samples: samples, inputs: inputs, labels: labels, hidden: hidden)
    batch.impaired = impaired
    return batch
  }

  public var count: Int { samples.count }
}

/// Whoever can give batches of a split.
public protocol BatchSource {
  /// How many samples there are.
  var count: Int { get }
  /// The samples of those numbers, in that order, with the features of hidden modalities set to zero.
  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch
  /// The batches of a plan in turn, from number `first` on.
  func feed(_ batches: SamplingPlan.Batches, from first: Int) throws -> any BatchFeed
}

/// Batches one after the other.
public protocol BatchFeed: AnyObject {
  /// The next batch; nil after the last.
  func next() throws -> Batch?
}

extension BatchSource {
  public func feed(_ batches: SamplingPlan.Batches, from first: Int = 0) throws -> any BatchFeed {
    GatheredBatches(self, batches, from: first)
  }
}

/// Batches that are gathered when they are asked for.
package final class GatheredBatches: BatchFeed {
  private let source: any BatchSource
  private let batches: SamplingPlan.Batches
  private var number: Int
  private var window: (number: Int, samples: [Int])?

  package init(_ source: any BatchSource, _ batches: SamplingPlan.Batches, from first: Int) {
    self.source = source
    self.batches = batches
    number = first
  }

  package func next() throws -> Batch? {
    guard number < batches.count else { return nil }
    defer { number += 1 }
    return try source.batch(batches.plan.visits(batches.range(number), remembering: &window))
  }
}

/// Which samples are seen flipped in an epoch: each has its own number of the stream `flip/<epoch>`.
package struct Flips: Sendable, Equatable {
  private let seed: UInt64
  private let epoch: Int
  private let numbers: SeededNumbers

  init(_ random: RandomSource, epoch: Int) {
    seed = random.seed
    self.epoch = epoch
    numbers = SeededNumbers(seed: random.seed, stream: "flip/\(epoch)")
  }

  /// Numbers of the same epoch from the stream `<name>/<epoch>`.
  package func numbers(_ name: String) -> SeededNumbers { SeededNumbers(seed: seed, stream: "\(name)/\(epoch)") }

  /// Numbers of one sample from the stream `<name>/<epoch>/<sample>`.
  package func numbers(_ name: String, of sample: Int) -> SeededNumbers {
    SeededNumbers(seed: seed, stream: "\(name)/\(epoch)/\(sample)")
  }

  /// Whether a sample is seen flipped, whenever it is visited.
  package func contains(_ sample: Int) -> Bool { numbers.next(after: sample) >> 63 == 1 }

  package static func == (a: Flips, b: Flips) -> Bool { a.seed == b.seed && a.epoch == b.epoch }
}

/// Which samples an epoch visits, in what order, and which modalities are hidden at each visit.
public struct SamplingPlan: Sendable, Equatable {
  public struct Visit: Sendable, Equatable {
    public let sample: Int
    public let hidden: Set<Modality>
    /// Whether the flipped view is meant, of modalities that have one.
    public var isFlipped = false

    public init(_ sample: Int, hidden: Set<Modality> = []) {
      self.sample = sample
      self.hidden = hidden
    }
  }

  private enum Content: Sendable, Equatable {
    case listed([Visit])
    case ordered(SampleOrder, permutation: [Int])
  }

  private var content: Content
  /// Which visits are to the flipped view; none where it is nil.
  package private(set) var flips: Flips?

  public init(_ visits: [Visit]) { content = .listed(visits) }

  /// Every sample once, in an order that takes no memory of its own unless all is shuffled with all.
  public init(_ order: SampleOrder) {
    content = .ordered(order, permutation: order.shuffle == .full ? order.permutation() : [])
  }

  /// The same plan, with each sample's view drawn from the stream `flip/<epoch>`: plain or flipped, equally likely.
  ///
  /// Only sources that hold flipped views heed it.
  public func flipping(_ random: RandomSource, epoch: Int) -> SamplingPlan {
    var plan = self
    plan.flips = Flips(random, epoch: epoch)
    return plan
  }

  /// Every sample once, in order.
  public static func inOrder(_ count: Int) -> SamplingPlan { SamplingPlan(SampleOrder(count, .none)) }

  /// Every sample once, shuffled by the stream `order/<epoch>` of the source.
  public static func shuffled(_ count: Int, _ random: RandomSource, epoch: Int) -> SamplingPlan {
    SamplingPlan(SampleOrder(count, .full, random, epoch: epoch))
  }

  /// The order that the plan was made of; nil where visits were listed.
  public var order: SampleOrder? { if case .ordered(let order, _) = content { order } else { nil } }

  public var count: Int {
    switch content {
    case .listed(let visits): visits.count
    case .ordered(let order, _): order.count
    }
  }

  /// All visits, as a list.
  public var visits: [Visit] {
    get { Array(visits(0..<count)) }
    set { content = .listed(newValue) }
  }

  /// The visits at some places of the plan.
  public func visits(_ places: Range<Int>) -> ArraySlice<Visit> {
    var window: (number: Int, samples: [Int])?
    return visits(places, remembering: &window)
  }

  /// The same; the samples of the window last used are kept for the next call.
  func visits(_ places: Range<Int>, remembering window: inout (number: Int, samples: [Int])?) -> ArraySlice<Visit> {
    var visits = plainVisits(places, remembering: &window)
    guard let flips else { return visits }
    for place in visits.indices { visits[place].isFlipped = flips.contains(visits[place].sample) }
    return visits
  }

  private func plainVisits(
    _ places: Range<Int>, remembering window: inout (number: Int, samples: [Int])?
  ) -> ArraySlice<Visit> {
    switch content {
    case .listed(let visits): return visits[places]
    case .ordered(let order, let permutation):
      switch order.shuffle {
      case .none: return places.map { Visit($0) }[...]
      case .full: return permutation[places].map { Visit($0) }[...]
      case .blocks:
        guard let windows = order.windows() else { preconditionFailure("a shuffle by blocks has windows") }
        return places.map { place in
          let (number, before) = windows.window(ofPlace: place)
          let current: (number: Int, samples: [Int])
          if let window, window.number == number {
            current = window
          } else {
            current = (number, windows.samples(number))
            window = current
          }
          return Visit(current.samples[place - before])
        }[...]
      }
    }
  }

  /// The visits in portions of `size`; the last may be smaller, and is left out on demand.
  public func batches(of size: Int, droppingLast: Bool = false) -> Batches {
    Batches(plan: self, size: size, droppingLast: droppingLast)
  }

  /// A plan's portions, each made when it is asked for.
  public struct Batches: RandomAccessCollection, Sendable {
    public let plan: SamplingPlan
    public let size: Int
    public let endIndex: Int

    init(plan: SamplingPlan, size: Int, droppingLast: Bool) {
      self.plan = plan
      self.size = size
      let full = plan.count / size
      endIndex = full + (plan.count % size > 0 && !(droppingLast && full > 0) ? 1 : 0)
    }

    public var startIndex: Int { 0 }

    public subscript(position: Int) -> ArraySlice<Visit> { plan.visits(range(position)) }

    /// The places of a portion in the plan.
    public func range(_ position: Int) -> Range<Int> {
      (position * size)..<Swift.min((position + 1) * size, plan.count)
    }
  }
}
