public import Foundation
import Records

extension Tokenizer {
  /// The tokenizer of a checkpoint's folder: `tokenizer.json`, else `vocab.txt`, else `vocab.json` with `merges.txt`.
  ///
  /// What else is said of casing, accents, spaces, added tokens and which end of a long text goes stands in
  /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, and holds as `transformers` has it hold
  /// for the tokenizer's class. `tokenizer_config.json`, `sentence_bert_config.json` and `config.json` say how long a
  /// text may be.
  /// - Throws: ``TokenizerError``, or the `Diagnosis` of a file that cannot be read.
  public init(folder: URL) throws {
    try self.init(TokenizerFolder(folder))
  }

  private init(_ folder: TokenizerFolder) throws {
    if let file = try folder.tree("tokenizer.json", pairsUnder: ["vocab"]) {
      try self.init(file, folder)
    } else if let vocabulary = try folder.lines("vocab.txt") {
      try folder.require(.bert)
      try self.init(wordPieces: vocabulary, folder)
    } else if let vocabulary = try folder.tree("vocab.json", pairsUnder: [""]),
      let merges = try folder.lines("merges.txt")
    {
      try folder.require(.roberta, .clip)
      try self.init(bytePairs: vocabulary, merges, folder)
    } else {
      throw TokenizerError.missing(folder: folder.url.relativePath)
    }
  }

  /// From a vocabulary of BERT's, one entry a line.
  private init(wordPieces lines: [String], _ folder: TokenizerFolder) throws {
    let vocabulary = Vocabulary(zip(lines, 0...))
    let added = folder.declared.entries(.bert, vocabulary, isRebuilt: true)
    func token(_ role: String) throws -> Int { try folder.token(role, .bert, vocabulary, added, "vocab.txt") }
    self.init(
      normalizer: folder.normalizer(.bert, nil), preTokenizer: .bert,
      model: WordPiece(vocabulary: vocabulary, unknown: try token("unk_token")), added: added,
      prefix: [try token("cls_token")], suffix: [try token("sep_token")], paddingToken: try token("pad_token"),
      maximumLength: try folder.maximumLength(), truncatesLeft: folder.truncatesLeft ?? false)
    isPlain = Self.arePlain(added, .bert, vocabulary, folder)
    decoding = .wordPiece(prefix: Array("##".unicodeScalars), cleansUp: true)
    specialTokens = Set(added.map(\.token))
  }

  /// From a vocabulary and joins of RoBERTa's or CLIP's.
  private init(bytePairs tree: Tree, _ lines: [String], _ folder: TokenizerFolder) throws {
    let vocabulary = try folder.vocabulary(tree, "vocab.json")
    let isCLIP = folder.kind == .clip || (folder.kind == .unnamed && vocabulary["<|startoftext|>"] != nil)
    let kind = isCLIP ? TokenizerKind.clip : .roberta
    let added = folder.declared.entries(kind, vocabulary, isRebuilt: true)
    func token(_ role: String) throws -> Int { try folder.token(role, kind, vocabulary, added, "vocab.json") }
    let merges = try lines.filter { !$0.hasPrefix("#version") && !$0.isEmpty }.map {
      try folder.merge($0, "merges.txt")
    }
    var model = try BytePairEncoding(vocabulary, merges: merges, endOfWord: isCLIP ? "</w>" : "")
    if isCLIP { model.unknown = try token("unk_token") }
    self.init(
      normalizer: folder.normalizer(kind, nil), preTokenizer: folder.preTokenizer(kind), model: model, added: added,
      prefix: [try token(isCLIP ? "bos_token" : "cls_token")], suffix: [try token(isCLIP ? "eos_token" : "sep_token")],
      paddingToken: try token("pad_token"), maximumLength: try folder.maximumLength(),
      truncatesLeft: folder.truncatesLeft ?? false)
    isPlain = Self.arePlain(added, kind, vocabulary, folder)
    decoding = isCLIP ? .sequence([.endOfWord("</w>"), .byteLevel]) : .byteLevel
    specialTokens = Set(added.map(\.token))
  }

  /// From the one file that newer checkpoints have.
  private init(_ file: Tree, _ folder: TokenizerFolder) throws {
    let reader = TokenizerFile(tree: file, folder: folder)
    let (model, unknown) = try reader.model()
    let written = try reader.addedTokens()
    let kind = [nil, reader.modelKind].contains(folder.kind.modelKind) ? folder.kind : .asWritten
    let isRebuilt = kind.modelKind != nil
    let added = folder.declared.entries(kind, model.vocabulary, written: written, isRebuilt: isRebuilt)
    let tokens = Dictionary(added.map { ($0.content, $0.token) }, uniquingKeysWith: { $1 })
    func token(_ name: String) -> Int? { tokens[name] ?? model.vocabulary[name] }
    let writtenEnds = try reader.ends(token)
    let ends = folder.ends(kind, token) ?? writtenEnds
    let padding =
      file[path: "padding.pad_id"]?.intValue
      ?? folder.content(of: "pad_token").flatMap(token)
      ?? tokens["[PAD]"] ?? tokens["<pad>"] ?? unknown ?? 0
    let length = try folder.maximumLength(file[path: "truncation.max_length"]?.intValue)
    guard ends.0.count + ends.1.count < length else {
      throw TokenizerError.unreadable(
        file: folder.url.relativePath, reason: "a text may have \(length) tokens, too few for those at its ends")
    }
    let (normalizer, preTokenizer) = (try reader.normalizer(), try reader.preTokenizer())
    self.init(
      normalizer: isRebuilt ? folder.normalizer(kind, try reader.precompiled()) : normalizer,
      preTokenizer: isRebuilt ? folder.preTokenizer(kind) : preTokenizer, model: model, added: added, prefix: ends.0,
      suffix: ends.1, paddingToken: padding, maximumLength: length,
      truncatesLeft: folder.truncatesLeft ?? reader.truncatesLeft)
    let order = { (a: AddedTokens.Entry, b: AddedTokens.Entry) in (a.token, a.content) < (b.token, b.content) }
    isPlain =
      self.normalizer == normalizer && self.preTokenizer == preTokenizer && ends == writtenEnds
      && added.sorted(by: order) == written.sorted(by: order) && truncatesLeft == (folder.truncatesLeft ?? false)
    decoding = reader.decoding()
    specialTokens = reader.specialTokens()
  }

  /// Whether nothing but the usual special tokens of the vocabulary is added, and nothing is special about them.
  private static func arePlain(
    _ added: [AddedTokens.Entry], _ kind: TokenizerKind, _ vocabulary: Vocabulary, _ folder: TokenizerFolder
  ) -> Bool {
    let usual = kind.roles.compactMap { role, usual -> AddedTokens.Entry? in
      let content = folder.content(of: role) ?? usual
      return vocabulary[content].map { AddedTokens.Entry(content: content, token: $0) }
    }
    return added.allSatisfy(usual.contains)
  }
}
