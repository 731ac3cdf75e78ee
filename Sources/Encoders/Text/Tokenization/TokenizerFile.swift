import Foundation
import Records

/// The parts of a `tokenizer.json`.
struct TokenizerFile {
  let tree: Tree
  let folder: TokenizerFolder

  private var place: String { folder.place("tokenizer.json") }

  private func unsupported(_ part: String, _ kind: String) -> TokenizerError {
    .unsupported(file: place, part: part, kind: kind)
  }

  func model() throws -> (any SubwordModel, unknown: Int?) {
    guard let model = tree[path: "model"], let vocabulary = model[path: "vocab"] else {
      throw TokenizerError.unreadable(file: place, reason: "it has no 'model' with a 'vocab'")
    }
    let unknownPiece = model[path: "unk_token"]?.stringValue
    switch modelKind {
    case "WordPiece":
      let entries = try folder.vocabulary(vocabulary, "tokenizer.json")
      guard let unknown = unknownPiece.flatMap({ entries[$0] }) else {
        throw TokenizerError.missingToken(file: place, role: "'unk_token'")
      }
      let longest = model[path: "max_input_chars_per_word"]?.intValue ?? 100
      // Cutting a word takes time with the cube of its length.
      guard longest <= 1000 else { throw unsupported("model", "WordPiece of words of \(longest) letters") }
      return (
        WordPiece(
          vocabulary: entries, unknown: unknown,
          continuingPrefix: try affix(model, "continuing_subword_prefix") ?? "##", longestWord: longest), unknown
      )
    case "BPE":
      let entries = try folder.vocabulary(vocabulary, "tokenizer.json")
      let merges = try (model[path: "merges"]?.listValue ?? []).map { entry -> (String, String) in
        if let line = entry.stringValue { return try folder.merge(line, "tokenizer.json") }
        guard let pair = entry.listValue?.compactMap(\.stringValue), pair.count == 2 else {
          throw TokenizerError.unreadable(file: place, reason: "a merge is not two pieces")
        }
        return (pair[0], pair[1])
      }
      var pairs = try BytePairEncoding(
        entries, merges: merges, continuingPrefix: try affix(model, "continuing_subword_prefix") ?? "",
        endOfWord: try affix(model, "end_of_word_suffix") ?? "")
      pairs.unknown = unknownPiece.flatMap { entries[$0] }
      pairs.fusesUnknown = model[path: "fuse_unk"]?.boolValue ?? false
      pairs.ignoresMerges = model[path: "ignore_merges"]?.boolValue ?? false
      if model[path: "byte_fallback"]?.boolValue == true { pairs.bytes = entries.bytes }
      return (pairs, pairs.unknown)
    case "Unigram":
      let pieces = try (vocabulary.listValue ?? []).map { entry -> (String, Double) in
        guard let pair = entry.listValue, pair.count == 2, let piece = pair[0].stringValue,
          let score = pair[1].numberValue, score.isFinite
        else { throw TokenizerError.unreadable(file: place, reason: "a piece is not a text and a score") }
        return (piece, score)
      }
      let unknown = model[path: "unk_id"]?.intValue
      return (
        try Unigram(
          pieces: pieces, unknown: unknown, fallsBackToBytes: model[path: "byte_fallback"]?.boolValue ?? false,
          file: place), unknown
      )
    case let kind: throw unsupported("model", kind)
    }
  }

  /// What is put before or after a piece of a word.
  private func affix(_ model: Tree, _ key: String) throws -> String? {
    guard let text = model[path: key]?.stringValue else { return nil }
    guard text.unicodeScalars.count <= 64 else { throw unsupported("model", "one with a long '\(key)'") }
    return text
  }

  /// The tokens that the file itself adds, in its order.
  func addedTokens() throws -> [AddedTokens.Entry] {
    try (tree[path: "added_tokens"]?.listValue ?? []).map { entry in
      guard let declared = DeclaredToken(entry), let token = entry[path: "id"]?.intValue, (0..<1 << 24).contains(token)
      else { throw TokenizerError.unreadable(file: place, reason: "an added token has no 'content' or no 'id'") }
      return declared.entry(token)
    }
  }

