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

  /// The prompt of what is embedded, and its picture.
  func prompt(_ content: Content) throws -> (prompt: Prompt, pictures: [PreparedPicture]) {
    func asked(_ what: String) -> Prompt.Piece { .text("Summary above \(what) in one word: ", .instruction) }
    // Behind a picture comes a line's end, from the frame or from us.
    let line: [Prompt.Piece] = template.afterPicture.isEmpty ? [.text("\n", .template)] : []
    let (parts, picture): ([Prompt.Piece], RGBImage?) =
      switch content {
      case .text(let text): ([.text(text + "\n", .sampleText), asked("sentence")], nil)
      case .picture(let picture): ([.picture(0)] + line + [asked("image")], picture)
      case .both(let picture, let text):
        ([.picture(0)] + line + [.text(text + "\n", .sampleText), asked("image and sentence")], picture)
      }
    // E5-V's frame ends with a space and a line's end more than Llama 3's.
    let tail: [Prompt.Piece] = template == .llama3 ? [.text(" \n", .template)] : []
    return (template.prompt(parts) + tail, try picture.map { [try model.prepare($0)] } ?? [])
  }

  /// Embeddings [B, width] of length 1, in float32 or float64.
  public func callAsFunction(_ contents: [Content]) throws -> Tensor {
    try withoutGradients {
      let sequences = try contents.map { content in
        let (prompt, pictures) = try prompt(content)
        return try builder.sequence(prompt, pictures: pictures)
      }
      let last = try model.prefill(sequences).last()
      let rows = last.elementType == .float64 ? last : try last.to(.float32)
      return try rows / (rows.square().sum(1, keeping: true).squareRoot() + 1e-12)
    }
  }
}
