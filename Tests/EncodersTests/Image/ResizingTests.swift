import Multimodal
import Testing

@testable import Encoders

@Suite struct ResizingTests {
  @Test("a picture of one colour stays so at any size", arguments: [1, 5, 64, 200])
  func flat(side: Int) {
    let image = RGBImage(width: side, height: side, pixels: (0..<side * side).flatMap { _ in [255, 51, 0] as [UInt8] })
    let planes = Planes(fitting: image, side: 32)
    for (plane, level) in zip(planes.channels, [1, 0.2, 0] as [Float]) {
      #expect(plane.count == 1024)
      #expect(plane.allSatisfy { abs($0 - level) < 1e-5 })
    }
  }

  @Test("a picture of the size asked for is not changed")
  func same() {
    let image = PictureFiles.gradient(width: 16, height: 16)
    let planes = Planes(fitting: image, side: 16)
    #expect(planes.channels[0] == (0..<256).map { Float(image.pixels[3 * $0]) / 255 })
  }

  @Test("a wide picture is put in the middle, on white")
  func letterbox() {
    let planes = Planes(fitting: RGBImage(width: 40, height: 10, pixels: [UInt8](repeating: 0, count: 1200)), side: 8)
    let lines = (0..<8).map { y in planes.channels[0][y * 8..<y * 8 + 8].reduce(0, +) }
    #expect(lines == [8, 8, 8, 0, 0, 8, 8, 8])
  }

  @Test("the thinnest picture keeps a pixel of width")
  func thin() {
    let planes = Planes(fitting: RGBImage(width: 1, height: 500, pixels: [UInt8](repeating: 0, count: 1500)), side: 8)
    #expect(planes.channels[0].count { $0 == 0 } == 8)
  }

  @Test("shrinking averages, so that fine stripes become gray")
  func antialiasing() {
    var pixels: [UInt8] = []
    for _ in 0..<128 { for x in 0..<128 { pixels += [UInt8](repeating: x % 2 == 0 ? 255 : 0, count: 3) } }
    let planes = Planes(fitting: RGBImage(width: 128, height: 128, pixels: pixels), side: 16)
    for y in 1..<15 { for x in 1..<15 { #expect(abs(planes.channels[1][y * 16 + x] - 0.5) < 0.02) } }
  }

  @Test(
    "the weights of every target pixel add up to 1 and lie within the source",
    arguments: [(7, 3), (3, 7), (1, 5), (64, 12)])
  func taps(from: Int, to: Int) {
    for tap in Taps.all(from: from, to: to) {
      #expect(abs(tap.weights.reduce(0, +) - 1) < 1e-5)
      #expect(tap.start >= 0 && tap.start + tap.weights.count <= from)
      #expect(tap.weights.allSatisfy { $0 >= 0 })
    }
  }
}
