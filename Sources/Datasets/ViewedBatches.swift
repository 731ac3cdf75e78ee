import Evaluation
package import Multimodal
import Records
import Torch

/// A training split of which some rows are seen under impairments, drawn anew in each epoch.
///
/// At each visit of a plan that belongs to an epoch it is drawn for each modality on its own, from the stream
/// `view/<modality>/<epoch>` by the sample's number: whether its row is a view (with probability `share`), under which
/// impairment, and which of its draws. So nothing is stored between epochs, and a run that is resumed sees the same.
///
/// Stored views are rows that were encoded before; a visit that would be to the flipped picture is then to the plain
/// picture's view. Pixels and tokens without a stored view are impaired as they are visited, flipped or not, from the stream
/// `view/<modality>/<epoch>/<sample>`. Under `swapped` the row is that of another sample. A hidden modality stays hidden.
package struct ViewedBatches: BatchSource {
  /// Where rows under one impairment come from.
  private enum View {
    /// A file for each draw, with a row for each sample or one for all.
    case stored([FlippedView])
    case swapped
    case drawn(any RawImpairment)

    var draws: Int { if case .stored(let files) = self { files.count } else { 1 } }
  }

  private let base: FeatureSplit
  private let share: Double
  private let views: [Modality: [View]]

  /// - Parameters:
  ///   - base: what is seen as it is otherwise; its `views` say what there is.
  ///   - share: of rows, for each modality, from 0 to 1.
  ///   - impairments: which views are drawn, each equally likely; nil draws all that there are. `missing` and `swapped` may be
  ///     named too. One that some modality does not have is not drawn for it.
  /// - Throws: a `FeatureSetError` where a view does not fit, a `Diagnosis` where no modality has one that is named.
  package init(_ base: FeatureSplit, share: Double, impairments: [String]? = nil) throws {
    guard (0...1).contains(share) else {
      throw Diagnosis("the share of impaired rows is \(share), must be from 0 to 1", exitStatus: .usage)
    }
    self.base = base
    self.share = share
    var views: [Modality: [View]] = [:]
    var known: Set<String> = []
    for modality in base.rows.modalities {
      for name in impairments ?? base.impaired.names(of: modality, base.rows[modality]) {
        guard let view = try Self.view(name, of: modality, base) else { continue }
        views[modality, default: []].append(view)
        known.insert(name)
      }
    }
    if let unknown = impairments?.first(where: { !known.contains($0) }) {
      let there = Set(base.views.values.flatMap { $0 }).sorted()
      throw Diagnosis(
        "there are no training views under '\(unknown)'",
        found: [there.isEmpty ? "there are none at all" : "there are views under \(there.joined(separator: ", "))"],
        remedy: "seesaw encode RAW --out DATA --impairments \(unknown) --views \(unknown) makes them",
        exitStatus: .usage)
    }
    self.views = views
  }

  private static func view(_ name: String, of modality: Modality, _ base: FeatureSplit) throws -> View? {
    let plain = base.rows[modality]
    if let files = base.impaired.files[modality]?[name] {
      return .stored(try files.map { try ImpairedViews.features(of: modality, in: $0, beside: plain) })
    }
    if name == FeatureSet.swapped { return base.count > 1 ? .swapped : nil }
    if name == ImpairedCondition.missing.rawValue {
      return .stored([try base.impaired.missingRow(modality, beside: plain)])
    }
    guard let form = InputForm(shape: plain.shape, type: plain.elementType) else { return nil }
    return base.impaired.drawn(name, modality, form).map(View.drawn)
  }

  package var count: Int { base.count }
  /// Clean, since visits alone belong to no epoch.
  package func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch { try base.batch(visits) }

  package func feed(_ batches: SamplingPlan.Batches, from first: Int) throws -> any BatchFeed {
    guard share > 0, !views.isEmpty, let flips = batches.plan.flips else { return try base.feed(batches, from: first) }
    if let stored = storedViews(flips), let feed = base.streamedFeed(batches, from: first, seeing: stored) {
      return Told(feed: feed, source: self, flips: flips)
    }
    return Told(
      feed: GatheredBatches(Seen(source: self, flips: flips), batches, from: first), source: self, flips: flips)
  }

  /// Batches that say which of their rows are views.
  private final class Told: BatchFeed {
    private let feed: any BatchFeed
    private let source: ViewedBatches
    private let flips: Flips

    init(feed: any BatchFeed, source: ViewedBatches, flips: Flips) {
      self.feed = feed
      self.source = source
      self.flips = flips
    }

    func next() throws -> Batch? {
      guard var batch = try feed.next() else { return nil }
      batch.impaired = batch.samples.map { _ in [] }
      for (modality, views) in source.views {
        let (numbers, draws) = (flips.numbers("view/\(modality)"), views.map(\.draws))
        for (row, sample) in batch.samples.enumerated()
        where ViewedBatches.choice(sample, draws, source.share, numbers) != nil {
          batch.impaired[row].insert(modality)
        }
      }
      return batch
    }
  }

  // MARK: Drawing

  /// Which view a sample's row is of, and which of its draws; nil where it is as it is.
  ///
  /// - Parameter draws: of each view.
  private static func choice(
    _ sample: Int, _ draws: [Int], _ share: Double, _ numbers: SeededNumbers
  ) -> (view: Int, draw: Int)? {
    guard Double(numbers.next(after: 4 * sample) >> 11) * 0x1p-53 < share else { return nil }
    let view = scaled(numbers.next(after: 4 * sample + 1), draws.count)
    return (view, scaled(numbers.next(after: 4 * sample + 2), draws[view]))
  }

  /// A whole number in 0..<bound, made of one in all 64 bits.
  private static func scaled(_ number: UInt64, _ bound: Int) -> Int {
    Int(number.multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// All views as rows in files; nil where some are not, or are of another type than the plain rows.
  private func storedViews(_ flips: Flips) -> [Modality: StoredViews]? {
    var found: [Modality: StoredViews] = [:]
    for (modality, views) in views {
      var rows: [StoredRows] = []
      var starts: [Int] = []
      for view in views {
        guard case .stored(let files) = view else { return nil }
        starts.append(rows.count)
        for file in files {
          guard let stored = file.stored, let plain = base.stored?[modality], stored.type == plain.type,
            stored.shape == plain.shape
          else { return nil }
          rows.append(base.isUncached ? stored.uncached() : stored)
        }
      }
      let (numbers, draws, share) = (flips.numbers("view/\(modality)"), views.map(\.draws), share)
      found[modality] = StoredViews(rows: rows) { [starts] sample in
        Self.choice(sample, draws, share, numbers).map { starts[$0.view] + $0.draw }
      }
    }
    return found
  }

  // MARK: Gathering

  /// The split as it is seen in one epoch.
  private struct Seen: BatchSource {
    let source: ViewedBatches
    let flips: Flips

    var count: Int { source.count }

    func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
      let samples = visits.map(\.sample)
      return try source.base.batch(visits) { try source.seen(samples, $0, $1, flips) }
    }
  }

  /// The rows of some samples, with views in the places of those that are seen so.
  private func seen(_ samples: [Int], _ modality: Modality, _ rows: Tensor, _ flips: Flips) throws -> Tensor {
    guard let views = views[modality] else { return rows }
    let numbers = flips.numbers("view/\(modality)")
    let draws = views.map(\.draws)
    var places: [[[Int]]] = draws.map { [[Int]](repeating: [], count: $0) }
    for (place, sample) in samples.enumerated() {
      if let choice = Self.choice(sample, draws, share, numbers) { places[choice.view][choice.draw].append(place) }
    }
    var parts = [rows]
    var order = Array(samples.indices)
    var end = samples.count
    for (view, draws) in zip(views, places) {
      for (draw, places) in draws.enumerated() where !places.isEmpty {
        let seen = places.map { samples[$0] }
        let part: Tensor
        switch view {
        case .stored(let files): part = try base.inBatches(Self.rows(seen, of: files[draw].features, count), modality)
        case .swapped:
          let others = seen.map { sample in
            (sample + 1 + Self.scaled(numbers.next(after: 4 * sample + 3), count - 1)) % count
          }
          part = try base.inBatches(Self.rows(others, of: base.rows[modality], count), modality)
        case .drawn(let impairment):
          let plain = try rows.indexed(0, by: Tensor(places))
          part = try plain.impaired(by: impairment) { flips.numbers("view/\(modality)", of: seen[$0]) }
        }
        for (number, place) in places.enumerated() { order[place] = end + number }
        end += places.count
        parts.append(part)
      }
    }
    return parts.count == 1 ? rows : try Tensor.cat(parts, 0).indexed(0, by: Tensor(order))
  }

  private static func rows(_ samples: [Int], of features: FeatureRows, _ count: Int) throws -> Tensor {
    features.shape[0] == 1 && count != 1
      ? try features.tensor().expanded([samples.count] + features.shape.dropFirst())
      : try features.indexed(samples)
  }
}

/// Stored views of a modality, and which of them a sample is seen in.
struct StoredViews: Sendable {
  let rows: [StoredRows]
  /// Nil: as it is.
  let place: @Sendable (Int) -> Int?
}
