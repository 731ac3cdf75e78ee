import Foundation
import Records
import TestSupport
import Testing

@testable import Encoders

/// Tokenizers as language models have them, both ways.
@Suite struct TokenDecodingTests {
  struct Golden: Decodable {
    struct Tokens: Decodable {
      let fingerprints: [UInt64]
      let decoded: [UInt64]
      let tokens: [[Int]]
      let plain: [[Int]]
      let texts: [String]
      let whole: [String]
      let halves: [String]
    }
    let texts: [String]
    let tokenizers: [String: Tokens]
  }

  static func golden() throws -> Golden {
    try JSONDecoder().decode(
      Golden.self, from: Data(contentsOf: TokenizerTests.golden.appending(path: "language.json")))
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(folder: TokenizerTests.golden.appending(path: name))
  }

  // Strings that Unicode calls equal are not the same text.
  private static func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

  static let names = ["llama2", "mistral", "llama3", "qwen2", "smollm"]

  @Test("language models' tokenizers give the reference library's tokens, and texts again", arguments: names)
  func corpus(_ name: String) throws {
    let expected = try #require(try Self.golden().tokenizers[name])
    let tokenizer = try Self.tokenizer(name)
    let decoder = try TokenDecoder(tokenizer)
    let lines = try Data(contentsOf: TokenizerTests.golden.appending(path: "corpus.txt"))
      .split(separator: 0x0A, omittingEmptySubsequences: false)
    #expect(lines.count == expected.fingerprints.count)
    for (i, line) in lines.enumerated() {
      let tokens = tokenizer(String(decoding: line, as: UTF8.self))
      #expect(TokenizerTests.fingerprint(tokens) == expected.fingerprints[i], "line \(i + 1)")
      let text = decoder(tokens).unicodeScalars.map { Int($0.value) }
      #expect(TokenizerTests.fingerprint(text) == expected.decoded[i], "line \(i + 1)")
    }
  }

  @Test("line ends, contractions, digits and added tokens are cut, and put together, as there", arguments: names)
  func texts(_ name: String) throws {
    let golden = try Self.golden()
    let expected = try #require(golden.tokenizers[name])
    let tokenizer = try Self.tokenizer(name)
    let decoder = try TokenDecoder(tokenizer)
    for (i, text) in golden.texts.enumerated() {
      let tokens = tokenizer(text)
      #expect(tokens == expected.tokens[i], "\(text.debugDescription)")
      let plain = tokenizer.plainTokens(of: text)
      #expect(plain == expected.plain[i], "\(text.debugDescription)")
      #expect(Self.scalars(decoder(tokens)) == Self.scalars(expected.texts[i]), "\(text.debugDescription)")
      let whole = decoder(tokens, keepsSpecialTokens: true)
      #expect(Self.scalars(whole) == Self.scalars(expected.whole[i]), "\(text.debugDescription)")
      let half = decoder(plain[(plain.count / 2)...])
      #expect(Self.scalars(half) == Self.scalars(expected.halves[i]), "\(text.debugDescription)")
    }
  }

  @Test("a text in parts has the tokens of the whole, and each token is of the parts of its letters", arguments: names)
  func parts(_ name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    let decoder = try TokenDecoder(tokenizer)
    // What stands for a space in vocabularies becomes one, and a space that begins a text goes.
    for text in try Self.golden().texts where !text.contains("\u{2581}") && !text.hasPrefix(" ") {
      let scalars = Array(text.unicodeScalars)
      for cut in [0, 1, scalars.count / 2, max(scalars.count - 2, 0)] where cut <= scalars.count {
        let parts = [scalars[..<cut], [], scalars[cut...]].map { String(String.UnicodeScalarView($0)) }
        let tokens = tokenizer.tokens(ofParts: parts)
        #expect(tokens.map(\.token) == tokenizer.plainTokens(of: text), "\(text.debugDescription) at \(cut)")
        #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0.parts.upperBound <= $1.parts.lowerBound })
        let first = decoder(tokens.filter { $0.parts == 0...0 }.map(\.token))
        // A token of both sides, and a letter of which only some bytes are there, are not of the first alone.
        if name != "qwen2" {
          #expect(text.unicodeScalars.starts(with: first.unicodeScalars.filter { $0 != "\u{FFFD}" }), "\(first)")
        }
      }
    }
    let mixed = tokenizer.tokens(ofParts: ["What is it?\n", "<image> cat", "\nGroup:"])
    #expect(Set(mixed.map(\.parts.lowerBound)) == [0, 1, 2])
    #expect(tokenizer.token(named: name == "qwen2" ? "<|image_pad|>" : "<image>") != nil)
  }

  @Test("words that are cut by white space are cut part by part")
  func wordPieces() throws {
    let tokenizer = try Self.tokenizer("wordpiece-uncased")
    let tokens = tokenizer.tokens(ofParts: ["the quick", " fox"])
    #expect(tokens.map(\.token) == Array(tokenizer("the quick fox").dropFirst().dropLast()))
    #expect(tokens.map(\.parts).last == 1...1 && tokens.map(\.parts).first == 0...0)
    let cased = try Self.tokenizer("wordpiece-cased")
    #expect(try TokenDecoder(cased)(cased("the lazy dog, now")) == "the lazy dog, now")
  }

  @Test("an unknown token waits for a letter that is an entry, and bytes go before it")
  func unknownAmongBytes() throws {
    let vocabulary = Vocabulary([("<unk>", 0), ("a", 1), ("<0xC3>", 2), ("<0xA9>", 3)])
    var pairs = try BytePairEncoding(vocabulary, merges: [])
    pairs.unknown = 0
    pairs.bytes = vocabulary.bytes
    #expect(pairs.tokens(of: ["b", "é", "c", "a"]) == [2, 3, 0, 0, 1])
    pairs.fusesUnknown = true
    #expect(pairs.tokens(of: ["b", "é", "c", "a"]) == [2, 3, 0, 1])
    #expect(pairs.spans(of: ["b", "é", "c", "a"]).map(\.length) == [1, 0, 2, 1])
  }

  @Test("a decoder of a kind that is not known is refused where texts are wanted, not where tokens are")
  func unknownDecoder() throws {
    let file = #"""
      {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
       "decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "CTC"}]}}
      """#
    try withTemporaryFolder { folder in
      try Data(file.utf8).write(to: folder.appending(path: "tokenizer.json"))
      let tokenizer = try Tokenizer(folder: folder)
      #expect(tokenizer("aa") == [0, 0])
      let error = #expect(throws: TokenizerError.self) { try TokenDecoder(tokenizer) }
      #expect(error?.diagnosis.what == "the tokenizer's decoder is of a kind not known here: 'CTC'")
    }
  }
}
