import Encoders
import Evaluation
import Foundation
import Multimodal
import Records
import Testing

@Suite("Impairments of pictures")
struct PictureImpairmentTests {
  /// A picture without two equal rows or columns.
  static func picture(_ width: Int = 17, _ height: Int = 12) -> RGBImage {
    var numbers = SeededNumbers(seed: 1, stream: "picture/\(width)/\(height)")
    let pixels = (0..<(width * height * 3)).map { place in
      UInt8(min(255, numbers.uniform(below: 120) + place % (3 * width)))
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  private func seen(_ impairment: any RawImpairment, _ image: RGBImage, _ stream: String = "a") throws -> RGBImage {
    var numbers = SeededNumbers(seed: 4, stream: stream)
    guard case .image(let found) = try impairment.impaired(.image(image), using: &numbers) else {
      throw CancellationError()
    }
    return found
  }

  @Test("Gaussian noise is the picture plus normal numbers, cut to what a channel holds")
  func gaussian() throws {
    let image = Self.picture()
    var numbers = SeededNumbers(seed: 4, stream: "a")
    let expected = image.pixels.map { level in
      let sum = (Double(level) + 30 * numbers.normal()).rounded()
      return sum < 0 ? 0 : sum > 255 ? 255 : UInt8(sum)
    }
    #expect(try seen(GaussianNoise(deviation: 30), image).pixels == expected)
    #expect(try seen(GaussianNoise(deviation: 0), image) == image)
    let gray = RGBImage(width: 100, height: 100, pixels: [UInt8](repeating: 128, count: 30_000))
    let noisy = try seen(GaussianNoise(deviation: 20), gray).pixels.map { Double($0) - 128 }
    let deviation = (noisy.reduce(0) { $0 + $1 * $1 } / 30_000).squareRoot()
    #expect(abs(deviation - 20) < 0.5)
  }

  @Test("a blur is the mean weighted by a Gaussian in both directions, the edge going on beyond it")
  func blur() throws {
    for (image, deviation) in [(Self.picture(), 1.3), (Self.picture(5, 9), 4), (Self.picture(1, 1), 2)] {
      let found = try seen(GaussianBlur(deviation: deviation), image)
      let reach = Int((3 * deviation).rounded(.up))
      for row in 0..<image.height {
        for column in 0..<image.width {
          for channel in 0..<3 {
            var (sum, weights) = (0.0, 0.0)
            for down in -reach...reach {
              for right in -reach...reach {
                let y = min(max(row + down, 0), image.height - 1)
                let x = min(max(column + right, 0), image.width - 1)
                let weight = exp(-Double(down * down + right * right) / (2 * deviation * deviation))
                sum += weight * Double(image.pixels[3 * (y * image.width + x) + channel])
                weights += weight
              }
            }
            let level = Double(found.pixels[3 * (row * image.width + column) + channel])
            #expect(abs(level - sum / weights) < 0.51)
          }
        }
      }
    }
    #expect(try seen(GaussianBlur(deviation: 0), Self.picture()) == Self.picture())
  }

  @Test(
    "an occlusion is one black rectangle of the share of the area, and nothing else changes", arguments: [0, 0.55, 1])
  func occlusion(_ ratio: Double) throws {
    let image = RGBImage(width: 40, height: 20, pixels: (0..<2400).map { UInt8(1 + $0 % 250) })
    var corners: Set<Int> = []
    for sample in 0..<20 {
      let found = try seen(Occlusion(ratio: ratio), image, "\(sample)")
      let covered = (0..<800).filter { found.pixels[3 * $0] == 0 }
      for place in 0..<800 {
        let range = 3 * place..<3 * place + 3
        #expect(found.pixels[range] == (covered.contains(place) ? [0, 0, 0] : image.pixels[range]))
      }
      #expect(abs(Double(covered.count) / 800 - ratio) < 0.04)
      let (rows, columns) = (Set(covered.map { $0 / 40 }), Set(covered.map { $0 % 40 }))
      #expect(covered.count == rows.count * columns.count)
      if let first = covered.first { corners.insert(first) }
    }
    #expect(ratio == 0.55 ? corners.count > 5 : corners.count < 2)
  }

  @Test("a low resolution is means over blocks, stretched linearly to the size it was")
  func lowResolution() throws {
    // 16 × 8 pixels become 4 × 2 blocks of 4 × 4.
    let image = Self.picture(16, 8)
    let found = try seen(LowResolution(side: 4), image)
    for channel in 0..<3 {
      func block(_ x: Int, _ y: Int) -> Double {
        var sum = 0.0
        for row in 0..<4 {
          for column in 0..<4 { sum += Double(image.pixels[3 * ((4 * y + row) * 16 + 4 * x + column) + channel]) }
        }
        return sum / 16
      }
      for row in 0..<8 {
        for column in 0..<16 {
          let (x, y) = ((Double(column) + 0.5) / 4 - 0.5, (Double(row) + 0.5) / 4 - 0.5)
          func mixed(_ place: Double, _ count: Int) -> (Int, Int, Double) {
            let low = Int(place.rounded(.down))
            return (min(max(low, 0), count - 1), min(max(low + 1, 0), count - 1), place - Double(low))
          }
          let (left, right, across) = mixed(x, 4)
          let (top, bottom, down) = mixed(y, 2)
          let level =
            (1 - down) * ((1 - across) * block(left, top) + across * block(right, top))
            + down * ((1 - across) * block(left, bottom) + across * block(right, bottom))
          #expect(abs(level - Double(found.pixels[3 * (row * 16 + column) + channel])) < 1.6)
        }
      }
    }
    #expect(try seen(LowResolution(side: 16), image) == image)
    let narrow = try seen(LowResolution(side: 2), Self.picture(3, 30))
    #expect(narrow.width == 3 && narrow.height == 30)
  }

  @Test("JPEG is what the written file says, and worse with a lower quality")
  func jpeg() throws {
    let image = Self.picture(33, 20)
    func error(_ quality: Int) throws -> Double {
      let found = try seen(JPEGCompression(quality: quality), image)
      #expect(found == (try RGBImage(decoding: image.jpeg(quality: quality))))
      return zip(found.pixels, image.pixels).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
    }
    #expect(try error(5) > error(30) && error(30) > error(100))
    let long = RGBImage(width: 66_000, height: 1, pixels: [UInt8](repeating: 0, count: 198_000))
    let diagnosis = #expect(throws: Diagnosis.self) { try seen(JPEGCompression(), long) }
    #expect(diagnosis?.what == "a picture of 66000 × 1 pixels cannot be written as JPEG")
  }

  @Test("every impairment keeps the size of a picture, passes other kinds, and gives the same for the same seed")
  func all() throws {
    let image = Self.picture()
    for impairment in NamedImpairment.all where impairment.kind == .image {
      let raw = impairment(impairment.usual)
      let found = try seen(raw, image)
      #expect(found.width == image.width && found.height == image.height && found != image, "\(impairment.name)")
      #expect(try seen(raw, image) == found)
      #expect(try raw.impaired(.text("x"), sample: "", condition: "", seed: 0) == .text("x"))
    }
  }
}
