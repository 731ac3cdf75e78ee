import Evaluation
import Multimodal
import Testing

@Suite struct TokenDeletionTests {
  private func shortened(_ text: String, _ deletion: TokenDeletion, stream: String = "x") -> String {
    var numbers = SeededNumbers(seed: 5, stream: stream)
    return deletion.impaired(text, using: &numbers)
  }

  @Test("by default 15 of 100 tokens go, the others keep their order")
  func defaults() {
    let words = (0..<5000).map { "w\($0)" }
    let left = shortened(words.joined(separator: " "), TokenDeletion()).split(separator: " ").map(String.init)
    // Five standard deviations are 126.
    #expect(abs(5000 - left.count - 750) < 126)
    #expect(left.map { Int($0.dropFirst()) ?? -1 } == left.compactMap { Int($0.dropFirst()) }.sorted())
  }

  @Test("an exact count is rounded")
  func exact() {
    let text = (0..<21).map(String.init).joined(separator: " ")
    #expect(shortened(text, TokenDeletion(exactCount: true)).split(separator: " ").count == 18)
  }

  @Test("one token always stays", arguments: [false, true])
  func oneStays(exact: Bool) {
    var kept: Set<String> = []
    for stream in 0..<40 {
      kept.insert(shortened("a b c", TokenDeletion(ratio: 1, exactCount: exact), stream: "\(stream)"))
    }
    #expect(kept == ["a", "b", "c"])
    #expect(shortened("alone", TokenDeletion(ratio: 1, exactCount: exact)) == "alone")
    #expect(shortened("", TokenDeletion(ratio: 1, exactCount: exact)) == "")
  }

  @Test("white space before a deleted token goes with it, the rest of the text is untouched")
  func spaces() {
    var seen: Set<String> = []
    for stream in 0..<60 { seen.insert(shortened("a  b,\tc", TokenDeletion(ratio: 0.4), stream: "\(stream)")) }
    #expect(seen.contains("a,\tc"))
    #expect(seen.contains("a  b\tc"))
    #expect(seen.contains("b,\tc"))
    #expect(seen.contains("a  b,\tc"))
    #expect(shortened(" a ", TokenDeletion(ratio: 0)) == " a ")
  }

  @Test("an encoder with its own tokens may ask which to keep")
  func kept() {
    var numbers = SeededNumbers(seed: 5, stream: "tokens")
    #expect(TokenDeletion().kept(of: 0, using: &numbers) == [])
    #expect(TokenDeletion(ratio: 0.5, exactCount: true).kept(of: 8, using: &numbers).count { $0 } == 4)
  }
}
