/// The frame that a family of models was trained to read prompts in.
///
/// Each is written down here as data. A folder's own `chat_template` is a program, which is not run: it says only which of
/// these is meant (``ChatTemplateFile``).
public struct ChatTemplate: Sendable, Equatable {
  public let name: String
  let opening: [Prompt.Piece]
  /// Behind each picture.
  var afterPicture = ""
  /// Before a text that no picture stands before.
  var beforeText = ""
  let closing: [Prompt.Piece]
  /// Between the prompt and an answer.
  public let separator: String
  /// The token that ends an answer.
  public let endOfTurn: String

  /// A whole prompt.
  ///
  /// - Parameter parts: pictures and texts in the order in which they are shown.
  public func prompt(_ parts: [Prompt.Piece]) -> Prompt {
    var pieces = opening
    if case .text = parts.first, !beforeText.isEmpty { pieces.append(.text(beforeText, .template)) }
    for part in parts {
      pieces.append(part)
      if case .picture = part, !afterPicture.isEmpty { pieces.append(.text(afterPicture, .template)) }
    }
    return Prompt(pieces + closing)
  }

  // MARK: Those that are known

  /// LLaVA-1.5 on Vicuna.
  public static let vicuna = ChatTemplate(
    name: "vicuna", opening: [.beginning, text("USER: ")], afterPicture: "\n", closing: [text(" ASSISTANT:")],
    separator: " ", endOfTurn: "</s>")

  /// Idefics 3 and SmolVLM.
  public static let smolvlm = ChatTemplate(
    name: "smolvlm", opening: [.token("<|im_start|>"), text("User:")], beforeText: " ",
    closing: [.token("<end_of_utterance>"), text("\nAssistant:")], separator: " ", endOfTurn: "<end_of_utterance>")

  /// Qwen2-VL and Qwen2.5-VL.
  public static let qwen = ChatTemplate(
    name: "qwen", opening: chatML("You are a helpful assistant."), closing: endOfChatML("\n"), separator: "",
    endOfTurn: "<|im_end|>")

  /// LLaVA on Qwen2, such as llava-interleave.
  public static let llavaQwen = ChatTemplate(
    name: "llava-qwen", opening: [.token("<|im_start|>"), text("user ")], afterPicture: "\n", closing: endOfChatML(""),
    separator: "", endOfTurn: "<|im_end|>")

  /// SmolLM2-Instruct, which reads text only.
  public static let smollm2 = ChatTemplate(
    name: "smollm2", opening: chatML("You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
    afterPicture: "\n", closing: endOfChatML("\n"), separator: "", endOfTurn: "<|im_end|>")

  /// Llama 3.
  public static let llama3 = ChatTemplate(
    name: "llama3",
    opening: [
      .beginning, .token("<|start_header_id|>"), text("user"), .token("<|end_header_id|>"), text("\n\n"),
    ], afterPicture: "\n",
    closing: [
      .token("<|eot_id|>"), .token("<|start_header_id|>"), text("assistant"), .token("<|end_header_id|>"), text("\n\n"),
    ], separator: "", endOfTurn: "<|eot_id|>")

  /// Mistral-Instruct, and LLaVA-1.6 on it.
  public static let mistral = ChatTemplate(
    name: "mistral", opening: [.beginning, text("[INST] ")], afterPicture: "\n", closing: [text(" [/INST]")],
    separator: " ", endOfTurn: "</s>")

  /// A model that was not trained to chat.
  public static let plain = ChatTemplate(
    name: "plain", opening: [.beginning], afterPicture: "\n", closing: [text("\nAnswer:")], separator: " ",
    endOfTurn: "")

  /// BLIP's captions: [DEC], and the words that a caption begins with.
  static let blipCaption = ChatTemplate(
    name: "blip-caption", opening: [.start], closing: [], separator: " ", endOfTurn: "[SEP]")

  /// BLIP's answers: the question between [CLS] and [SEP], then [DEC] in the decoder.
  static let blipQuestion = ChatTemplate(
    name: "blip-vqa", opening: [.beginning], closing: [.token("[SEP]"), .start], separator: " ", endOfTurn: "[SEP]")

  /// Those that may be chosen; BLIP has its own and no other.
  public static let all = [vicuna, smolvlm, qwen, llavaQwen, smollm2, llama3, mistral, plain]

  private static func text(_ text: String) -> Prompt.Piece { .text(text, .template) }

  private static func chatML(_ system: String) -> [Prompt.Piece] {
    [
      .token("<|im_start|>"), text("system\n\(system)"), .token("<|im_end|>"), text("\n"), .token("<|im_start|>"),
      text("user\n"),
    ]
  }

  private static func endOfChatML(_ between: String) -> [Prompt.Piece] {
    [.token("<|im_end|>")] + (between.isEmpty ? [] : [text(between)]) + [.token("<|im_start|>"), text("assistant\n")]
  }
}
