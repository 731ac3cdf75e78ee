import Foundation
public import Multimodal
public import Torch

/// One split: the features of each modality and the labels, as they lie on disk.
public struct FeatureSplit: BatchSource {
  /// [N, Dₘ], or [1, Dₘ] where every sample has the same; pictures are [N, 3, H, W] bytes and texts [N, L] whole numbers
  /// (``InputForm``).
  public let inputs: PerModality<Tensor>
  /// [N] int64, or [N, C] uint8.
  public let labels: Tensor
  public let count: Int
  /// Where the features lie in their file; nil where some do not.
  private(set) var stored: PerModality<StoredRows>?
  /// The second view of some modalities, which visits may ask for.
  private(set) var flipped: [Modality: FlippedView] = [:]
  private var elementType = ElementType.float32
  private var device = Device.cpu
  private var layout: BlockLayout?

  init(inputs: PerModality<Tensor>, labels: Tensor, stored: PerModality<StoredRows>? = nil) {
    self.inputs = inputs
    self.labels = labels
    self.stored = stored
    count = labels.shape[0]
  }

  /// The same split, with batches in another precision or on another device.
  public func prepared(_ elementType: ElementType, on device: Device) -> FeatureSplit {
    var copy = self
    copy.elementType = elementType
    copy.device = device
    return copy
  }

  /// The same split, read from the disk window by window wherever the order of samples admits it.
  ///
  /// What is held in memory then depends on the layout and not on how many samples there are.
  ///
  /// - Parameter memory: bytes that there are; nil: the machine's. Features that would fill three quarters of them are read
  ///   past the system's page cache, which could not keep them to the next epoch.
  public func streamed(_ layout: BlockLayout? = nil, memory: Int? = nil) -> FeatureSplit {
    guard let stored else { return self }
    var copy = self
    if byteCount > (memory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)) / 4 * 3 {
      copy.stored = stored.map { $1.uncached() }
      copy.flipped = flipped.mapValues { FlippedView(features: $0.features, stored: $0.stored?.uncached()) }
    }
    copy.layout = layout ?? BlockLayout(bytesPerSample: stored.values.reduce(0) { $0 + $1.rowBytes })
    return copy
  }

  /// The modalities of which there is a flipped view, in order.
  public var flippedModalities: [Modality] { inputs.modalities.filter { flipped[$0] != nil } }

  /// The same split with other flipped views; with none, every visit is to the plain one.
  func flipping(_ views: [Modality: FlippedView]) -> FeatureSplit {
    var copy = self
    copy.flipped = views
    return copy
  }

  /// The same split without flipped views.
  public func withoutFlips() -> FeatureSplit { flipping([:]) }

  /// How the split is cut where it is streamed.
  public var blockLayout: BlockLayout? { layout }

  /// The bytes of all features.
  public var byteCount: Int { inputs.values.reduce(0) { $0 + $1.count * $1.elementType.byteCount } }

  /// The same split with other features of one modality.
  func replacing(_ modality: Modality, with features: Tensor) throws -> FeatureSplit {
    var copy = FeatureSplit(inputs: inputs.map { $0 == modality ? features : $1 }, labels: labels)
    copy.elementType = elementType
    copy.device = device
    return copy
  }

  public func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let samples = visits.map(\.sample)
    let index = try Tensor(samples)
    let anyHidden = visits.contains { !$0.hidden.isEmpty }
    let flips = visits.map(\.isFlipped)
    // Neighbours on the disk need not be gathered.
    let isRun = !flips.contains(true) && zip(samples, samples.dropFirst()).allSatisfy { $1 == $0 + 1 }
    let batchInputs = try inputs.map { modality, features in
      var rows =
        features.shape[0] == 1 && count != 1
        ? try inBatches(features).expanded([samples.count] + features.shape.dropFirst())
        : try inBatches(
          isRun && !samples.isEmpty
            ? features.narrowed(0, from: samples[0], length: samples.count)
            : FlippedView.rows(samples, index, of: features, or: flipped[modality]?.features, where: flips))
      if anyHidden, visits.contains(where: { $0.hidden.contains(modality) }) {
        let keep = visits.map { $0.hidden.contains(modality) ? Float(0) : 1 }
        let column = [keep.count] + [Int](repeating: 1, count: features.rank - 1)
        rows = try rows * Tensor(keep, shape: column).to(rows.elementType)
      }
      return try rows.to(on: device)
    }
    return Batch(
      samples: samples, inputs: batchInputs, labels: try labels.indexed(0, by: index).to(on: device),
      hidden: anyHidden ? visits.map(\.hidden) : [])
  }

  /// Features in the type that is computed in; pixels and tokens as they are.
  private func inBatches(_ rows: Tensor) throws -> Tensor {
    rows.elementType.isFloatingPoint ? try rows.to(elementType) : rows
  }

  public func feed(_ batches: SamplingPlan.Batches, from first: Int = 0) throws -> any BatchFeed {
    guard let layout, let stored, let windows = batches.plan.order?.windows(layout) else {
      return GatheredBatches(self, batches, from: first)
    }
    return StreamedBatches(windows, batches, from: first, stored, flipped, labels, elementType, device)
  }
}

/// The features of flipped pictures, row for row beside the plain ones.
struct FlippedView {
  let features: Tensor
  let stored: StoredRows?

  /// Rows of one view or the other: of the flipped one where `flips` says so and it is there.
  ///
  /// - Parameter index: `rows` as a tensor.
  static func rows(
    _ rows: [Int], _ index: Tensor, of plain: Tensor, or flipped: Tensor?, where flips: [Bool]
  ) throws -> Tensor {
    guard let flipped, flips.contains(true) else { return try plain.indexed(0, by: index) }
    // Each view's rows are gathered on their own, and then put in order.
    let places = rows.indices.filter { !flips[$0] } + rows.indices.filter { flips[$0] }
    let plainCount = flips.count { !$0 }
    let parts = try [(plain, places[..<plainCount]), (flipped, places[plainCount...])].filter { !$1.isEmpty }
      .map { try $0.indexed(0, by: Tensor($1.map { rows[$0] })) }
    guard parts.count > 1 else { return parts[0] }
    var order = [Int](repeating: 0, count: places.count)
    for (position, place) in places.enumerated() { order[place] = position }
    return try Tensor.cat(parts, 0).indexed(0, by: Tensor(order))
  }
}
