import Foundation
package import Multimodal

/// The filters that pictures are resized with, numbered as Pillow and image processors number them.
package enum ResamplingFilter: Int, CaseIterable {
  case nearest = 0
  case lanczos = 1
  case bilinear = 2
  case bicubic = 3
  case box = 4
  case hamming = 5

  /// How far a filter reaches, in target pixels.
  var support: Double {
    switch self {
    case .nearest, .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  func weight(at place: Double) -> Double {
    func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(.pi * x) / (.pi * x) }
    let x = abs(place)
    switch self {
    case .nearest, .box: return place > -0.5 && place <= 0.5 ? 1 : 0
    case .bilinear: return x < 1 ? 1 - x : 0
    case .hamming: return x < 1 ? sinc(x) * (0.54 + 0.46 * cos(.pi * x)) : 0
    case .bicubic:
      // Keys' cubic with a = −1/2.
      if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
      return x < 2 ? ((x - 5) * x + 8) * x * -0.5 + 2 : 0
    case .lanczos: return place >= -3 && place < 3 ? sinc(x) * sinc(x / 3) : 0
    }
  }
}

extension RGBImage {
  /// The picture in another size, as Pillow resizes it: along rows, then along columns, each rounded to 8 bits.
  ///
  /// A filter is widened by the factor that the picture shrinks, so that nothing flickers. A picture that loses more than
  /// twice as much height as width is resized along columns first, as Pillow does since version 13.
  ///
  /// - Parameter part: the rows and columns of the result that are wanted; nothing is computed or held of the others, of
  ///   which there may be more than memory has room for.
  package func resized(
    to size: (height: Int, width: Int), by filter: ResamplingFilter,
    keeping part: (rows: Range<Int>, columns: Range<Int>)? = nil
  ) -> RGBImage {
    let (rows, columns) = part ?? (0..<size.height, 0..<size.width)
    guard size.height != height || size.width != width else { return self.part(rows, columns) }
    guard filter != .nearest else { return nearest(size, rows, columns) }
    let down = height == size.height ? nil : FixedWeights(from: height, to: size.height, filter, keeping: rows)
    let across = width == size.width ? nil : FixedWeights(from: width, to: size.width, filter, keeping: columns)
    let source = self.part(down?.sources ?? rows, across?.sources ?? columns)
    let isTall = height > size.height && height - size.height > 2 * (width - size.width)
    let first = isTall ? source.flattened(down) : source.narrowed(across)
    return isTall ? first.narrowed(across) : first.flattened(down)
  }

  private func narrowed(_ weights: FixedWeights?) -> RGBImage {
    weights.map { RGBImage(width: $0.starts.count, height: height, pixels: narrowed($0)) } ?? self
  }

  private func flattened(_ weights: FixedWeights?) -> RGBImage {
    weights.map { RGBImage(width: width, height: $0.starts.count, pixels: flattened($0)) } ?? self
  }

  /// Some rows and columns of the picture.
  private func part(_ rows: Range<Int>, _ columns: Range<Int>) -> RGBImage {
    guard rows != 0..<height || columns != 0..<width else { return self }
    let pixels = rows.flatMap { y in
      self.pixels[(y * width + columns.lowerBound) * 3..<(y * width + columns.upperBound) * 3]
    }
    return RGBImage(width: columns.count, height: rows.count, pixels: pixels)
  }

  private func nearest(_ size: (height: Int, width: Int), _ rows: Range<Int>, _ columns: Range<Int>) -> RGBImage {
    let across = columns.map { Int((Double($0) + 0.5) * Double(width) / Double(size.width)) }
    let pixels = rows.flatMap { y -> [UInt8] in
      let row = Int((Double(y) + 0.5) * Double(height) / Double(size.height)) * width
      return across.flatMap { self.pixels[(row + $0) * 3..<(row + $0) * 3 + 3] }
    }
    return RGBImage(width: columns.count, height: rows.count, pixels: pixels)
  }

  private func narrowed(_ weights: FixedWeights) -> [UInt8] {
    let (height, width, target) = (height, width, weights.starts.count)
    return weights.with(pixels) { pixels, factors in
      [UInt8](unsafeUninitializedCapacity: height * target * 3) { out, count in
        for row in 0..<height {
          for x in 0..<target {
            var (red, green, blue) = (FixedWeights.half, FixedWeights.half, FixedWeights.half)
            var place = (row * width + weights.starts[x]) * 3
            for tap in weights.bounds[x]..<weights.bounds[x + 1] {
              let factor = factors[tap]
              red &+= Int32(pixels[place]) &* factor
              green &+= Int32(pixels[place + 1]) &* factor
              blue &+= Int32(pixels[place + 2]) &* factor
              place += 3
            }
            let at = (row * target + x) * 3
            out[at] = FixedWeights.byte(red)
            out[at + 1] = FixedWeights.byte(green)
            out[at + 2] = FixedWeights.byte(blue)
          }
        }
        count = height * target * 3
      }
    }
  }

  private func flattened(_ weights: FixedWeights) -> [UInt8] {
    let (line, target) = (width * 3, weights.starts.count)
    var sums = [Int32](repeating: 0, count: line)
    return weights.with(pixels) { pixels, factors in
      sums.withUnsafeMutableBufferPointer { sums in
        [UInt8](unsafeUninitializedCapacity: target * line) { out, count in
          for y in 0..<target {
            sums.update(repeating: FixedWeights.half)
            var place = weights.starts[y] * line
            // Whole lines at a time, which the processor adds several numbers at once.
            for tap in weights.bounds[y]..<weights.bounds[y + 1] {
              let factor = factors[tap]
              for x in 0..<line { sums[x] &+= Int32(pixels[place + x]) &* factor }
              place += line
            }
            for x in 0..<line { out[y * line + x] = FixedWeights.byte(sums[x]) }
          }
          count = target * line
        }
      }
    }
  }
}

/// The source pixels of each target pixel, with whole-numbered weights that add up to about 2²², so that sums of 8-bit
/// numbers stay within 32 bits for every filter.
private struct FixedWeights {
  static let bits: Int32 = 22
  static let half: Int32 = 1 << (bits - 1)

  /// Among ``sources``.
  let starts: [Int]
  /// The source pixels that any target pixel is made of.
  let sources: Range<Int>
  /// Where the weights of each target pixel begin, and where the last end.
  let bounds: [Int]
  let factors: [Int32]

  /// - Parameter kept: the target pixels that are wanted.
  init(from source: Int, to target: Int, _ filter: ResamplingFilter, keeping kept: Range<Int>) {
    let scale = Double(source) / Double(target)
    let stretch = max(scale, 1)
    let reach = filter.support * stretch
    var starts: [Int] = []
    var bounds = [0]
    var factors: [Int32] = []
    for place in kept {
      let centre = (Double(place) + 0.5) * scale
      let first = max(0, Int(centre - reach + 0.5))
      let end = min(source, Int(centre + reach + 0.5))
      let weights = (first..<max(first, end)).map { filter.weight(at: (Double($0) - centre + 0.5) / stretch) }
      let total = weights.reduce(0, +)
      starts.append(first)
      factors += weights.map {
        Int32(((total == 0 ? 0 : $0 / total) * Double(1 << Self.bits)).rounded(.toNearestOrAwayFromZero))
      }
      bounds.append(factors.count)
    }
    let lowest = starts.min() ?? 0
    sources = lowest..<(zip(starts, zip(bounds.dropFirst(), bounds)).map { $0 + $1.0 - $1.1 }.max() ?? lowest)
    self.starts = starts.map { $0 - lowest }
    self.bounds = bounds
    self.factors = factors
  }

  static func byte(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> bits) }

  /// Calls with the pixels and the weights, where they lie in memory.
  func with<Result>(
    _ pixels: [UInt8], _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<Int32>) -> Result
  ) -> Result {
    pixels.withUnsafeBufferPointer { pixels in factors.withUnsafeBufferPointer { body(pixels, $0) } }
  }
}
