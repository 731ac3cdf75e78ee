import Encoders
import Multimodal
import Testing

@Suite("Flipped pictures")
struct FlippingTests {
  @Test("left and right are exchanged, rows and colours stay; twice is nothing")
  func flip() {
    let image = RGBImage(
      width: 3, height: 2, pixels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    #expect(image.flipped().pixels == [7, 8, 9, 4, 5, 6, 1, 2, 3, 17, 18, 19, 14, 15, 16, 11, 12, 13])
    #expect(image.flipped().flipped() == image)
  }
}
