import Multimodal
import Torch

/// Batches of a split that is read from the disk window by window, the next window while the one before is used.
///
/// Two windows are held, whatever the number of samples. The batches are those that gathering would give, and lie side by
/// side in their window.
final class StreamedBatches: BatchFeed {
  private let windows: SampleWindows
  private let batches: SamplingPlan.Batches
  private let split: FeatureSplit

  private let stored: PerModality<StoredRows>
  private let reader: WindowReader
  private var current: LoadedWindow?
  private var number: Int
  /// The place of the plan that comes next.
  private var place: Int

  init(
    _ windows: SampleWindows, _ batches: SamplingPlan.Batches, from first: Int, _ split: FeatureSplit,
    _ stored: PerModality<StoredRows>, _ views: [Modality: StoredViews]
  ) {
    self.windows = windows
    self.batches = batches
    self.stored = stored
    self.split = split
    number = first
    place = first * batches.size
    let flips = batches.plan.flips
    reader = WindowReader(
      windows,
      stored.map { modality, plain in
        WindowReader.Views(
          plain: plain, flipped: flips == nil ? nil : split.flipped[modality]?.stored, impaired: views[modality])
      }.values, flips)
    if first < batches.count { reader.request(windows.window(ofPlace: place).window) }
  }

  func next() throws -> Batch? {
    guard number < batches.count else { return nil }
    let places = batches.range(number)
    number += 1
    var parts: [Batch] = []
    while place < places.upperBound {
      let window = try window(ofPlace: place)
      let end = min(places.upperBound, window.places.upperBound)
      parts.append(try batch(window, place..<end))
      place = end
    }
    if parts.count == 1 { return parts[0] }
    return Batch(
      samples: parts.flatMap(\.samples),
      inputs: try stored.map { modality, _ in try Tensor.cat(parts.map { $0.inputs[modality] }, 0) },
      labels: try Tensor.cat(parts.map(\.labels), 0))
  }

  private func window(ofPlace place: Int) throws -> LoadedWindow {
    if let current, current.places.contains(place) { return current }
    let (number, before) = windows.window(ofPlace: place)
    // Its memory is what the window after next is read into.
    current = nil
    let read = try reader.take(number)
    if number + 1 < windows.count { reader.request(number + 1) }
    let count = read.samples.count
    let loaded = LoadedWindow(
      places: before..<(before + count), samples: read.samples,
      inputs: PerModality(
        stored.modalities, try zip(stored.values, read.buffers).map { try $1.tensor(count, of: $0) }),
      labels: try split.batchLabels.indexed(0, by: Tensor(read.samples)))
    current = loaded
    return loaded
  }

  private func batch(_ window: LoadedWindow, _ places: Range<Int>) throws -> Batch {
    let start = places.lowerBound - window.places.lowerBound
    // The last of a window may still be looked at when the window is gone.
    let isLast = places.upperBound == window.places.upperBound
    return Batch(
      samples: Array(window.samples[start..<(start + places.count)]),
      inputs: try window.inputs.map { modality, all in
        let rows = try all.narrowed(0, from: start, length: places.count)
        return try split.inBatches(isLast ? rows.cloned() : rows, modality).to(on: split.device)
      },
      labels: try window.labels.narrowed(0, from: start, length: places.count).to(on: split.device))
  }
}

/// A window in memory, in the order its samples come.
private struct LoadedWindow {
  /// Of the plan.
  let places: Range<Int>
  let samples: [Int]
  let inputs: PerModality<Tensor>
  let labels: Tensor
}
