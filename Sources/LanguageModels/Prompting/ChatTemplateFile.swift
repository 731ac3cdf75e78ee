public import Encoders
public import Foundation
import Records

/// What a folder says of how its model is prompted, and which of the templates known here that is.
public struct ChatTemplateFile: Sendable, Equatable {
  public let template: ChatTemplate
  /// The SHA-256 digest of the folder's own template; nil where it has none.
  public let digest: String?
  /// What a person should know of the choice; nil where the folder's own template is one that was compared with ours.
  public let note: String?
  /// The tokens at which an answer ends.
  public let ends: Set<Int>

  /// Templates whose frames were compared with those here, by their digests.
  static let known: [String: String] = [
    "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788": ChatTemplate.smollm2.name
  ]

  /// - Parameters:
  ///   - named: a template of ``ChatTemplate/all``, where the user chooses.
  ///   - family: the model's `model_type`.
  ///   - fixed: the only one that the model can be asked in; nil: there is a choice.
  /// - Throws: a `Diagnosis` where a name is not known, where the tokenizer lacks what the template needs, and where a
  ///   file cannot be read.
  public init(
    folder: URL, tokenizer: Tokenizer, family: String, named: String? = nil, fixed: ChatTemplate? = nil
  ) throws {
    if let fixed {
      guard named == nil else {
        throw Diagnosis(
          "the family '\(family)' has one frame of prompts", place: "--template", remedy: "leave --template out",
          exitStatus: .usage)
      }
      guard let end = tokenizer.token(named: fixed.endOfTurn) else {
        throw Diagnosis(
          "the tokenizer has no token '\(fixed.endOfTurn)'", place: folder.relativePath, exitStatus: .input)
      }
      (template, digest, note, ends) = (fixed, nil, nil, [end])
      return
    }
    let text = try Self.text(in: folder)
    digest = text.map { FileDigest.sha256(of: $0) }
    let sure = digest.flatMap { Self.known[$0] }
    let name = named ?? sure ?? Self.likely(text, family: family, tokenizer)
    guard let template = ChatTemplate.all.first(where: { $0.name == name }) else {
      throw Diagnosis(
        "there is no template '\(name.escapedForTerminal.clipped(40))'", place: "--template",
        found: ["there are \(ChatTemplate.all.map(\.name).joined(separator: ", "))"], exitStatus: .usage)
    }
    self.template = template
    for case .token(let token) in template.opening + template.closing where tokenizer.token(named: token) == nil {
      throw Diagnosis(
        "the template '\(name)' needs the token '\(token)', which the tokenizer lacks", place: folder.relativePath,
        remedy: "--template names another: \(ChatTemplate.all.map(\.name).joined(separator: ", "))", exitStatus: .input)
    }
    if named != nil || name == sure {
      note = nil
    } else if let digest {
      note =
        "the folder's chat_template (SHA-256 \(digest.prefix(12))…) is not one that was compared with Seesaw's: prompts are "
        + "framed as '\(name)'; --template names another"
    } else {
      note = "the folder has no chat_template: prompts are framed as '\(name)'; --template names another"
    }
    var ends = try Self.ends(in: folder)
    if let end = tokenizer.token(named: template.endOfTurn) { ends.insert(end) }
    self.ends = ends
  }

  /// The template of the tokenizer's or the processor's configuration, or of a file of its own.
  private static func text(in folder: URL) throws -> String? {
    for name in ["chat_template.jinja", "chat_template.json", "processor_config.json", "tokenizer_config.json"] {
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let data = try BoundedFile.read(file, limit: BoundedFile.largestRecord)
      if name.hasSuffix("jinja") { return String(decoding: data, as: UTF8.self) }
      let entry = try Tree(json: data, place: file.relativePath, pairsUnder: [])[path: "chat_template"]
      if let text = entry?.stringValue { return text }
      // Several by name: the one called default.
      let several = entry?.listValue ?? []
      let named = several.first { $0[path: "name"]?.stringValue == "default" } ?? several.first
      if let text = named?[path: "template"]?.stringValue { return text }
    }
    return nil
  }

  /// The template that a folder's own looks like, else the usual one of its family.
  private static func likely(_ text: String?, family: String, _ tokenizer: Tokenizer) -> String {
    let usesChatML = tokenizer.token(named: "<|im_start|>") != nil && tokenizer.token(named: "<|im_end|>") != nil
    if let text {
      if text.contains("<end_of_utterance>") { return ChatTemplate.smolvlm.name }
      if text.contains("<|start_header_id|>") { return ChatTemplate.llama3.name }
      if text.contains("[INST]") { return ChatTemplate.mistral.name }
      if text.contains("USER:") || text.contains("ASSISTANT:") { return ChatTemplate.vicuna.name }
      if text.contains("<|im_start|>") {
        return family.hasPrefix("llava")
          ? ChatTemplate.llavaQwen.name
          : family.hasPrefix("qwen") ? ChatTemplate.qwen.name : ChatTemplate.smollm2.name
      }
      return ChatTemplate.plain.name
    }
    switch family {
    case "idefics3", "smolvlm": return ChatTemplate.smolvlm.name
    case "llava", "llava_next": return usesChatML ? ChatTemplate.llavaQwen.name : ChatTemplate.vicuna.name
    case let name where name.hasPrefix("qwen2"): return usesChatML ? ChatTemplate.qwen.name : ChatTemplate.plain.name
    default: return usesChatML ? ChatTemplate.smollm2.name : ChatTemplate.plain.name
    }
  }

  /// `eos_token_id`, a number or a list of them, of generation_config.json, else of config.json.
  private static func ends(in folder: URL) throws -> Set<Int> {
    for name in ["generation_config.json", "config.json"] {
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let tree = try Tree(
        json: BoundedFile.read(file, limit: BoundedFile.largestRecord), place: file.relativePath, pairsUnder: [])
      guard let entry = tree[path: "eos_token_id"] ?? tree[path: "text_config.eos_token_id"] else { continue }
      let numbers: [Int] = (entry.listValue ?? [entry]).compactMap { $0.intValue }
      let ends = Set(numbers)
      if !ends.isEmpty { return ends }
    }
    return []
  }
}
