public import Torch

/// Some samples, ready for a model.
public struct Batch {
  /// The samples' numbers in their split.
  public let samples: [Int]
  /// The features of each modality, [B, Dₘ].
  public let inputs: PerModality<Tensor>
  /// [B] class numbers, or [B, C] for several labels.
  public let labels: Tensor

  public init(samples: [Int], inputs: PerModality<Tensor>, labels: Tensor) {
    self.samples = samples
    self.inputs = inputs
    self.labels = labels
  }

  public var count: Int { samples.count }
}

/// Whoever can give batches of a split.
public protocol BatchSource {
  /// How many samples there are.
  var count: Int { get }
  /// The samples of those numbers, in that order, with the features of hidden modalities set to zero.
  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch
}

/// Which samples an epoch visits, in what order, and which modalities are hidden at each visit.
public struct SamplingPlan: Sendable, Equatable {
  public struct Visit: Sendable, Equatable {
    public let sample: Int
    public let hidden: Set<Modality>

    public init(_ sample: Int, hidden: Set<Modality> = []) {
      self.sample = sample
      self.hidden = hidden
    }
  }

  public var visits: [Visit]

  public init(_ visits: [Visit]) { self.visits = visits }

  /// Every sample once, in order.
  public static func inOrder(_ count: Int) -> SamplingPlan { SamplingPlan((0..<count).map { Visit($0) }) }

  /// Every sample once, shuffled by the stream `order/<epoch>` of the source.
  public static func shuffled(_ count: Int, _ random: RandomSource, epoch: Int) -> SamplingPlan {
    var numbers = SeededNumbers(seed: random.seed, stream: "order/\(epoch)")
    return SamplingPlan(numbers.permutation(count).map { Visit($0) })
  }

  /// The visits in portions of `size`; the last may be smaller, and is left out on demand.
  public func batches(of size: Int, droppingLast: Bool = false) -> [ArraySlice<Visit>] {
    stride(from: 0, to: visits.count, by: size).compactMap { start in
      let end = min(start + size, visits.count)
      return droppingLast && end - start < size && start > 0 ? nil : visits[start..<end]
    }
  }
}
