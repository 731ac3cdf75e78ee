import Foundation
public import Multimodal

/// A picture out of focus: each pixel the mean of those around it, weighted by a Gaussian.
///
/// The Gaussian is cut off at three standard deviations, along rows and then along columns; beyond the edge the pixels of
/// the edge go on.
public struct GaussianBlur: RawImpairment, Equatable {
  /// The standard deviation, in pixels of the picture as it is stored.
  public let deviation: Double

  public init(deviation: Double = 5) {
    self.deviation = deviation
  }

  public var kind: RawInput.Kind { .image }

  /// The blurred picture, of the same size; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .image(var image) = input, deviation > 0 else { return input }
    let reach = Int((3 * deviation).rounded(.up))
    let bell = (-reach...reach).map { exp(-Double($0 * $0) / (2 * deviation * deviation)) }
    let total = bell.reduce(0, +)
    let weights = bell.map { Float($0 / total) }
    var levels = image.pixels.map { Float($0) }
    levels = Self.smoothed(levels, weights, lines: image.height, line: 3 * image.width, places: image.width, step: 3)
    levels = Self.smoothed(levels, weights, lines: 1, line: 0, places: image.height, step: 3 * image.width)
    image.pixels = levels.map { UInt8(min(max($0.rounded(), 0), 255)) }
    return .image(image)
  }

  /// Means along lines of `places` groups of `step` numbers; a line begins every `line` numbers.
  private static func smoothed(
    _ levels: [Float], _ weights: [Float], lines: Int, line: Int, places: Int, step: Int
  ) -> [Float] {
    let reach = weights.count / 2
    return levels.withUnsafeBufferPointer { levels in
      [Float](unsafeUninitializedCapacity: levels.count) { out, count in
        out.initialize(repeating: 0)
        for start in stride(from: 0, to: max(lines * line, 1), by: max(line, 1)) {
          for place in 0..<places {
            let target = start + place * step
            for (offset, weight) in weights.enumerated() {
              let source = start + min(max(place + offset - reach, 0), places - 1) * step
              for channel in 0..<step { out[target + channel] += weight * levels[source + channel] }
            }
          }
        }
        count = levels.count
      }
    }
  }
}
