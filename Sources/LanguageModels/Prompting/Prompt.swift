public import Records

/// A prompt in pieces, each with what it is there for.
///
/// Roles are given here and never guessed from tokens: `<image>` in a sample's text is seven letters of ordinary text.
public struct Prompt: Sendable, Equatable {
  public enum Piece: Sendable, Equatable {
    /// What the tokenizer puts before every text, such as Llama's `<s>`.
    case beginning
    /// A special token, by its text.
    case token(String)
    /// The model's own token that an answer begins with, which tokenizers lack: BLIP's [DEC].
    case start
    case text(String, TokenRole)
    /// The picture of that number, from 0.
    case picture(Int)
  }

  public var pieces: [Piece]

  public init(_ pieces: [Piece]) { self.pieces = pieces }

  public static func + (a: Prompt, more: [Piece]) -> Prompt { Prompt(a.pieces + more) }

  /// As it would be written: special tokens by their texts, `[picture 1]` for a picture.
  public var written: String {
    pieces.map { piece in
      switch piece {
      case .beginning: ""
      case .start: "[DEC]"
      case .token(let text), .text(let text, _): text
      case .picture(let number): "[picture \(number + 1)]"
      }
    }.joined()
  }
}

/// What is asked of a model, before its family's frame is put around it.
public struct PromptContent: Sendable, Equatable {
  /// The task: a question, the list of classes.
  public var instruction: String
  /// The sample's own text; nil: it is left out, with its line.
  public var sampleText: String?
  /// How many pictures are shown.
  public var pictures: Int

  public init(instruction: String, sampleText: String? = nil, pictures: Int = 0) {
    self.instruction = instruction
    self.sampleText = sampleText
    self.pictures = pictures
  }

  /// An instruction that asks for one of some groups.
  public static func question(of classes: [String]) -> String {
    "Which of these groups does it belong to: \(classes.joined(separator: ", "))? Answer with the group."
  }
}

/// How a prompt's parts are arranged: interventions that need no training.
public enum PromptVariant: String, SettingChoice {
  /// The picture, the instruction, the sample's text.
  case standard
  /// The sample's text before the picture.
  case order
  /// The instruction begins with `Look carefully at the image.`
  case instruct
  /// The picture twice.
  case double
  /// Without the picture.
  case textOnly = "text-only"
  /// Without the sample's text.
  case imageOnly = "image-only"
  /// The model first describes the picture, and is shown its description as part of the sample's text.
  case describe = "describe-then-answer"

  /// The content as this variant shows it: pictures by number, texts by role.
  public func parts(of content: PromptContent) -> [Prompt.Piece] {
    var instruction = content.instruction
    let sees = content.pictures > 0 && self != .textOnly
    if self == .instruct, sees { instruction = "Look carefully at the image. " + instruction }
    var pictures = sees ? (0..<content.pictures).map { Prompt.Piece.picture($0) } : []
    if self == .double { pictures += pictures }
    let text = self == .imageOnly ? nil : content.sampleText.flatMap { $0.isEmpty ? nil : $0 }
    if self == .order, let text {
      return [.text(text + "\n", .sampleText)] + pictures + [.text(instruction, .instruction)]
    }
    return pictures + [.text(instruction, .instruction)] + (text.map { [.text("\n" + $0, .sampleText)] } ?? [])
  }
}
