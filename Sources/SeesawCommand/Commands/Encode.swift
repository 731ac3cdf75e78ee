import ArgumentParser
import Experiments
import Foundation
import Records

struct Encode: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Turn pictures and texts into features, impaired copies included.",
    discussion:
      "RAW is a folder with samples.csv or samples.jsonl (columns image, text, label, and if you like id and split). "
      + "A sample that cannot be used is left out and listed in quarantine.jsonl, unless --strict.")

  static let examples = [
    "seesaw encode my-photos --out my-data",
    "seesaw encode reviews/samples.jsonl --out my-data --metric macro-f1 --strict",
  ]

  @Argument(help: "A folder of raw samples, or the file of samples in it.")
  var raw: String

  @Option(help: ArgumentHelp("The folder of the feature set.", valueName: "folder"))
  var out: String

  @Option(name: .customLong("image"), help: ArgumentHelp("The encoder of pictures.", valueName: "encoder"))
  var imageEncoder: String?

  @Option(name: .customLong("text"), help: ArgumentHelp("The encoder of texts.", valueName: "encoder"))
  var textEncoder: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("A setting of the encoding, such as noise.image=0.3; may be repeated.", valueName: "key=value"))
  var settings: [String] = []

  @Flag(help: "Refuse the data where a sample cannot be used.")
  var strict = false

  @Flag(help: "Take pictures also where a symbolic link leads out of the folder.")
  var followLinks = false

  @Option(help: ArgumentHelp("accuracy, auroc, macro-f1 or weighted-f1.", valueName: "metric"))
  var metric: String?

  @Option(help: ArgumentHelp("What to call the data set (default: the name of the folder).", valueName: "name"))
  var name: String?

  @Flag(help: "Encode anew although the same is there.")
  var again = false

  @Flag(help: "Print what was made as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    var request = EncodeRequest(raw: URL(filePath: raw), out: URL(filePath: out))
    request.imageEncoder = imageEncoder
    request.textEncoder = textEncoder
    request.settings = settings
    request.strict = strict
    request.followLinks = followLinks
    request.metric = metric
    request.name = name
    request.again = again
    let summary: EncodeSummary
    do {
      summary = try Experiment.encode(request, stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(out)
    }
    if json { try output.json(summary, order: EncodeTalk.keyOrder) }
    EncodeTalk.tell(summary, output)
  }
}

/// What `encode`, `import` and `demo` say of what they made.
enum EncodeTalk {
  static let keyOrder = ["folder", "alreadyDone", "counts", "train", "validation", "test", "widths", "conditions"]

  static func tell(_ summary: EncodeSummary, _ output: Output) {
    for note in summary.notes { output.note(note) }
    // The work itself says so when it is done now.
    if summary.alreadyDone, let words = Words.quarantined(summary) { output.note(words) }
    output.say("Features", Words.contents(summary))
    output.say("Done", Words.made(summary))
  }
}
