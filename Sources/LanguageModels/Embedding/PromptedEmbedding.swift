public import Encoders
public import Multimodal
public import Torch

/// Pictures and texts as vectors of one space: what a language model would answer in one word.
///
/// That is E5-V (Jiang et al. 2024). The embedding is the last hidden state of a prompt's last token, after the final norm, at length 1. Prompts are E5-V's on
/// Llama 3, spaces included; other families have the same words in their own frame.
public struct PromptedEmbedding {
  /// What is embedded.
  public enum Content: Sendable, Equatable {
    case text(String)
    case picture(RGBImage)
    /// Both at once, in one vector; E5-V has no such prompt.
    case both(RGBImage, String)
  }

  public let model: any LanguageModel
  private let builder: PromptBuilder
  private let template: ChatTemplate

  public init(_ model: any LanguageModel, _ tokenizer: Tokenizer, _ template: ChatTemplate) {
    self.model = model
    self.template = template
    builder = PromptBuilder(model, tokenizer)
  }

  /// The number of an embedding's components.
  public var width: Int { model.width }

  /// The prompt of a text, of a picture, or of both.
  func prompt(text: String?, showsPicture: Bool) -> Prompt {
    let what = showsPicture ? text == nil ? "image" : "image and sentence" : "sentence"
    var parts: [Prompt.Piece] = []
    if showsPicture {
      parts.append(.picture(0))
      // Behind a picture comes a line's end, from the frame or from us.
      if template.afterPicture.isEmpty { parts.append(.text("\n", .template)) }
    }
    if let text { parts.append(.text(text + "\n", .sampleText)) }
    parts.append(.text("Summary above \(what) in one word: ", .instruction))
    // E5-V's frame ends with a space and a line's end more than Llama 3's.
    let tail: [Prompt.Piece] = template == .llama3 ? [.text(" \n", .template)] : []
    return template.prompt(parts) + tail
  }

  /// The prompt as the model reads it.
  func sequence(text: String?, picture: PreparedPicture?) throws -> TokenSequence {
    try builder.sequence(
      prompt(text: text, showsPicture: picture != nil), pictures: picture.map { [$0] } ?? [])
  }

  /// Embeddings [B, width] of length 1, in float32 or float64.
  public func callAsFunction(_ contents: [Content]) throws -> Tensor {
    try rows(
      of: contents.map { content in
        switch content {
        case .text(let text): try sequence(text: text, picture: nil)
        case .picture(let picture): try sequence(text: nil, picture: model.prepare(picture))
        case .both(let picture, let text): try sequence(text: text, picture: model.prepare(picture))
        }
      })
  }

  /// The last hidden state behind each prompt, [B, width], at length 1.
  func rows(of prompts: [TokenSequence]) throws -> Tensor {
    try withoutGradients {
      let last = try model.prefill(prompts).last()
      let rows = last.elementType == .float64 ? last : try last.to(.float32)
      return try rows / (rows.square().sum(1, keeping: true).squareRoot() + 1e-12)
    }
  }
}
