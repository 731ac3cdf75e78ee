import Foundation

/// SentencePiece's unigram model: of all ways to cut a word, the one whose pieces' log-probabilities add up to the most.
///
/// Source: Kudo, "Subword Regularization", ACL 2018; found by Viterbi's algorithm.
struct Unigram: SubwordModel {
  let vocabulary: Vocabulary
  private let scores: [Double]
  private let unknown: Int?
  /// Of a letter that is no piece: 10 less than the least score.
  private let unknownScore: Double
  /// What no piece fits is spelt in bytes, `<0xE2>`; nil where the vocabulary has no such pieces or is not to use them.
  private let bytes: [Int]?
  private let trie: PieceTrie

  /// - Throws: ``TokenizerError/missingToken(file:role:)`` where the unknown token is none.
  init(pieces: [(String, Double)], unknown: Int?, fallsBackToBytes: Bool, file: String) throws(TokenizerError) {
    if let unknown, !pieces.indices.contains(unknown) {
      throw .missingToken(file: file, role: "'unk_id'")
    }
    vocabulary = Vocabulary(pieces.enumerated().map { ($1.0, $0) })
    scores = pieces.map(\.1)
    self.unknown = unknown
    unknownScore = (scores.min() ?? 0) - 10
    let spelt = vocabulary.bytes.compactMap(\.self)
    bytes = fallsBackToBytes && spelt.count == 256 ? spelt : nil
    trie = PieceTrie(pieces.map(\.0))
  }

  func tokens(of word: [Unicode.Scalar]) -> [Int] {
    // The best way to each place: where its last piece begins, and the piece; -1 for a letter that is none.
    var best = [(score: Double, start: Int, piece: Int)](repeating: (0, -1, -1), count: word.count + 1)
    func offer(_ start: Int, _ end: Int, _ piece: Int, _ score: Double) {
      let sum = best[start].score + score
      if best[end].start < 0 || sum > best[end].score { best[end] = (sum, start, piece) }
    }
    for start in word.indices {
      var isPiece = false
      trie.forEachPrefix(of: word[start...]) { length, piece in
        offer(start, start + length, piece, scores[piece])
        if length == 1 { isPiece = true }
      }
      if !isPiece { offer(start, start + 1, -1, unknownScore) }
    }
    var tokens: [Int] = []
    var end = word.count
    while end > 0 {
      var start = best[end].start
      let piece = best[end].piece
      if piece >= 0, piece != unknown {
        tokens.append(piece)
      } else {
        // Neighbouring letters that are no piece go together.
        while start > 0, best[start].piece < 0 || best[start].piece == unknown { start = best[start].start }
        tokens += unknownTokens(word[start..<end]).reversed()
      }
      end = start
    }
    return tokens.reversed()
  }

  private func unknownTokens(_ letters: ArraySlice<Unicode.Scalar>) -> [Int] {
    if let token = vocabulary[letters] { return [token] }
    if let bytes { return letters.flatMap { UTF8.encode($0).map { $0.map { bytes[Int($0)] } } ?? [] } }
    return unknown.map { [$0] } ?? []
  }
}

extension Vocabulary {
  /// The token of each byte's spelling, `<0xE2>`.
  var bytes: [Int?] { (0..<256).map { self[String(format: "<0x%02X>", $0)] } }
}

/// Pieces by their letters, for finding all that a text begins with.
private struct PieceTrie: Sendable {
  /// A node and a letter lead to a node; the first is 0.
  private var next: [UInt64: Int32] = [:]
  /// The piece that ends at a node; of two that are spelt alike the last.
  private var pieces: [Int32] = [-1]

  init(_ all: [String]) {
    for (number, piece) in all.enumerated() where !piece.isEmpty {
      var node: Int32 = 0
      for scalar in piece.unicodeScalars {
        let step = Self.step(node, scalar)
        if let known = next[step] {
          node = known
        } else {
          node = Int32(pieces.count)
          next[step] = node
          pieces.append(-1)
        }
      }
      pieces[Int(node)] = Int32(number)
    }
  }

  private static func step(_ node: Int32, _ scalar: Unicode.Scalar) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 21 | UInt64(scalar.value)
  }

  func forEachPrefix(of text: ArraySlice<Unicode.Scalar>, _ body: (_ length: Int, _ piece: Int) -> Void) {
    var node: Int32 = 0
    for (place, scalar) in text.enumerated() {
      guard let following = next[Self.step(node, scalar)] else { return }
      node = following
      if pieces[Int(node)] >= 0 { body(place + 1, Int(pieces[Int(node)])) }
    }
  }
}
