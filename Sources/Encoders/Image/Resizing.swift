import Foundation
import Multimodal

/// A picture as numbers in 0…1, one plane a channel.
struct Planes: Sendable, Equatable {
  let width: Int
  let height: Int
  /// Red, green, blue: `width * height` numbers each.
  var channels: [[Float]]

  /// The picture fitted into a square without distortion, the rest white.
  ///
  /// Scaled with a triangle filter as wide as a source pixel or a target pixel, whichever is larger, so that nothing
  /// flickers when a picture shrinks.
  init(fitting image: RGBImage, side: Int) {
    let longest = max(image.width, image.height)
    let width = max(1, Int((Double(image.width) * Double(side) / Double(longest)).rounded()))
    let height = max(1, Int((Double(image.height) * Double(side) / Double(longest)).rounded()))
    let left = (side - width) / 2
    let top = (side - height) / 2
    let across = Taps.all(from: image.width, to: width)
    let down = Taps.all(from: image.height, to: height)
    var channels = [[Float]](repeating: [Float](repeating: 1, count: side * side), count: 3)
    // Rows that are narrowed already, kept only as long as a target row needs them.
    var narrowed: [Int: [Float]] = [:]
    for y in 0..<height {
      let taps = down[y]
      narrowed = narrowed.filter { $0.key >= taps.start }
      var sum = [Float](repeating: 0, count: width * 3)
      for (offset, weight) in taps.weights.enumerated() {
        let source = taps.start + offset
        let row = narrowed[source] ?? Self.narrow(image, row: source, across)
        narrowed[source] = row
        add(weight, row, to: &sum)
      }
      for x in 0..<width {
        for c in 0..<3 { channels[c][(y + top) * side + x + left] = sum[3 * x + c] / 255 }
      }
    }
    self.width = side
    self.height = side
    self.channels = channels
  }

  private static func narrow(_ image: RGBImage, row: Int, _ taps: [Taps]) -> [Float] {
    image.pixels.withUnsafeBufferPointer { pixels in
      [Float](unsafeUninitializedCapacity: taps.count * 3) { out, count in
        let start = row * image.width * 3
        for (x, tap) in taps.enumerated() {
          var (red, green, blue): (Float, Float, Float) = (0, 0, 0)
          var place = start + tap.start * 3
          for weight in tap.weights {
            red += weight * Float(pixels[place])
            green += weight * Float(pixels[place + 1])
            blue += weight * Float(pixels[place + 2])
            place += 3
          }
          out[3 * x] = red
          out[3 * x + 1] = green
          out[3 * x + 2] = blue
        }
        count = taps.count * 3
      }
    }
  }

  /// The brightness of each pixel (ITU-R BT.601).
  var luma: [Float] {
    channels[0].indices.map { 0.299 * channels[0][$0] + 0.587 * channels[1][$0] + 0.114 * channels[2][$0] }
  }

  /// The mean of each channel over the tiles of a grid of `cells * cells`; channels one after the other.
  func averages(cells: Int) -> [Float] {
    let across = Taps.all(from: width, to: cells)
    let down = Taps.all(from: height, to: cells)
    return channels.flatMap { plane in
      down.flatMap { vertical in
        across.map { horizontal in
          var sum: Float = 0
          for (j, v) in vertical.weights.enumerated() {
            for (i, h) in horizontal.weights.enumerated() {
              sum += v * h * plane[(vertical.start + j) * width + horizontal.start + i]
            }
          }
          return sum
        }
      }
    }
  }
}

/// Which source pixels a target pixel is made of, and how much of each; the weights add up to 1.
struct Taps: Sendable, Equatable {
  let start: Int
  let weights: [Float]

  static func all(from source: Int, to target: Int) -> [Taps] {
    let scale = Double(source) / Double(target)
    let reach = max(scale, 1)
    return (0..<target).map { place in
      let centre = (Double(place) + 0.5) * scale
      let first = max(0, Int((centre - reach).rounded(.down)))
      let last = min(source - 1, Int((centre + reach).rounded(.up)))
      var weights = (first...max(first, last)).map { pixel -> Double in
        max(0, 1 - abs(Double(pixel) + 0.5 - centre) / reach)
      }
      var start = first
      while weights.count > 1, weights[0] == 0 {
        weights.removeFirst()
        start += 1
      }
      while weights.count > 1, weights[weights.count - 1] == 0 { weights.removeLast() }
      let total = weights.reduce(0, +)
      return Taps(start: start, weights: weights.map { Float($0 / total) })
    }
  }
}
