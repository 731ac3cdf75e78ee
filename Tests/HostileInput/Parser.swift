import Auditing
import Datasets
import Encoders
import Experiments
public import Foundation
import Multimodal
import Records
import Reports
import Torch

/// Everything that reads bytes which somebody else wrote, as functions of bytes.
///
/// Shared by the tests, which feed the corpus and mutations of it, and by the fuzzer, which searches for more.
public enum HostileParser: String, CaseIterable, Sendable {
  case safetensors, json, yaml, csv, jsonl, npy, npz, picture, sound, text, predict, records, table, answer
  case parquet, arrow, tar, hdf5, clip
  /// Folders, whose files stand one after the other, each after a line `==> name`.
  case tokenizer, checkpoint, dataset, report

  /// What went wrong although nothing crashed.
  public struct Fault: Error, CustomStringConvertible {
    public let description: String
  }

  /// Reads the bytes as far as the program would.
  ///
  /// - Parameter folder: where files may be written.
  /// - Throws: a ``Fault`` where they are refused with an error that nobody foresaw, or are read and mean another thing
  ///   when they are written again.
  public func feed(_ bytes: Data, in folder: URL) throws {
    switch self {
    case .safetensors: try safetensors(bytes, folder)
    case .json: try json(bytes)
    case .yaml: try yaml(bytes)
    case .csv: try samples(bytes, "samples.csv", folder)
    case .jsonl: try samples(bytes, "samples.jsonl", folder)
    case .npy: try arrays(bytes, "a.npy")
    case .npz: try arrays(bytes, "a.npz")
    case .picture: try picture(bytes)
    case .sound: try sound(bytes)
    case .text: try text(bytes)
    case .predict: try predict(bytes)
    case .records: try records(bytes, folder)
    case .table: try table(bytes, folder)
    case .answer: try answer(bytes)
    case .parquet: try samples(bytes, "a.parquet", folder)
    case .arrow: try samples(bytes, "a.arrow", folder)
    case .tar: try samples(bytes, "a.tar", folder)
    case .hdf5: try hdf5(bytes, folder)
    case .clip: try clip(bytes, folder)
    case .tokenizer: try tokenizer(bytes, folder)
    case .checkpoint: try checkpoint(bytes, folder)
    case .dataset: try dataset(bytes, folder)
    case .report: try report(bytes, folder)
    }
  }

  /// Runs a part that may refuse its input, but only with a sentence.
  @discardableResult
  private func refusing<T>(_ body: () throws -> T) throws -> T? {
    do { return try body() } catch let fault as Fault { throw fault } catch {
      let diagnosis = Diagnosis(describing: error)
      guard diagnosis.exitStatus != .defect else {
        throw Fault(description: "\(rawValue): not foreseen: \(type(of: error)): \(diagnosis)")
      }
      guard diagnosis.description.utf8.count < 100_000 else {
        throw Fault(description: "\(rawValue): a message of \(diagnosis.description.utf8.count) bytes")
      }
      return nil
    }
  }

  private func file(_ bytes: Data, _ name: String, _ folder: URL) throws -> URL {
    let url = folder.appending(path: name)
    try bytes.write(to: url)
    return url
  }

  /// Makes the files that the bytes hold, of those that are asked for, in a folder without others.
  ///
  /// - Returns: the folder, and what stands before the first name.
  private func unpack(_ bytes: Data, _ names: Set<String>, _ folder: URL) throws -> (place: URL, head: String) {
    let files = FileManager.default
    let place = folder.appending(path: rawValue)
    if files.fileExists(atPath: place.path) { try files.removeItem(at: place) }
    try files.createDirectory(at: place, withIntermediateDirectories: true)
    let mark = Data("==> ".utf8)
    var rest = bytes[...]
    func next() -> Data.Index { rest.range(of: mark)?.lowerBound ?? rest.endIndex }
    let head = String(decoding: rest[..<next()], as: UTF8.self)
    rest = rest[next()...]
    while !rest.isEmpty {
      rest = rest.dropFirst(mark.count)
      let line = rest.prefix { $0 != UInt8(ascii: "\n") }
      rest = rest[line.endIndex...].dropFirst()
      let name = String(decoding: line, as: UTF8.self)
      if names.contains(name) {
        let url = place.appending(path: name)
        try files.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(rest[..<next()]).write(to: url)
      }
      rest = rest[next()...]
    }
    return (place, head)
  }

