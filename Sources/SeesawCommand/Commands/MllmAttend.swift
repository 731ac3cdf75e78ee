import ArgumentParser
import Experiments
import Foundation
import LanguageModels
import Records

extension MllmCommand {
  struct Attend: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract:
        "Say what an answer hangs on, of one picture and text: Shapley values, attention and gradients by role.",
      discussion: """
        Picture and text are hidden from all other tokens by attention masks; what that costs the answer's log p is their \
        worth. Attention and gradients say where a model looks and what moves its answer, and not what either is worth: \
        first tokens draw attention whatever they say.
        """)

    static let examples = [
      "seesaw mllm attend SmolVLM-256M-Instruct --image cat.jpg --text kitten --answer cat",
      "seesaw mllm attend SmolVLM-256M-Instruct --image cat.jpg --text puppy --classes cat,dog --answer cat --json",
    ]

    @Argument(help: ArgumentHelp("The model's folder.", valueName: "model"))
    var model: String

    @OptionGroup var input: ShownOptions

    @Option(help: ArgumentHelp("The answer whose likelihood is taken apart.", valueName: "label"))
    var answer: String

    @Option(help: ArgumentHelp("Classes that the question names (default: the answer alone).", valueName: "a,b"))
    var classes: String?

    @Option(help: ArgumentHelp("What is asked, with {classes} for the classes.", valueName: "text"))
    var question: String?

    @OptionGroup var options: ModelOptions

    @OptionGroup var adapter: AdapterOptions

    @Flag(help: "Print the numbers as JSON, layer by layer.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      guard input.image != nil || input.text != nil else { throw ValidationError("Show something: --image, --text.") }
    }

    func run() throws {
      let output = Output(talk)
      let shown = try input.shown()
      let opened = try OpenedLanguageModel(
        adapter.add(to: options.settings(model, question: question, seed: 0)), events: output.events)
      if shown.picture != nil, !opened.model.seesPictures {
        throw LanguageModelError.seesNoPictures(family: opened.model.family, in: model)
      }
      let instruction = opened.instruction(for: classes.map(Listed.words) ?? [answer])
      let (prompt, rows, written) = try opened.labelled(answer, asked: instruction, shown)
      // What BLIP is shown stands beside its decoder's tokens, so that no attention by role says anything of it.
      let mass =
        opened.model.decoder == nil
        ? nil : try opened.model.roleMass(prompt.prompt, answer: prompt.suffixes[0], rows: rows)
      let worth = try opened.model.maskedShapley(prompt.prompt, answer: prompt.suffixes[0], rows: rows)
      output.clear()
      if json { return try output.data(Self.tree(mass, worth, written).json(.pretty, order: Self.keyOrder)) }
      try output.answer(Self.text(mass, worth))
    }

    private static let names: [(role: TokenRole, name: String)] = [
      (.image, "image"), (.sampleText, "text"), (.instruction, "instruction"), (.template, "template"),
    ]

    private static func table(_ mass: RoleMass) -> String {
      let shares: [[String]] = names.compactMap { role, name in
        guard let tokens = mass.tokens[role], tokens > 0, let layers = mass.attention[role], let last = layers.last
        else { return nil }
        let mean = layers.reduce(0, +) / Double(layers.count)
        return [
          name, Words.percent(tokens), Words.percent(mean), Words.percent(last), Words.fixed(mean / tokens, 2),
          Words.figure(mass.gradient[role] ?? 0), Words.figure(mass.product[role] ?? 0),
        ]
      }
      return Columns.text(
        [["", "tokens %", "attention %", "last layer %", "lift", "gradient", "gradient · x"]] + shares,
        right: [1, 2, 3, 4, 5, 6], indent: 2)
    }

    private static func text(_ mass: RoleMass?, _ worth: MaskedShapley) -> String {
      let (image, text) = worth.values
      let worths = Columns.text(
        [
          ["", "nats"], ["log p of the answer", Words.fixed(worth.both, 4)],
          ["worth of the image", Words.fixed(image, 4)], ["worth of the text", Words.fixed(text, 4)],
          ["interaction", Words.fixed(worth.interaction, 4)], ["with both hidden", Words.fixed(worth.none, 4)],
        ], right: [1], indent: 2)
      let looks =
        mass.map {
          "Where the last prompt token looks, and what moves the answer; neither is a contribution\n\n\(table($0))"
        }
        ?? "Attention and gradients by role are not shown: the picture and the question stand beside the decoder's tokens."
      return "Shapley values of log p, by attention mask\n\n\(worths)\n\n\(looks)"
    }

    private static let keyOrder = [
      "prompt", "shapley", "both", "image", "text", "none", "values", "interaction", "roles", "tokens", "attention",
      "lift", "gradient", "product",
    ]

    private static func tree(_ mass: RoleMass?, _ worth: MaskedShapley, _ written: String) -> Tree {
      var tree: Tree = [
        "prompt": .string(written),
        "shapley": [
          "both": .number(worth.both), "image": .number(worth.image), "text": .number(worth.text),
          "none": .number(worth.none), "interaction": .number(worth.interaction),
          "values": ["image": .number(worth.values.image), "text": .number(worth.values.text)],
        ],
      ]
      guard let mass else { return tree }
      let roles = names.filter { mass.tokens[$0.role] != nil }.map { role, name in
        let own: Tree = [
          "tokens": .number(mass.tokens[role] ?? 0), "attention": .list((mass.attention[role] ?? []).map(Tree.number)),
          "lift": .list(mass.lift(role).map(Tree.number)), "gradient": .number(mass.gradient[role] ?? 0),
          "product": .number(mass.product[role] ?? 0),
        ]
        return (name, own)
      }
      tree[path: "roles"] = .table(Dictionary(uniqueKeysWithValues: roles))
      return tree
    }
  }
}
