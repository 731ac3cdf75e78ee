import Foundation
import Records

/// The files around a tokenizer, and what they say.
struct TokenizerFolder {
  let url: URL
  let config: Tree?
  /// Which rules hold besides what the files spell out.
  let kind: TokenizerKind
  /// What else is a token, by whatever file says so.
  let declared: DeclaredTokens

  init(_ url: URL) throws {
    self.url = url
    config = try Self.tree(url, "tokenizer_config.json")
    let model = try Self.tree(url, "config.json")
    kind = try TokenizerKind(
      className: config?[path: "tokenizer_class"]?.stringValue ?? model?[path: "tokenizer_class"]?.stringValue,
      modelType: model?[path: "model_type"]?.stringValue, folder: url)
    // Once the configuration lists added tokens, the older files are not looked at.
    let isListed = config?[path: "added_tokens_decoder"]?.tableValue != nil
    let files = ["tokenizer_config.json"] + (isListed ? [] : ["special_tokens_map.json"])
    let tables = Set(DeclaredTokens.tables + [""])
    declared = try DeclaredTokens(
      config: config, inOrder: files.compactMap { try Self.tree(url, $0, pairsUnder: tables) },
      addedTokens: isListed ? nil : Self.tree(url, "added_tokens.json", pairsUnder: [""]), folder: url)
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
  func content(of role: String) -> String? { declared.roles[role]?.content }

  /// What a token is called for the rules of a class.
  private func name(of role: String, _ kind: TokenizerKind) -> String {
    content(of: role) ?? kind.roles.first { $0.key == role }?.value ?? ""
  }

  /// The token of a role.
  func token(
    _ role: String, _ kind: TokenizerKind, _ vocabulary: Vocabulary, _ added: [AddedTokens.Entry], _ file: String
  ) throws -> Int {
    let name = name(of: role, kind)
    // A token that only its role names has no row in the network.
    guard let token = vocabulary[name] ?? declared.number(of: name, among: added) else {
      throw TokenizerError.missingToken(file: place(file), role: "'\(role)'")
    }
    return token
  }

  /// Refuses a class that such files are not of.
  func require(_ kinds: TokenizerKind...) throws {
    guard kind == .unnamed || kinds.contains(kind) else {
      throw TokenizerError.unsupportedClass(
        config?[path: "tokenizer_class"]?.stringValue ?? "\(kind)", folder: url.relativePath)
    }
  }

  /// What the rules of a class do to a text before it is cut.
  func normalizer(_ kind: TokenizerKind, _ precompiled: TextNormalizer?) -> TextNormalizer? {
    switch kind {
    case .bert:
      var rules = TextNormalizer.BERTNormalization()
      override(&rules)
      return .bert(rules)
    case .clip: return .sequence([.nfc, .replaceSpaces(with: " "), .lowercase])
    case .xlmRoberta, .camembert: return precompiled
    case .roberta, .asWritten, .unnamed: return nil
    }
  }

  /// How the rules of a class cut it.
  func preTokenizer(_ kind: TokenizerKind) -> PreTokenizer {
    switch kind {
    case .bert: .bert
    case .roberta: .byteLevel(prefixesSpace: prefixesSpace ?? false, splits: true)
    case .clip: .sequence([.split(.clip), .byteLevel(prefixesSpace: false, splits: true)])
    case .xlmRoberta, .camembert:
      .sequence([
        .spaces, .metaspace(letter: "\u{2581}", prefix: prefixesSpace ?? true ? .always : .never, splits: true),
      ])
    case .asWritten, .unnamed: .sequence([])
    }
  }

  /// The tokens before and after a text by the rules of a class; nil where it has none, or the vocabulary lacks them.
  func ends(_ kind: TokenizerKind, _ token: (String) -> Int?) -> ([Int], [Int])? {
    let roles: (String, String)
    switch kind {
    case .bert, .roberta: roles = ("cls_token", "sep_token")
    case .clip, .xlmRoberta, .camembert: roles = ("bos_token", "eos_token")
    case .asWritten, .unnamed: return nil
    }
    guard let first = token(name(of: roles.0, kind)), let last = token(name(of: roles.1, kind)) else { return nil }
    return ([first], [last])
  }

  func override(_ rules: inout TextNormalizer.BERTNormalization) {
    rules.lowercases = config?[path: "do_lower_case"]?.boolValue ?? rules.lowercases
    rules.separatesIdeographs = config?[path: "tokenize_chinese_chars"]?.boolValue ?? rules.separatesIdeographs
    // Where nothing is said, accents go when capitals do.
    rules.stripsAccents = config?[path: "strip_accents"]?.boolValue ?? rules.lowercases
  }

  /// Which end of a long text goes, where the configuration says so.
  var truncatesLeft: Bool? { config?[path: "truncation_side"]?.stringValue.map { $0 == "left" } }

  /// Whether a word that begins a text gets a space before it, where the configuration says so.
  var prefixesSpace: Bool? { config?[path: "add_prefix_space"]?.boolValue }

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
