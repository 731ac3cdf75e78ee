import Foundation
import Multimodal

/// A text as counts of hashed n-grams.
struct NGramHashing: Sendable {
  let words: ClosedRange<Int>
  let characters: ClosedRange<Int>
  let buckets: Int
  let seed: UInt64

  /// The filled buckets, ascending, with the dampened counts of what fell in them.
  ///
  /// The sign of an n-gram is part of its hash, so that collisions cancel on average (Weinberger et al., ICML 2009).
  func counts(of text: String) -> PreparedInput {
    let text = text.precomposedStringWithCompatibilityMapping.lowercased()
    let words = TextToken.tokens(of: text).filter(\.isWord).map { Array(text[$0.range].utf8) }
    var grams: [UInt32: Float] = [:]
    let start = UInt32(truncatingIfNeeded: seed) ^ UInt32(truncatingIfNeeded: seed >> 32) ^ 0x811C_9DC5

    func hash(_ bytes: some Sequence<UInt8>, from state: UInt32) -> UInt32 {
      bytes.reduce(state) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
    // The two families differ in their first byte.
    let wordStart = hash(CollectionOfOne(1), from: start)
    let characterStart = hash(CollectionOfOne(2), from: start)
    for first in words.indices {
      var state = wordStart
      for length in 1...self.words.upperBound where first + length <= words.count {
        state = hash(words[first + length - 1], from: hash(CollectionOfOne(32), from: state))
        if self.words.contains(length) { grams[state, default: 0] += 1 }
      }
    }
    for word in words {
      let scalars =
        [[32]] + String(decoding: word, as: UTF8.self).unicodeScalars.map { Array(String($0).utf8) } + [[32]]
      for first in scalars.indices {
        var state = characterStart
        for length in 1...characters.upperBound where first + length <= scalars.count {
          state = hash(scalars[first + length - 1], from: state)
          if characters.contains(length) { grams[state, default: 0] += 1 }
        }
      }
    }
    var sums: [Int32: Float] = [:]
    // In order of the hash, for a dictionary has none and sums of floats depend on it.
    for (gram, count) in grams.sorted(by: { $0.key < $1.key }) {
      let spread = Self.spread(gram)
      let sign: Float = spread >> 31 == 0 ? 1 : -1
      sums[Int32(spread % UInt32(buckets)), default: 0] += sign * (1 + log(count))
    }
    let places = sums.filter { $0.value != 0 }.keys.sorted()
    return PreparedInput(values: places.map { sums[$0, default: 0] }, indices: places)
  }
  /// FNV leaves similar texts near one another; the finisher of MurmurHash3 (Appleby) scatters them.
  private static func spread(_ hash: UInt32) -> UInt32 {
    var h = hash
    h = (h ^ (h >> 16)) &* 0x85EB_CA6B
    h = (h ^ (h >> 13)) &* 0xC2B2_AE35
    return h ^ (h >> 16)
  }
}
