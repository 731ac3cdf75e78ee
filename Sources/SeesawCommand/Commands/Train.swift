import ArgumentParser
import Experiments
import Foundation
import Records

struct Train: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Train one model with one method and one seed, and evaluate it.",
    discussion: "Ctrl-C leaves a checkpoint that --resume goes on from. A run that is finished is not done twice. "
      + "Encoders are trained with the model by --set model.encoders.image=small-cnn (resnet-18, vit-tiny, vit-small, or a "
      + "checkpoint's folder); training.frozen and optimizer.learning_rates say what of them moves, and how fast. Started several "
      + "times by torchrun, srun or mpirun, all processes train one model and share each batch: training.batch_size is that of all "
      + "together.")

  static let examples = [
    "seesaw train my-data --method balgrad --seed 1 --out runs/first",
    "seesaw train my-data --method joint --set training.epochs=10 --set optimizer.learning_rate=3e-4",
  ]

  @Argument(
    help: "The folder of a feature set; may be left out where a configuration names it.", completion: .directory)
  var data: String?

  @Option(
    help: ArgumentHelp(
      "The method (default: fulcrum, with one modality joint); 'seesaw methods' lists them.", valueName: "name"),
    completion: .method)
  var method: String?

  @Option(help: ArgumentHelp("The seed of initial weights, order and noise (default: 0).", valueName: "number"))
  var seed: Int?

  @Option(help: ArgumentHelp("The folder of the run (default: below runs/).", valueName: "folder"))
  var out: String?

  @OptionGroup var configuration: ConfigurationOptions

  @OptionGroup var lock: LockOptions

  @Flag(help: "Go on from the checkpoint of an interrupted run in --out.")
  var resume = false

  @Flag(help: "Train anew although the same run is finished.")
  var again = false

  @Flag(help: "Train in this process alone, although torchrun, srun or mpirun has started several.")
  var alone = false

  @Flag(help: "Also write TensorBoard's event file into the run's folder.")
  var tensorboard = false

  @Option(
    help: ArgumentHelp(
      "Also write the run into a folder as MLflow keeps runs (mlflow ui --backend-store-uri FOLDER).",
      valueName: "folder"))
  var mlflow: String?

  @Flag(help: "Print the evaluation as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    if resume, out == nil { throw ValidationError("--resume needs --out, the folder of the interrupted run.") }
    if resume, again { throw ValidationError("--resume goes on and --again begins anew; one of them is meant.") }
    var request = TrainRequest()
    request.data = try data.map(Place.features)
    request.method = method
    request.seed = seed
    request.out = out.map { URL(filePath: $0) }
    request.files = configuration.urls
    request.settings = configuration.settings
    request.resume = resume
    request.again = again
    request.wait = lock.wait
    request.tensorboard = tensorboard
    request.mlflow = mlflow.map { URL(filePath: $0) }
    if !alone { request.process = try LaunchedProcess(environment: ProcessInfo.processInfo.environment) }
    switch try Experiment.train(request, stop: Interruption.flag(), events: output.events) {
    case .finished(let summary):
      try show(summary, output)
      output.say("Done", Words.made([summary.folder.relativePath], seconds: summary.record.seconds))
    case .alreadyDone(let summary):
      try show(summary, output)
      output.say("Done", Self.alreadyDone(summary.folder.relativePath))
    case .interrupted(let folder):
      output.clear()
      throw Self.interrupted(folder.relativePath)
    case .followed(let status):
      if status != .done { throw ExitCode(status.rawValue) }
    }
  }

  private func show(_ summary: RunSummary, _ output: Output) throws {
    guard json else { return try output.answer(ScoreTable.text(summary.evaluation)) }
    try output.json(TrainAnswer(summary), order: TrainAnswer.keyOrder)
  }

  static func alreadyDone(_ folder: String) -> String { "already done: \(folder), --again to repeat" }

  static func interrupted(_ folder: String) -> Diagnosis {
    Diagnosis(
      "stopped before the end; a checkpoint is kept", place: folder,
      remedy: "seesaw train --resume --out \(folder.shellQuoted)  goes on from it", exitStatus: .interrupted)
  }
}

/// What `train --json` prints.
struct TrainAnswer: Codable, Equatable {
  var folder: String
  var status: RunStatus
  var seconds: Double?
  var selectedEpoch: Int?
  var evaluation: EvaluationTable
  var notes: [String]

  static let keyOrder = [
    "folder", "status", "seconds", "selectedEpoch", "evaluation", "dataset", "metric", "split", "samples", "modalities",
    "conditions", "scores", "full",
  ]

  init(_ summary: RunSummary) {
    folder = summary.folder.relativePath
    status = summary.record.status
    seconds = summary.record.seconds
    selectedEpoch = summary.record.selectedEpoch
    evaluation = summary.evaluation
    notes = summary.record.notes
  }
}
