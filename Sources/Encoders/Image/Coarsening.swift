package import Multimodal

extension RGBImage {
  /// The picture shrunk by means so that its longer side has `side` pixels, and stretched linearly to its size again.
  ///
  /// One that has no more stays as it is.
  package func coarse(side: Int) -> RGBImage {
    let longest = max(width, height)
    guard side < longest else { return self }
    func shrunk(_ length: Int) -> Int {
      max(1, Int((Double(length) * Double(side) / Double(longest)).rounded()))
    }
    return resized(to: (shrunk(height), shrunk(width)), by: .box).resized(to: (height, width), by: .bilinear)
  }
}
