import Foundation
public import Multimodal
public import Torch

/// One split: the features of each modality and the labels, as they lie on disk.
public struct FeatureSplit: BatchSource {
  /// [N, Dₘ], or [1, Dₘ] where every sample has the same; pictures are [N, 3, H, W] bytes and texts [N, L] whole numbers
  /// (`InputForm`).
  public let rows: PerModality<FeatureRows>
  /// [N] int64, or [N, C] uint8; of a regression [N] float64, in the target's own unit.
  public let labels: Tensor
  /// The labels as batches have them: those of a regression are standardized.
  public private(set) var batchLabels: Tensor
  public let count: Int
  /// Where the features lie in their file; nil where some do not.
  private(set) var stored: PerModality<StoredRows>?
  /// The second view of some modalities, which visits may ask for.
  private(set) var flipped: [Modality: FlippedView] = [:]
  /// Where views under impairments lie, and how they are drawn where they are not stored.
  private(set) var impaired = ImpairedViews()
  /// Of swapped modalities, which sample's row each sample has.
  private var owners: [Modality: [Int]] = [:]
  private(set) var elementType = ElementType.float32
  private(set) var device = Device.cpu
  /// What features are multiplied by in batches.
  private var scales = FeatureScales.none
  private var layout: BlockLayout?
  /// Whether rows come past the system's page cache.
  private(set) var isUncached = false

  init(inputs: PerModality<Tensor>, labels: Tensor, stored: PerModality<StoredRows>? = nil) {
    self.init(rows: inputs.map { FeatureRows($1, in: stored?[$0]) }, labels: labels, stored: stored)
  }

  init(rows: PerModality<FeatureRows>, labels: Tensor, stored: PerModality<StoredRows>? = nil) {
    self.rows = rows
    self.labels = labels
    batchLabels = labels
    self.stored = stored
    count = labels.shape[0]
  }

  /// All rows as tensors.
  ///
  /// - Throws: where those that lie in several files do not fit into memory, into which they are read.
  public var inputs: PerModality<Tensor> { get throws { try rows.map { try $1.tensor() } } }

  /// The same split, with batches in another precision or on another device.
  public func prepared(_ elementType: ElementType, on device: Device) -> FeatureSplit {
    var copy = self
    copy.elementType = elementType
    copy.device = device
    return copy
  }

  /// The same split, whose targets come standardized in batches; `labels` stay as they lie.
  func standardizing(by scale: TargetScale?) throws -> FeatureSplit {
    var copy = self
    copy.batchLabels = try scale?.standardized(labels) ?? labels
    return copy
  }