  // MARK: One for each

  private func safetensors(_ bytes: Data, _ folder: URL) throws {
    let url = try file(bytes, "a.safetensors", folder)
    try refusing {
      let file = try SafeTensors(reading: url)
      for name in file.names { _ = try file.tensor(name).bytes() }
    }
    // Mapped files are only let go when the tensors are.
    try FileManager.default.removeItem(at: url)
  }

  private func json(_ bytes: Data) throws {
    guard let text = String(validating: bytes, as: UTF8.self), let tree = try refusing({ try Tree(json: text) }) else {
      return
    }
    for layout in [JSONLayout.compact, .pretty] {
      let again = try Tree(json: tree.json(layout))
      // A number that is not finite is written as null.
      guard again.json(layout) == tree.json(layout) else {
        throw Fault(description: "json: written and read again it differs: \(tree.json())")
      }
    }
    _ = tree.leafPaths
  }

  private func yaml(_ bytes: Data) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    let file = ConfigurationFile(name: "a.yaml", text: text)
    try refusing {
      let overlay = ConfigurationResolver(
        defaults: try Tree(encoding: RunConfiguration()), rules: RunConfiguration.rules)
      _ = ConfigurationResolver.peek("method.name", files: [file])
      let resolved = try overlay.resolve(files: [file])
      _ = try resolved.tree.decode(RunConfiguration.self)
    }
    try refusing { _ = try Recipe(reading: file) }
    // What would be given to --set is one line.
    let line = String(text.prefix { $0 != "\n" })
    try refusing {
      _ = try ConfigurationResolver(defaults: ["a": ["b": 1], "c": "d", "e": [1]]).resolve(settings: [line])
    }
  }

  private func samples(_ bytes: Data, _ name: String, _ folder: URL) throws {
    let url = try file(bytes, name, folder)
    try refusing {
      let data = try RawDataset(at: url)
      for sample in data.samples {
        _ = data.labelNumbers(of: sample)
        // What lies within other files is read as far as its own bytes.
        for name in [sample.image, sample.audio].compactMap({ $0 }) where sample.isStored(name) {
          try refusing { _ = try sample.bytes(of: name) }
        }
      }
    }
  }

  private func arrays(_ bytes: Data, _ name: String) throws {
    try refusing {
      let file = try NumPyFile(bytes, path: name, limit: 1 << 24)
      for name in file.names.prefix(64) {
        guard let array = try refusing({ try file.array(name) }) else { continue }
        try refusing { _ = try array.doubles() }
        try refusing { _ = try array.ints() }
        try refusing { _ = try array.strings() }
      }
    }
  }

  private func hdf5(_ bytes: Data, _ folder: URL) throws {
    let url = try file(bytes, "a.h5", folder)
    try refusing {
      let file = try HDF5File(at: url, limit: 1 << 24)
      for array in file.arrays.prefix(64) { try refusing { _ = try array.whole() } }
    }
  }

  private func clip(_ bytes: Data, _ folder: URL) throws {
    let url = try file(bytes, "a.mp4", folder)
    try refusing {
      let clip = try VideoClip(at: url)
      for number in 0..<2 {
        try refusing {
          let image = try clip.frame(number, of: 2, pixelLimit: 1 << 18)
          guard image.pixels.count == image.width * image.height * 3 else {
            throw Fault(description: "clip: \(image.pixels.count) bytes of \(image.width) x \(image.height) pixels")
          }
        }
      }
    }
    try refusing { _ = try Waveform(decoding: bytes) }
  }

  private func picture(_ bytes: Data) throws {
    try refusing {
      let image = try RGBImage(decoding: bytes, pixelLimit: 1 << 18)
      guard image.pixels.count == image.width * image.height * 3 else {
        throw Fault(description: "picture: \(image.pixels.count) bytes of \(image.width) x \(image.height) pixels")
      }
      _ = try HOGColourEncoder().prepare(.image(image))
    }
  }

  private func sound(_ bytes: Data) throws {
    try refusing {
      let sound = try Waveform(decoding: bytes)
      let counts = try LogSpectrogramEncoder().prepare(.audio(sound))
      guard sound.samples.count <= bytes.count, counts.values.allSatisfy(\.isFinite) else {
        throw Fault(description: "sound: \(sound.samples.count) samples, features that do not fit")
      }
    }
  }

  private func text(_ bytes: Data) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    let counts = try HashedNGramEncoder().prepare(.text(text))
    guard counts.indices.count == counts.values.count, counts.values.allSatisfy(\.isFinite) else {
      throw Fault(description: "text: features that do not fit")
    }
    for token in TextToken.tokens(of: text) {
      guard token.range.lowerBound < token.range.upperBound, token.range.upperBound <= text.endIndex else {
        throw Fault(description: "text: a token out of the text")
      }
    }
  }

  private func predict(_ bytes: Data) throws {
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard let text = String(validating: line, as: UTF8.self) else { continue }
      try refusing { _ = try PredictionInput(line: Tree(json: text)) }
    }
  }

  /// A file of predictions, as each of its kinds.
  private func table(_ bytes: Data, _ folder: URL) throws {
    for ending in ["jsonl", "safetensors", "npz", "parquet"] {
      let url = try file(bytes, "predictions.\(ending)", folder)
      defer { try? FileManager.default.removeItem(at: url) }
      for needsLabels in [true, false] {
        guard let table = try refusing({ try PredictionTable(reading: url, needsLabels: needsLabels) }) else {
          continue
        }
        let again = folder.appending(path: "again.safetensors")
        try table.write(to: again)
        guard try PredictionTable(reading: again, needsLabels: false) == table else {
          throw Fault(description: "table: written and read again it differs")
        }
        try FileManager.default.removeItem(at: again)
      }
    }
  }

  /// Lines that a program answers with.
  private func answer(_ bytes: Data) throws {
    for isMultiLabel in [false, true] {
      let classes = AnswerClasses(["a", "b", "c"], isMultiLabel: isMultiLabel)
      for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        guard let answer = try refusing({ try Array(line).withUnsafeBytes { try ModelAnswer($0, classes) } }) else {
          continue
        }
        guard answer.scores.values.count == 3, answer.scores.values.allSatisfy(\.isFinite) else {
          throw Fault(description: "answer: taken for scores: \(answer.scores)")
        }
      }
    }
  }

  private func records(_ bytes: Data, _ folder: URL) throws {
    let url = try file(bytes, "run.json", folder)
    try refusing { _ = try Tree.read(RunRecord.self, from: url) }
    try refusing { _ = try Tree.read(EvaluationTable.self, from: url) }
    try refusing { _ = try JSONLines.read(StepRow.self, from: url) }
    try refusing { _ = try JSONLines.read(EpochRow.self, from: url) }
    try refusing { _ = try SweepText(Tree.read(SweepTable.self, from: url)).text }
    try refusing { _ = try Tree.read(RunEvidence.self, from: url) }
    try refusing { _ = try Tree.read(DatasetManifest.self, from: url) }
    try refusing { _ = try Tree.read(TuningTable.self, from: url) }
    try refusing { _ = try JSONLines.read(SampleOrigin.self, from: url) }
    try refusing { _ = try CheckText(Tree.read(DataFindings.self, from: url)).text }
    try refusing { _ = try AuditText(Tree.read(AuditRecord.self, from: url)).text() }
    try refusing { _ = try Tree.read(AuditChange.self, from: url) }
    try refusing { _ = try DiagnosisText(Tree.read(ModelDiagnosis.self, from: url)).text(width: 80) }
    try refusing {
      let results: ComparisonResults = try Tree.read(from: url)
      _ = ComparisonTable(results)
      _ = Findings(results)
    }
  }

  private static let tokenizerFiles: Set = [
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "sentence_bert_config.json", "config.json",
  ]

  private func tokenizer(_ bytes: Data, _ folder: URL) throws {
    let (place, _) = try unpack(bytes, Self.tokenizerFiles, folder)
    try refusing {
      let tokenizer = try Tokenizer(folder: place)
      for text in ["The quick brown fox, it's 3.14! \u{E9}\u{4E2D}\u{1F600}", String(decoding: bytes, as: UTF8.self)] {
        let count = tokenizer(text).count
        guard count <= tokenizer.maximumLength else {
          throw Fault(description: "tokenizer: \(count) tokens, where \(tokenizer.maximumLength) may be")
        }
      }
    }
  }

  /// Before the first name stands that of a small checkpoint, whose other files are there as well.
  private func checkpoint(_ bytes: Data, _ folder: URL) throws {
    let others: Set = [
      "preprocessor_config.json", "processor_config.json", "modules.json", "model.safetensors.index.json",
      "config_sentence_transformers.json", "1_Pooling/config.json", "2_Dense/config.json",
    ]
    let (place, head) = try unpack(bytes, Self.tokenizerFiles.union(others), folder)
    let files = FileManager.default
    let whole = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/encoders/\(Self.checkpoints.first(where: head.hasPrefix) ?? "bert")")
    for name in files.enumerator(atPath: whole.path)?.compactMap({ $0 as? String }).sorted() ?? [] {
      let target = place.appending(path: name)
      guard !name.hasPrefix("expected"), name.contains("."), !files.fileExists(atPath: target.path) else { continue }
      try files.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      try files.createSymbolicLink(at: target, withDestinationURL: whole.appending(path: name))
    }
    let picture = RGBImage(width: 20, height: 12, pixels: [UInt8](repeating: 99, count: 720))
    for (kind, inputs) in [
      (RawInput.Kind.image, [RawInput.image(picture)]), (.text, [.text("a b"), .text("the cat")]),
    ] {
      try refusing {
        let encoder = try EncoderRegistry.make(place.path, of: kind)
        let rows = try encoder.encode(inputs.map(encoder.prepare), threads: 1)
        guard rows.count == inputs.count * encoder.width else {
          throw Fault(description: "checkpoint: \(rows.count) numbers, \(inputs.count) rows of \(encoder.width)")
        }
      }
    }
  }

  private static let checkpoints = ["bert", "sentence", "clip", "vit", "resnet", "roberta"]

  private func dataset(_ bytes: Data, _ folder: URL) throws {
    let names = ["train", "validation", "test", "test@image-missing", "test@image-noisy"].map { "\($0).safetensors" }
    let (place, _) = try unpack(
      bytes, Set(names + ["dataset.json", "train.samples.jsonl", "test.samples.jsonl", "quarantine.jsonl"]), folder)
    try refusing {
      let set = try FeatureSet(at: place)
      for condition in try set.conditions() { try refusing { _ = try set.test(under: condition) } }
      for modality in set.modalities { try refusing { _ = try set.validation(without: [modality]) } }
      try refusing { _ = try DataAudit.findings(GuardedSamples(set, .quick), .quick) }
    }
  }

  private func report(_ bytes: Data, _ folder: URL) throws {
    let tables = ["results", "sweep", "tuning", "check", "diagnosis"].map { "\($0).json" }
    let runs = ["joint/seed-0/", "balgrad/seed-0/", "runs/joint/seed-0/"].flatMap { run in
      ["run.json", "evaluation.json", "evidence.json", "epochs.jsonl", "steps.jsonl"].map { run + $0 }
    }
    let (place, _) = try unpack(bytes, Set(tables + runs), folder)
    try refusing {
      let contents = try ReportContents(reading: [place])
      let page = try HTMLReport(contents).html()
      guard !page.contains("<script>alert") else {
        throw Fault(description: "report: markup of a record's is in the page")
      }
      let table = ComparisonTable(contents.results)
      _ = (table.text(), table.markdown(), table.latex(), CSVTable.text(contents.results))
      _ = (FrontText(contents.results)?.text, Findings(contents.results).sentences)
      if let diagnosis = contents.diagnosis { _ = DiagnosisText(diagnosis).markdown }
      _ = FigureSet.figures(
        runs: try contents.runs.map { ($0.label, $0.epochs, try RunFolder($0.folder).readSteps()) },
        sweep: contents.sweep)
    }
  }
}
