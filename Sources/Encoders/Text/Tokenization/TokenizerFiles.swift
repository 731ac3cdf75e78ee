public import Foundation
import Records

extension Tokenizer {
  /// The tokenizer of a checkpoint's folder: `tokenizer.json`, else `vocab.txt`, else `vocab.json` with `merges.txt`.
  ///
  /// `tokenizer_config.json`, `sentence_bert_config.json` and `config.json` say how long a text may be, and what else
  /// they say of casing and accents goes before.
  /// - Throws: ``TokenizerError``, or the ``Diagnosis`` of a file that cannot be read.
  public init(folder: URL) throws {
    try self.init(TokenizerFolder(folder))
  }

  private init(_ folder: TokenizerFolder) throws {
    if let file = try folder.tree("tokenizer.json", pairsUnder: ["vocab"]) {
      try self.init(file, folder)
    } else if let vocabulary = try folder.lines("vocab.txt") {
      try self.init(wordPieces: vocabulary, folder)
    } else if let vocabulary = try folder.tree("vocab.json", pairsUnder: [""]),
      let merges = try folder.lines("merges.txt")
    {
      try self.init(bytePairs: vocabulary, merges, folder)
    } else {
      throw TokenizerError.missing(folder: folder.url.relativePath)
    }
  }

  /// From a vocabulary of BERT's, one entry a line.
  private init(wordPieces lines: [String], _ folder: TokenizerFolder) throws {
    let vocabulary = Vocabulary(zip(lines, 0...))
    let file = "vocab.txt"
    func token(_ role: String, _ usual: String) throws -> Int { try folder.token(role, usual, vocabulary, file) }
    var rules = TextNormalizer.BERTNormalization()
    folder.override(&rules)
    let unknown = try token("unk_token", "[UNK]")
    let roles = [
      "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
    ]
    let added = roles.compactMap { role, usual -> AddedTokens.Entry? in
      let content = folder.content(of: role) ?? usual
      return vocabulary[content].map { AddedTokens.Entry(content: content, token: $0) }
    }
    self.init(
      normalizer: .bert(rules), preTokenizer: .bert, model: WordPiece(vocabulary: vocabulary, unknown: unknown),
      added: added, prefix: [try token("cls_token", "[CLS]")], suffix: [try token("sep_token", "[SEP]")],
      paddingToken: try token("pad_token", "[PAD]"), maximumLength: try folder.maximumLength(),
      truncatesLeft: folder.truncatesLeft)
  }

