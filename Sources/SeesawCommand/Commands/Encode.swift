import ArgumentParser
import Encoders
import Evaluation
import Experiments
import Foundation
import Multimodal
import Records

struct Encode: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Turn pictures, texts and sounds into features, impaired copies included.",
    discussion:
      "RAW is a folder with a table of samples (.csv, .tsv, .jsonl, .json: columns image, text or audio, and label, and if "
      + "you like id, split and group; usual other names are taken, and --columns names any), or the table itself, or a "
      + "published data set as it comes ('seesaw datasets' lists them). "
      + "Several labels are a list, or separated by | (--label-separator). "
      + "Numbers to predict: --columns label=price --task regression. "
      + "A sample that cannot be used is left out and listed in quarantine.jsonl, unless --strict; where more than 5 % of "
      + "the rows, a class or a modality would be lost, that is a failure, unless --allow-loss. "
      + "Where no encoder is named, the pretrained ones that 'make weights' fetched are taken, else those that come with "
      + "Seesaw. An encoder is a name or a checkpoint folder of the Hugging Face kind; 'seesaw encoders' lists what is read. "
      + "torchscript:FILE is any other network, saved by torch.jit.save with its processor or tokenizer beside it: a program, "
      + "which runs as you. mllm:FOLDER is a vision-language model that says in one word what it is shown (E5-V): the last hidden "
      + "state behind that prompt, for pictures and texts alike. "
      + "Each input is encoded once: rows are kept in a cache, and an interrupted call goes on with the same command. "
      + "The training and validation splits are encoded noisy as well, for methods that train on such views: --views none "
      + "does without. --impairments adds conditions to try models under. "
      + "pixels:64, pixels:FOLDER and tokens:FOLDER keep pictures and texts for encoders that are trained with the model."
      + "\n\nIMPAIRMENTS\n" + impairmentWords
  )

  /// What --impairments takes, by what it is done to.
  static let impairmentWords =
    [RawInput.Kind.image, .text, .audio].map { kind in
      let all = NamedImpairment.all.filter { $0.kind == kind }.map {
        "\($0.name)=\(NamedImpairment.words($0.usual)) (\($0.strengthWords))"
      }
      return "\(kind.rawValue): \(all.joined(separator: ", "))"
    }.joined(separator: "\n") + "\nany: swapped (that of another sample), which needs no encoding and is always there"

  static let examples = [
    "seesaw encode my-photos --out my-data --text-encoder all-MiniLM-L6-v2 --image-encoder vit-base-patch16-224",
    "seesaw encode shop.csv --out shop --columns text=Title+Body,label=Category,image=Photo --encoding windows-1252",
  ]

  @Argument(help: "A folder of raw samples, or the file of samples in it.", completion: .file())
  var raw: String

  @Option(help: ArgumentHelp("The folder of the feature set.", valueName: "folder"))
  var out: String

  @Option(
    name: [.customLong("image-encoder"), .customLong("image")],
    help: ArgumentHelp(
      "The encoder of pictures: a name, a checkpoint folder, mllm:FOLDER, or torchscript:FILE.", valueName: "encoder"))
  var imageEncoder: String?

  @Option(
    name: [.customLong("text-encoder"), .customLong("text")],
    help: ArgumentHelp(
      "The encoder of texts: a name, a checkpoint folder, mllm:FOLDER, or torchscript:FILE.", valueName: "encoder"))
  var textEncoder: String?

  @Option(
    name: [.customLong("audio-encoder"), .customLong("audio")],
    help: ArgumentHelp("The encoder of sounds: a name, or torchscript:FILE.", valueName: "encoder"))
  var audioEncoder: String?

  @Option(
    help: ArgumentHelp("How a checkpoint makes one row of a picture (default: as it says).", valueName: "pooling"))
  var imagePooling: String?

  @Option(help: ArgumentHelp("How a checkpoint makes one row of a text (default: as it says).", valueName: "pooling"))
  var textPooling: String?

  @Option(
    help: ArgumentHelp("How a module's rows of a sound become one (default: it gives one).", valueName: "pooling"))
  var audioPooling: String?

  @Option(
    help: ArgumentHelp(
      "What checkpoints compute in: float32 (as they are by default) or bfloat16.", valueName: "precision"))
  var precision: String?

  @Flag(help: "Stretch each row of a checkpoint's features to a root mean square of 1, as the built-in encoders' are.")
  var rescale = false

  @Flag(help: "Encode the training pictures also flipped; training then takes one view or the other at each visit.")
  var flip = false

  @Option(
    help: ArgumentHelp(
      "What the test split is also encoded under, as blur=5,typos=0.2,gaussian; 'all' is every one.",
      valueName: "names"), completion: .impairments)
  var impairments: String?

  @Option(
    help: ArgumentHelp(
      "Views for training: none, train (noisy), or names of impairments (default: noisy, where that costs little).",
      valueName: "views"))
  var views: String?

  @Option(help: ArgumentHelp("Different draws of each view, for training to take in turn.", valueName: "number"))
  var viewDraws = 1

  @Option(
    help: ArgumentHelp(
      "Encode only one part of the samples: 3/40; 'auto', the part that Slurm, torchrun, MPI or Kubernetes says; or 'next' with "
        + "--of, one after another that no other process has. Once all are done, --join puts them together.",
      valueName: "i/n"))
  var shard: String?

  @Option(
    name: .customLong("of"), help: ArgumentHelp("How many shards there are, for --shard next.", valueName: "number"))
  var shardCount: Int?

  @Flag(
    help: "Put finished shards together without reading the inputs again; the features stay in the shards' files.")
  var join = false

  @Flag(help: "With --join: copy the features, into one file a split.")
  var copy = false

  @Flag(help: "Say which shards are done, at work, failed and missing; nothing is encoded.")
  var status = false

  @Option(
    help: ArgumentHelp(
      "Where encoded rows are kept, so that none is encoded twice (default: the output's name and .cache).",
      valueName: "folder"))
  var cache: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("A setting of the encoding, such as noise.image=0.3; may be repeated.", valueName: "key=value"))
  var settings: [String] = []

  @Flag(help: "Refuse the data where a sample cannot be used.")
  var strict = false

  @Flag(help: "Go on where more than 5 % of the rows, a class or a modality is lost.")
  var allowLoss = false

  @Flag(help: "Take pictures also where a symbolic link leads out of the folder.")
  var followLinks = false

  @OptionGroup var published: LayoutOptions

  @OptionGroup var table: TableOptions

  @Option(help: ArgumentHelp("\(TaskOption.help)", valueName: "task"))
  var task: String?

  @Option(help: ArgumentHelp("accuracy, auroc, macro-f1 or weighted-f1; of a regression r2.", valueName: "metric"))
  var metric: String?

  @Option(help: ArgumentHelp("What to call the data set (default: the name of the folder).", valueName: "name"))
  var name: String?

  @Flag(help: "Encode anew although the same is there.")
  var again = false

  @OptionGroup var lock: LockOptions

  @Flag(help: "Print what was made as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    if join, shard != nil { throw ValidationError("--join puts all shards together; leave --shard out.") }
    if join, status { throw ValidationError("--join and --status do not go together.") }
    if copy, !join { throw ValidationError("--copy goes with --join.") }
  }

  func run() throws {
    let output = Output(talk)
    var request = EncodeRequest(raw: URL(dataAt: raw), out: URL(filePath: out))
    let fetched = FetchedEncoders()
    request.usualEncoders = fetched.folders
    request.imageEncoder = try fetched.path(imageEncoder, .image)
    request.textEncoder = try fetched.path(textEncoder, .text)
    request.audioEncoder = audioEncoder
    request.imagePooling = try Self.choice(imagePooling, "--image-pooling")
    request.textPooling = try Self.choice(textPooling, "--text-pooling")
    request.audioPooling = try Self.choice(audioPooling, "--audio-pooling")
    request.precision = try Self.choice(precision, "--precision") ?? .float32
    request.rescale = rescale
    request.flip = flip
    request.impairments = impairments ?? ""
    if let views { request.views = EncodeViews(views) }
    request.viewDraws = viewDraws
    try choose(&request)
    request.joins = join
    request.copies = copy
    request.cache = cache.map { URL(filePath: $0) }
    request.settings = settings + published.settings
    request.strict = strict
    request.followLinks = followLinks
    request.layout = published.layout
    request.variant = published.variant
    request.table = table.request
    request.table.task = try TaskOption.checked(task)
    request.allowLoss = allowLoss
    request.metric = metric
    request.name = name
    request.again = again
    request.wait = lock.wait
    if status { return try tell(Experiment.shardStatus(of: request, count: shardCount), output) }
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

extension Encode {
  /// Which part of the samples is encoded.
  private func choose(_ request: inout EncodeRequest) throws {
    if let shardCount, shardCount < 1 {
      throw Diagnosis("--of is \(shardCount), must be at least 1", exitStatus: .usage)
    }
    switch shard {
    case "next":
      guard let shardCount else {
        throw Diagnosis(
          "--shard next does not say of how many", remedy: "--shard next --of 40, the same in every process",
          exitStatus: .usage)
      }
      request.nextShardOf = shardCount
    case "auto":
      request.shard = try EncodeShard(environment: ProcessInfo.processInfo.environment, of: shardCount)
    case let words?:
      guard shardCount == nil else {
        throw Diagnosis("--of goes with --shard next, auto and --status alone", exitStatus: .usage)
      }
      request.shard = try EncodeShard(words)
    case nil:
      guard shardCount == nil || status else {
        throw Diagnosis(
          "--of goes with --shard next, auto and --status alone", remedy: "--shard next --of \(shardCount ?? 1)",
          exitStatus: .usage)
      }
    }
  }

  private func tell(_ status: ShardStatus, _ output: Output) throws {
    if json {
      return try output.json(
        status, order: ["of", "done", "claimed", "givenUp", "failed", "missing", "odd", "shard", "words"])
    }
    guard status.of > 0 else { return output.say("Shards", "none was begun; --of says how many there are to be") }
    output.say("Shards", "\(status.done.count) of \(status.of) are done")
    for (title, remarks) in [
      ("At work", status.claimed), ("Given up", status.givenUp), ("Failed", status.failed), ("Odd", status.odd),
    ] {
      for remark in remarks { output.say(title, "\(remark.shard)/\(status.of): \(remark.words)") }
    }
    guard let first = status.missing.first else { return }
    let ranges = ShardStatus.ranges(status.missing)
    output.say("Missing", ranges)
    output.say("Next", "--shard \(first)/\(status.of) … or --shard next --of \(status.of); Slurm: --array=\(ranges)")
  }

  /// One of an enumeration's words; nil where none was given.
  static func choice<Choice: RawRepresentable & CaseIterable>(
    _ word: String?, _ option: String
  ) throws -> Choice? where Choice.RawValue == String {
    guard let word else { return nil }
    if let found = Choice(rawValue: word) { return found }
    let known = Choice.allCases.map(\.rawValue)
    throw Diagnosis(
      "\(option) cannot be '\(word)'", found: ["it is one of \(known.joined(separator: ", "))"],
      remedy: nearest(to: word, in: known).map { "did you mean '\($0)'?" }, exitStatus: .usage)
  }
}

/// What `encode`, `import` and `demo` say of what they made.
enum EncodeTalk {
  static let keyOrder = [
    "folder", "alreadyDone", "counts", "train", "validation", "test", "widths", "conditions", "known", "encoded",
  ]

  static func tell(_ summary: EncodeSummary, _ output: Output) {
    for note in summary.notes { output.note(note) }
    // The work itself says so when it is done now.
    if summary.alreadyDone, let words = Words.quarantined(summary) { output.note(words) }
    if let words = Words.rows(summary) { output.say("Rows", words) }
    guard summary.shard == nil else {
      return output.say("Done", Words.made([summary.folder], seconds: summary.seconds))
    }
    output.say("Features", Words.contents(summary))
    output.say("Done", Words.made(summary))
  }
}
