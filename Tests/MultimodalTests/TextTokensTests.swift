import Multimodal
import Testing

@Suite struct TextTokensTests {
  private func pieces(_ text: String) -> [String] { TextToken.tokens(of: text).map { String(text[$0.range]) } }
  private func words(_ text: String) -> [String] {
    TextToken.tokens(of: text).filter(\.isWord).map { String(text[$0.range]) }
  }

  @Test("words and punctuation marks are tokens, white space is not")
  func english() {
    #expect(pieces("A cat, two dogs.\n\tEnd") == ["A", "cat", ",", "two", "dogs", ".", "End"])
    #expect(words("A cat, two dogs.") == ["A", "cat", "two", "dogs"])
  }

  @Test("letters with marks stay in their word, however they are composed")
  func marks() {
    #expect(pieces("cafe\u{301} naïve") == ["cafe\u{301}", "naïve"])
  }

  @Test("an ideograph and an emoji are words of their own")
  func unspaced() {
    #expect(words("猫と dog👩‍👩‍👧!") == ["猫", "と", "dog", "👩‍👩‍👧"])
  }

  @Test("a text without tokens has none", arguments: ["", " \n ", "\u{3000}"])
  func empty(text: String) {
    #expect(TextToken.tokens(of: text).isEmpty)
  }
}