  /// From a vocabulary and joins of RoBERTa's or CLIP's.
  private init(bytePairs tree: Tree, _ lines: [String], _ folder: TokenizerFolder) throws {
    let vocabulary = try folder.vocabulary(tree, "vocab.json")
    let isCLIP = vocabulary["<|startoftext|>"] != nil
    let usual =
      isCLIP
      ? ["bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"]
      : ["bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "mask_token": "<mask>", "unk_token": "<unk>"]
    func token(_ role: String) throws -> Int {
      try folder.token(role, usual[role] ?? "", vocabulary, "vocab.json")
    }
    let added = usual.keys.sorted().compactMap { role -> AddedTokens.Entry? in
      let content = folder.content(of: role) ?? usual[role] ?? ""
      return vocabulary[content].map {
        AddedTokens.Entry(content: content, token: $0, stripsLeft: role == "mask_token")
      }
    }
    let merges = try lines.filter { !$0.hasPrefix("#version") && !$0.isEmpty }.map {
      try folder.merge($0, "merges.txt")
    }
    var model = try BytePairEncoding(vocabulary, merges: merges, endOfWord: isCLIP ? "</w>" : "")
    if isCLIP { model.unknown = try token("eos_token") }
    let prefixesSpace = folder.config?[path: "add_prefix_space"]?.boolValue ?? false
    self.init(
      normalizer: isCLIP ? .sequence([.nfc, .replaceSpaces(with: " "), .lowercase]) : nil,
      preTokenizer: isCLIP
        ? .sequence([.clip(.clip), .byteLevel(prefixesSpace: false, splits: true)])
        : .byteLevel(prefixesSpace: prefixesSpace, splits: true),
      model: model, added: added, prefix: [try token("bos_token")], suffix: [try token("eos_token")],
      paddingToken: try token("pad_token"), maximumLength: try folder.maximumLength(),
      truncatesLeft: folder.truncatesLeft)
  }

  /// From the one file that newer checkpoints have.
  private init(_ file: Tree, _ folder: TokenizerFolder) throws {
    let reader = TokenizerFile(tree: file, folder: folder)
    let (model, unknown) = try reader.model()
    let added = try reader.addedTokens()
    let tokens = Dictionary(added.map { ($0.content, $0.token) }, uniquingKeysWith: { $1 })
    let (prefix, suffix) = try reader.ends { tokens[$0] ?? model.vocabulary[$0] }
    let padding =
      file[path: "padding.pad_id"]?.intValue
      ?? folder.content(of: "pad_token").flatMap { tokens[$0] ?? model.vocabulary[$0] }
      ?? tokens["[PAD]"] ?? tokens["<pad>"] ?? unknown ?? 0
    let length = try folder.maximumLength(file[path: "truncation.max_length"]?.intValue)
    guard prefix.count + suffix.count < length else {
      throw TokenizerError.unreadable(
        file: folder.url.relativePath, reason: "a text may have \(length) tokens, too few for those at its ends")
    }
    self.init(
      normalizer: try reader.normalizer(), preTokenizer: try reader.preTokenizer(), model: model, added: added,
      prefix: prefix, suffix: suffix, paddingToken: padding, maximumLength: length,
      truncatesLeft: folder.truncatesLeft)
  }
}

/// The files around a tokenizer, and what they say.
private struct TokenizerFolder {
  let url: URL
  let config: Tree?
  private let specialTokens: Tree?

  init(_ url: URL) throws {
    self.url = url
    config = try Self.tree(url, "tokenizer_config.json")
    specialTokens = try Self.tree(url, "special_tokens_map.json")
  }

  func tree(_ name: String, pairsUnder keys: Set<String> = []) throws -> Tree? {
    try Self.tree(url, name, pairsUnder: keys)
  }

  private static func tree(_ folder: URL, _ name: String, pairsUnder keys: Set<String> = []) throws -> Tree? {
    let file = folder.appending(path: name)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data = try BoundedFile.read(file, limit: BoundedFile.largestRecord)
    return try Tree(json: data, place: file.relativePath, pairsUnder: keys)
  }

  func lines(_ name: String) throws -> [String]? {
    let file = url.appending(path: name)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data = try BoundedFile.read(file, limit: BoundedFile.largestRecord)
    var lines = data.split(separator: 0x0A, omittingEmptySubsequences: false)
      .map { String(decoding: $0.last == 0x0D ? $0.dropLast() : $0, as: UTF8.self) }
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  func place(_ file: String) -> String { url.appending(path: file).relativePath }

  /// What `tokenizer_config.json` or `special_tokens_map.json` calls a token.
  func content(of role: String) -> String? {
    for tree in [config, specialTokens] {
      let entry = tree?[path: role]
      if let content = entry?.stringValue ?? entry?[path: "content"]?.stringValue { return content }
    }
    return nil
  }

  func token(_ role: String, _ usual: String, _ vocabulary: Vocabulary, _ file: String) throws -> Int {
    guard let token = vocabulary[content(of: role) ?? usual] else {
      throw TokenizerError.missingToken(file: place(file), role: "'\(role)'")
    }
    return token
  }

  func override(_ rules: inout TextNormalizer.BERTNormalization) {
    rules.lowercases = config?[path: "do_lower_case"]?.boolValue ?? rules.lowercases
    rules.separatesIdeographs = config?[path: "tokenize_chinese_chars"]?.boolValue ?? rules.separatesIdeographs
    // Where nothing is said, accents go when capitals do.
    rules.stripsAccents = config?[path: "strip_accents"]?.boolValue ?? rules.lowercases
  }

  var truncatesLeft: Bool { config?[path: "truncation_side"]?.stringValue == "left" }

  func vocabulary(_ tree: Tree, _ file: String) throws -> Vocabulary {
    let pairs = try (tree.listValue ?? []).map { entry in
      guard let pair = entry.listValue, pair.count == 2, let piece = pair[0].stringValue,
        let token = pair[1].intValue, (0..<1 << 24).contains(token)
      else {
        throw TokenizerError.unreadable(
          file: place(file), reason: "the vocabulary is not a table of whole numbers from 0 to \(1 << 24)")
      }
      return (piece, token)
    }
    guard !pairs.isEmpty else { throw TokenizerError.unreadable(file: place(file), reason: "the vocabulary is empty") }
    return Vocabulary(pairs)
  }

  func merge(_ line: String, _ file: String) throws -> (String, String) {
    // By scalars: a space and a mark after it would be one character.
    let parts = line.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw TokenizerError.unreadable(file: place(file), reason: "'\(line)' is not two pieces")
    }
    return (String(parts[0]), String(parts[1]))
  }

