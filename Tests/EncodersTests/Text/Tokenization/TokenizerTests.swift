import Foundation
import Records
import TestSupport
import Testing

@testable import Encoders

@Suite struct TokenizerTests {
  static let golden = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Golden/tokenizers").standardized

  struct Expected: Decodable {
    struct Tokens: Decodable {
      let fingerprints: [UInt64]
      let first: [[Int]]
    }
    let tokenizers: [String: Tokens]
    let classes: [String: [UInt32]]
    let forms: [String: [UInt64]]
  }

  static func expected() throws -> Expected {
    try JSONDecoder().decode(Expected.self, from: Data(contentsOf: golden.appending(path: "expected.json")))
  }

  /// FNV-1a over the tokens as 32-bit numbers, without its lowest 12 bits.
  static func fingerprint(_ tokens: [Int]) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for token in tokens {
      for shift in [0, 8, 16, 24] { value = (value ^ UInt64(token >> shift & 0xFF)) &* 0x100_0000_01B3 }
    }
    return value >> 12
  }

  @Test(
    "a corpus of every Unicode block, emoji and broken UTF-8 has the reference library's tokens",
    arguments: ["wordpiece-uncased", "wordpiece-cased", "roberta", "clip", "unigram-xlm", "unigram-siglip"])
  func agreesWithTheReference(_ name: String) throws {
    let expected = try #require(try Self.expected().tokenizers[name])
    let tokenizer = try Tokenizer(folder: Self.golden.appending(path: name))
    let corpus = try Data(contentsOf: Self.golden.appending(path: "corpus.txt"))
    let lines = corpus.split(separator: 0x0A, omittingEmptySubsequences: false)
    #expect(lines.count == expected.fingerprints.count)
    for (i, line) in lines.enumerated() {
      let tokens = tokenizer(String(decoding: line, as: UTF8.self))
      if i < expected.first.count { #expect(tokens == expected.first[i], "line \(i + 1)") }
      #expect(Self.fingerprint(tokens) == expected.fingerprints[i], "line \(i + 1)")
    }
  }

  @Test("CLIP's one file, as its published checkpoints have it, cuts the tokens of its vocabulary and merges")
  func publishedCLIP() throws {
    let clip = Self.golden.appending(path: "clip")
    let merges = try String(contentsOf: clip.appending(path: "merges.txt"), encoding: .utf8)
    let vocabulary = try Tree(
      json: String(contentsOf: clip.appending(path: "vocab.json"), encoding: .utf8), place: "vocab.json")
    let (start, end) = ("<|startoftext|>", "<|endoftext|>")
    let marks = try [start, end].map { Tree.list([.string($0), try #require(vocabulary.tableValue?[$0])]) }
    let file: Tree = [
      "added_tokens": .list(
        marks.map { ["content": $0.listValue?.first ?? .null, "id": $0.listValue?.last ?? .null, "special": true] }),
      "normalizer": [
        "type": "Sequence",
        "normalizers": [
          ["type": "NFC"], ["type": "Replace", "pattern": ["Regex": #"\s+"#], "content": " "], ["type": "Lowercase"],
        ],
      ],
      "pre_tokenizer": [
        "type": "Sequence",
        "pretokenizers": [
          [
            "type": "Split", "behavior": "Removed", "invert": true,
            "pattern": ["Regex": #"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#],
          ], ["type": "ByteLevel", "add_prefix_space": false],
        ],
      ],
      "post_processor": ["type": "RobertaProcessing", "cls": marks[0], "sep": marks[1]],
      "model": [
        "type": "BPE", "vocab": vocabulary, "end_of_word_suffix": "</w>", "unk_token": .string(end),
        "continuing_subword_prefix": "", "fuse_unk": false,
        "merges": .list(merges.split(separator: "\n").filter { !$0.hasPrefix("#version") }.map { .string(String($0)) }),
      ],
    ]
    let fingerprints = try #require(try Self.expected().tokenizers["clip"]?.fingerprints)
    let corpus = try Data(contentsOf: Self.golden.appending(path: "corpus.txt"))
    try folder("clip", with: ["tokenizer.json": file.json()]) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      for (line, fingerprint) in zip(corpus.split(separator: 0x0A, omittingEmptySubsequences: false), fingerprints) {
        #expect(Self.fingerprint(tokenizer(String(decoding: line, as: UTF8.self))) == fingerprint)
      }
    }
  }

  @Test(
    "every line has the normal forms that it has in the reference library",
    arguments: [("NFC", TextNormalizer.nfc), ("NFD", .nfd), ("NFKC", .nfkc), ("NFKD", .nfkd)])
  func forms(name: String, normalizer: TextNormalizer) throws {
    let lines = try Data(contentsOf: Self.golden.appending(path: "corpus.txt")).split(
      separator: 10, omittingEmptySubsequences: false)
    let expected = try #require(try Self.expected().forms[name])
    #expect(lines.count == expected.count)
    for (i, line) in lines.enumerated() {
      let scalars = normalizer(Array(String(decoding: line, as: UTF8.self).unicodeScalars))
      #expect(Self.fingerprint(scalars.map { Int($0.value) }) == expected[i], "line \(i + 1)")
    }
    #expect(normalizer(["\u{32FF}", "\u{1F16C}"]) == ["\u{32FF}", "\u{1F16C}"])
  }

  @Test("every scalar is classed as the reference library classes it")
  func classesOfScalars() throws {
    let classes = try Self.expected().classes
    let rules: [(String, (Unicode.Scalar) -> Bool)] = [
      ("removed", { ScalarClasses.isControl($0) && !["\t", "\n", "\r"].contains($0) }),
      ("space", ScalarClasses.isSpace), ("punctuation", ScalarClasses.isPunctuation),
      ("accent", ScalarClasses.isAccent), ("ideograph", ScalarClasses.isIdeograph),
      ("letter", ScalarClasses.isLetter), ("number", ScalarClasses.isNumber),
    ]
    // Planes 0 to 2: the others hold nothing that is assigned but tags and private use.
    let known = (0..<0x3_0000 as Range<UInt32>).compactMap(Unicode.Scalar.init)
      .filter { $0.properties.age.map { $0.major <= 14 } ?? false }
    #expect(known.count > 140_000)
    for (name, rule) in rules {
      let ends = try #require(classes[name])
      var expected = [Bool](repeating: false, count: 0x3_0000)
      for i in stride(from: 0, to: ends.count, by: 2) where ends[i + 1] < 0x3_0000 {
        for scalar in ends[i]...ends[i + 1] { expected[Int(scalar)] = true }
      }
      let wrong = known.filter { rule($0) != expected[Int($0.value)] }.map { String($0.value, radix: 16) }
      #expect(wrong.isEmpty, "\(name)")
    }
  }

  private func folder(_ name: String, with files: [String: String], _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let copy = folder.appending(path: name)
      try FileManager.default.copyItem(at: Self.golden.appending(path: name), to: copy)
      for (file, text) in files {
        try Data(text.utf8).write(to: copy.appending(path: file))
      }
      try body(copy)
    }
  }

  @Test("a text that is too long loses its end, and keeps the tokens at both ends")
  func truncation() throws {
    let tokenizer = try Tokenizer(folder: Self.golden.appending(path: "wordpiece-uncased"))
    let whole = tokenizer("the lazy dog and the quick fox")
    #expect(whole.count > 7)
    #expect(tokenizer("the lazy dog and the quick fox", maximumLength: 6) == whole.prefix(5) + whole.suffix(1))
    #expect(tokenizer("", maximumLength: 2) == [whole[0], whole[whole.count - 1]])
    #expect(tokenizer("the dog", maximumLength: 0).count == 2)
    #expect(tokenizer("the lazy dog", maximumLength: .max) == tokenizer("the lazy dog"))
  }

  @Test("where a configuration says so, a text that is too long loses its beginning")
  func truncationOnTheLeft() throws {
    try folder("wordpiece-uncased", with: ["tokenizer_config.json": #"{"truncation_side": "left"}"#]) {
      let tokenizer = try Tokenizer(folder: $0)
      let whole = tokenizer("the lazy dog and the quick fox")
      #expect(tokenizer("the lazy dog and the quick fox", maximumLength: 6) == whole.prefix(1) + whole.suffix(5))
    }
  }

  @Test(
    "how long a text may be is said by the sentence model, then the tokenizer, and limited by the positions",
    arguments: [
      (["sentence_bert_config.json": #"{"max_seq_length": 256}"#], 256),
      (["tokenizer_config.json": #"{"model_max_length": 77}"#], 77),
      (["tokenizer_config.json": #"{"model_max_length": 1000000000000000019884624838656}"#], 512),
      (["config.json": #"{"max_position_embeddings": 64}"#], 64),
      (["config.json": #"{"text_config": {"max_position_embeddings": 32}}"#], 32),
      (["config.json": #"{"model_type": "roberta", "pad_token_id": 1, "max_position_embeddings": 66}"#], 64),
    ])
  func lengths(files: [String: String], expected: Int) throws {
    let unlimited = ["tokenizer_config.json": "{}"].merging(files) { $1 }
    try folder("roberta", with: unlimited) {
      let length = try Tokenizer(folder: $0).maximumLength
      #expect(length == expected)
    }
  }

  @Test("a configuration that keeps capitals goes before the tokenizer's own file")
  func casing() throws {
    let lowered = try Tokenizer(folder: Self.golden.appending(path: "wordpiece-uncased"))
    try folder("wordpiece-uncased", with: ["tokenizer_config.json": #"{"do_lower_case": false}"#]) {
      let kept = try Tokenizer(folder: $0)
      #expect(kept("ÀB") != lowered("ÀB"))
      #expect(kept("ab") == lowered("ab"))
    }
  }

  @Test("a word of a hundred thousand letters is cut in moments")
  func longWord() throws {
    let tokenizer = try Tokenizer(folder: Self.golden.appending(path: "roberta"))
    let word = String(repeating: "ab", count: 50_000)
    #expect(tokenizer(word, maximumLength: 64).count == 64)
  }

  @Test(
    "what cannot be read is said in a sentence",
    arguments: [
      ([:], "there is no tokenizer"),
      (["tokenizer.json": "{"], "a key in quotes is missing"),
      (["tokenizer.json": "{}"], "the tokenizer cannot be read"),
      (
        ["tokenizer.json": #"{"model": {"type": "WordLevel", "vocab": {"a": 0}}}"#],
        "the tokenizer's model is of a kind"
      ),
      (
        ["tokenizer.json": #"{"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 3}}"#],
        "the tokenizer names no 'unk_id'"
      ),
      (["tokenizer.json": #"{"model": {"type": "Unigram", "vocab": [["a"]]}}"#], "the tokenizer cannot be read"),
      (
        ["tokenizer.json": #"{"model": {"type": "WordPiece", "vocab": {"a": 0}}}"#],
        "the tokenizer names no 'unk_token'"
      ),
      (["tokenizer.json": #"{"model": {"type": "BPE", "vocab": {"a": -1}}}"#], "the tokenizer cannot be read"),
      (["tokenizer.json": #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}"#], "the tokenizer joins"),
      (["tokenizer.json": #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}}"#], "the tokenizer cannot"),
      (["vocab.txt": "a\nb\n"], "the tokenizer names no"),
      (["vocab.json": "{}", "merges.txt": ""], "the tokenizer cannot be read"),
    ])
  func unreadable(files: [String: String], sentence: String) throws {
    try withTemporaryFolder { folder in
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      let error = #expect(throws: (any Error).self) { try Tokenizer(folder: folder) }
      let diagnosis = Diagnosis(describing: try #require(error))
      #expect(diagnosis.what.hasPrefix(sentence) && diagnosis.exitStatus == .input, "\(diagnosis)")
    }
  }
}
