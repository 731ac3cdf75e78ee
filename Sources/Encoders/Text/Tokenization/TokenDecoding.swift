import Records

/// How tokens become a text again, as `tokenizer.json` says under `decoder`.
indirect enum TokenDecoding: Sendable, Equatable {
  case byteLevel
  /// `<0xE2>` is a byte; bytes that are no UTF-8 are U+FFFD each.
  case byteFallback
  case fuse
  case replace([Unicode.Scalar], with: [Unicode.Scalar])
  case strip(Unicode.Scalar, start: Int, end: Int)
  /// The letter is a space; that which the text got before its first word goes.
  case metaspace(letter: Unicode.Scalar, dropsFirst: Bool)
  case wordPiece(prefix: [Unicode.Scalar], cleansUp: Bool)
  case endOfWord(String)
  case sequence([TokenDecoding])
  /// Of a kind that is not known here.
  case unknown(String)

  /// The first kind in it that is not known.
  var unknownKind: String? {
    switch self {
    case .unknown(let kind): kind
    case .sequence(let steps): steps.lazy.compactMap(\.unknownKind).first
    default: nil
    }
  }

  func callAsFunction(_ pieces: [[Unicode.Scalar]]) -> [[Unicode.Scalar]] {
    switch self {
    case .byteLevel:
      let bytes = pieces.flatMap { ByteLetters.bytes(of: $0) ?? $0.flatMap { UTF8.encode($0).map(Array.init) ?? [] } }
      return [Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)]
    case .byteFallback: return Self.joiningBytes(pieces)
    case .fuse: return [Array(pieces.joined())]
    case .replace(let pattern, let content):
      return pieces.map { TextNormalizer.replacing(pattern, with: content, in: $0) }
    case .strip(let letter, let start, let end):
      return pieces.map { piece in
        let first = piece.prefix(start).prefix { $0 == letter }.count
        let rest = piece.dropFirst(first)
        return Array(rest.dropLast(rest.reversed().prefix(end).prefix { $0 == letter }.count))
      }
    case .metaspace(let letter, let dropsFirst):
      return pieces.enumerated().map { place, piece in
        piece.compactMap { $0 != letter ? $0 : place == 0 && dropsFirst ? nil : " " }
      }
    case .wordPiece(let prefix, let cleansUp):
      return pieces.enumerated().map { place, piece in
        var piece = piece
        if place > 0 { piece = piece.starts(with: prefix) ? Array(piece.dropFirst(prefix.count)) : [" "] + piece }
        return cleansUp ? Self.cleanedUp(piece) : piece
      }
    case .endOfWord(let suffix):
      return pieces.enumerated().map { place, piece in
        let space: [Unicode.Scalar] = place == pieces.count - 1 ? [] : [" "]
        return TextNormalizer.replacing(Array(suffix.unicodeScalars), with: space, in: piece)
      }
    case .sequence(let steps): return steps.reduce(pieces) { $1($0) }
    case .unknown: return pieces
    }
  }

  private static func joiningBytes(_ pieces: [[Unicode.Scalar]]) -> [[Unicode.Scalar]] {
    var out: [[Unicode.Scalar]] = []
    var bytes: [UInt8] = []
    func end() {
      guard !bytes.isEmpty else { return }
      if let text = String(validating: bytes, as: UTF8.self) {
        out.append(Array(text.unicodeScalars))
      } else {
        out += bytes.map { _ in ["\u{FFFD}"] }
      }
      bytes = []
    }
    for piece in pieces {
      let text = String(String.UnicodeScalarView(piece))
      if piece.count == 6, text.hasPrefix("<0x"), text.hasSuffix(">"),
        let byte = UInt8(text.dropFirst(3).dropLast(), radix: 16)
      {
        bytes.append(byte)
      } else {
        end()
        out.append(piece)
      }
    }
    end()
    return out
  }

  /// What the reference library takes back of BERT's cutting.
  private static func cleanedUp(_ piece: [Unicode.Scalar]) -> [Unicode.Scalar] {
    let rules: KeyValuePairs = [
      " .": ".", " ?": "?", " !": "!", " ,": ",", " ' ": "'", " n't": "n't", " 'm": "'m", " do not": " don't",
      " 's": "'s", " 've": "'ve", " 're": "'re",
    ]
    return rules.reduce(piece) {
      TextNormalizer.replacing(Array($1.key.unicodeScalars), with: Array($1.value.unicodeScalars), in: $0)
    }
  }
}

