import ArgumentParser
import Experiments
import Foundation
import LanguageModels
import Multimodal
import Records
import Reports

/// `seesaw mllm`.
struct MllmCommand: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    commandName: "mllm",
    abstract:
      "Ask a vision-language model from a checkpoint folder, as a classifier or a writer; look inside; train an adapter.",
    discussion: """
      A folder is as Hugging Face lays it out: config.json, model.safetensors (or shards), tokenizer.json. Text-only models of \
      the Llama family are read too. Documentation/vision-language.md says what each number means.
      """,
    subcommands: [Evaluate.self, Generate.self, Attend.self, Train.self, Merge.self, Readout.self])

  static let examples = [
    "seesaw mllm evaluate SmolVLM-256M-Instruct Data/emoji --samples 50",
    "seesaw mllm train SmolVLM-256M-Instruct Data/emoji --out runs/emoji-lora",
  ]

  /// What was learnt beside the model's weights.
  struct AdapterOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp("The folder of an adapter, from 'mllm train' or PEFT's LoRA.", valueName: "folder"),
      completion: .directory)
    var adapter: String?

    @Option(
      help: ArgumentHelp(
        "Take the decoder's first so many layers alone (default: as many as the adapter was trained with, or all).",
        valueName: "number"))
    var layers: Int?

    func add(to settings: LanguageModelSettings) -> LanguageModelSettings {
      var settings = settings
      settings.adapter = adapter.map { URL(filePath: $0) }
      settings.layers = layers
      return settings
    }
  }

  /// The model, and how it is prompted.
  struct ModelOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "The frame of prompts: \(ChatTemplate.all.map(\.name).joined(separator: ", ")) (default: what the folder's own "
          + "looks like).",
        valueName: "name"))
    var template: String?

    @Option(
      name: .customLong("prompt-variant"),
      help: ArgumentHelp(
        "How a prompt is arranged: \(PromptVariant.allCases.map(\.rawValue).joined(separator: ", ")).",
        valueName: "name"))
    var variant = PromptVariant.standard.rawValue

    @Option(
      help: ArgumentHelp(
        "How logits come about: ordinary, fmd (fork-merge decoding) or vcd (visual contrastive decoding).",
        valueName: "name"))
    var decoding = LanguageModelSettings.Method.ordinary.rawValue

    @Option(help: ArgumentHelp("Of fmd: layers that run twice (default: 5 of 28).", valueName: "number"))
    var fork: Int?

    @Option(help: ArgumentHelp("Of vcd: α, how much the contrast counts; 0 is ordinary.", valueName: "number"))
    var contrastStrength = 1.0

    @Option(
      help: ArgumentHelp(
        "Of vcd: what the picture is contrasted with: diffused, black or none.", valueName: "name"))
    var contrast = ContrastiveDecoding.Contrast.diffused.rawValue

    @Option(
      help: ArgumentHelp(
        "An image encoder's checkpoint (EfficientNet-Lite, ResNet) to put before a model that reads text only; its "
          + "projector has to be trained.", valueName: "folder"), completion: .directory)
    var tower: String?

    @Option(help: ArgumentHelp("With --tower: rows along each side that a picture becomes.", valueName: "number"))
    var towerGrid = 2

    @Option(
      help: ArgumentHelp(
        "A folder that keeps what the tower makes of pictures, so that further commands on the same model and pictures need not "
          + "(default: none).", valueName: "folder"), completion: .directory)
    var pictureCache: String?

    @Flag(help: "Keep weights as they are stored, such as bfloat16, instead of computing in float32: half the memory.")
    var storedPrecision = false

    func settings(_ folder: String, question: String?, seed: UInt64) throws -> LanguageModelSettings {
      var settings = LanguageModelSettings(folder: URL(filePath: folder))
      settings.template = template
      settings.question = question
      settings.variant = try chosen(variant, of: "--prompt-variant")
      settings.method = try chosen(decoding, of: "--decoding")
      settings.forkedLayers = fork
      settings.contrastStrength = contrastStrength
      settings.contrast = try chosen(contrast, of: "--contrast")
      settings.keepsStoredPrecision = storedPrecision
      settings.tower = tower.map { URL(filePath: $0) }
      settings.grid = towerGrid
      settings.pictureCache = pictureCache.map { URL(filePath: $0) }
      settings.seed = seed
      return settings
    }
  }

  /// A word that is one of several, of an option.
  static func chosen<Word: Records.SettingChoice>(_ word: String, of option: String) throws -> Word {
    guard let found = Word(rawValue: word) else {
      let allowed = Word.allCases.map(\.rawValue)
      throw Diagnosis(
        "\(option) is '\(word.escapedForTerminal.clipped(40))'",
        found: ["there are \(allowed.joined(separator: ", "))"],
        remedy: nearest(to: word, in: allowed).map { "did you mean '\($0)'?" }, exitStatus: .usage)
    }
    return found
  }

  /// What is shown: a picture, a text, or both.
  struct ShownOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A picture.", valueName: "file"))
    var image: String?

    @Option(help: ArgumentHelp("A text.", valueName: "text"))
    var text: String?

    func shown() throws -> OpenedLanguageModel.Shown {
      OpenedLanguageModel.Shown(
        picture: try image.map { try Experiment.picture(at: URL(filePath: $0)) }, key: image ?? "", text: text)
    }
  }
}

