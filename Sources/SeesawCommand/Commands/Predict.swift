import ArgumentParser
import Datasets
import Experiments
import Foundation
import Records

struct Predict: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Predict with a run's model; any modality may be absent.",
    discussion: """
      Without --image, --text, --audio or --features-file it answers each sample of a table, as 'encode' reads one, with a \
      line of JSON, in order: of SAMPLES (.csv, .tsv, .jsonl, .json, Parquet, a WebDataset archive, or the folder of one), or of standard input, where it \
      is JSON lines, {"id": …, "image": path or list of paths, "text": …, "audio": path, "features": {"image": [...]}}, \
      or a table too. Labels, splits and further columns are passed over. Paths are relative to the table, of standard \
      input to the working folder. \
      A sample that cannot be answered is answered with its error, and the exit status is then 1.

      A modality that is null, NaN, spelt out as missing (nan, None, N/A) or left out is absent. So is an empty one (an empty text, a black picture, silence, or \
      features equal to those): the answer lists it under 'empty', and 'present' without it. --no-detect-empty shows it to \
      the model as it is.
      """)

  static let examples = [
    "seesaw predict runs/first data/test-00000-of-00001.parquet --out predictions.parquet",
    "seesaw predict runs/first shop.csv --columns text=Title+Body,image=Photo > predictions.jsonl",
  ]

  @Argument(help: ArgumentHelp("The folder of a finished run.", valueName: "run"), completion: .run)
  var folder: String

  @Argument(
    help: ArgumentHelp("A table of samples, or its folder (default: standard input).", valueName: "samples"),
    completion: .file())
  var samples: String?

  @Option(
    help: ArgumentHelp(
      "Where the predictions for the samples go: FILE.jsonl or FILE.parquet (default: standard output).",
      valueName: "file"))
  var out: String?

  @Option(help: ArgumentHelp("Answer one split of the samples only (default: all).", valueName: "split"))
  var split: String?

  @Option(help: ArgumentHelp("A picture; given again, further ones such as frames of a clip.", valueName: "file"))
  var image: [String] = []

  @Option(help: ArgumentHelp("A text.", valueName: "text"))
  var text: String?

  @Option(help: ArgumentHelp("A sound: WAVE, and FLAC, Ogg or MP3 where this build reads them.", valueName: "file"))
  var audio: String?

  @Option(help: ArgumentHelp("Features: a JSON table of modality and list of numbers.", valueName: "file.json"))
  var featuresFile: String?

  @Flag(inversion: .prefixedNo, help: "Treat an empty text, a black picture and silence as absent.")
  var detectEmpty = true

  @OptionGroup var table: TableOptions

  @Flag(help: "Print the prediction as JSON; lines of standard input are always answered so.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    let isSingle = !image.isEmpty || text != nil || audio != nil || featuresFile != nil
    if isSingle, samples != nil {
      throw Diagnosis(
        "a table of samples and one sample cannot be asked about at once", place: samples,
        remedy: "leave out one of them", exitStatus: .usage)
    }
    if !isSingle, samples == nil, isatty(STDIN_FILENO) == 1 {
      throw Diagnosis(
        "there is nothing to predict from",
        remedy: "--image, --text, --audio or --features-file, a table of samples, or JSON lines on standard input",
        exitStatus: .usage)
    }
    guard samples != nil || (out == nil && split == nil) else {
      throw Diagnosis(
        "--out and --split are of samples in a file or folder", remedy: "name it behind the run", exitStatus: .usage)
    }
    if let out { try PredictionFile.check(out) }
    let predictor = try Predictor(
      run: URL(filePath: folder), detectsEmpty: detectEmpty, events: output.events)
    guard isSingle else { return try answerAll(predictor, output) }
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

  /// The most samples at a time; memory does not grow beyond them.
  private static let batch = 256

  private func answerAll(_ predictor: Predictor, _ output: Output) throws {
    var work = Answering(predictor: predictor, output: output)
    if let samples {
      let found = try PredictionSamples(at: URL(dataAt: samples), table.request, frames: predictor.clipFrames)
      guard let out else {
        try answerTable(found, &work)
        return try work.end()
      }
      let place = URL(filePath: out)
      try AtomicFile.replace(place) { url in
        work.file = try PredictionFile(
          url, named: place, classes: predictor.classes, isRegression: predictor.isRegression, about: folder)
        try answerTable(found, &work)
        try work.file?.close()
      }
      return try work.end(out)
    }
    let beginning = try Self.beginning()
    let first = beginning.prefix { $0 != UInt8(ascii: "\n") }
    let line = String(decoding: first, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    let isList = line.hasPrefix("[")
    if isList || (!line.hasPrefix("{") && PredictionSamples.isHeader(line)) {
      try Self.withStandardInput(after: beginning, isList ? "json" : "csv") { file in
        let here = URL(filePath: FileManager.default.currentDirectoryPath)
        try answerTable(PredictionSamples(at: file, table.request, folder: here, frames: predictor.clipFrames), &work)
      }
      return try work.end()
    }
    var keys = try PredictionKeys(columns: table.columns ?? "")
    var told: Set<String> = []
    var lines = LineReader(descriptor: STDIN_FILENO, after: beginning)
    while let portion = try lines.next(upTo: Self.batch) {
      var entries: [PredictionEntry] = []
      for line in portion {
        work.number += 1
        if let entry = PredictionEntry(line, number: work.number, &keys) { entries.append(entry) }
      }
      for note in keys.newNotes(told: &told) { output.note(note) }
      try work.answer(entries)
    }
    try work.end()
  }

  private func answerTable(_ samples: PredictionSamples, _ work: inout Answering) throws {
    for note in samples.notes { work.output.note(note) }
    let wanted = try split.map { try Encode.choice($0, "--split") as RawSplit? }
    for start in stride(from: 0, to: samples.count, by: Self.batch) {
      let some = samples.samples(start..<min(start + Self.batch, samples.count))
        .filter { sample in wanted == nil || sample.split.flatMap { RawSplit(spelling: $0) } == wanted }
      work.number += some.count
      try work.answer(
        some.map { PredictionEntry(number: $0.line, id: $0.id, input: $0.input, place: $0.place) })
    }
  }

  /// What has arrived on standard input so far, at least its first line where it has one.
  private static func beginning() throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while !bytes.contains(UInt8(ascii: "\n")), bytes.count < LineReader.limit {
      let count = read(STDIN_FILENO, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw Diagnosis("standard input cannot be read", found: [String(cString: strerror(errno))], exitStatus: .input)
      }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// All of standard input as a file, for a table is read more than once.
  private static func withStandardInput(
    after beginning: [UInt8], _ ending: String, _ body: (URL) throws -> Void
  ) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "seesaw-\(UUID().uuidString).\(ending)")
    defer { try? FileManager.default.removeItem(at: url) }
    try Data(beginning).write(to: url)
    let file = try FileHandle(forWritingTo: url)
    try file.seekToEnd()
    while let portion = try FileHandle.standardInput.read(upToCount: 1 << 20), !portion.isEmpty {
      try file.write(contentsOf: portion)
    }
    try file.close()
    try body(url)
  }

  /// Answers that are on their way.
  private struct Answering {
    let predictor: Predictor
    let output: Output
    var number = 0
    /// Where answers go, if not to standard output.
    var file: PredictionFile?
    private var failed = 0
    private var passedOver: [String] = []

    init(predictor: Predictor, output: Output) {
      self.predictor = predictor
      self.output = output
    }

    mutating func answer(_ entries: [PredictionEntry]) throws {
      for name in predictor.passedOver(entries.compactMap { try? $0.input.get() }) where !passedOver.contains(name) {
        passedOver.append(name)
        Predict.note([name], output)
      }
      if let file {
        for (entry, result) in PredictionEntry.results(entries, results: predictor.results(for:)) {
          if case .failure = result { failed += 1 }
          try file.write(result, id: entry.id, place: entry.place, number: entry.number)
        }
        return
      }
      let answers = PredictionEntry.answers(entries, results: predictor.results(for:))
      failed += answers.count { $0.isError }
      if !answers.isEmpty { try output.data(answers.map(\.text).joined(separator: "\n")) }
    }

    func end(_ out: String? = nil) throws {
      guard number > 0 else {
        return output.note(
          out == nil ? "nothing to do: standard input is empty" : "nothing to do: no sample is asked for")
      }
      guard failed == 0 else {
        throw Diagnosis(
          number == 1
            ? "the line could not be answered"
            : "\(Words.count(failed)) of \(Words.count(number)) lines could not be answered",
          remedy: "its answer says why, under 'error'", exitStatus: .failed)
      }
      output.say("Done", Words.plural(number, "prediction") + (out.map { ", \($0)" } ?? ""))
    }
  }
}

