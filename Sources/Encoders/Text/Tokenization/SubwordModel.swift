/// A vocabulary, and how a word is cut into its entries.
protocol SubwordModel: Sendable {
  var vocabulary: Vocabulary { get }
  func tokens(of word: [Unicode.Scalar]) -> [Int]
}

/// The token of each piece of text.
struct Vocabulary: Sendable {
  // By scalars: two spellings of `é` that Unicode calls equal are two entries.
  private var numbers: [ArraySlice<Unicode.Scalar>: Int]

  init(_ entries: some Sequence<(String, Int)>) {
    numbers = Dictionary(entries.map { (Array($0.unicodeScalars)[...], $1) }, uniquingKeysWith: { $1 })
  }

  var count: Int { numbers.count }
  /// The largest token; -1 where there is none.
  var largest: Int { numbers.values.max() ?? -1 }

  /// The piece of each token.
  var pieces: [Int: [Unicode.Scalar]] {
    Dictionary(numbers.map { ($1, Array($0)) }, uniquingKeysWith: { first, _ in first })
  }

  subscript(piece: ArraySlice<Unicode.Scalar>) -> Int? { numbers[piece] }
  subscript(piece: String) -> Int? { numbers[Array(piece.unicodeScalars)[...]] }
}

/// WordPiece: the longest entry first, from left to right.
struct WordPiece: SubwordModel {
  let vocabulary: Vocabulary
  let unknown: Int
  var continuingPrefix = "##"
  /// A longer word is unknown.
  var longestWord = 100

  func tokens(of word: [Unicode.Scalar]) -> [Int] {
    guard word.count <= longestWord else { return [unknown] }
    var tokens: [Int] = []
    let prefix = Array(continuingPrefix.unicodeScalars)
    var rest = word[...]
    while !rest.isEmpty {
      // The prefix stands before what is left of the word, so that a candidate is a slice and no copy.
      let from = tokens.isEmpty ? rest : (prefix + rest)[...]
      var end = from.endIndex
      let least = from.startIndex + (tokens.isEmpty ? 0 : prefix.count)
      while end > least, vocabulary[from[..<end]] == nil { end -= 1 }
      guard end > least, let token = vocabulary[from[..<end]] else { return [unknown] }
      tokens.append(token)
      rest = rest.dropFirst(end - least)
    }
    return tokens
  }
}

/// Byte-pair encoding: neighbours are joined, the pair that was learnt first first.
struct BytePairEncoding: SubwordModel {
  let vocabulary: Vocabulary
  private let joins: [Pair: Join]
  var unknown: Int?
  /// Neighbouring unknown letters are one unknown token.
  var fusesUnknown = false
  var continuingPrefix = ""
  var endOfWord = ""
  /// A word that is an entry is not cut, whatever the joins say.
  var ignoresMerges = false
  /// The tokens of the bytes, `<0xE2>`, in which a letter is spelt that is no entry; empty where none is.
  var bytes: [Int?] = []

  private struct Pair: Hashable {
    let left: Int
    let right: Int
  }

  private struct Join {
    let rank: Int
    let token: Int
  }

  /// - Throws: ``TokenizerError/unknownPiece`` where a join is of pieces, or makes one, that the vocabulary lacks.
  init(
    _ vocabulary: Vocabulary, merges: [(String, String)], continuingPrefix: String = "", endOfWord: String = ""
  )
    throws(TokenizerError)
  {
    self.vocabulary = vocabulary
    self.continuingPrefix = continuingPrefix
    self.endOfWord = endOfWord
    var joins: [Pair: Join] = [:]
    let prefix = Array(continuingPrefix.unicodeScalars)
    for (rank, (left, right)) in merges.enumerated() {
      let tail = Array(right.unicodeScalars)
      let whole = Array(left.unicodeScalars) + (tail.starts(with: prefix) ? tail.dropFirst(prefix.count) : tail[...])
      guard let l = vocabulary[left], let r = vocabulary[right], let joined = vocabulary[whole[...]] else {
        throw .unknownPiece("\(left) \(right)")
      }
      joins[Pair(left: l, right: r)] = Join(rank: rank, token: joined)
    }
    self.joins = joins
  }

  func tokens(of word: [Unicode.Scalar]) -> [Int] { spans(of: word).map(\.token) }