  /// The added tokens that the file, or the configuration beside it, calls special.
  func specialTokens() -> Set<Int> {
    let written = (tree[path: "added_tokens"]?.listValue ?? []).filter { $0[path: "special"]?.boolValue ?? false }
      .compactMap { $0[path: "id"]?.intValue }
    let declared = (folder.config?[path: "added_tokens_decoder"]?.tableValue ?? [:])
      .filter { $1[path: "special"]?.boolValue ?? false }.compactMap { Int($0.key) }
    return Set(written + declared)
  }

  /// The kind of the model: WordPiece, BPE or Unigram.
  var modelKind: String {
    let model = tree[path: "model"]
    // Older files do not name the kind.
    let likely = model?[path: "merges"] != nil ? "BPE" : model?[path: "unk_id"] != nil ? "Unigram" : "WordPiece"
    return model?[path: "type"]?.stringValue ?? likely
  }

  var truncatesLeft: Bool { tree[path: "truncation.direction"]?.stringValue == "Left" }

  /// SentencePiece's table, wherever among the normalizers it stands; nil where there is none.
  func precompiled() throws -> TextNormalizer? {
    guard let part = part("normalizer") else { return nil }
    let steps = part[path: "type"]?.stringValue == "Sequence" ? part[path: "normalizers"]?.listValue ?? [] : [part]
    return try steps.first { $0[path: "type"]?.stringValue == "Precompiled" }.map(normalizer)
  }

  func normalizer() throws -> TextNormalizer? {
    guard let normalizer = try part("normalizer").map(normalizer) else { return nil }
    // Replacements of replacements grow a text without bound.
    guard normalizer.growth <= 64 else { throw unsupported("normalizer", "one that makes texts so much longer") }
    return normalizer
  }

  private func part(_ name: String) -> Tree? {
    let part = tree[path: name]
    return part == .null ? nil : part
  }

  private func kind(_ tree: Tree, _ part: String) throws -> String {
    guard let kind = tree[path: "type"]?.stringValue else {
      throw TokenizerError.unreadable(file: place, reason: "a \(part) has no 'type'")
    }
    return kind
  }

  private func normalizer(_ part: Tree) throws -> TextNormalizer {
    func flag(_ name: String, _ usual: Bool) -> Bool { part[path: name]?.boolValue ?? usual }
    switch try kind(part, "normalizer") {
    case "BertNormalizer":
      var rules = TextNormalizer.BERTNormalization(
        cleansText: flag("clean_text", true), separatesIdeographs: flag("handle_chinese_chars", true),
        lowercases: flag("lowercase", true))
      rules.stripsAccents = flag("strip_accents", rules.lowercases)
      // What the configuration says outright goes before.
      if folder.kind == .unnamed { folder.override(&rules) }
      return .bert(rules)
    case "NFC": return .nfc
    case "NFD": return .nfd
    case "NFKC": return .nfkc
    case "NFKD": return .nfkd
    case "Lowercase": return .lowercase
    case "StripAccents": return .stripAccents
    case "Strip": return .strip(left: flag("strip_left", true), right: flag("strip_right", true))
    case "Prepend": return .prepend(part[path: "prepend"]?.stringValue ?? "")
    case "Replace":
      let content = part[path: "content"]?.stringValue ?? ""
      if let plain = part[path: "pattern.String"]?.stringValue { return .replace(plain, with: content) }
      let pattern = part[path: "pattern.Regex"]?.stringValue ?? ""
      if pattern == #"\s+"# { return .replaceSpaces(with: content) }
      guard let known = ScalarPattern(pattern) else {
        throw unsupported("normalizer", "Replace of the pattern \(pattern)")
      }
      return .replaceMatches(known, with: content)
    case "Precompiled":
      // No table is the table that changes nothing.
      guard let text = part[path: "precompiled_charsmap"]?.stringValue, !text.isEmpty else { return .sequence([]) }
      guard let map = Data(base64Encoded: text).flatMap({ PrecompiledMap($0) }) else {
        throw TokenizerError.unreadable(file: place, reason: "its table of normalization is damaged")
      }
      return .precompiled(map)
    case "Sequence": return .sequence(try (part[path: "normalizers"]?.listValue ?? []).map(normalizer))
    case let kind: throw unsupported("normalizer", kind)
    }
  }

