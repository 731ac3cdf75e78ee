import ArgumentParser
import Experiments
import Foundation
import LanguageModels
import Records
import Reports

extension MllmCommand {
  struct Evaluate: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract:
        "Evaluate a model as a classifier of pictures with texts, with each of them missing, noisy or another's.",
      discussion: """
        Each sample's class is the one whose label the model finds likeliest behind the prompt. The test split is asked (all \
        rows where no column says a split), everything that was answered is kept in --out, and the same command goes on. The \
        folder then holds results.json and all that 'seesaw audit' writes: table.safetensors, audit.json, report/index.html.
        """)

    static let examples = [
      "seesaw mllm evaluate SmolVLM-256M-Instruct Data/emoji --out runs/smolvlm --samples 50",
      "seesaw mllm evaluate SmolVLM-256M-Instruct Data/emoji --adapter runs/emoji-lora --reliance",
    ]

    @Argument(help: ArgumentHelp("The model's folder.", valueName: "model"))
    var model: String

    @Argument(help: ArgumentHelp("Raw samples: a folder or a table, as check and audit read them.", valueName: "data"))
    var data: String

    @Option(
      help: ArgumentHelp(
        "The folder of results, table and report (default: runs/mllm-<model>-<data>).", valueName: "folder")
    )
    var out: String?

    @Option(
      help: ArgumentHelp(
        "What is asked, with {classes} for the classes (default: which of these groups it belongs to).",
        valueName: "text"))
    var question: String?

    @Option(
      help: ArgumentHelp(
        "How a label's likelihood is scored: \(LabelScore.allCases.map(\.rawValue).joined(separator: ", ")) (default: the "
          + "best on validation samples, else pmi, with an adapter sum).",
        valueName: "form"))
    var score: String?

    @Option(help: ArgumentHelp("likelihood, constrained (only labels are written) or free.", valueName: "form"))
    var answer = LanguageModelEvaluationRequest.Answer.likelihood.rawValue

    @Option(
      help: ArgumentHelp("Validation samples that the form of scores is chosen by, at most.", valueName: "number"))
    var validationSamples = 100

    @Option(
      name: [.customLong("samples"), .customLong("limit")],
      help: ArgumentHelp("How many samples at most, drawn by the seed (default: all).", valueName: "number"))
    var samples = 0

    @Option(help: ArgumentHelp("train, validation or test.", valueName: "split"))
    var split = "test"

    @Option(
      help: ArgumentHelp("Permutations of each modality; half as many again keep the class.", valueName: "number"))
    var swaps = 1

    @Option(
      help: ArgumentHelp("Rows whose image is paired with each other's text; 0 leaves that out.", valueName: "number"))
    var grid = 0

    @Option(
      help: ArgumentHelp("Telling samples at most of which words and patches are left out.", valueName: "number"))
    var parts = 0

    @Flag(help: "Also hide picture and text by attention masks: Shapley values by mask, three more prompts a sample.")
    var hide = false

    @Option(help: ArgumentHelp("All classes of the model, in its order (default: the data's).", valueName: "a,b"))
    var classes: String?

    @OptionGroup var options: ModelOptions

    @OptionGroup var adapter: AdapterOptions

    @Flag(
      help:
        "Also use the adapter for image tokens alone, for text tokens alone, and for none: three more prompts a sample."
    )
    var reliance = false

    @OptionGroup var layout: LayoutOptions

    @Flag(help: "Take pictures also where a symbolic link leads out of the folder.")
    var followLinks = false

    @Flag(help: "Ask again what was answered before.")
    var again = false

    @Option(help: ArgumentHelp("The seed of all random draws.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Bootstrap replicates behind every interval.", valueName: "number"))
    var replicates: Int?

    @OptionGroup var lock: LockOptions

    @Flag(help: "Print the results as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      if let replicates, replicates < 2 {
        throw ValidationError("--replicates is \(replicates); at least 2 are needed.")
      }
      guard validationSamples >= 0 else {
        throw ValidationError("--validation-samples is \(validationSamples), must be at least 0.")
      }
    }

    func run() throws {
      let output = Output(talk)
      let begun = ContinuousClock.now
      let subject = URL(filePath: data)
      let name = "\(Place.name(of: URL(filePath: model)))-\(AuditCommand.name(of: subject))"
      let target = URL(filePath: out ?? "runs/mllm-\(name)")
      let summary: LanguageModelSummary
      do {
        summary = try Experiment.evaluateLanguageModel(
          request(subject, target), stop: Interruption.flag(), events: output.events)
      } catch is CancellationError {
        output.clear()
        throw Comparison.interrupted(target.relativePath)
      }
      let audit = AuditText(summary.audit.record)
      try summary.audit.record.write(to: target)
      try summary.record.write(to: target)
      output.clear()
      if json {
        try output.data(summary.record.json())
      } else {
        let width = output.surroundings.width
        try output.answer(MllmText.text(summary.record, width: width) + "\n\n" + audit.text(width: width))
      }
      let page = try ReportPage.write(
        ReportContents(
          audit: summary.audit.record, name: name,
          evidence: try Experiment.evidence(of: summary.audit, named: name),
          command: AuditCommand.command(CommandLine.arguments)),
        to: target.appending(path: "report"), markdown: audit.markdown)
      if !page.hasPlotly { output.note(ReportPage.stillness) }
      output.say(
        "Done",
        Words.made(
          [
            target.appending(path: LanguageModelRecord.fileName), target.appending(path: AuditRecord.fileName),
            page.page,
          ].map(\.relativePath), seconds: (ContinuousClock.now - begun) / .seconds(1)))
    }

    private func request(_ subject: URL, _ target: URL) throws -> LanguageModelEvaluationRequest {
      var audit = AuditRequest(subject: subject, out: target)
      audit.samples = samples
      audit.split = split
      audit.swaps = swaps
      audit.grid = grid
      audit.parts = parts
      audit.classes = classes.map(Listed.words) ?? []
      audit.layout = layout.layout
      audit.variant = layout.variant
      audit.followLinks = followLinks
      audit.again = again
      audit.seed = seed
      audit.replicates = replicates
      audit.wait = lock.wait
      var request = LanguageModelEvaluationRequest(
        model: adapter.add(to: try options.settings(model, question: question, seed: seed)), audit: audit)
      request.answer = try MllmCommand.chosen(answer, of: "--answer")
      request.score = try score.map { try MllmCommand.chosen($0, of: "--score") }
      request.validationSamples = validationSamples
      request.hides = hide
      request.measuresReliance = reliance
      return request
    }
  }
}

