public import Records

/// Turns a text into the tokens that a checkpoint was trained on.
///
/// WordPiece (BERT, DistilBERT, MiniLM), byte-pair encoding, of bytes (RoBERTa, CLIP, Llama 3, Qwen2, SmolLM) or of
/// letters with bytes for what is none of its own (Llama 2, Mistral), and unigram models (XLM-RoBERTa, SigLIP), read from
/// the files that lie in a Hugging Face checkpoint's folder.
public struct Tokenizer: Sendable {
  /// The token that fills up a batch's shorter rows.
  public let paddingToken: Int
  /// How many tokens a text may have, those at its ends included.
  public let maximumLength: Int
  /// One more than the largest token, added ones included.
  public let vocabularySize: Int

  let normalizer: TextNormalizer?
  let preTokenizer: PreTokenizer
  let model: any SubwordModel
  /// Tokens before and after every text.
  let prefix: [Int]
  let suffix: [Int]
  let truncatesLeft: Bool
  /// Whether the files beside the vocabulary change nothing of what its own file says.
  var isPlain = true
  /// What rows made with it depend on besides the files.
  ///
  /// Those of a plain one are as they were before other files were read too.
  package var identity: String { isPlain ? "" : " tokens 2" }
  /// How tokens become a text again; nil where no file says so.
  var decoding: TokenDecoding?
  /// Added tokens that are no part of a text, such as the one that ends it.
  var specialTokens: Set<Int> = []
  /// Added tokens by their content.
  let addedByContent: [String: Int]
  private let added: AddedTokens
  private let addedAfterNormalizing: AddedTokens

  init(
    normalizer: TextNormalizer?, preTokenizer: PreTokenizer, model: any SubwordModel, added: [AddedTokens.Entry],
    prefix: [Int], suffix: [Int], paddingToken: Int, maximumLength: Int, truncatesLeft: Bool = false
  ) {
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.model = model
    self.prefix = prefix
    self.suffix = suffix
    self.paddingToken = paddingToken
    self.maximumLength = maximumLength
    self.truncatesLeft = truncatesLeft
    vocabularySize = 1 + max(model.vocabulary.largest, added.map(\.token).max() ?? -1)
    addedByContent = Dictionary(added.map { ($0.content, $0.token) }, uniquingKeysWith: { $1 })
    self.added = AddedTokens(added.filter { !$0.isNormalized })
    addedAfterNormalizing = AddedTokens(added.filter(\.isNormalized), normalizer: normalizer)
  }

  /// The tokens of a text, those at its ends included; a longer text loses what is over.
  ///
  /// - Parameter maximumLength: another limit than ``maximumLength``, which it cannot pass.
  public func callAsFunction(_ text: String, maximumLength limit: Int? = nil) -> [Int] {
    let room = max(min(limit ?? maximumLength, maximumLength) - prefix.count - suffix.count, 0)
    var tokens: [Int] = []
    parts: for (place, part) in added.parts(of: Array(text.unicodeScalars)).enumerated() {
      switch part {
      case .token(let token): tokens.append(token)
      case .text(let text):
        // As in the reference, a text whose first letter was normalized away does not begin where the text does.
        let begins = place == 0 && normalizer.map { !$0(Array(text.prefix(1))).isEmpty } ?? true
        for (inner, part) in addedAfterNormalizing.parts(of: normalizer.map { $0(text) } ?? text).enumerated() {
          switch part {
          case .token(let token): tokens.append(token)
          case .text(let text):
            for word in preTokenizer(text, isFirst: begins && inner == 0) {
              tokens += model.tokens(of: word)
              if tokens.count >= room, !truncatesLeft { break parts }
            }
          }
        }
      }
    }
    return prefix + (truncatesLeft ? tokens.suffix(room) : tokens.prefix(room)) + suffix
  }
}

/// What can be wrong with a tokenizer's files.
public enum TokenizerError: Diagnosable, Equatable {
  /// None of the files that are known is there.
  case missing(folder: String)
  case unreadable(file: String, reason: String)
  /// A part of a kind that is not known here.
  case unsupported(file: String, part: String, kind: String)
  /// A join of two pieces, one of which or whose whole the vocabulary lacks.
  case unknownPiece(String)
  /// A token that is needed is not in the vocabulary.
  case missingToken(file: String, role: String)
  /// A class whose rules are not known here.
  case unsupportedClass(String, folder: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .missing(let folder):
      Diagnosis(
        "there is no tokenizer", place: folder,
        remedy: "one of these belongs there: tokenizer.json, vocab.txt, or vocab.json with merges.txt",
        exitStatus: .input)
    case .unreadable(let file, let reason):
      Diagnosis("the tokenizer cannot be read", place: file, found: [reason], exitStatus: .input)
    case .unsupported(let file, let part, let kind):
      Diagnosis(
        "the tokenizer's \(part) is of a kind not known here: '\(kind)'", place: file,
        remedy:
          "WordPiece, byte-pair encoding and unigram models are known, as in BERT, RoBERTa, CLIP, SigLIP, Llama and Qwen2",
        exitStatus: .input)
    case .unknownPiece(let join):
      Diagnosis(
        "the tokenizer joins pieces that its vocabulary lacks", found: ["'\(join)'"], exitStatus: .input)
    case .missingToken(let file, let role):
      Diagnosis("the tokenizer names no \(role), or one that its vocabulary lacks", place: file, exitStatus: .input)
    case .unsupportedClass(let name, let folder):
      Diagnosis(
        "the tokenizer is of a class not known here: '\(name)'", place: folder,
        remedy: "those of BERT, DistilBERT, RoBERTa, CLIP, XLM-RoBERTa and CamemBERT are known, and others that "
          + "tokenizer.json spells out; another checkpoint, or the rows made elsewhere (seesaw import), are the way",
        exitStatus: .input)
    }
  }
}
