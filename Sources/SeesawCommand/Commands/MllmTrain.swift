import ArgumentParser
import Experiments
import Foundation
import LanguageModels
import Records
import Reports

extension MllmCommand {
  struct Train: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract: "Train an adapter (LoRA or MokA) to answer with the class of pictures with texts.",
      discussion: """
        The model's weights stay as they are. What is learnt lies in --out as PEFT keeps adapters; evaluate, generate and \
        attend take it with --adapter. The epoch that does best on the validation split is kept. Ctrl-C and SIGTERM leave a \
        checkpoint, and the same command goes on from it.
        """)

    static let examples = [
      "seesaw mllm train SmolVLM-256M-Instruct Data/emoji --out runs/emoji-moka --adapter moka --image-dropout 0.25",
      "seesaw mllm train .weights/SmolLM2-135M-Instruct Data/emoji --out runs/smollm2 --tower .weights/efficientnet-lite0",
    ]

    @Argument(help: ArgumentHelp("The model's folder.", valueName: "model"))
    var model: String

    @Argument(
      help: ArgumentHelp(
        "Raw samples with a training split: a folder or a table, as check reads them.", valueName: "data"))
    var data: String

    @Option(help: ArgumentHelp("The folder of the adapter, its record and its checkpoint.", valueName: "folder"))
    var out: String

    @Option(
      help: ArgumentHelp("lora, or moka (a matrix for each modality, and attention between them).", valueName: "kind"))
    var adapter = AdapterSettings.Kind.lora.rawValue

    @Option(help: ArgumentHelp("r, the width between an adapter's matrices.", valueName: "number"))
    var rank = 4

    @Option(help: ArgumentHelp("α; what an adapter adds is multiplied by α/r.", valueName: "number"))
    var alpha = 16.0

    @Option(help: ArgumentHelp("The share of an adapter's inputs that are zero in training.", valueName: "share"))
    var dropout = 0.05

    @Option(
      name: .customLong("lambda"), help: ArgumentHelp("Of moka: λ, how much its attention counts.", valueName: "number")
    )
    var attention = 1.0

    @Option(help: ArgumentHelp("Of moka: the text tokens that are looked at, question or text.", valueName: "tokens"))
    var keys = AdapterSettings.Keys.question.rawValue

    @Option(
      name: .customLong("scale"),
      help: ArgumentHelp("Of moka: whether α/r is multiplied after its attention, or before.", valueName: "where"))
    var scaling = AdapterSettings.Scale.after.rawValue

    @Flag(help: "Leave the maps between tower and decoder as they are (default: they are trained in full).")
    var frozenProjector = false

    @Option(
      help: ArgumentHelp(
        "token (−log p of the right label's tokens) or class (−log softmax over the labels).", valueName: "form"))
    var loss = LabelLoss.token.rawValue

    @Option(help: ArgumentHelp("The share of training prompts whose picture is black.", valueName: "share"))
    var imageDropout = 0.0

    @Option(help: ArgumentHelp("The share of training prompts without the sample's text.", valueName: "share"))
    var textDropout = 0.0

    @Flag(help: "Show each sample three times a step: whole, with a black picture, without its text.")
    var subsets = false

    @Option(help: ArgumentHelp("Of AdamW.", valueName: "number"))
    var learningRate = 1e-4

    @Option(
      help: ArgumentHelp(
        "The share of steps over which the learning rate rises; then it falls as a cosine.",
        valueName: "share"))
    var warmup = 0.03

    @Option(help: ArgumentHelp("Of AdamW.", valueName: "number"))
    var weightDecay = 0.0

    @Option(help: ArgumentHelp("How often each sample is shown.", valueName: "number"))
    var epochs = 3

    @Option(help: ArgumentHelp("Samples a step.", valueName: "number"))
    var batchSize = 16

    @Option(
      help: ArgumentHelp(
        "Take the decoder's first so many layers alone as the model (default: all).", valueName: "number"))
    var layers: Int?

    @Option(help: ArgumentHelp("Training samples at most, drawn by the seed (default: all).", valueName: "number"))
    var samples = 0

    @Option(help: ArgumentHelp("Validation samples at most, drawn by the seed (default: all).", valueName: "number"))
    var validationSamples = 0

    @Option(
      help: ArgumentHelp(
        "What an epoch is chosen by: full, or standing (the mean over full, black pictures and no texts).",
        valueName: "form"))
    var select = FineTuningSettings.Selection.full.rawValue

    @Option(
      help: ArgumentHelp(
        "What is asked, with {classes} for the classes (default: which of these groups it belongs to).",
        valueName: "text"))
    var question: String?

    @Option(help: ArgumentHelp("The seed of first weights, order and dropout.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(
      help: ArgumentHelp(
        "Threads of an operation (default: libtorch's); bits may differ between counts.",
        valueName: "number"))
    var threads: Int?

    @OptionGroup var options: ModelOptions

    @OptionGroup var layout: LayoutOptions

    @Flag(help: "Take pictures also where a symbolic link leads out of the folder.")
    var followLinks = false

    @Flag(help: "Train anew although the same training is finished, or the folder holds another.")
    var again = false

    @OptionGroup var lock: LockOptions

    @Flag(help: "Print the record as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      if let threads, threads < 1 { throw ValidationError("--threads is \(threads), must be at least 1.") }
    }

    func run() throws {
      let output = Output(talk)
      let target = URL(filePath: out)
      let record: FineTuningRecord
      do {
        record = try Experiment.fineTune(request(target), stop: Interruption.flag(), events: output.events)
      } catch is CancellationError {
        output.clear()
        throw Comparison.interrupted(target.relativePath)
      }
      output.clear()
      if json { try output.data(record.json()) } else { try output.answer(Self.text(record, in: target)) }
      output.say("Done", Words.made([target.relativePath], seconds: record.seconds))
    }

    private func request(_ target: URL) throws -> FineTuningRequest {
      var settings = try options.settings(model, question: question, seed: seed)
      settings.layers = layers
      var request = FineTuningRequest(model: settings, data: URL(filePath: data), out: target)
      var training = FineTuningSettings()
      training.adapter.kind = try MllmCommand.chosen(adapter, of: "--adapter")
      (training.adapter.rank, training.adapter.alpha, training.adapter.dropout) = (rank, alpha, dropout)
      training.adapter.lambda = attention
      training.adapter.keys = try MllmCommand.chosen(keys, of: "--keys")
      training.adapter.scale = try MllmCommand.chosen(scaling, of: "--scale")
      training.adapter.trainsProjector = !frozenProjector
      training.loss = try MllmCommand.chosen(loss, of: "--loss")
      (training.imageDropout, training.textDropout, training.subsets) = (imageDropout, textDropout, subsets)
      (training.learningRate, training.warmup, training.weightDecay) = (learningRate, warmup, weightDecay)
      (training.epochs, training.batchSize, training.seed) = (epochs, batchSize, seed)
      (training.samples, training.validationSamples) = (samples, validationSamples)
      training.selection = try MllmCommand.chosen(select, of: "--select")
      request.settings = training
      (request.layout, request.variant) = (layout.layout, layout.variant)
      (request.followLinks, request.again, request.wait) = (followLinks, again, lock.wait)
      request.threads = threads
      return request
    }

    static func text(_ record: FineTuningRecord, in folder: URL) -> String {
      var lines = [
        "\(record.model) on \(record.data): \(Words.plural(record.trainSamples, "training sample")), "
          + "\(record.classes.count) classes"
      ]
      if let epoch = record.selectedEpoch, let score = record.validationScore {
        lines.append(
          "Epoch \(epoch + 1) is kept: \(Words.percent(score)) % of "
            + "\(Words.plural(record.validationSamples, "validation sample")).")
      } else {
        lines.append("There is no validation split: the last epoch is kept.")
      }
      lines += record.notes.map { "note: \($0)" }
      let place = folder.relativePath.shellQuoted
      lines.append("Next:  seesaw mllm evaluate MODEL DATA --adapter \(place) --reliance")
      return lines.joined(separator: "\n")
    }
  }

  struct Merge: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract: "Write a model with its LoRA adapter as one plain checkpoint folder.",
      discussion: """
        W₀ + (α/r) B A takes the place of each adapted weight, rounded to the type it is stored in. The folder is one that \
        transformers, vLLM and 'seesaw mllm' read without an adapter. MokA is no single matrix and cannot be merged.
        """)

    static let examples = [
      "seesaw mllm merge SmolVLM-256M-Instruct runs/emoji-lora --out SmolVLM-emoji",
      "seesaw mllm merge SmolVLM-256M-Instruct runs/emoji-lora --out SmolVLM-emoji --float32",
    ]

    @Argument(help: ArgumentHelp("The model's folder.", valueName: "model"))
    var model: String

    @Argument(help: ArgumentHelp("The adapter's folder.", valueName: "adapter"))
    var adapter: String

    @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"))
    var out: String

    @Flag(help: "Write merged weights in float32 instead of the type they are stored in.")
    var float32 = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let target = URL(filePath: out)
      let begun = ContinuousClock.now
      let changed = try Experiment.merge(
        model: URL(filePath: model), adapter: URL(filePath: adapter), to: target, keepsType: !float32)
      output.clear()
      output.say(
        "Done",
        "\(Words.plural(changed, "weight")) changed · "
          + Words.made([target.relativePath], seconds: (ContinuousClock.now - begun) / .seconds(1)))
    }
  }
}
