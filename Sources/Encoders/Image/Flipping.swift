public import Multimodal

extension RGBImage {
  /// The picture with left and right exchanged.
  public func flipped() -> RGBImage {
    var turned = self
    var bytes = [UInt8](repeating: 0, count: pixels.count)
    pixels.withUnsafeBufferPointer { from in
      for row in 0..<height {
        for column in 0..<width {
          let source = (row * width + column) * 3
          let target = (row * width + width - 1 - column) * 3
          for channel in 0..<3 { bytes[target + channel] = from[source + channel] }
        }
      }
    }
    turned.pixels = bytes
    return turned
  }
}