/// A line of input, understood or not.
struct PredictionEntry {
  let number: Int
  var id: String?
  var input: Result<PredictionInput, Diagnosis>
  /// Where it is, as errors name it.
  var place = ""

  /// A sample that was read elsewhere.
  init(number: Int, id: String?, input: Result<PredictionInput, Diagnosis>, place: String = "") {
    self.place = place
    self.number = number
    self.id = id
    self.input = input
  }

  /// Nil for an empty line.
  ///
  /// - Parameter keys: what keys of other names mean.
  init?(_ line: LineReader.Line, number: Int, _ keys: inout PredictionKeys) {
    self.number = number
    switch line {
    case .tooLong:
      input = .failure(Diagnosis("the line is longer than \(LineReader.limit >> 20) MiB"))
    case .notText:
      input = .failure(Diagnosis("the line is not UTF-8 text"))
    case .text(let text):
      if text.allSatisfy(\.isWhitespace) { return nil }
      do {
        let line = try PredictionInput.tree(json: Array(text.utf8))
        id = PredictionInput.id(ofLine: line)
        let tree = try keys.read(line)
        id = PredictionInput.id(ofLine: tree) ?? id
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
    Self.results(entries, results: results).map { entry, result in
      switch result {
      case .success(let prediction): entry.answer(prediction)
      case .failure(let diagnosis): entry.refusal(diagnosis)
      }
    }
  }

  /// The same before they are put into words; each prediction is called as its entry is.
  static func results(
    _ entries: [PredictionEntry], results: ([PredictionInput]) -> [Result<Prediction, Diagnosis>]
  ) -> [(PredictionEntry, Result<Prediction, Diagnosis>)] {
    let inputs = entries.compactMap { try? $0.input.get() }
    var rest = (inputs.isEmpty ? [] : results(inputs))[...]
    return entries.map { entry in
      let result = entry.input.flatMap { _ in rest.popFirst() ?? .failure(Diagnosis("no answer was given")) }
      return (
        entry,
        result.map { prediction in
          var prediction = prediction
          prediction.id = entry.id
          return prediction
        }
      )
    }
  }

  private func answer(_ prediction: Prediction) -> Answer {
    Answer(text: PredictionLine.text(prediction), isError: false)
  }

  private func refusal(_ diagnosis: Diagnosis) -> Answer {
    Answer(text: PredictionLine.text(diagnosis, id: id, line: number), isError: true)
  }
}

/// A prediction for a terminal.
enum PredictionText {
  /// Classes that are shown.
  static let shown = 5

  static func text(_ prediction: Prediction) -> String {
    if let value = prediction.value {
      return ["  \(Words.figure(value))", "", "  \(trust(prediction))"].joined(separator: "\n")
    }
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
    if let mae = prediction.mae, let rmse = prediction.rmse {
      return
        "from \(present); in the condition '\(condition)' the run is off by \(Words.figure(mae)) on average (root mean "
        + "square \(Words.figure(rmse))) on the test split, and its R² is \(Words.percent(score)) %"
    }
    return "from \(present); in the condition '\(condition)' the run's \(prediction.metric) is "
      + "\(Words.percent(score)) % on the test split"
  }
}
