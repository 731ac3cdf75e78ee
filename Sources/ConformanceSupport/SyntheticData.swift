public import Multimodal
public import Torch

extension PredictionTask {
  /// Those that predict classes.
  public static let ofClasses = allCases.filter(\.hasClasses)
}

/// A small split whose classes, or numbers, can be told apart, each modality by its own features and the first the best.
public struct SyntheticData: BatchSource {
  public let modalities: [Modality]
  public let widths: [Int]
  public let classes: Int
  public let task: PredictionTask
  public let count: Int

  private let features: [[Double]]
  private let labels: [[Int]]
  /// Of a regression.
  private let targets: [Double]
  private let elementType: ElementType

  /// - Parameter widths: Dₘ; by default 6, 5, 4, ….
  public init(
    modalities: [Modality] = ["image", "text"], widths: [Int]? = nil, task: PredictionTask = .singleLabel,
    classes: Int = 3, count: Int = 26, seed: UInt64 = 1, elementType: ElementType = Conditions.elementType
  ) {
    self.modalities = modalities
    self.widths = widths ?? modalities.indices.map { 6 - $0 % 4 }
    self.task = task
    self.classes = task == .regression ? 1 : classes
    self.count = count
    self.elementType = elementType
    var random = SeededNumbers(seed: seed, stream: "labels")
    targets = task == .regression ? (0..<count).map { _ in random.normal() } : []
    let classes = self.classes
    labels = (0..<count).map { sample in
      switch task {
      case .regression: []
      case .singleLabel, .binary: [sample < classes ? sample : random.uniform(below: classes)]
      case .multiLabel: (0..<classes).map { _ in random.chance(0.4) ? 1 : 0 }
      }
    }
    let targets = self.targets
    var features: [[Double]] = []
    for (position, modality) in modalities.enumerated() {
      // By name, so that the order of modalities changes no number.
      var numbers = SeededNumbers(seed: seed, stream: "features/\(modality)")
      let width = self.widths[position]
      let centres = (0..<(classes * width)).map { _ in numbers.normal() }
      let noise = modality == "image" ? 0.4 : 0.9
      if task == .regression {
        features.append(
          targets.flatMap { target in centres[..<width].map { noise * numbers.normal() + target * $0 } })
        continue
      }
      features.append(
        labels.flatMap { label in
          (0..<width).map { column in
            let classNumbers = task == .multiLabel ? label.indices.filter { label[$0] == 1 } : label
            return noise * numbers.normal() + classNumbers.map { centres[$0 * width + column] }.reduce(0, +)
          }
        })
    }
    self.features = features
  }

  /// The same samples with the modalities in another order.
  public func reordered(_ modalities: [Modality], seed: UInt64 = 1) -> SyntheticData {
    let widths = modalities.map { modality in self.widths[self.modalities.firstIndex(of: modality) ?? 0] }
    return SyntheticData(
      modalities: modalities, widths: widths, task: task, classes: classes, count: count, seed: seed,
      elementType: elementType)
  }

  public func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let samples = visits.map(\.sample)
    var inputs: [Tensor] = []
    for (position, modality) in modalities.enumerated() {
      let width = widths[position]
      let rows = visits.flatMap { visit in
        visit.hidden.contains(modality)
          ? [Double](repeating: 0, count: width)
          : Array(features[position][(visit.sample * width)..<((visit.sample + 1) * width)])
      }
      inputs.append(try Tensor(rows, shape: [samples.count, width]).to(elementType))
    }
    let labels =
      task == .regression
      ? try Tensor(samples.map { targets[$0] })
      : task == .multiLabel
        ? try Tensor(samples.flatMap { self.labels[$0] }, shape: [samples.count, classes]).to(.uint8)
        : try Tensor(samples.map { self.labels[$0][0] })
    return Batch(
      samples: samples, inputs: PerModality(modalities, inputs), labels: labels,
      hidden: visits.contains { !$0.hidden.isEmpty } ? visits.map(\.hidden) : [])
  }

  /// All samples, in order.
  public func whole() throws -> Batch { try batch(SamplingPlan.inOrder(count).visits[...]) }
}
