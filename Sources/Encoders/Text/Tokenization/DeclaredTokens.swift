import Foundation
import Records

/// A token that some file of a checkpoint adds to the vocabulary.
struct DeclaredToken: Equatable {
  var content: String
  var isSingleWord = false
  var stripsLeft = false
  var stripsRight = false
  var isNormalized = false

  /// A token without anything special about it but that it is one.
  init(_ content: String) { self.content = content }

  /// As JSON files spell it, a text, or a table with flags; nil where it is neither.
  ///
  /// - Parameter isSpecial: whether it is a special token, which is not normalized where nothing is said.
  init?(_ tree: Tree, isSpecial: Bool = true) {
    if let text = tree.stringValue {
      content = text
      return
    }
    guard let text = tree[path: "content"]?.stringValue else { return nil }
    content = text
    func flag(_ name: String) -> Bool? { tree[path: name]?.boolValue }
    isSingleWord = flag("single_word") ?? false
    stripsLeft = flag("lstrip") ?? false
    stripsRight = flag("rstrip") ?? false
    isNormalized = flag("normalized") ?? !(flag("special") ?? isSpecial)
  }

  func entry(_ token: Int) -> AddedTokens.Entry {
    AddedTokens.Entry(
      content: content, token: token, isSingleWord: isSingleWord, stripsLeft: stripsLeft, stripsRight: stripsRight,
      isNormalized: isNormalized)
  }
}

/// What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` say of tokens.
struct DeclaredTokens {
  /// The special tokens by role: `cls_token`; of a checkpoint's own roles too.
  private(set) var roles: [String: DeclaredToken] = [:]
  /// The checkpoint's own roles in the order in which the files name them.
  private var ownRoles: [String] = []
  /// Special tokens without a role.
  private(set) var extras: [DeclaredToken] = []
  /// Added tokens by their numbers.
  private var byNumber: [Int: DeclaredToken] = [:]
  /// Whether `tokenizer_config.json` lists them, and `tokenizer.json`'s own list is not to be added to a class's.
  private let isListed: Bool

  /// The roles that every tokenizer may have, in the order in which they are added.
  static let usualRoles = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// - Parameters:
  ///   - files: `tokenizer_config.json` and `special_tokens_map.json`, as pairs, and what is under ``tables`` too.
  ///   - addedTokens: `added_tokens.json`, as pairs.
  init(config: Tree?, inOrder files: [Tree], addedTokens: Tree?, folder: URL) throws {
    let listed = config?[path: "added_tokens_decoder"]?.tableValue
    isListed = listed != nil
    for (key, value) in listed ?? [:] {
      guard let number = Int(key), (0..<1 << 24).contains(number), let token = DeclaredToken(value, isSpecial: false)
      else {
        throw TokenizerError.unreadable(
          file: folder.appending(path: "tokenizer_config.json").relativePath,
          reason: "'added_tokens_decoder' has an entry '\(key)' that is no token with a number")
      }
      byNumber[number] = token
    }
    for file in files { take(Self.pairs(file)) }
    for (content, value) in addedTokens.map(Self.pairs) ?? [] {
      guard let number = value.intValue, (0..<1 << 24).contains(number) else {
        throw TokenizerError.unreadable(
          file: folder.appending(path: "added_tokens.json").relativePath, reason: "'\(content)' has no number")
      }
      var token = DeclaredToken(content)
      token.isNormalized = !(roles.values + extras).contains { $0.content == content }
      byNumber[number] = token
    }
  }

  /// Where further special tokens stand: a list, or a table of roles.
  static let tables = ["extra_special_tokens", "additional_special_tokens"]

  private static func pairs(_ tree: Tree) -> [(String, Tree)] {
    (tree.listValue ?? []).compactMap { pair in
      guard let pair = pair.listValue, pair.count == 2, let key = pair[0].stringValue else { return nil }
      return (key, pair[1])
    }
  }