  /// `sentence_bert_config.json` goes before `tokenizer_config.json`, and that before the tokenizer's own file; nothing
  /// goes past the positions that the model has.
  func maximumLength(_ own: Int? = nil) throws -> Int {
    let sentences = try tree("sentence_bert_config.json")?[path: "max_seq_length"]?.intValue
    // "No limit" is written as a number with thirty digits.
    let configured = config?[path: "model_max_length"]?.numberValue.flatMap { $0 < 1e6 ? Int(max($0, 0)) : nil }
    let model = try tree("config.json")
    let positions = (model?[path: "text_config.max_position_embeddings"] ?? model?[path: "max_position_embeddings"])?
      .intValue
    // RoBERTa counts positions from the padding token's number on.
    let isRoBERTa = ["roberta", "xlm-roberta", "camembert"].contains(model?[path: "model_type"]?.stringValue)
    let offset = isRoBERTa ? 1 + min(max(model?[path: "pad_token_id"]?.intValue ?? 1, 0), 1 << 24) : 0
    let limit = positions.map { max($0, 0) - offset } ?? .max
    let length = min(sentences ?? configured ?? own ?? min(limit, 512), limit)
    guard length > 2 else {
      throw TokenizerError.unreadable(
        file: url.relativePath, reason: "a text may have \(length) tokens, too few for the two at its ends")
    }
    return length
  }
}

/// The parts of a `tokenizer.json`.
private struct TokenizerFile {
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
    // Older files do not name the kind.
    let likely = model[path: "merges"] != nil ? "BPE" : model[path: "unk_id"] != nil ? "Unigram" : "WordPiece"
    switch model[path: "type"]?.stringValue ?? likely {
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
      if model[path: "byte_fallback"]?.boolValue == true { throw unsupported("model", "BPE with byte_fallback") }
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

  func addedTokens() throws -> [AddedTokens.Entry] {
    try (tree[path: "added_tokens"]?.listValue ?? []).map { entry in
      guard let content = entry[path: "content"]?.stringValue, let token = entry[path: "id"]?.intValue,
        (0..<1 << 24).contains(token)
      else { throw TokenizerError.unreadable(file: place, reason: "an added token has no 'content' or no 'id'") }
      func flag(_ name: String) -> Bool { entry[path: name]?.boolValue ?? false }
      return AddedTokens.Entry(
        content: content, token: token, isSingleWord: flag("single_word"), stripsLeft: flag("lstrip"),
        stripsRight: flag("rstrip"), isNormalized: flag("normalized"))
    }
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
      // What the configuration says outright goes before, as in the reference library.
      if folder.config?[path: "do_lower_case"]?.boolValue.map({ $0 != rules.lowercases }) ?? false {
        folder.override(&rules)
      }
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
      guard let known = WordPattern(rawValue: pattern), known != .gpt2,
        part[path: "behavior"]?.stringValue == "Removed", part[path: "invert"]?.boolValue == true
      else { throw unsupported("pre-tokenizer", "Split by the pattern \(pattern)") }
      return .clip(known)
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
