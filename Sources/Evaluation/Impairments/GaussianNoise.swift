public import Multimodal

/// White noise over a picture: each channel of each pixel plus a number of a normal distribution, cut to 0…255.
public struct GaussianNoise: RawImpairment, Equatable {
  /// The standard deviation, in the 256 levels of a channel.
  public let deviation: Double

  public init(deviation: Double = 60) {
    self.deviation = deviation
  }

  public var kind: RawInput.Kind { .image }

  /// The noisy picture; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .image(var image) = input, deviation > 0 else { return input }
    var pixels = image.pixels
    for place in pixels.indices {
      pixels[place] = UInt8(min(max((Double(pixels[place]) + deviation * numbers.normal()).rounded(), 0), 255))
    }
    image.pixels = pixels
    return .image(image)
  }
}
