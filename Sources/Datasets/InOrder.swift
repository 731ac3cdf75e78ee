import Multimodal
import Torch

extension StoredRows {
  /// Gives all rows in their order, some megabytes at a time, the next of them read meanwhile.
  ///
  /// - Parameter body: gets the numbers of rows and the rows, which are overwritten when it has returned.
  func inOrder(_ body: (Range<Int>, Tensor) throws -> Void) throws {
    let layout = BlockLayout(samples: (4 << 20) / rowBytes, blocks: 4)
    guard let windows = SampleOrder(shape[0], .none).windows(layout) else { return }
    let reader = WindowReader(windows, [.init(plain: self, flipped: nil)], nil)
    reader.request(0)
    for number in 0..<windows.count {
      let window = try reader.take(number)
      if number + 1 < windows.count { reader.request(number + 1) }
      let start = windows.ranges(number)[0].lowerBound
      let rows = start..<(start + window.samples.count)
      try body(rows, window.buffers[0].tensor(rows.count, of: self))
    }
  }
}