  /// A token, and of how many letters of the word it is; of a letter that is spelt in bytes, the first byte has the letter.
  struct Span {
    let token: Int
    var length: Int
  }

  func spans(of word: [Unicode.Scalar]) -> [Span] {
    if ignoresMerges, let token = vocabulary[word[...]] { return [Span(token: token, length: word.count)] }
    return joined(letters(of: word))
  }

  private func letters(of word: [Unicode.Scalar]) -> [Span] {
    var spans: [Span] = []
    spans.reserveCapacity(word.count)
    // As in the reference, an unknown token waits for a letter that is an entry: bytes go before it.
    var waiting: Span?
    var lost = 0
    for (i, scalar) in word.enumerated() {
      var piece = i > 0 ? Array(continuingPrefix.unicodeScalars) : []
      piece.append(scalar)
      if i == word.count - 1 { piece += endOfWord.unicodeScalars }
      if let token = vocabulary[piece[...]] {
        waiting.map { spans.append($0) }
        waiting = nil
        spans.append(Span(token: token, length: 1 + lost))
        lost = 0
      } else if let spelt = spelling(piece) {
        spans += spelt.enumerated().map { Span(token: $1, length: $0 == 0 ? 1 + lost : 0) }
        lost = 0
      } else if let unknown {
        if fusesUnknown, waiting != nil {
          waiting?.length += 1
        } else {
          waiting.map { spans.append($0) }
          waiting = Span(token: unknown, length: 1 + lost)
          lost = 0
        }
      } else {
        lost += 1
      }
    }
    waiting.map { spans.append($0) }
    return spans
  }

  /// The bytes of a piece; nil where one of them is no entry.
  private func spelling(_ piece: [Unicode.Scalar]) -> [Int]? {
    guard !bytes.isEmpty else { return nil }
    let spelt = piece.flatMap { UTF8.encode($0).map { $0.map { bytes[Int($0)] } } ?? [] }
    let known = spelt.compactMap(\.self)
    return known.count == spelt.count ? known : nil
  }

  /// A list of neighbours and a heap of their joins, so that a word of n letters costs n log n.
  private func joined(_ letters: [Span]) -> [Span] {
    guard letters.count > 1 else { return letters }
    var tokens = letters.map { Optional($0.token) }
    var lengths = letters.map(\.length)
    var next = Array(1...letters.count)
    var previous = Array(-1..<letters.count - 1)
    var heap = Heap()
    func offer(_ left: Int) {
      guard left >= 0, next[left] < letters.count, let l = tokens[left], let r = tokens[next[left]],
        let join = joins[Pair(left: l, right: r)]
      else { return }
      heap.push(Heap.Element(rank: join.rank, at: left, left: l, right: r))
    }
    for i in letters.indices.dropLast() { offer(i) }
    while let best = heap.pop() {
      let right = next[best.at]
      // Joined with another since.
      guard right < letters.count, tokens[best.at] == best.left, tokens[right] == best.right,
        let join = joins[Pair(left: best.left, right: best.right)]
      else { continue }
      tokens[best.at] = join.token
      tokens[right] = nil
      lengths[best.at] += lengths[right]
      next[best.at] = next[right]
      if next[right] < letters.count { previous[next[right]] = best.at }
      offer(previous[best.at])
      offer(best.at)
    }
    return zip(tokens, lengths).compactMap { token, length in token.map { Span(token: $0, length: length) } }
  }

  private struct Heap {
    struct Element {
      let rank: Int
      let at: Int
      let left: Int
      let right: Int

      func comesBefore(_ other: Element) -> Bool { (rank, at) < (other.rank, other.at) }
    }

    private var elements: [Element] = []

    mutating func push(_ element: Element) {
      elements.append(element)
      var child = elements.count - 1
      while child > 0, elements[child].comesBefore(elements[(child - 1) / 2]) {
        elements.swapAt(child, (child - 1) / 2)
        child = (child - 1) / 2
      }
    }

    mutating func pop() -> Element? {
      guard let first = elements.first, let last = elements.popLast() else { return nil }
      guard !elements.isEmpty else { return first }
      elements[0] = last
      var parent = 0
      while true {
        let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < elements.count }
        guard let child = children.min(by: { elements[$0].comesBefore(elements[$1]) }),
          elements[child].comesBefore(elements[parent])
        else { return first }
        elements.swapAt(child, parent)
        parent = child
      }
    }
  }
}
