import ArgumentParser
import Datasets
import Experiments
import Foundation
import Records

struct Predict: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Say what a run's model makes of a sample; any modality may be absent.",
    discussion: """
      Without --image, --text, --audio or --features-file it reads JSON lines on standard input, \
      {"id": …, "image": path or list of paths, "text": …, "audio": path, "features": {"image": [...]}}, and writes a \
      line for each, in order. \
      A line that cannot be answered is answered with its error, and the exit status is then 1.

      A modality that is null, NaN or left out is absent. So is an empty one (an empty text, a black picture, silence, or \
      features equal to those): the answer lists it under 'empty', and 'present' without it. --no-detect-empty shows it to \
      the model as it is.
      """)

  static let examples = [
    "seesaw predict runs/first < samples.jsonl > predictions.jsonl",
    "seesaw predict runs/first data/test-00000-of-00001.parquet --out predictions.parquet",
  ]

  @Argument(help: ArgumentHelp("The folder of a finished run.", valueName: "run"))
  var folder: String

  @Argument(
    help: ArgumentHelp(
      "Samples as 'seesaw encode' reads them: a folder, a table, a Parquet file. Labels need not be there.",
      valueName: "samples"))
  var samples: String?

  @Option(
    help: ArgumentHelp("Where the predictions for the samples go: FILE.jsonl or FILE.parquet.", valueName: "file"))
  var out: String?

  @Option(help: ArgumentHelp("Read one split of the samples only (default: all).", valueName: "split"))
  var split: String?

  @Option(help: ArgumentHelp("A picture; given again, further ones such as frames of a clip.", valueName: "file"))
  var image: [String] = []

  @Option(help: ArgumentHelp("A text.", valueName: "text"))
  var text: String?

  @Option(help: ArgumentHelp("A sound, a WAVE file.", valueName: "file"))
  var audio: String?

  @Option(help: ArgumentHelp("Features: a JSON table of modality and list of numbers.", valueName: "file.json"))
  var featuresFile: String?

  @Flag(inversion: .prefixedNo, help: "Treat an empty text, a black picture and silence as absent.")
  var detectEmpty = true

  @Flag(help: "Print the prediction as JSON; lines of standard input are always answered so.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    let isSingle = !image.isEmpty || text != nil || audio != nil || featuresFile != nil
    if samples != nil, isSingle {
      throw Diagnosis(
        "there are samples in a file and one on the command line", remedy: "leave out one of them", exitStatus: .usage)
    }
    if let samples { return try answer(samples: samples, output) }
    guard out == nil, split == nil else {
      throw Diagnosis(
        "--out and --split are of samples in a file or folder", remedy: "name it behind the run", exitStatus: .usage)
    }
    if !isSingle, isatty(STDIN_FILENO) == 1 {
      throw Diagnosis(
        "there is nothing to predict from",
        remedy: "--image, --text, --audio or --features-file, or JSON lines on standard input", exitStatus: .usage)
    }
    let predictor = try Predictor(
      run: URL(filePath: folder), detectsEmpty: detectEmpty, events: output.events)
    guard isSingle else { return try answerLines(predictor, output) }
    var input = PredictionInput(
      image: image.first.map { URL(filePath: $0) }, frames: image.dropFirst().map { URL(filePath: $0) }, text: text,
      audio: audio.map { URL(filePath: $0) })
    if let featuresFile { input.features = try PredictionLine.features(reading: URL(filePath: featuresFile)) }
    Self.note(predictor.passedOver([input]), output)
    guard let prediction = try predictor.predict([input]).first else {
      throw Diagnosis("the model gave no answer", exitStatus: .defect)
    }
    try output.data(json ? PredictionLine.text(prediction) : PredictionText.text(prediction))
  }

  private static func note(_ passedOver: [String], _ output: Output) {
    for name in passedOver { output.note("\(name) is passed over: the model was trained without it") }
  }

  /// Answers the samples of a data set, those that cannot be used with the reason.
  private func answer(samples place: String, _ output: Output) throws {
    if let out { try PredictionFile.check(out) }
    let wanted = try split.map { name in
      guard let split = RawSplit(rawValue: name.lowercased()) else {
        throw Diagnosis(
          "'\(name)' is not one of \(RawSplit.allCases.map(\.rawValue).joined(separator: ", "))", place: "--split",
          exitStatus: .usage)
      }
      return split
    }
    let predictor = try Predictor(run: URL(filePath: folder), detectsEmpty: detectEmpty, events: output.events)
    let data = try RawDataset(at: URL(dataAt: place), for: .askingUnlabelled)
    for note in data.notes { output.note(note) }
    let all = wanted.map { data.samples(in: $0) } ?? data.samples
    let refused = data.quarantined.filter { wanted == nil || $0.split == nil || $0.split == wanted }
    var failed = refused.count
    func write(to url: URL?) throws {
      let file = try PredictionFile(
        url, named: out.map { URL(filePath: $0) }, classes: predictor.classes, about: folder)
      for start in stride(from: 0, to: all.count, by: Self.batch) {
        let some = all[start..<min(start + Self.batch, all.count)].map { $0 }
        let inputs = some.map { PredictionInput($0) }
        if start == 0 { Self.note(predictor.passedOver(inputs), output) }
        for (sample, result) in zip(some, predictor.results(for: inputs)) {
          if case .failure = result { failed += 1 }
          try file.write(result, id: sample.id, place: sample.place, number: sample.row, output)
        }
        output.events(.progress(label: "Predicting", done: start + some.count, total: all.count, detail: "samples"))
      }
      for row in refused {
        try file.write(.failure(Diagnosis(row.reason)), id: row.id, place: row.place, number: row.row, output)
      }
      try file.close()
    }
    if let out {
      try AtomicFile.replace(URL(filePath: out)) { try write(to: $0) }
    } else {
      try write(to: nil)
    }
    let count = all.count + refused.count
    guard failed == 0 else {
      throw Diagnosis(
        "\(Words.count(failed)) of \(Words.count(count)) samples could not be answered",
        remedy: "the answer says why, under 'error'", exitStatus: .failed)
    }
    output.say("Done", Words.plural(count, "prediction") + (out.map { ", \($0)" } ?? ""))
  }

  /// The most samples at a time; memory does not grow beyond them.
  private static let batch = 256

  private func answerLines(_ predictor: Predictor, _ output: Output) throws {
    var lines = LineReader(descriptor: STDIN_FILENO)
    var number = 0
    var failed = 0
    var passedOver: [String] = []
    while let portion = try lines.next(upTo: Self.batch) {
      var entries: [PredictionEntry] = []
      for line in portion {
        number += 1
        if let entry = PredictionEntry(line, number: number) { entries.append(entry) }
      }
      for name in predictor.passedOver(entries.compactMap { try? $0.input.get() }) where !passedOver.contains(name) {
        passedOver.append(name)
        Self.note([name], output)
      }
      let answers = PredictionEntry.answers(entries, results: predictor.results(for:))
      failed += answers.count { $0.isError }
      if !answers.isEmpty { try output.data(answers.map(\.text).joined(separator: "\n")) }
    }
    guard number > 0 else { return output.note("nothing to do: standard input is empty") }
    guard failed == 0 else {
      throw Diagnosis(
        number == 1
          ? "the line could not be answered"
          : "\(Words.count(failed)) of \(Words.count(number)) lines could not be answered",
        remedy: "its answer says why, under 'error'", exitStatus: .failed)
    }
    output.say("Done", Words.plural(number, "prediction"))
  }
}

