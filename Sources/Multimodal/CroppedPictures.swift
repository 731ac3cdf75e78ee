import Foundation
import Torch

/// A split whose pictures are seen in part while it is trained on: random resized crops (Szegedy et al., 2015).
///
/// At each visit of a plan that belongs to an epoch a part is drawn from the stream `crop/<epoch>`, by the sample's number:
/// its share of the area evenly between `share` and 1, the logarithm of its width to height evenly between those of 3/4 and
/// 4/3, its place evenly among all. It is stretched to the picture's size by linear interpolation.
package struct CroppedPictures: BatchSource {
  private let base: any BatchSource
  private let modalities: Set<Modality>
  private let share: Double

  /// - Parameters:
  ///   - modalities: those that are pictures [B, 3, H, W].
  ///   - share: of the area, above 0 and up to 1.
  package init(_ base: any BatchSource, _ modalities: [Modality], share: Double) {
    self.base = base
    self.modalities = Set(modalities)
    self.share = share
  }

  package var count: Int { base.count }
  /// Whole, since visits alone belong to no epoch.
  package func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch { try base.batch(visits) }

  package func feed(_ batches: SamplingPlan.Batches, from first: Int) throws -> any BatchFeed {
    let feed = try base.feed(batches, from: first)
    guard let numbers = batches.plan.flips?.numbers("crop") else { return feed }
    return CroppedFeed(feed) { batch in
      let boxes = batch.samples.map { box(numbers, of: $0) }
      return batch.replacing(
        try batch.inputs.map { modality, pictures in
          try modalities.contains(modality) ? pictures.stretchedParts(boxes) : pictures
        })
    }
  }

  /// Left and upper edge, width and height, as shares of the picture's.
  func box(
    _ numbers: SeededNumbers, of sample: Int
  ) -> (left: Double, top: Double, width: Double, height: Double) {
    func drawn(_ index: Int) -> Double { Double(numbers.next(after: 4 * sample + index) >> 11) * 0x1p-53 }
    let area = share + (1 - share) * drawn(0)
    let stretch = exp((2 * drawn(1) - 1) * log(4.0 / 3))
    let (width, height) = (min(1, (area * stretch).squareRoot()), min(1, (area / stretch).squareRoot()))
    return (drawn(2) * (1 - width), drawn(3) * (1 - height), width, height)
  }
}

/// Batches that are changed on their way.
private final class CroppedFeed: BatchFeed {
  private let base: any BatchFeed
  private let change: (Batch) throws -> Batch

  init(_ base: any BatchFeed, _ change: @escaping (Batch) throws -> Batch) {
    self.base = base
    self.change = change
  }

  func next() throws -> Batch? { try base.next().map(change) }
}