extension MllmCommand.ModelOptions {
  fileprivate func chosen<Word: Records.SettingChoice>(_ word: String, of option: String) throws -> Word {
    try MllmCommand.chosen(word, of: option)
  }
}

extension MllmCommand {
  struct Generate: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract: "Let a model write an answer about a picture, a text, or both.",
      discussion:
        "--text is what is asked. With --sample-text that is the sample's own text, shown behind the question as evaluate "
        + "shows it.")

    static let examples = [
      "seesaw mllm generate SmolLM2-135M-Instruct --text Hello --tokens 20",
      "seesaw mllm generate SmolVLM-256M-Instruct --image photo.jpg --text Describe --temperature 0.7 --seed 1",
    ]

    @Argument(help: ArgumentHelp("The model's folder.", valueName: "model"))
    var model: String

    @Option(help: ArgumentHelp("What is asked.", valueName: "text"))
    var text: String

    @Option(help: ArgumentHelp("A picture.", valueName: "file"))
    var image: String?

    @Option(help: ArgumentHelp("A sample's own text, behind the question.", valueName: "text"))
    var sampleText: String?

    @Option(help: ArgumentHelp("Tokens at most.", valueName: "number"))
    var tokens = 48

    @Option(help: ArgumentHelp("Draw tokens at this temperature (default: always the likeliest).", valueName: "number"))
    var temperature: Double?

    @Option(
      help: ArgumentHelp(
        "With --temperature: only the likeliest tokens that hold this much together.", valueName: "share")
    )
    var topP = 1.0

    @Option(help: ArgumentHelp("Keep the best of so many texts at a time.", valueName: "number"))
    var beams: Int?

    @Option(help: ArgumentHelp("The seed of all random draws.", valueName: "number"))
    var seed: UInt64 = 0

    @OptionGroup var options: ModelOptions

    @OptionGroup var adapter: AdapterOptions

    @Flag(help: "Print the answer and what it cost as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      guard tokens > 0 else { throw ValidationError("--tokens is \(tokens), must be at least 1.") }
      guard temperature == nil || beams == nil else { throw ValidationError("Name one: --temperature or --beams.") }
      if let temperature, !(temperature >= 0 && temperature.isFinite) {
        throw ValidationError("--temperature is \(temperature), must be at least 0.")
      }
      if let beams, !(1...64).contains(beams) { throw ValidationError("--beams is \(beams), must be of 1…64.") }
      guard topP > 0, topP <= 1 else { throw ValidationError("--top-p is \(topP), must be above 0 and at most 1.") }
    }

    func run() throws {
      let output = Output(talk)
      var generation = GenerationSettings()
      generation.maximumTokens = tokens
      generation.seed = seed
      if let temperature { generation.search = .sampling(temperature: temperature, topP: topP) }
      if let beams { generation.search = .beam(width: beams, lengthPenalty: 1) }
      let picture = try image.map { try Experiment.picture(at: URL(filePath: $0)) }
      let opened = try OpenedLanguageModel(
        adapter.add(to: options.settings(model, question: nil, seed: seed)), events: output.events)
      if picture != nil, !opened.model.seesPictures {
        throw LanguageModelError.seesNoPictures(family: opened.model.family, in: model)
      }
      let shown = OpenedLanguageModel.Shown(picture: picture, key: image ?? "", text: sampleText)
      let begun = ContinuousClock.now
      let answer = try opened.answer(to: text, shown, generation)
      let seconds = (ContinuousClock.now - begun) / .seconds(1)
      output.clear()
      guard json else { return try output.data(answer.text) }
      let tree: Tree = [
        "text": .string(answer.text), "tokens": .list(answer.tokens.tokens.map(Tree.int)),
        "hasEnded": .bool(answer.tokens.hasEnded), "logProbability": .number(answer.tokens.logProbability),
        "promptTokens": .int(answer.promptTokens), "seconds": .number(seconds),
        "prompt": .string(try opened.written(asked: text, shown)),
      ]
      try output.data(
        tree.json(
          .pretty, order: ["text", "hasEnded", "logProbability", "promptTokens", "seconds", "prompt", "tokens"]))
    }
  }
}