  private mutating func take(_ file: [(String, Tree)]) {
    func take(_ role: String, _ value: Tree) {
      guard let token = DeclaredToken(value) else { return }
      roles[role] = token
      if !Self.usualRoles.contains(role), !ownRoles.contains(role) { ownRoles.append(role) }
    }
    for (key, value) in file where key.hasSuffix("_token") { take(key, value) }
    guard let more = Self.tables.lazy.compactMap({ name in file.first { $0.0 == name }?.1 }).first else { return }
    // A table, read as pairs; or a list of tokens.
    for (role, value) in Self.pairs(more) { take(role, value) }
    for token in (more.listValue ?? []).compactMap({ DeclaredToken($0) }) where !extras.contains(token) {
      extras.append(token)
    }
  }

  /// All added tokens, with the numbers that they get.
  ///
  /// - Parameters:
  ///   - written: those that `tokenizer.json` lists.
  ///   - isRebuilt: whether the class builds its tokenizer anew, so that those are only there as declared.
  func entries(
    _ kind: TokenizerKind, _ vocabulary: Vocabulary, written: [AddedTokens.Entry] = [], isRebuilt: Bool
  ) -> [AddedTokens.Entry] {
    var numbered = byNumber
    if !isListed { for entry in written { numbered[entry.token] = DeclaredToken(entry) } }
    let known = Dictionary(numbered.values.map { ($0.content, $0) }, uniquingKeysWith: { first, _ in first })
    var list = NumberedTokens(vocabulary: vocabulary, entries: isRebuilt ? [] : written)
    for number in numbered.keys.sorted() { numbered[number].map { list.add($0) } }
    for token in special(kind, known) { list.add(token) }
    return list.entries
  }

  /// The number of a token that is declared with one; nil where only its role names it.
  func number(of content: String, among entries: [AddedTokens.Entry]) -> Int? {
    guard byNumber.values.contains(where: { $0.content == content }) else { return nil }
    return entries.first { $0.content == content }?.token
  }

  /// The special tokens, as the list of added ones knows them.
  private func special(_ kind: TokenizerKind, _ known: [String: DeclaredToken]) -> [DeclaredToken] {
    var usual = Dictionary(uniqueKeysWithValues: kind.roles.map { ($0, DeclaredToken($1)) })
    if kind == .camembert { usual["mask_token"]?.stripsLeft = true }
    return (Self.usualRoles + ownRoles).compactMap { role in
      (roles[role] ?? usual[role]).map { known[$0.content] ?? $0 }
    } + extras
  }
}

extension DeclaredToken {
  init(_ entry: AddedTokens.Entry) {
    content = entry.content
    isSingleWord = entry.isSingleWord
    stripsLeft = entry.stripsLeft
    stripsRight = entry.stripsRight
    isNormalized = entry.isNormalized
  }
}

/// Tokens that are added one after the other: one that is in the vocabulary keeps its number, another gets the next.
private struct NumberedTokens {
  let vocabulary: Vocabulary
  private(set) var entries: [AddedTokens.Entry]
  // By scalars: two spellings that Unicode calls equal are two tokens.
  private var places: [[Unicode.Scalar]: Int]
  private var highest: Int

  init(vocabulary: Vocabulary, entries: [AddedTokens.Entry]) {
    self.vocabulary = vocabulary
    self.entries = entries
    places = Dictionary(entries.enumerated().map { (Array($1.content.unicodeScalars), $0) }, uniquingKeysWith: { $1 })
    highest = entries.map(\.token).max() ?? -1
  }

  mutating func add(_ token: DeclaredToken) {
    let key = Array(token.content.unicodeScalars)
    guard !key.isEmpty else { return }
    if let place = places[key] {
      // What is said last of a token holds.
      entries[place] = token.entry(entries[place].token)
      return
    }
    let number = vocabulary[token.content] ?? max(highest + 1, vocabulary.count)
    places[key] = entries.count
    entries.append(token.entry(number))
    highest = max(highest, number)
  }
}
