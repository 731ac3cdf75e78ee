import ArgumentParser
import Encoders
import Foundation
import LanguageModels
import Multimodal
import Records

/// `seesaw encoders`.
struct EncodersCommand: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    commandName: "encoders",
    abstract: "List the encoders: those that come with Seesaw, what is read from files, and those that are trained.",
    discussion:
      "A checkpoint is a folder as Hugging Face lays it out: config.json, model.safetensors (or shards of it), the "
      + "tokenizer's files or preprocessor_config.json. Its path is what --text-encoder and --image-encoder take. "
      + "Encoders that are trained read pixels or tokens; 'seesaw train' takes them as model.encoders.image and .text.")

  static let examples = ["seesaw encoders", "seesaw encoders --json"]

  @Flag(help: "Print the list as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    if json {
      let list =
        EncoderRegistry.all.map { Self.tree($0) }
        + EncoderRegistry.pretrained.map { Self.tree($0, $0.architectures) }
        + (EncoderRegistry.scripted + EncoderRegistry.preparing).map { Self.tree($0) }
        + PromptedEncoders.all.map { Self.tree($0, $0.architectures) }
        + TrainedArchitecture.allCases.map(Self.tree)
      return try output.data(Tree.list(list).json(.pretty, order: Self.keyOrder))
    }
    try output.data(Self.list())
    output.note("the path of a checkpoint folder is given in the place of a name: seesaw encode --help")
  }

  static let keyOrder = ["name", "kind", "summary", "fitted", "trained", "architectures"]

  static func tree(_ type: any RawEncoder.Type, _ architectures: [String] = []) -> Tree {
    var tree: [String: Tree] = [
      "name": .string(type.name), "kind": .string(type.kind.rawValue), "summary": .string(type.summary),
      "fitted": .bool(type.learns), "trained": false,
    ]
    if !architectures.isEmpty { tree["architectures"] = .list(architectures.map(Tree.string)) }
    return .table(tree)
  }

  static func tree(_ architecture: TrainedArchitecture) -> Tree {
    [
      "name": .string(architecture.rawValue), "kind": "image", "summary": .string(architecture.summary),
      "fitted": false, "trained": true,
    ]
  }

  static func list() -> String {
    let own = EncoderRegistry.all.map { [$0.name, $0.kind.rawValue, $0.summary] }
    let read = EncoderRegistry.pretrained.map { type in
      ["a folder", type.kind.rawValue, "model_type \(type.architectures.joined(separator: ", "))"]
    }
    // Their summaries begin with how they are named.
    let named = (EncoderRegistry.scripted + EncoderRegistry.preparing + PromptedEncoders.all).map { type in
      let parts = type.summary.split(separator: ": ", maxSplits: 1).map(String.init)
      return [parts[0], type.kind.rawValue, parts.last ?? ""]
    }
    let trained =
      TrainedArchitecture.allCases.map { [$0.rawValue, "pixels", $0.summary] }
      + [["a folder", "pixels, tokens", "the network of a checkpoint, whose weights it begins as"]]
    return Columns.text([["encoder", "reads", "what it is"]] + own + read + named) + "\n\n"
      + Columns.text([["trained with the model", "reads", "what it is"]] + trained)
  }
}