extension TokenizerFile {
  /// How its tokens become a text again; nil where it does not say.
  func decoding() -> TokenDecoding? {
    guard let part = tree[path: "decoder"], part != .null else { return nil }
    return decoding(part)
  }

  private func decoding(_ part: Tree) -> TokenDecoding {
    func text(_ key: String) -> [Unicode.Scalar]? { part[path: key]?.stringValue.map { Array($0.unicodeScalars) } }
    let kind = part[path: "type"]?.stringValue ?? ""
    switch kind {
    case "ByteLevel": return .byteLevel
    case "ByteFallback": return .byteFallback
    case "Fuse": return .fuse
    case "Replace":
      guard let pattern = text("pattern.String"), let content = text("content"), content.count <= 64 else { break }
      return .replace(pattern, with: content)
    case "Strip":
      guard let letter = text("content"), letter.count == 1 else { break }
      let (start, end) = (part[path: "start"]?.intValue ?? 0, part[path: "stop"]?.intValue ?? 0)
      return .strip(letter[0], start: max(start, 0), end: max(end, 0))
    case "Metaspace":
      guard let letter = text("replacement"), letter.count == 1 else { break }
      let usual = part[path: "add_prefix_space"]?.boolValue ?? true ? "always" : "never"
      return .metaspace(
        letter: letter[0], dropsFirst: part[path: "prepend_scheme"]?.stringValue ?? usual != "never")
    case "WordPiece":
      return .wordPiece(prefix: text("prefix") ?? ["#", "#"], cleansUp: part[path: "cleanup"]?.boolValue ?? true)
    case "BPEDecoder": return .endOfWord(part[path: "suffix"]?.stringValue ?? "</w>")
    case "Sequence": return .sequence((part[path: "decoders"]?.listValue ?? []).map(decoding))
    default: break
    }
    return .unknown(kind)
  }
}

/// Turns tokens into the text that they stand for.
public struct TokenDecoder: Sendable {
  private let pieces: [Int: [Unicode.Scalar]]
  private let special: Set<Int>
  private let decoding: TokenDecoding?

  /// - Throws: ``TokenizerError/unsupported(file:part:kind:)`` where the files ask for steps that are not known here.
  public init(_ tokenizer: Tokenizer) throws(TokenizerError) {
    if let kind = tokenizer.decoding?.unknownKind {
      throw .unsupported(file: "tokenizer.json", part: "decoder", kind: kind)
    }
    decoding = tokenizer.decoding
    special = tokenizer.specialTokens
    var pieces = tokenizer.model.vocabulary.pieces
    for (content, token) in tokenizer.addedByContent { pieces[token] = Array(content.unicodeScalars) }
    self.pieces = pieces
  }

  /// The text of tokens; those that are none of the vocabulary are left out.
  ///
  /// - Parameter keepsSpecialTokens: whether tokens that are no part of a text, such as the one that ends it, are spelt too.
  public func callAsFunction(_ tokens: some Sequence<Int>, keepsSpecialTokens: Bool = false) -> String {
    let kept = tokens.filter { keepsSpecialTokens || !special.contains($0) }.compactMap { pieces[$0] }
    let text = decoding.map { Array($0(kept).joined()) } ?? Array(kept.joined(separator: [" "]))
    return String(String.UnicodeScalarView(text))
  }
}
