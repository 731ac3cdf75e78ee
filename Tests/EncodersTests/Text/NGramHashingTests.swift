import Foundation
import Testing

@testable import Encoders

@Suite struct NGramHashingTests {
  private let words = NGramHashing(words: 1...2, characters: 16...16, buckets: 1 << 20, seed: 0)
  private let characters = NGramHashing(words: 8...8, characters: 3...5, buckets: 1 << 20, seed: 0)

  @Test("words and pairs of words are counted: n words make 2n - 1 buckets")
  func wordGrams() {
    #expect(words.counts(of: "one").indices.count == 1)
    #expect(words.counts(of: "one two three").indices.count == 5)
    #expect(words.counts(of: "").indices.isEmpty)
    #expect(words.counts(of: " ,;! ").indices.isEmpty)
  }

  @Test("runs of characters stay within a word and its boundaries")
  func characterGrams() {
    // ` cat ` has three runs of 3, two of 4 and one of 5.
    #expect(characters.counts(of: "cat").indices.count == 6)
    let (joined, apart) = (Set(characters.counts(of: "cat dog").indices), Set(characters.counts(of: "dog").indices))
    #expect(joined == apart.union(characters.counts(of: "cat").indices))
  }

  @Test("order of words matters to pairs only; case, composition and punctuation do not matter")
  func normalisation() {
    #expect(words.counts(of: "Big Cat!") == words.counts(of: "big, cat"))
    #expect(words.counts(of: "caf\u{E9}") == words.counts(of: "CAFE\u{301}"))
    #expect(words.counts(of: "ﬁne") == words.counts(of: "fine"))
    #expect(words.counts(of: "big cat") != words.counts(of: "cat big"))
    #expect(characters.counts(of: "big cat") == characters.counts(of: "cat big"))
  }

  @Test("a word said n times counts 1 + log n, with either sign")
  func dampened() {
    let one = NGramHashing(words: 1...1, characters: 16...16, buckets: 1 << 20, seed: 0)
    let (once, often) = (one.counts(of: "cat"), one.counts(of: "cat cat cat cat"))
    #expect(abs(once.values[0]) == 1)
    #expect(often.indices == once.indices)
    #expect(abs(often.values[0] / once.values[0] - (1 + log(4 as Float))) < 1e-6)
    let signs = Set((0..<50).map { one.counts(of: "w\($0)").values[0] > 0 })
    #expect(signs == [true, false])
  }

  @Test("buckets are ascending, within bounds and evenly filled; another seed fills others")
  func buckets() {
    let small = NGramHashing(words: 1...1, characters: 16...16, buckets: 64, seed: 0)
    var filled = [Int](repeating: 0, count: 64)
    for number in 0..<6400 { for index in small.counts(of: "word\(number)").indices { filled[Int(index)] += 1 } }
    #expect(filled.allSatisfy { (50...150).contains($0) })
    let text = small.counts(of: (0..<40).map { "w\($0)" }.joined(separator: " "))
    #expect(text.indices == text.indices.sorted())
    #expect(
      text.indices != NGramHashing(words: 1...1, characters: 16...16, buckets: 64, seed: 1).counts(of: "w1").indices)
    #expect(
      words.counts(of: "cat")
        != NGramHashing(words: 1...2, characters: 16...16, buckets: 1 << 20, seed: 1).counts(of: "cat"))
  }
}
