public import Multimodal

/// Pixels replaced by white or black.
public struct SaltAndPepper: RawImpairment, Equatable {
  /// The share of pixels that are replaced, in 0…1.
  public let ratio: Double
  /// The share of the replaced pixels that become white, in 0…1; the others become black.
  public let saltShare: Double
  /// Whether each of the three channels is hit on its own, instead of whole pixels.
  public let perChannel: Bool
  /// Whether exactly `round(ratio · pixels)` are replaced, instead of each with probability `ratio`.
  public let exactCount: Bool

  public init(ratio: Double = 0.3, saltShare: Double = 0.5, perChannel: Bool = false, exactCount: Bool = false) {
    self.ratio = ratio
    self.saltShare = saltShare
    self.perChannel = perChannel
    self.exactCount = exactCount
  }

  public var kind: RawInput.Kind { .image }

  /// The noisy picture; a text passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .image(let image) = input else { return input }
    return .image(impaired(image, using: &numbers))
  }

  /// The noisy picture.
  public func impaired(_ image: RGBImage, using numbers: inout SeededNumbers) -> RGBImage {
    let span = perChannel ? 1 : 3
    let places = image.pixels.count / span
    var noisy = image
    var pixels = noisy.pixels
    func replace(_ place: Int, by value: UInt8) {
      for byte in place * span..<(place + 1) * span { pixels[byte] = value }
    }
    if exactCount {
      let hit = numbers.sample(Int((ratio * Double(places)).rounded()), of: places)
      let salt = Int((saltShare * Double(hit.count)).rounded())
      for (order, place) in hit.enumerated() { replace(place, by: order < salt ? 255 : 0) }
    } else {
      for place in 0..<places where numbers.chance(ratio) { replace(place, by: numbers.chance(saltShare) ? 255 : 0) }
    }
    noisy.pixels = pixels
    return noisy
  }
}
