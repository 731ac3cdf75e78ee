import ArgumentParser
import Experiments
import Foundation
import Records

struct Import: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Make a feature set of features that were computed elsewhere.",
    discussion: """
      From one .npz, .safetensors or HDF5 file with everything in it, or from .npy or .csv files, one an array. Of one file \
      every array is a modality that can be: ids, index, mask, length and the like are left out with a note, and --modalities \
      chooses. Arrays that are named by split (X_train, X_test, y_train, train/vision) are put together. A row that cannot be used \
      is left out and listed in quarantine.jsonl; --strict refuses instead. Numbers to predict: --labels stars --task regression.
      """)

  static let examples = [
    "seesaw import clip.npz --modalities image=img_emb,text=txt_emb --labels y --out my-data",
    "seesaw import --image image.npy --text text.csv --labels labels.csv --pooling max --out my-data",
  ]

  @Argument(help: "A .npz, .safetensors or HDF5 file (.h5, .hdf5).")
  var file: String?

  @Option(
    help: ArgumentHelp("The features of the pictures, or their bytes [N, 3, height, width].", valueName: "file.npy"))
  var image: String?

  @Option(help: ArgumentHelp("The features of the texts.", valueName: "file.npy"))
  var text: String?

  @Option(help: ArgumentHelp("The features of any other modality; may be repeated.", valueName: "name=file.npy"))
  var array: [String] = []

  @Option(
    help: ArgumentHelp("The labels: an array's name in FILE (default: labels), or a .npy file.", valueName: "name"))
  var labels: String?

  @Option(
    help: ArgumentHelp("Which split each row belongs to: an array's name in FILE, or a .npy file.", valueName: "name"))
  var split: String?

  @Option(
    help: ArgumentHelp(
      "The names of the samples: an array's name in FILE, or a file (default: ids).", valueName: "name"))
  var ids: String?

  @Option(
    help: ArgumentHelp(
      "Whom each sample belongs to, so that a drawn split keeps them together: an array's name in FILE, or a file "
        + "(default: group).", valueName: "name"))
  var group: String?

  @Option(help: ArgumentHelp("How a sequence of rows [N, T, D] becomes one: mean, last or max.", valueName: "pooling"))
  var pooling: Pooled?

  @Option(help: ArgumentHelp("The modalities in order, each with its array's name.", valueName: "a,b|a=array"))
  var modalities: String?

  @Option(help: ArgumentHelp("The names of the classes, in order of the labels.", valueName: "a,b"))
  var classes: String?

  @Option(
    help: ArgumentHelp(
      "single-label, multi-label, binary or regression (labels are numbers to predict).", valueName: "task"))
  var task: String?

  @Option(help: ArgumentHelp("accuracy, auroc, macro-f1 or weighted-f1; of a regression r2.", valueName: "metric"))
  var metric: String?

  @Option(help: ArgumentHelp("What to call the data set.", valueName: "name"))
  var name: String?

  @Option(help: ArgumentHelp("The seed of the split, where one has to be drawn.", valueName: "number"))
  var seed = 0

  @Flag(help: "Give every column mean 0 and standard deviation 1 over the training split.")
  var standardize = false

  @Flag(help: "Make an error of any row that cannot be used.")
  var strict = false

  @Flag(help: "Go on where more than 5 % of the rows, a class or a modality is left out.")
  var allowLoss = false

  @Flag(help: "Replace another import in the folder.")
  var again = false

  @Option(help: ArgumentHelp("The folder of the feature set.", valueName: "folder"))
  var out: String

  @OptionGroup var lock: LockOptions

  @Flag(help: "Print what was made as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    let summary: EncodeSummary
    do {
      summary = try Experiment.importFeatures(request(), stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(out)
    }
    if json { try output.json(summary, order: EncodeTalk.keyOrder) }
    EncodeTalk.tell(summary, output)
  }

  /// What is asked for.
  func request() throws -> ImportRequest {
    var request = ImportRequest(out: URL(filePath: out))
    request.modalities = try modalities.map(Listed.modalities) ?? []
    request.classes = classes.map(Listed.words) ?? []
    request.task = task
    request.metric = metric
    request.name = name
    request.seed = seed
    request.standardize = standardize
    request.pooling = pooling.flatMap { ImportPooling(rawValue: $0.rawValue) }
    request.strict = strict
    request.allowLoss = allowLoss
    request.again = again
    request.wait = lock.wait
    let features = try parts()
    if let file {
      guard features.isEmpty else {
        throw Diagnosis(
          "both one file with everything and files of single arrays are named", remedy: "name one or the other",
          exitStatus: .usage)
      }
      request.file = URL(filePath: file)
      if let labels { request.labels = labels }
      request.split = split
      request.ids = ids
      request.groups = group
      return request
    }
    guard !features.isEmpty else {
      throw Diagnosis(
        "there is nothing to import", remedy: "name a .npz, .safetensors or HDF5 file, or --image, --text and --labels",
        exitStatus: .usage)
    }
    guard let labels else {
      throw Diagnosis("there are no labels", remedy: "name their file with --labels", exitStatus: .usage)
    }
    request.parts = Dictionary(features.map { ($0.name, $0.file) }, uniquingKeysWith: { $1 })
    request.parts["labels"] = URL(filePath: labels)
    if let split {
      request.parts["split"] = URL(filePath: split)
      request.split = "split"
    }
    for (role, path, keyPath) in [("ids", ids, \ImportRequest.ids), ("group", group, \ImportRequest.groups)] {
      guard let path else { continue }
      request.parts[role] = URL(filePath: path)
      request[keyPath: keyPath] = role
    }
    if request.modalities.isEmpty { request.modalities = features.map { ($0.name, $0.name) } }
    return request
  }

  /// The poolings, as they are typed.
  enum Pooled: String, ExpressibleByArgument, CaseIterable { case mean, last, max }

  private func parts() throws -> [(name: String, file: URL)] {
    var parts: [(name: String, file: URL)] = []
    if let image { parts.append(("image", URL(filePath: image))) }
    if let text { parts.append(("text", URL(filePath: text))) }
    for word in array {
      let (name, file) = try Listed.array(word)
      guard !parts.contains(where: { $0.name == name }), !["labels", "split", "ids", "group"].contains(name)
      else {
        throw Diagnosis("'\(name)' cannot be the name of one more modality", place: "--array", exitStatus: .usage)
      }
      parts.append((name, file))
    }
    return parts
  }
}