  /// The same split, whose features come multiplied in batches; `inputs` stay as they lie.
  func scaled(by scales: FeatureScales) -> FeatureSplit {
    var copy = self
    copy.scales = scales
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
      copy.isUncached = true
      copy.stored = stored.map { $1.uncached() }
      copy.flipped = flipped.mapValues { FlippedView(features: $0.features, stored: $0.stored?.uncached()) }
    }
    copy.layout = layout ?? BlockLayout(bytesPerSample: stored.values.reduce(0) { $0 + $1.rowBytes })
    return copy
  }

  /// The modalities of which there is a flipped view, in order.
  public var flippedModalities: [Modality] { rows.modalities.filter { flipped[$0] != nil } }

  /// The same split with other flipped views; with none, every visit is to the plain one.
  func flipping(_ views: [Modality: FlippedView]) -> FeatureSplit {
    var copy = self
    copy.flipped = views
    return copy
  }

  /// The same split without flipped views.
  public func withoutFlips() -> FeatureSplit { flipping([:]) }

  /// The impairments that views of the split can be drawn under while training, by modality.
  ///
  /// Those that there are files for; of pixels and tokens also the usual noise, which is drawn when a sample is visited. A
  /// missing modality is no view.
  public var views: [Modality: [String]] {
    var views: [Modality: [String]] = [:]
    for (modality, features) in rows {
      let names = impaired.names(of: modality, features)
      if !names.isEmpty { views[modality] = names }
    }
    return views
  }

  /// The same split with other views under impairments.
  func viewed(_ views: ImpairedViews) -> FeatureSplit {
    var copy = self
    copy.impaired = views
    return copy
  }

  /// The same split with one modality of other samples: sample i has the row of sample `owners[i]`.
  ///
  /// `inputs` stay as they lie; batches are swapped.
  func swapping(_ modality: Modality, _ owners: [Int]) -> FeatureSplit {
    var copy = self
    copy.stored = nil
    copy.owners[modality] = owners
    return copy
  }

  /// How the split is cut where it is streamed.
  public var blockLayout: BlockLayout? { layout }

  /// The numbers of so many samples that a mean can be taken over, evenly spaced; all where there are no more.
  package func evenlySpaced(atMost most: Int = 65_536) -> [Int] {
    let taken = min(count, most)
    return (0..<taken).map { $0 * count / taken }
  }

  /// The bytes of all features.
  public var byteCount: Int { rows.values.reduce(0) { $0 + $1.count * $1.elementType.byteCount } }

  /// The same split with other features of one modality.
  package func replacing(_ modality: Modality, with features: Tensor) throws -> FeatureSplit {
    replacing(modality, with: FeatureRows(features))
  }

  /// The same split with other features of one modality.
  func replacing(_ modality: Modality, with features: FeatureRows) -> FeatureSplit {
    var copy = FeatureSplit(rows: rows.map { $0 == modality ? features : $1 }, labels: labels)
    copy.batchLabels = batchLabels
    copy.owners = owners.filter { $0.key != modality }
    copy.elementType = elementType
    copy.device = device
    copy.scales = scales
    return copy
  }

  /// The same split with a view of one modality in the place of its features.
  ///
  /// - Parameter rows: where they lie in their file; nil where they are one row for all.
  func viewing(_ modality: Modality, _ features: FeatureRows, _ own: StoredRows?) -> FeatureSplit {
    var copy = FeatureSplit(rows: rows.map { $0 == modality ? features : $1 }, labels: labels)
    copy.batchLabels = batchLabels
    if let stored, let own { copy.stored = stored.map { $0 == modality ? own : $1 } }
    copy.impaired = impaired
    copy.flipped = flipped
    copy.flipped[modality] = nil
    copy.scales = scales
    return copy
  }

  /// The same split with some of its modalities.
  func restricted(to modalities: [Modality]) -> FeatureSplit {
    var copy = FeatureSplit(rows: rows.kept(modalities), labels: labels, stored: stored?.kept(modalities))
    copy.batchLabels = batchLabels
    copy.impaired = impaired
    copy.owners = owners.filter { modalities.contains($0.key) }
    copy.flipped = flipped.filter { modalities.contains($0.key) }
    copy.scales = scales
    return copy
  }

  public func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch { try batch(visits) { $1 } }

  /// The same, with what `change` makes of each modality's rows before some are hidden.
  func batch(
    _ visits: ArraySlice<SamplingPlan.Visit>, changing change: (Modality, Tensor) throws -> Tensor
  ) throws -> Batch {
    let samples = visits.map(\.sample)
    let index = try Tensor(samples)
    let anyHidden = visits.contains { !$0.hidden.isEmpty }
    let flips = visits.map(\.isFlipped)
    // Neighbours on the disk need not be gathered.
    let isRun = !flips.contains(true) && zip(samples, samples.dropFirst()).allSatisfy { $1 == $0 + 1 }
    let batchInputs = try self.rows.map { modality, features in
      var rows: Tensor
      if features.shape[0] == 1 && count != 1 {
        rows = try inBatches(features.tensor(), modality).expanded([samples.count] + features.shape.dropFirst())
      } else if let owners = owners[modality] {
        rows = try inBatches(features.indexed(samples.map { owners[$0] }), modality)
      } else {
        rows = try inBatches(
          isRun && !samples.isEmpty
            ? features.narrowed(from: samples[0], length: samples.count)
            : FlippedView.rows(samples, index, of: features, or: flipped[modality]?.features, where: flips),
          modality)
      }
      rows = try change(modality, rows)
      if anyHidden, visits.contains(where: { $0.hidden.contains(modality) }) {
        let keep = visits.map { $0.hidden.contains(modality) ? Float(0) : 1 }
        let column = [keep.count] + [Int](repeating: 1, count: features.rank - 1)
        rows = try rows * Tensor(keep, shape: column).to(rows.elementType)
      }
      return try rows.to(on: device)
    }
    return Batch(
      samples: samples, inputs: batchInputs, labels: try batchLabels.indexed(0, by: index).to(on: device),
      hidden: anyHidden ? visits.map(\.hidden) : [])
  }

  /// Features in the type that is computed in, multiplied; pixels and tokens as they are.
  package func inBatches(_ rows: Tensor, _ modality: Modality) throws -> Tensor {
    guard rows.elementType.isFloatingPoint else { return rows }
    let rows = try rows.to(elementType)
    return scales[modality] == 1 ? rows : try rows * scales[modality]
  }

  public func feed(_ batches: SamplingPlan.Batches, from first: Int = 0) throws -> any BatchFeed {
    streamedFeed(batches, from: first) ?? GatheredBatches(self, batches, from: first)
  }

  /// Batches that are read window by window; nil where the split or the order does not admit it.
  ///
  /// - Parameter views: the stored views that samples are seen in.
  func streamedFeed(
    _ batches: SamplingPlan.Batches, from first: Int, seeing views: [Modality: StoredViews] = [:]
  ) -> (any BatchFeed)? {
    guard let layout, let stored, let windows = batches.plan.order?.windows(layout) else { return nil }
    return StreamedBatches(windows, batches, from: first, self, stored, views)
  }
}

extension PerModality {
  /// Those of some modalities, which are all there.
  fileprivate func kept(_ modalities: [Modality]) -> PerModality {
    PerModality(modalities, modalities.map { self[$0] })
  }
}

/// The features of flipped pictures, row for row beside the plain ones.
struct FlippedView {
  let features: FeatureRows
  let stored: StoredRows?

  /// Rows of one view or the other: of the flipped one where `flips` says so and it is there.
  ///
  /// - Parameter index: `rows` as a tensor.
  static func rows(
    _ rows: [Int], _ index: Tensor, of plain: FeatureRows, or flipped: FeatureRows?, where flips: [Bool]
  ) throws -> Tensor {
    guard let flipped, flips.contains(true) else { return try plain.indexed(rows, index) }
    // Each view's rows are gathered on their own, and then put in order.
    let places = rows.indices.filter { !flips[$0] } + rows.indices.filter { flips[$0] }
    let plainCount = flips.count { !$0 }
    let parts = try [(plain, places[..<plainCount]), (flipped, places[plainCount...])].filter { !$1.isEmpty }
      .map { try $0.indexed($1.map { rows[$0] }) }
    guard parts.count > 1 else { return parts[0] }
    var order = [Int](repeating: 0, count: places.count)
    for (position, place) in places.enumerated() { order[place] = position }
    return try Tensor.cat(parts, 0).indexed(0, by: Tensor(order))
  }
}
