import Evaluation
import Multimodal
import Testing

@Suite("Impairments of texts")
struct TextImpairmentTests {
  private func seen(_ impairment: any RawImpairment, _ text: String, _ stream: String = "a") throws -> String {
    var numbers = SeededNumbers(seed: 4, stream: stream)
    guard case .text(let found) = try impairment.impaired(.text(text), using: &numbers) else {
      throw CancellationError()
    }
    return found
  }

  /// What the letters of a text become, by the rules, one after the other.
  private func typed(_ text: String, _ ratio: Double, _ stream: String) -> String {
    let around: [Character: String] = ["q": "wa", "w": "qeas", "e": "wrsd", "a": "sqwz", "s": "adwezx"]
    var numbers = SeededNumbers(seed: 4, stream: stream)
    var found = ""
    var rest = Array(text)
    while !rest.isEmpty {
      let letter = rest.removeFirst()
      if !letter.isLetter || numbers.uniform() >= ratio {
        found.append(letter)
        continue
      }
      let kind = numbers.uniform(below: 4)
      if kind == 0 {
        if let keys = around[letter] {
          found.append(Array(keys)[numbers.uniform(below: keys.count)])
        } else {
          found += "\(letter)\(letter)"
        }
      } else if kind == 2 {
        found += "\(letter)\(letter)"
      } else if kind == 3, let next = rest.first, next.isLetter {
        found += "\(next)\(letter)"
        rest.removeFirst()
      }
    }
    return found
  }

  @Test("typing errors are those of the rules, letter by letter")
  func typos() throws {
    let text = "qwe asqwe äß, 12 sea saw eqs!"
    for sample in 0..<40 {
      for ratio in [0.2, 0.9] {
        #expect(try seen(TypingErrors(ratio: ratio), text, "\(sample)") == typed(text, ratio, "\(sample)"))
      }
    }
    #expect(try seen(TypingErrors(ratio: 0), text) == text)
  }

  @Test("signs, digits and white space stay, capitals stay capitals, and a text never becomes empty")
  func typosKeep() throws {
    for sample in 0..<60 {
      let signs = try seen(TypingErrors(ratio: 1), "Ab, 12 Cd!", "\(sample)").filter { !$0.isLetter }
      #expect(signs == ", 12 !")
      let capitals = try seen(TypingErrors(ratio: 1), "QWERTY", "\(sample)")
      #expect(!capitals.contains { !$0.isUppercase })
      let short = try seen(TypingErrors(ratio: 1), " a ", "\(sample)")
      #expect(short.contains { !$0.isWhitespace })
    }
    #expect(try seen(TypingErrors(ratio: 1), "") == "")
  }

  @Test("shuffled words are the same words in other places, signs stay")
  func shuffle() throws {
    let text = "one two, three four; five (six) seven."
    let found = try seen(WordShuffle(), text)
    #expect(found != text && found.filter { ",;().".contains($0) } == ",;().")
    func words(_ text: String) -> [String] {
      TextToken.tokens(of: text).filter(\.isWord).map { String(text[$0.range]) }
    }
    #expect(words(found).sorted() == words(text).sorted())
    var numbers = SeededNumbers(seed: 4, stream: "a")
    let order = WordShuffle().order(of: 7, using: &numbers)
    #expect(words(found) == order.map { words(text)[$0] } && order.sorted() == Array(0..<7))
    #expect(try seen(WordShuffle(ratio: 0), text) == text)
    var some = SeededNumbers(seed: 4, stream: "b")
    let half = WordShuffle(ratio: 0.5).order(of: 1000, using: &some)
    let moved = half.indices.count { half[$0] != $0 }
    #expect(abs(Double(moved) - 500) < 70 && half.sorted() == Array(0..<1000))
  }

  @Test("a text that breaks off loses that share of its tokens from the end, never all")
  func truncation() throws {
    let text = "one two, three  four"
    for (ratio, expected) in [
      (0, text), (0.2, "one two, three"), (0.39, "one two, three"), (0.4, "one two,"), (0.8, "one"), (1, "one"),
    ] as [(Double, String)] {
      #expect(try seen(Truncation(ratio: ratio), text) == expected)
    }
    #expect(try seen(Truncation(), "") == "" && seen(Truncation(), "one") == "one")
    var numbers = SeededNumbers(seed: 0, stream: "")
    #expect(Truncation().impaired([5, 6, 7, 8, 9], using: &numbers) == [5, 6, 7])
  }

  @Test("every impairment passes other kinds, keeps the empty text, and gives the same for the same seed")
  func all() throws {
    let text = "a small grey cat sleeps, curled, on a red sofa by the window"
    for impairment in NamedImpairment.all where impairment.kind == .text {
      let raw = impairment(impairment.usual)
      #expect(try seen(raw, "") == "")
      #expect(try seen(raw, text) == seen(raw, text))
      #expect(try Set((0..<20).map { try seen(raw, text, "\($0)") }) != [text], "\(impairment.name)")
      let silence = RawInput.audio(.silence)
      #expect(try raw.impaired(silence, sample: "", condition: "", seed: 0) == silence)
    }
  }
}
