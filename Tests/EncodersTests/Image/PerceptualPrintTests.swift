import Multimodal
import Testing

@testable import Encoders

@Suite("What a picture looks like from afar")
struct PerceptualPrintTests {
  private func picture(
    _ width: Int, _ height: Int, _ seed: UInt64, brightness: Double = 0, gain: Double = 1
  ) -> RGBImage {
    var numbers = SeededNumbers(seed: seed, stream: "picture")
    let waves = (0..<6).map { _ in (numbers.uniform() * 9, numbers.uniform() * 9, numbers.uniform() * 6) }
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        let (u, v) = (Double(x) / Double(width), Double(y) / Double(height))
        let value = waves.reduce(0.0) { $0 + sine($1.0 * u + $1.1 * v + $1.2) } / 6
        let shade = UInt8(max(0, min(255, 128 + brightness + gain * 90 * value)))
        pixels += [shade, shade, UInt8(255 - Int(shade) / 2)]
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  private func sine(_ x: Double) -> Double {
    // Near enough, without Foundation.
    let turn = x / (2 * .pi)
    let t = 2 * .pi * (turn - turn.rounded())
    return t - t * t * t / 6 + t * t * t * t * t / 120 - t * t * t * t * t * t * t / 5040
  }

  private func cosine(_ a: RGBImage, _ b: RGBImage) -> Double {
    let (x, y) = (PerceptualPrint(of: a).steps, PerceptualPrint(of: b).steps)
    let dot = zip(x, y).reduce(0) { $0 + Double($1.0 * $1.1) }
    let lengths = [x, y].map { $0.reduce(0) { $0 + Double($1 * $1) } }
    return dot / (lengths[0] * lengths[1]).squareRoot()
  }

  @Test("a scaled, brightened or flattened copy has nearly the same print, another picture has not")
  func copies() {
    let picture = picture(120, 120, 1)
    #expect(cosine(picture, self.picture(60, 60, 1)) > 0.9)
    #expect(cosine(picture, self.picture(120, 120, 1, brightness: 12)) > 0.9)
    #expect(cosine(picture, self.picture(120, 120, 1, gain: 0.9)) > 0.9)
    for seed in 2..<12 { #expect(cosine(picture, self.picture(120, 120, UInt64(seed))) < 0.8) }
  }

  @Test("a picture of one colour has nothing to compare, and black is nothing at all")
  func blank() {
    #expect(PerceptualPrint(of: .black).isBlack && PerceptualPrint(of: .black).isBlank)
    let gray = RGBImage(width: 5, height: 5, pixels: [UInt8](repeating: 90, count: 75))
    #expect(PerceptualPrint(of: gray).isBlank && !PerceptualPrint(of: gray).isBlack)
    #expect(!PerceptualPrint(of: picture(30, 30, 1)).isBlank)
  }
}
