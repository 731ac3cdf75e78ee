import Foundation
import Records

/// The rules that a tokenizer's class stands for.
///
/// `transformers` builds the tokenizer of a class that it knows anew from the vocabulary, by the class's rules and the
/// settings of `tokenizer_config.json`, whatever else `tokenizer.json` says; of any other it takes `tokenizer.json` as
/// it stands.
enum TokenizerKind: Equatable {
  case bert, roberta, clip, xlmRoberta, camembert
  /// As `tokenizer.json` says.
  case asWritten
  /// No file says which class it is.
  case unnamed

  /// - Throws: ``TokenizerError/unsupportedClass(_:folder:)``.
  init(className: String?, modelType: String?, folder: URL) throws {
    guard let className, !className.isEmpty else {
      self = modelType.flatMap { Self.byModelType[$0] } ?? .unnamed
      return
    }
    let plain = className.hasSuffix("Fast") ? String(className.dropLast(4)) : className
    if Self.ofTheirOwn.contains(plain) {
      throw TokenizerError.unsupportedClass(className, folder: folder.relativePath)
    }
    if let known = Self.byClass[plain] {
      self = known
      return
    }
    // Of a class that is not known the one file that spells everything out can be taken, a bare vocabulary cannot.
    let isSpelledOut = FileManager.default.fileExists(atPath: folder.appending(path: "tokenizer.json").path)
    guard isSpelledOut || Self.generic.contains(plain) else {
      throw TokenizerError.unsupportedClass(className, folder: folder.relativePath)
    }
    self = isSpelledOut ? .asWritten : .unnamed
  }

  /// What a `tokenizer.json` must hold for the class's rules to make sense of it.
  var modelKind: String? {
    switch self {
    case .bert: "WordPiece"
    case .roberta, .clip: "BPE"
    case .xlmRoberta, .camembert: "Unigram"
    case .asWritten, .unnamed: nil
    }
  }

  /// What the class calls the special tokens where no file does, in the order in which they are added.
  var roles: KeyValuePairs<String, String> {
    switch self {
    case .bert:
      [
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
      ]
    case .roberta, .xlmRoberta, .camembert:
      [
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>",
        "cls_token": "<s>", "mask_token": "<mask>",
      ]
    case .clip:
      [
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
      ]
    case .asWritten, .unnamed: [:]
    }
  }

  private static let byModelType: [String: TokenizerKind] = [
    "bert": .bert, "blip": .bert, "blip_text_model": .bert, "distilbert": .bert, "roberta": .roberta, "clip": .clip,
    "clip_text_model": .clip, "xlm-roberta": .xlmRoberta, "camembert": .camembert,
  ]

  private static let byClass: [String: TokenizerKind] = [
    "BertTokenizer": .bert, "DistilBertTokenizer": .bert, "ElectraTokenizer": .bert, "MobileBertTokenizer": .bert,
    "ConvBertTokenizer": .bert, "LayoutLMTokenizer": .bert, "LxmertTokenizer": .bert, "SqueezeBertTokenizer": .bert,
    "RobertaTokenizer": .roberta, "LongformerTokenizer": .roberta, "BartTokenizer": .roberta,
    "CLIPTokenizer": .clip, "XLMRobertaTokenizer": .xlmRoberta, "CamembertTokenizer": .camembert,
  ]

  /// Names that stand for no rules.
  private static let generic: Set<String> = ["PreTrainedTokenizer", "TokenizersBackend"]

  /// Classes that cut texts by code of their own, so that no file here says how.
  private static let ofTheirOwn: Set<String> = [
    "BertJapaneseTokenizer", "BertTokenizerLegacy", "BertweetTokenizer", "BioGptTokenizer", "BlenderbotSmallTokenizer",
    "ByT5Tokenizer", "CTRLTokenizer", "CanineTokenizer", "CpmAntTokenizer", "CpmTokenizer", "EsmTokenizer",
    "FSMTTokenizer", "FlaubertTokenizer", "GPTNeoXJapaneseTokenizer", "GPTSw3Tokenizer", "M2M100Tokenizer",
    "MarianTokenizer", "MyT5Tokenizer", "PLBartTokenizer", "PerceiverTokenizer", "PhobertTokenizer",
    "ProphetNetTokenizer", "RoCBertTokenizer", "TapasTokenizer", "XLMTokenizer", "BartphoTokenizer",
    "BertGenerationTokenizer",
  ]
}