/// A line of input, understood or not.
struct PredictionEntry {
  let number: Int
  var id: String?
  var input: Result<PredictionInput, Diagnosis>

  /// Nil for an empty line.
  init?(_ line: LineReader.Line, number: Int) {
    self.number = number
    switch line {
    case .tooLong:
      input = .failure(Diagnosis("the line is longer than \(LineReader.limit >> 20) MiB"))
    case .notText:
      input = .failure(Diagnosis("the line is not UTF-8 text"))
    case .text(let text):
      if text.allSatisfy(\.isWhitespace) { return nil }
      do {
        let tree = try Tree(json: text)
        id = PredictionInput.id(ofLine: tree)
        input = .success(try PredictionInput(line: tree))
      } catch { input = .failure(Diagnosis(describing: error)) }
    }
  }

  /// One line of output.
  struct Answer: Equatable {
    let text: String
    let isError: Bool
  }

  /// The answers in order: to what was understood those of `results`, to the rest why it was not.
  static func answers(
    _ entries: [PredictionEntry], results: ([PredictionInput]) -> [Result<Prediction, Diagnosis>]
  ) -> [Answer] {
    let inputs = entries.compactMap { try? $0.input.get() }
    var rest = (inputs.isEmpty ? [] : results(inputs))[...]
    return entries.map { entry in
      switch entry.input.flatMap({ _ in rest.popFirst() ?? .failure(Diagnosis("no answer was given")) }) {
      case .success(let prediction): entry.answer(prediction)
      case .failure(let diagnosis): entry.refusal(diagnosis)
      }
    }
  }

