public import Multimodal

/// A part of the picture is covered: a black rectangle of the picture's proportions, anywhere within it.
public struct Occlusion: RawImpairment, Equatable {
  /// The share of the area that is covered, in 0…1, but for rounding to whole pixels.
  public let ratio: Double

  public init(ratio: Double = 0.55) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .image }

  /// The picture with the rectangle; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .image(var image) = input else { return input }
    let width = Int((ratio.squareRoot() * Double(image.width)).rounded())
    let height = Int((ratio.squareRoot() * Double(image.height)).rounded())
    let left = numbers.uniform(below: image.width - width + 1)
    let top = numbers.uniform(below: image.height - height + 1)
    var pixels = image.pixels
    for row in top..<(top + height) {
      let start = 3 * (row * image.width + left)
      for place in start..<(start + 3 * width) { pixels[place] = 0 }
    }
    image.pixels = pixels
    return .image(image)
  }
}