  func preTokenizer() throws -> PreTokenizer {
    guard let part = part("pre_tokenizer") else { return .sequence([]) }
    return try preTokenizer(part)
  }

  private func preTokenizer(_ part: Tree) throws -> PreTokenizer {
    switch try kind(part, "pre-tokenizer") {
    case "BertPreTokenizer": return .bert
    case "WhitespaceSplit": return .spaces
    case "ByteLevel":
      return .byteLevel(
        prefixesSpace: part[path: "add_prefix_space"]?.boolValue ?? true,
        splits: part[path: "use_regex"]?.boolValue ?? true)
    case "Split":
      let pattern = part[path: "pattern.Regex"]?.stringValue ?? part[path: "pattern.String"]?.stringValue ?? ""
      let (behavior, isInverted) = (part[path: "behavior"]?.stringValue, part[path: "invert"]?.boolValue ?? false)
      guard let known = WordPattern(rawValue: pattern),
        known.isOfCLIP ? behavior == "Removed" && isInverted : behavior == "Isolated" && !isInverted
      else { throw unsupported("pre-tokenizer", "Split by the pattern \(pattern)") }
      return .split(known)
    case "Digits": return .digits(alone: part[path: "individual_digits"]?.boolValue ?? false)
    case "Metaspace":
      let replacement = Array((part[path: "replacement"]?.stringValue ?? "\u{2581}").unicodeScalars)
      let usual = part[path: "add_prefix_space"]?.boolValue ?? true ? "always" : "never"
      let scheme = part[path: "prepend_scheme"]?.stringValue ?? usual
      guard replacement.count == 1, let prefix = PreTokenizer.SpacePrefix(rawValue: scheme) else {
        throw unsupported("pre-tokenizer", "Metaspace with the scheme \(scheme)")
      }
      return .metaspace(letter: replacement[0], prefix: prefix, splits: part[path: "split"]?.boolValue ?? true)
    case "Sequence": return .sequence(try (part[path: "pretokenizers"]?.listValue ?? []).map(preTokenizer))
    case let kind: throw unsupported("pre-tokenizer", kind)
    }
  }

  /// The tokens before and after a text that stands alone.
  func ends(_ token: (String) -> Int?) throws -> ([Int], [Int]) {
    guard let part = part("post_processor") else { return ([], []) }
    return try ends(part, token)
  }

  private func ends(_ part: Tree, _ token: (String) -> Int?) throws -> ([Int], [Int]) {
    switch try kind(part, "post-processor") {
    case "BertProcessing", "RobertaProcessing":
      guard let first = part[path: "cls"]?.listValue?.last?.intValue,
        let last = part[path: "sep"]?.listValue?.last?.intValue
      else { throw TokenizerError.unreadable(file: place, reason: "the post-processor has no 'cls' or no 'sep'") }
      return ([first], [last])
    case "TemplateProcessing":
      var ends: ([Int], [Int]) = ([], [])
      var isAfter = false
      for piece in part[path: "single"]?.listValue ?? [] {
        guard let name = piece[path: "SpecialToken.id"]?.stringValue else {
          isAfter = true
          continue
        }
        let listed = part[path: "special_tokens"]?.tableValue?[name]?[path: "ids"]?.listValue?.compactMap(\.intValue)
        guard let tokens = listed ?? token(name).map({ [$0] }) else {
          throw TokenizerError.missingToken(file: place, role: "'\(name)'")
        }
        if isAfter { ends.1 += tokens } else { ends.0 += tokens }
      }
      return ends
    case "ByteLevel": return ([], [])
    case "Sequence":
      return try (part[path: "processors"]?.listValue ?? []).reduce(([], [])) { sum, part in
        let (before, after) = try ends(part, token)
        return (before + sum.0, sum.1 + after)
      }
    case let kind: throw unsupported("post-processor", kind)
    }
  }
}