  private func answer(_ prediction: Prediction) -> Answer {
    var prediction = prediction
    prediction.id = id
    do { return Answer(text: try PredictionLine.text(prediction), isError: false) } catch {
      return refusal(Diagnosis(describing: error))
    }
  }

  private func refusal(_ diagnosis: Diagnosis) -> Answer {
    Answer(text: PredictionLine.text(diagnosis, id: id, line: number), isError: true)
  }
}

/// JSON in and out of `predict`.
enum PredictionLine {
  static func features(reading url: URL) throws -> [String: [Float]] {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestRecord)
    do {
      guard let text = String(validating: data, as: UTF8.self) else {
        throw Diagnosis("the file is not UTF-8 text", place: url.relativePath)
      }
      return try PredictionInput.features(Tree(json: text, place: url.relativePath))
    } catch {
      var diagnosis = Diagnosis(describing: error).placed(in: url.relativePath)
      diagnosis.exitStatus = .input
      throw diagnosis
    }
  }

  static let keyOrder = [
    "id", "labels", "probabilities", "calibrated", "present", "empty", "reliance", "condition", "score", "metric",
    "calibration",
  ]

  static func text(_ prediction: Prediction) throws -> String {
    try Tree(encoding: prediction, keys: .asNamed).json(order: keyOrder)
  }

  static func text(_ diagnosis: Diagnosis, id: String?, line: Int) -> String {
    let words = ([diagnosis.what] + (diagnosis.place.map { ["in \($0)"] } ?? []) + diagnosis.found).joined(
      separator: ", ")
    var answer: Tree = ["error": .string(words), "line": .int(line)]
    if let id { answer[path: "id"] = .string(id) }
    return answer.json(order: ["id", "line", "error"])
  }
}

/// A prediction for a terminal.
enum PredictionText {
  /// Classes that are shown.
  static let shown = 5

  static func text(_ prediction: Prediction) -> String {
    let ranked = (prediction.calibrated ?? prediction.probabilities).sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let rows = ranked.prefix(shown).map { name, value in
      [prediction.labels.contains(name) ? "→" : "", name, "\(Words.percent(value)) %"]
    }
    var lines = [Columns.text(rows, right: [2], indent: 2)]
    if ranked.count > shown { lines.append("     … and \(ranked.count - shown) more") }
    lines.append("")
    if prediction.labels.isEmpty { lines.append("  no class is above one half") }
    lines.append("  \(trust(prediction))")
    lines.append("  \(calibration(prediction))")
    return lines.joined(separator: "\n")
  }

  /// What the percentages are worth.
  static func calibration(_ prediction: Prediction) -> String {
    guard let known = prediction.calibration else {
      return "probabilities are as the model has them: the run was not calibrated for this"
    }
    let temperature =
      "probabilities are calibrated on \(Words.plural(known.samples, "validation sample")), "
      + "temperature \(Words.fixed(known.temperature, 2))"
    guard let before = known.error, let after = known.calibratedError else { return temperature }
    return temperature + "; on the test split they are off by \(Words.percent(after)) %, uncalibrated by "
      + "\(Words.percent(before)) %"
  }

  /// What was there, and how good the model is then.
  static func trust(_ prediction: Prediction) -> String {
    var present = prediction.present.isEmpty ? "nothing" : Words.list(prediction.present)
    if let empty = prediction.empty { present += " (\(Words.list(empty)) empty, taken as absent)" }
    if let reliance = prediction.reliance {
      let shares = reliance.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      present += ", relying " + Words.list(shares.map { "\(Words.percent($0.value)) % on \($0.key)" })
    }
    guard let condition = prediction.condition, let score = prediction.score else {
      return "from \(present); the run was not tried so, and how far this may be trusted is not known"
    }
    return "from \(present); in the condition '\(condition)' the run's \(prediction.metric) is "
      + "\(Words.percent(score)) % on the test split"
  }
}
