import ArgumentParser
import Experiments
import Foundation
import Records

struct Gradients: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract:
      "Compute one step of a method in parts: losses, weights, cosine, and the direction handed to the optimizer.",
    discussion: "Weights and batch are safetensors files; nothing is changed. With it a step can be held against "
      + "another framework's.")

  static let examples = [
    "seesaw gradients --weights runs/first/weights.safetensors --batch batch.safetensors --method balgrad",
    "seesaw gradients --weights W.safetensors --batch B.safetensors --progress 0.25 --out G.safetensors --json",
  ]

  @Option(help: ArgumentHelp("The weights, under the names that runs use.", valueName: "file"))
  var weights: String

  @Option(help: ArgumentHelp("Features by modality, and labels.", valueName: "file"))
  var batch: String

  @Option(
    help: ArgumentHelp(
      "What the method remembers, such as teachers: the method.safetensors of a run, or a file like it.",
      valueName: "file"))
  var state: String?

  @Option(
    help: ArgumentHelp("The method; 'seesaw methods' lists them.", valueName: "name"),
    completion: .method)
  var method = RunConfiguration().methodName

  @OptionGroup var configuration: ConfigurationOptions

  @Option(help: ArgumentHelp("How far training has come, t/(T − 1), from 0 to 1.", valueName: "fraction"))
  var progress = 0.0

  @Option(help: ArgumentHelp("T, the steps of the training.", valueName: "number"))
  var steps = 1000

  @Option(
    help: ArgumentHelp(
      "The modalities in the fusion's order (default: as the weights' header has them).", valueName: "a,b"))
  var modalities: String?

  @Option(
    help: ArgumentHelp("single-label, multi-label, binary or regression (labels [B], standardized).", valueName: "task")
  )
  var task = "single-label"

  @Option(help: ArgumentHelp("float64 or float32.", valueName: "type"))
  var precision = "float64"

  @Option(help: ArgumentHelp("The seed of the method's noise.", valueName: "number"))
  var seed = 0

  @Option(help: ArgumentHelp("A safetensors file for the direction and its parts.", valueName: "file"))
  var out: String?

  @Flag(help: "Print every scalar of the step as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    var request = GradientRequest(weights: URL(filePath: weights), batch: URL(filePath: batch))
    request.state = state.map { URL(filePath: $0) }
    request.method = method
    request.settings = configuration.settings
    request.files = configuration.urls
    request.progress = progress
    request.steps = steps
    request.modalities = modalities.map(Listed.words) ?? []
    request.task = task
    request.precision = precision
    request.seed = seed
    request.out = out.map { URL(filePath: $0) }
    let report = try Experiment.gradients(request)
    if json {
      try output.json(report, order: ["method", "modalities", "progress", "losses", "scalars", "updateNorms", "out"])
    } else {
      try output.data(Self.text(report))
    }
    if let out = report.out { output.say("Done", out) }
  }

  static func text(_ report: GradientReport) -> String {
    let tables = [("loss", report.losses), ("scalar", report.scalars), ("norm of the update", report.updateNorms)]
    let blocks = tables.filter { !$0.1.isEmpty }.map { title, values in
      let rows = values.sorted { $0.key < $1.key }.map { [$0.key, Words.figure($0.value)] }
      return Columns.text([[title, ""]] + rows.map { ["  " + $0[0], $0[1]] })
    }
    let head = "\(report.method) at progress \(Words.figure(report.progress)) over \(Words.list(report.modalities))"
    return ([head] + blocks).joined(separator: "\n\n")
  }
}
