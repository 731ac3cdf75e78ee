import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct AuditCommand: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Say which modality a model leans on that Seesaw did not train: any model, in any language.",
    discussion: """
      Of a file of predictions (.npz, .safetensors, .jsonl) it takes what is there; --template prints a script that writes \
      one. With --command it asks a program about a folder of samples: a line of JSON for each request on its standard \
      input, {"id": …, "image": path or null, "text": … or null, "audio": …, "features": …}, and a line for each answer on \
      its standard output, {"id": …, "probabilities": [p, …] or {class: p, …}}, or 'logits', or 'label', in the order of the \
      requests. null is declared absence; silent absence is a black picture, an empty text. What was answered is kept in \
      --out, and the same command goes on.

      A module is asked with --module model.pt --input image=pixels:224 --input text=tokens:FOLDER, an endpoint with \
      --endpoint URL --model NAME --prompt FILE. --compare takes two audits, old and new; --unlabelled --against OLD says how \
      use has moved on a stream without labels.

      The exit status is 2 where a --fail-on is met: --fail-on 'worst_regret>0.05' --fail-on 'image.used_share<0.2'.
      """)

  static let examples = [
    "seesaw audit predictions.npz --json > audit.json",
    "seesaw audit my-folder --command ./predict.py --jobs 2",
  ]

  @Argument(
    help: ArgumentHelp(
      "A file of predictions, the folder of an audit, or samples for --command; with --compare two audits.",
      valueName: "file|data"))
  var subjects: [String] = []

  @Option(
    help: ArgumentHelp("The program to ask; - speaks over standard output and input itself.", valueName: "command line")
  )
  var command: String?

  @Option(
    help: ArgumentHelp(
      "A TorchScript module, a package that AOTInductor compiled (.pt2), or an ONNX model (.onnx).", valueName: "file"))
  var module: String?

  @OptionGroup var moduleOptions: AuditModuleOptions

  @Option(
    help: ArgumentHelp(
      "A server that takes chat requests, as vLLM and llama.cpp do; SEESAW_ENDPOINT_KEY may hold its key.",
      valueName: "address"))
  var endpoint: String?

  @Option(help: ArgumentHelp("With --endpoint: what the server calls the model.", valueName: "name"))
  var model: String?

  @Option(
    help: ArgumentHelp("With --endpoint: a file with the prompt, {text} and {classes} in it.", valueName: "file"))
  var prompt: String?

  @Option(
    help: ArgumentHelp("The folder of table, answers and audit.json (default: runs/audit-<name>).", valueName: "folder")
  )
  var out: String?

  @OptionGroup var asking: AuditAskingOptions

  @Option(help: ArgumentHelp("accuracy, auroc, macro-f1 or weighted-f1.", valueName: "metric"))
  var metric: String?

  @Option(help: ArgumentHelp("The seed of all random draws.", valueName: "number"))
  var seed: UInt64 = 0

  @Option(help: ArgumentHelp("Bootstrap replicates behind every interval.", valueName: "number"))
  var replicates: Int?

  @Option(
    help: ArgumentHelp(
      "Fail (exit status 2) where this holds, such as 'worst_regret>0.05'; may be repeated.", valueName: "bound"))
  var failOn: [String] = []

  @Option(help: ArgumentHelp("Write the outcome of each --fail-on as a JUnit report.", valueName: "file.xml"))
  var junit: String?

  @Flag(help: "Say what has changed from one audit to another, over the samples that both have.")
  var compare = false

  @Flag(help: "Audit predictions without labels: shares, divergence and reliance can still be told.")
  var unlabelled = false

  @Option(help: ArgumentHelp("With --unlabelled: the audit that use is compared with.", valueName: "audit"))
  var against: String?

  @Flag(help: "Print a script that fills a file of predictions from any model.")
  var template = false

  @OptionGroup var lock: LockOptions

  @Flag(help: "Print the audit as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    let wanted = template ? 0 : compare ? 2 : 1
    guard subjects.count == wanted else {
      throw ValidationError(
        template
          ? "--template takes no file."
          : compare
            ? "--compare takes two audits: the old and the new."
            : "Name one file of predictions, or one folder of samples.")
    }
    let models = [command, module, endpoint].compactMap { $0 }
    guard models.count < 2 else { throw ValidationError("Name one model: --command, --module or --endpoint.") }
    guard (endpoint == nil) == (model == nil), (endpoint == nil) == (prompt == nil) else {
      throw ValidationError("--endpoint, --model and --prompt go together.")
    }
    if !models.isEmpty, compare { throw ValidationError("--compare takes audits that are made already.") }
    if against != nil, !unlabelled { throw ValidationError("--against goes with --unlabelled.") }
    if let replicates, replicates < 2 { throw ValidationError("--replicates is \(replicates); at least 2 are needed.") }
  }

  func run() throws {
    let output = Output(talk)
    if template { return try output.data(AuditTemplate.script.trimmingSuffix("\n")) }
    let bounds = try failOn.map(AuditBound.init)
    if compare { return try runComparison(output, bounds) }
    let begun = ContinuousClock.now
    let subject = URL(filePath: subjects[0])
    let target = URL(filePath: out ?? "runs/audit-\(Self.name(of: subject))")
    let summary: AuditSummary
    do {
      summary = try Experiment.audit(request(subject, target), stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(target.relativePath)
    }
    let text = AuditText(summary.record)
    try summary.record.write(to: target)
    output.clear()
    // Where requests go over standard output, nothing else does.
    let moved = try against.map {
      try Experiment.compareAudits(
        URL(filePath: $0), summary.table, metric: metric, seed: seed, replicates: replicates, unlabelled: true)
    }
    if let moved { try moved.write(to: target) }
    if command != "-" {
      let width = output.surroundings.width
      if json {
        try output.data(moved?.json() ?? summary.record.json())
      } else {
        try output.answer(
          ([moved.map { AuditChangeText.text($0, width: width) }] + [text.text(width: width)]).compactMap { $0 }
            .joined(separator: "\n\n"))
      }
    }
    let page = try ReportPage.write(
      ReportContents(
        audit: summary.record, name: Self.name(of: subject),
        evidence: try Experiment.evidence(of: summary, named: Self.name(of: subject)),
        command: Self.command(CommandLine.arguments)),
      to: target.appending(path: "report"),
      markdown: text.markdown)
    if !page.hasPlotly { output.note(ReportPage.stillness) }
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    output.say(
      "Done",
      Words.made(
        ([target.appending(path: AuditRecord.fileName), page.page] + [summary.samples].compactMap { $0 })
          .map(\.relativePath), seconds: seconds))
    try judge(try Tree(encoding: summary.record, keys: .asNamed), bounds, name: Self.name(of: subject))
  }

  /// The command as it was given, without bounds and without what it prints.
  static func command(_ arguments: [String]) -> String {
    var words = ["seesaw"]
    var isValue = false
    for word in arguments.dropFirst() {
      if isValue {
        isValue = false
      } else if ["--fail-on", "--junit"].contains(word) {
        isValue = true
      } else if !["--json", "-q", "--quiet", "-v", "--verbose"].contains(word), !word.hasPrefix("--fail-on="),
        !word.hasPrefix("--junit=")
      {
        words.append(word.shellQuoted)
      }
    }
    return words.joined(separator: " ")
  }

  /// A name for what is made of a file or a folder: `predictions` of `predictions.npz`.
  static func name(of url: URL) -> String {
    let name = Place.name(of: url)
    let known = ["npz", "npy", "safetensors", "jsonl", "ndjson", "csv"]
    return known.contains(url.pathExtension.lowercased()) ? (name as NSString).deletingPathExtension : name
  }

  func request(_ subject: URL, _ target: URL) throws -> AuditRequest {
    var request = AuditRequest(subject: subject, out: target)
    request.usualEncoders = FetchedEncoders().folders
    if let command { request.door = .program(command == "-" ? nil : command) }
    if let module { request.door = .module(moduleOptions.request(URL(filePath: module))) }
    if let endpoint, let model, let prompt {
      request.door = .endpoint(.init(address: endpoint, model: model, prompt: URL(filePath: prompt)))
    }
    try asking.fill(&request)
    request.metric = metric
    request.seed = seed
    request.replicates = replicates
    request.unlabelled = unlabelled
    request.wait = lock.wait
    return request
  }

  /// Ends with the status of a bound that is met.
  private func judge(_ record: Tree, _ bounds: [AuditBound], name: String) throws {
    let verdicts = bounds.map { $0.verdict(of: record) }
    if let junit {
      try AtomicFile.write(Data(JUnitReport(name: name, verdicts: verdicts).xml.utf8), to: URL(filePath: junit))
    }
    if let failure = AuditVerdict.diagnosis(of: verdicts) { throw failure }
  }

  private func runComparison(_ output: Output, _ bounds: [AuditBound]) throws {
    let change = try Experiment.compareAudits(
      URL(filePath: subjects[0]), URL(filePath: subjects[1]), metric: metric, seed: seed, replicates: replicates)
    if let out { try change.write(to: URL(filePath: out)) }
    if json {
      try output.data(change.json())
    } else {
      try output.answer(AuditChangeText.text(change, width: output.surroundings.width))
    }
    try judge(try Tree(encoding: change, keys: .asNamed), bounds, name: Self.name(of: URL(filePath: subjects[1])))
  }
}

