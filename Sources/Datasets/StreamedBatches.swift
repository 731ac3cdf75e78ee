import Dispatch
import Multimodal
import Synchronization
import Torch

/// Batches of a split that is read from the disk window by window, the next window while the one before is used.
///
/// Two windows are held, whatever the number of samples. The batches are those that gathering would give.
final class StreamedBatches: BatchFeed {
  private let windows: SampleWindows
  private let batches: SamplingPlan.Batches
  private let stored: PerModality<StoredRows>
  /// The modalities that are read in both views, in order.
  private let flipped: [Modality]
  private let labels: Tensor
  private let elementType: ElementType
  private let device: Device

  private let reader: WindowReader
  /// What is read of each window: the plain features, and the flipped views behind them.
  private let all: [StoredRows]
  private var current: LoadedWindow?
  private var number: Int
  /// The place of the plan that comes next.
  private var place: Int

  init(
    _ windows: SampleWindows, _ batches: SamplingPlan.Batches, from first: Int, _ stored: PerModality<StoredRows>,
    _ flipped: [Modality: FlippedView], _ labels: Tensor, _ elementType: ElementType, _ device: Device
  ) throws {
    self.windows = windows
    self.batches = batches
    self.stored = stored
    self.labels = labels
    self.elementType = elementType
    self.device = device
    number = first
    place = first * batches.size
    let views = batches.plan.flips == nil ? [:] : flipped.compactMapValues(\.stored)
    self.flipped = stored.modalities.filter { views[$0] != nil }
    reader = WindowReader(windows, stored.values + self.flipped.compactMap { views[$0] })
    all = stored.values + self.flipped.compactMap { views[$0] }
    if first < batches.count { reader.request(windows.window(ofPlace: place).window) }
  }

  func next() throws -> Batch? {
    guard number < batches.count else { return nil }
    let places = batches.range(number)
    number += 1
    var parts: [Batch] = []
    while place < places.upperBound {
      let window = try window(ofPlace: place)
      let end = min(places.upperBound, window.before + window.order.count)
      parts.append(try batch(window, (place - window.before)..<(end - window.before)))
      place = end
    }
    if parts.count == 1 { return parts[0] }
    return Batch(
      samples: parts.flatMap(\.samples),
      inputs: try stored.map { modality, _ in try Tensor.cat(parts.map { $0.inputs[modality] }, 0) },
      labels: try Tensor.cat(parts.map(\.labels), 0))
  }

  private func window(ofPlace place: Int) throws -> LoadedWindow {
    let (number, before) = windows.window(ofPlace: place)
    if let current, current.number == number { return current }
    // The buffers of the window before are read into next.
    current = nil
    let buffers = try reader.take(number)
    if number + 1 < windows.count { reader.request(number + 1) }
    let samples = windows.ranges(number).flatMap { Array($0) }
    let read = try zip(all, buffers).map { try $1.tensor(samples.count, of: $0) }
    let loaded = LoadedWindow(
      number: number, before: before, samples: samples, order: windows.order(number),
      inputs: PerModality(stored.modalities, Array(read.prefix(stored.count))),
      flipped: Dictionary(uniqueKeysWithValues: zip(flipped, read.dropFirst(stored.count))))
    current = loaded
    return loaded
  }

  private func batch(_ window: LoadedWindow, _ places: Range<Int>) throws -> Batch {
    let rows = Array(window.order[places])
    let samples = rows.map { window.samples[$0] }
    let index = try Tensor(rows)
    let flips = batches.plan.flips.map { flips in samples.map(flips.contains) } ?? []
    return Batch(
      samples: samples,
      inputs: try window.inputs.map { modality, plain in
        let rows = try FlippedView.rows(rows, index, of: plain, or: window.flipped[modality], where: flips)
        return try rows.to(rows.elementType.isFloatingPoint ? elementType : rows.elementType, on: device)
      },
      labels: try labels.indexed(0, by: Tensor(samples)).to(on: device))
  }
}

/// A window in memory.
private struct LoadedWindow {
  let number: Int
  /// How many places of the plan come before it.
  let before: Int
  /// As they were read.
  let samples: [Int]
  let order: [Int]
  let inputs: PerModality<Tensor>
  let flipped: [Modality: Tensor]
}

/// Reads windows on a thread of its own, into two sets of buffers by turns.
private final class WindowReader: Sendable {
  private let windows: SampleWindows
  private let stored: [StoredRows]
  private let buffers: [[RowBuffer]]
  private let queue = DispatchQueue(label: "windows")
  private let found = Mutex<[Int: Result<[RowBuffer], any Error>]>([:])

  init(_ windows: SampleWindows, _ stored: [StoredRows]) {
    self.windows = windows
    self.stored = stored
    buffers = (0..<min(2, windows.count)).map { _ in stored.map { RowBuffer(windows.capacity, of: $0) } }
  }

  /// Begins to read a window; the one before it may still be in use, the one before that no more.
  func request(_ window: Int) {
    queue.async { [self] in
      let result = Result { try read(window) }
      found.withLock { $0[window] = result }
    }
  }

  /// The buffers of a window that was asked for, once they are filled.
  func take(_ window: Int) throws -> [RowBuffer] {
    queue.sync {}
    guard let result = found.withLock({ $0.removeValue(forKey: window) }) else { return try read(window) }
    return try result.get()
  }

  private func read(_ window: Int) throws -> [RowBuffer] {
    let buffers = buffers[window % self.buffers.count]
    let ranges = windows.ranges(window)
    for range in ranges { for rows in stored { rows.prepare(range) } }
    var place = 0
    for range in ranges {
      for (rows, buffer) in zip(stored, buffers) { try rows.read(range, into: buffer, at: place) }
      place += range.count
    }
    return buffers
  }
}
