import Evaluation
import Multimodal
import Testing

@Suite struct SaltAndPepperTests {
  private let gray = RGBImage(width: 200, height: 100, pixels: [UInt8](repeating: 100, count: 60_000))

  /// How many pixels are white, black, untouched, or mixed.
  private func count(_ image: RGBImage) -> (white: Int, black: Int, same: Int, mixed: Int) {
    var counts = (0, 0, 0, 0)
    for place in stride(from: 0, to: image.pixels.count, by: 3) {
      switch (image.pixels[place], image.pixels[place + 1], image.pixels[place + 2]) {
      case (255, 255, 255): counts.0 += 1
      case (0, 0, 0): counts.1 += 1
      case (100, 100, 100): counts.2 += 1
      default: counts.3 += 1
      }
    }
    return counts
  }

  private func noisy(_ noise: SaltAndPepper) -> RGBImage {
    var numbers = SeededNumbers(seed: 1, stream: "noise")
    return noise.impaired(gray, using: &numbers)
  }

  @Test("by default three pixels of ten are hit, half of them white")
  func defaults() {
    let counts = count(noisy(SaltAndPepper()))
    // Five standard deviations: 324 of the hits, 194 of the halves.
    #expect(abs(counts.white + counts.black - 6000) < 324)
    #expect(abs(counts.white - counts.black) < 390)
    #expect(counts.mixed == 0)
    #expect(counts.white + counts.black != 6000, "independent pixels would hardly hit the share exactly")
  }

  @Test("an exact count is exact, and so is the share of salt")
  func exact() {
    let counts = count(noisy(SaltAndPepper(ratio: 0.25, saltShare: 0.2, exactCount: true)))
    #expect(counts.white == 1000)
    #expect(counts.black == 4000)
    #expect(counts.same == 15_000)
  }

  @Test("by channel, single channels are hit")
  func channels() {
    let image = noisy(SaltAndPepper(perChannel: true))
    #expect(count(image).mixed > 5000)
    let hit = image.pixels.count { $0 != 100 }
    #expect(abs(hit - 18_000) < 562)
  }

  @Test("nothing is hit at 0, everything at 1", arguments: [false, true])
  func ends(exact: Bool) {
    #expect(noisy(SaltAndPepper(ratio: 0, exactCount: exact)) == gray)
    #expect(count(noisy(SaltAndPepper(ratio: 1, exactCount: exact))).same == 0)
    #expect(count(noisy(SaltAndPepper(ratio: 1, saltShare: 1, exactCount: exact))).white == 20_000)
  }
}