/// How a module is used.
struct AuditModuleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How a module is given a modality, in the order of its arguments: image=pixels:224 (0…1, [B, 3, H, W]), "
        + "image=pixels:FOLDER (as its preprocessor_config.json says), text=tokens:FOLDER, text=tokens+mask:FOLDER; may be "
        + "repeated. Features are given as they are.",
      valueName: "modality=form"))
  var input: [String] = []

  @Option(help: ArgumentHelp("What a module gives: logits or probabilities.", valueName: "form"))
  var output = "logits"

  @Option(help: ArgumentHelp("Samples that a module is given at a time.", valueName: "number"))
  var batch = 32

  func request(_ file: URL) -> AuditRequest.ModuleRequest {
    var request = AuditRequest.ModuleRequest(file: file)
    request.inputs = input
    request.output = output
    request.batch = batch
    return request
  }
}

/// How a model is asked.
struct AuditAskingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Processes at a time.", valueName: "number"))
  var jobs = 1

  @Option(help: ArgumentHelp("Requests that wait for an answer, of each process.", valueName: "number"))
  var window = 256

  @Option(help: ArgumentHelp("Seconds without an answer after which a program counts as hung.", valueName: "seconds"))
  var timeout = 300.0

  @Option(help: ArgumentHelp("How many samples at most, drawn by the seed (default: all).", valueName: "number"))
  var samples = 0

  @Option(help: ArgumentHelp("train, validation or test.", valueName: "split"))
  var split = "test"

  @Option(
    help: ArgumentHelp("Permutations of each modality; half as many again keep the class.", valueName: "number"))
  var swaps = 10

  @Option(
    help: ArgumentHelp(
      "Rows whose image is paired with each other's text, which tells addition from interaction; 0 leaves that out.",
      valueName: "number"))
  var grid = 100

  @Option(
    help: ArgumentHelp(
      "Telling samples at most of which words and patches are left out, to see which of them speak for the answer.",
      valueName: "number"))
  var parts = 4

  @Option(help: ArgumentHelp("What else to do to the inputs: blur=5,typos=0.2.", valueName: "list"))
  var impairments = ""

  @Option(help: ArgumentHelp("All classes of the model, in its order.", valueName: "a,b"))
  var classes: String?

  @Option(
    help: ArgumentHelp(
      "What names the model's state, such as a version: earlier answers count only for the same.", valueName: "text"))
  var stamp: String?

  @Flag(
    help:
      "Also train a model of each modality alone, on the training split and built-in features: it tells what the data hold."
  )
  var alone = false

  @OptionGroup var layout: LayoutOptions

  @Flag(help: "Take pictures also where a symbolic link leads out of the folder.")
  var followLinks = false

  @Flag(help: "Ask again what was answered before.")
  var again = false

  func fill(_ request: inout AuditRequest) throws {
    request.jobs = jobs
    request.window = window
    request.timeout = timeout
    request.samples = samples
    request.split = split
    request.swaps = swaps
    request.grid = grid
    request.parts = parts
    request.impairments = impairments
    request.classes = classes.map(Listed.words) ?? []
    request.stamp = stamp
    request.layout = layout.layout
    request.variant = layout.variant
    request.followLinks = followLinks
    request.again = again
    request.alone = alone
  }
}