/// What an evaluation of a language model found, for a terminal.
enum MllmText {
  static func text(_ record: LanguageModelRecord, width: Int) -> String {
    func interval(_ estimate: Estimate, _ figure: (Double) -> String) -> String {
      estimate.interval95.map { "\(figure($0.low)) to \(figure($0.high))" } ?? ""
    }
    let rows = record.rows.map { row in
      [
        row.title, Words.percent(row.accuracy.value), interval(row.accuracy, Words.percent),
        "\(Words.percent(row.largestShare)) \(clipped(row.largestClass))",
      ]
    }
    let heading =
      "\(record.model.folder) on \(record.data): \(Words.plural(record.samples, "sample")), "
      + "\(record.classes.count) classes, answers by '\(record.scoring.form)'"
    var lines =
      AuditChangeText.wrapped(heading, width: width) + [
        "",
        Columns.text(
          [["condition", "accuracy %", "95 % interval", "most predicted class"]] + rows, right: [1], indent: 2),
      ]
    if let average = record.averageMissing, let gap = record.gapMissing {
      lines += ["", "  Avg. missing \(Words.percent(average)), gap \(Words.percent(gap))"]
    }
    if !record.shapley.isEmpty {
      let table = record.shapley.flatMap { value -> [[String]] in
        value.likelihood.sorted { $0.key < $1.key }.map { name, estimate in
          let points = value.accuracy[name] ?? Estimate(.nan)
          return [
            "\(name), by \(value.ablation)", Words.percent(points.value), interval(points, Words.percent),
            Words.fixed(estimate.value, 3), interval(estimate) { Words.fixed($0, 3) },
          ]
        }
      }
      lines += [
        "",
        Columns.text(
          [["Shapley value", "points", "95 % interval", "log p", "95 % interval"]] + table, right: [1, 3], indent: 2),
      ]
    }
    if let conflict = record.conflict {
      let words =
        "Of \(conflict.pairs) pairs of one class's picture and another's text, each right alone, "
        + "\(Words.percent(conflict.textShare.value)) % get the text's class."
      lines += [""] + AuditChangeText.wrapped(words, width: width)
    }
    if let seconds = record.cost.seconds { lines += ["", "  \(Words.fixed(seconds, 2)) seconds a prompt"] }
    lines += record.notes.flatMap { AuditChangeText.wrapped("note: \($0)", width: width) }
    return lines.joined(separator: "\n")
  }

  private static func clipped(_ name: String) -> String { name.count > 14 ? name.prefix(13) + "…" : name }
}
