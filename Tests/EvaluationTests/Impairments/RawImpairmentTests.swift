import Evaluation
import Multimodal
import Records
import Testing

@Suite struct RawImpairmentTests {
  private let gray = RGBImage(width: 100, height: 80, pixels: [UInt8](repeating: 100, count: 24_000))

  @Test("a missing picture is black, a missing text is empty")
  func missing() throws {
    let settings = ImpairmentSettings()
    let image = try settings.impairment(.missing, of: .image)
      .impaired(.image(gray), sample: "a", condition: "image-missing", seed: 0)
    guard case .image(let black) = image else {
      Issue.record("a picture was expected")
      return
    }
    #expect(black.pixels.allSatisfy { $0 == 0 })
    let text = try settings.impairment(.missing, of: .text)
      .impaired(.text("a cat"), sample: "a", condition: "text-missing", seed: 0)
    #expect(text == .text(""))
  }

  @Test("damage depends on the seed, the condition and the sample, and on nothing else")
  func streams() throws {
    let noise = SaltAndPepper()
    func noisy(_ id: String, _ condition: String, _ seed: UInt64) throws -> RawInput {
      try noise.impaired(.image(gray), sample: id, condition: condition, seed: seed)
    }
    let one = try noisy("a", "image-noisy", 0)
    #expect(try one == noisy("a", "image-noisy", 0))
    #expect(try one != noisy("b", "image-noisy", 0))
    #expect(try one != noisy("a", "other", 0))
    #expect(try one != noisy("a", "image-noisy", 1))
  }

  @Test("noise passes an input of another kind unchanged")
  func otherKind() throws {
    #expect(try SaltAndPepper().impaired(.text("x"), sample: "", condition: "", seed: 0) == .text("x"))
    #expect(try TokenDeletion(ratio: 1).impaired(.image(gray), sample: "", condition: "", seed: 0) == .image(gray))
  }

  @Test("the default settings are the paper's, and reach the impairments")
  func settings() throws {
    var settings = ImpairmentSettings()
    #expect(settings.impairment(.noisy, of: .image) as? SaltAndPepper == SaltAndPepper(ratio: 0.3, saltShare: 0.5))
    #expect(settings.impairment(.noisy, of: .text) as? TokenDeletion == TokenDeletion(ratio: 0.15))
    settings.noisyPixels = 0.1
    settings.perChannel = true
    settings.exactTokens = true
    #expect(settings.impairment(.noisy, of: .image) as? SaltAndPepper == SaltAndPepper(ratio: 0.1, perChannel: true))
    #expect(settings.impairment(.noisy, of: .text) as? TokenDeletion == TokenDeletion(exactCount: true))
    #expect(ImpairedCondition.noisy.name(for: .image) == "image-noisy")
    try settings.check()
  }

  @Test("shares outside of 0 to 1 are named, all at once")
  func wrongSettings() {
    var settings = ImpairmentSettings()
    settings.noisyPixels = 1.5
    settings.deletedTokens = .nan
    #expect(throws: ImpairmentSettingsError(found: ["'noisy_pixels' is 1.5", "'deleted_tokens' is nan"])) {
      try settings.check()
    }
  }
}
