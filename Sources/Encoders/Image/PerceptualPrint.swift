package import Multimodal

/// What a picture looks like from afar, as numbers that hardly change when it is scaled, compressed or brightened.
///
/// Of 17 × 17 gray values, each step to the right and each step down: up, down, or level where it is less than two in a
/// hundred. The cosine of two prints is 1 for copies, and near 0 for pictures that have nothing to do with each other.
package struct PerceptualPrint: Sendable, Equatable {
  /// ``count`` numbers, each −1, 0 or 1.
  package let steps: [Float]
  /// Whether the picture has one colour only, so that there is nothing to compare.
  package var isBlank: Bool { steps.allSatisfy { $0 == 0 } }
  /// Whether every pixel is black: what stands for a picture that is not there.
  package let isBlack: Bool

  private static let side = 16
  package static let count = 2 * side * side

  package init(of image: RGBImage) {
    isBlack = image.pixels.allSatisfy { $0 == 0 }
    let side = Self.side
    let planes = Planes(fitting: image, side: side + 1)
    let gray = (0..<((side + 1) * (side + 1))).map { i -> Float in
      let (red, green, blue) = (planes.channels[0][i], planes.channels[1][i], planes.channels[2][i])
      return 0.299 * red + 0.587 * green + 0.114 * blue
    }
    func step(_ from: Int, _ to: Int) -> Float {
      let difference = gray[to] - gray[from]
      return abs(difference) < 0.02 ? 0 : difference < 0 ? -1 : 1
    }
    var steps: [Float] = []
    steps.reserveCapacity(Self.count)
    for y in 0..<side {
      for x in 0..<side {
        let place = y * (side + 1) + x
        steps.append(step(place, place + 1))
        steps.append(step(place, place + side + 1))
      }
    }
    self.steps = steps
  }
}
