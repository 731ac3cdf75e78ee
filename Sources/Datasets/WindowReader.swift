import Dispatch
import Multimodal
import Synchronization
import Torch

/// Reads windows on threads of its own, and puts each row where its turn is.
///
/// Of each modality it has two buffers in turn; one that somebody still looks into is left to them.
final class WindowReader: Sendable {
  /// The rows of a modality: as they are and, where there are such, flipped and impaired.
  struct Views: Sendable {
    let plain: StoredRows
    let flipped: StoredRows?
    /// Where a sample is seen impaired it is not seen flipped.
    var impaired: StoredViews?

    /// All, plain rows first.
    var all: [StoredRows] { [plain] + (flipped.map { [$0] } ?? []) + (impaired?.rows ?? []) }

    /// Which of all a sample is seen in.
    func number(of sample: Int, _ flips: Flips?) -> Int {
      if let place = impaired?.place(sample) { return place + (flipped == nil ? 1 : 2) }
      return flipped != nil && flips?.contains(sample) == true ? 1 : 0
    }
  }

  /// A window as it was read.
  struct Window: Sendable {
    /// In the order they come, as are the rows.
    let samples: [Int]
    /// One for each modality.
    let buffers: [RowBuffer]
  }

  /// Some neighbours of one view of a modality.
  private struct Piece: Sendable {
    let modality: Int
    let view: StoredRows
    /// Of the view among all; nil where there is no other.
    let number: Int?
    let rows: Range<Int>
    /// The place among the samples read at which they begin.
    let start: Int
  }

  private let windows: SampleWindows
  private let modalities: [Views]
  private let flips: Flips?
  private let queue = DispatchQueue(label: "windows")
  private let found = Mutex<[Int: Result<Window, any Error>]>([:])
  private let buffers: Mutex<[[RowBuffer]]>

  init(_ windows: SampleWindows, _ modalities: [Views], _ flips: Flips?) {
    self.windows = windows
    self.modalities = modalities
    self.flips = flips
    buffers = Mutex(modalities.map { _ in [] })
  }

  /// Begins to read a window; the one before it may still be in use, the one before that no more.
  func request(_ window: Int) {
    queue.async { [self] in
      let result = Result { try read(window) }
      found.withLock { $0[window] = result }
    }
  }

  /// A window that was asked for, once it is there.
  func take(_ window: Int) throws -> Window {
    queue.sync {}
    guard let result = found.withLock({ $0.removeValue(forKey: window) }) else { return try read(window) }
    return try result.get()
  }

  private func read(_ window: Int) throws -> Window {
    let ranges = windows.ranges(window)
    let order = windows.order(window)
    var places = order
    for (place, number) in order.enumerated() { places[number] = place }
    let read = ranges.flatMap { Array($0) }
    let loaded = Window(
      samples: order.map { read[$0] }, buffers: modalities.indices.map { buffer(for: $0) })
    try copy(pieces(ranges), to: loaded.buffers, places)
    return loaded
  }

  private func pieces(_ ranges: [Range<Int>]) -> [Piece] {
    var pieces: [Piece] = []
    var start = 0
    for rows in ranges {
      for (modality, views) in modalities.enumerated() {
        let all = views.all
        for (number, view) in all.enumerated() {
          view.prepare(rows)
          pieces.append(
            Piece(
              modality: modality, view: view, number: all.count == 1 ? nil : number, rows: rows, start: start))
        }
      }
      start += rows.count
    }
    return pieces
  }

  /// - Parameter places: of the samples read, in the order they come.
  private func copy(_ pieces: [Piece], to buffers: [RowBuffer], _ places: [Int]) throws {
    let next = Mutex(0)
    let failure = Mutex<(any Error)?>(nil)
    // One thread has rows copied while the disk brings those of the other.
    DispatchQueue.concurrentPerform(iterations: 2) { _ in
      let space = ReadingSpace()
      do {
        while let piece = next.withLock({ number -> Piece? in
          defer { number += 1 }
          return number < pieces.count ? pieces[number] : nil
        }) {
          try piece.view.read(piece.rows, through: space, into: buffers[piece.modality]) { row in
            if let number = piece.number, modalities[piece.modality].number(of: row, flips) != number { return nil }
            return places[piece.start + row - piece.rows.lowerBound]
          }
        }
      } catch {
        next.withLock { $0 = pieces.count }
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func buffer(for modality: Int) -> RowBuffer {
    buffers.withLock { buffers in
      for index in buffers[modality].indices where isKnownUniquelyReferenced(&buffers[modality][index]) {
        return buffers[modality][index]
      }
      let buffer = RowBuffer(windows.capacity, of: modalities[modality].plain)
      buffers[modality] = buffers[modality].suffix(1) + [buffer]
      return buffer
    }
  }
}
