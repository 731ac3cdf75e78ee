public import Datasets
import Encoders
public import Evaluation
import Foundation
import Multimodal
public import Records
import Torch

/// What encoding can be told by `--set`.
public struct EncodeSettings: Settings {
  public var impairments = ImpairmentSettings()
  public var data = RawDatasetSettings()
  /// Further conditions with that share of pixels or tokens hit: 0.5 makes `image-noisy-0.5` and `text-noisy-0.5`.
  public var noiseLevels: [Double] = []
  /// 0 takes one a core.
  public var threads = 0
  public init() {}
}

extension Experiment {
  /// Turns raw pictures and texts into a feature set: each split clean, the test split also missing and noisy.
  ///
  /// Encoders are fitted on the training split only. The work is done in `<out>.partial`, part by part; what an
  /// interrupted call has finished is not done again.
  ///
  /// - Throws: `CancellationError` where it was stopped.
  public static func encode(
    _ request: EncodeRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> EncodeSummary {
    try EncodingWork(request, stop: stop, events: events).run()
  }
}

/// One call of `encode`.
private struct EncodingWork {
  let request: EncodeRequest
  let stop: StopFlag
  let events: EventSink
  let settings: EncodeSettings
  let clock = ContinuousClock()
  let begun: ContinuousClock.Instant

  init(_ request: EncodeRequest, stop: StopFlag, events: @escaping EventSink) throws {
    self.request = request
    self.stop = stop
    self.events = events
    begun = clock.now
    let overlay = Overlay(defaults: try Tree(encoding: EncodeSettings()))
    var settings = try overlay.resolve(settings: request.settings).tree.decode(EncodeSettings.self)
    settings.data.strict = settings.data.strict || request.strict
    settings.data.followLinks = settings.data.followLinks || request.followLinks
    try settings.impairments.check()
    for level in settings.noiseLevels where !(0...1).contains(level) {
      throw Diagnosis("the noise level \(level) is not from 0 to 1", exitStatus: .usage)
    }
    self.settings = settings
  }

  func run() throws -> EncodeSummary {
    if settings.threads > 0 { Runtime.setThreads(settings.threads) }
    var data = try RawDataset(at: request.raw, settings: settings.data)
    events(.phase("Data", "\(data.name) · \(grouped(data.samples.count)) samples, \(data.classes.count) classes"))
    let encoders = try data.modalities.map { kind in (kind, try encoder(of: kind)) }
    let key = try key(of: data, encoders.map(\.1))
    if let done = try alreadyDone(key) { return done }
    let lock = try FolderLock(
      beside: request.out,
      waiting: Experiment.patience(request.wait, for: request.out, stop: stop, events: events))
    defer { lock.release() }
    AtomicFolder.recover(request.out)
    // Whoever was waited for may have made the same.
    if let done = try alreadyDone(key) { return done }

    let work = URL(filePath: request.out.path + ".partial")
    if !request.again, Self.key(in: work) == key {
      // Whole, but for its name.
      try settle(work)
      if let done = try alreadyDone(key) { return done }
    }
    try prepare(work, key)
    if data.modalities.contains(.image) {
      let stop = stop
      data = try data.quarantining(threads: settings.threads, settings: settings.data) { sample in
        if !stop.isRequested, let image = sample.imagePath { _ = try RGBImage(contentsOf: image) }
      }
      try checkStop()
    }
    if !data.quarantined.isEmpty {
      events(.note(Self.quarantineWords(data.quarantined, in: request.out.appending(path: "quarantine.jsonl"))))
    }

    var notes = data.notes
    var widths: [String: Int] = [:]
    var parts: [String: [(String, Tensor)]] = [:]
    for (kind, plain) in encoders {
      let encoder = try fitted(plain, kind, data, work)
      widths[kind.rawValue] = encoder.width
      for split in RawSplit.allCases {
        let samples = data.samples(in: split)
        guard !samples.isEmpty else { continue }
        let rows = try part("\(split.rawValue).\(kind.rawValue)", work) {
          try encode(inputs(samples, kind), encoder, label: "\(kind.rawValue), \(split.rawValue)")
        }
        parts[split.rawValue, default: []].append((kind.rawValue, rows))
      }
      try impairedParts(encoder, kind, data, work)
    }
    notes += try scaleNotes(parts[RawSplit.train.rawValue] ?? [])
    let manifest = try manifest(data, notes, key, encoders.map(\.1))
    return try assemble(data, parts, widths, notes, manifest, work)
  }

  /// Says so where the features of one modality are much larger than the other's, which the model would lean on.
  private func scaleNotes(_ features: [(String, Tensor)]) throws -> [String] {
    let sizes = try features.filter(\.1.elementType.isFloatingPoint).map {
      ($0.0, try $0.1.square().mean().scalar().squareRoot())
    }
    guard let low = sizes.map(\.1).min(), let high = sizes.map(\.1).max(), high > 10 * low else { return [] }
    let words = sizes.map { "\($0.0) \(String(format: "%.3g", $0.1))" }.joined(separator: ", ")
    return ["sizes of the features differ much (root mean square: \(words)); --rescale brings them to one scale"]
  }

  /// The encoder that was asked for, not fitted.
  private func encoder(of kind: RawInput.Kind) throws -> any RawEncoder {
    var settings = PretrainedSettings()
    settings.pooling = kind == .image ? request.imagePooling : request.textPooling
    settings.precision = request.precision
    settings.rescales = request.rescale
    let encoder = try EncoderRegistry.make(
      kind == .image ? request.imageEncoder : request.textEncoder, of: kind, settings: settings)
    if let known = (encoder as? any PretrainedEncoder)?.provenance {
      events(
        .phase("Encoder", "\(kind.rawValue): \(known.architecture), \(encoder.width) wide, pooled by \(known.pooling)"))
    }
    return encoder
  }

  // MARK: Parts

  private func fitted(
    _ plain: any RawEncoder, _ kind: RawInput.Kind, _ data: RawDataset, _ work: URL
  ) throws -> any RawEncoder {
    let url = work.appending(path: "encoders/\(kind.rawValue).safetensors")
    let type = type(of: plain)
    guard type.learns else {
      try EncoderFile.write(plain, to: url)
      return plain
    }
    if FileManager.default.fileExists(atPath: url.path), let found = try? EncoderFile.read(url) { return found }
    try checkStop()
    events(.phase("Fitting", "\(type.name) on the \(kind.rawValue)s of the training split"))
    var encoder = plain
    try encoder.fit(on: inputs(data.samples(in: .train), kind), threads: settings.threads)
    try EncoderFile.write(encoder, to: url)
    return encoder
  }

  /// The test split of one modality, missing and noisy, each in a file of its own.
  private func impairedParts(
    _ encoder: any RawEncoder, _ kind: RawInput.Kind, _ data: RawDataset, _ work: URL
  ) throws {
    let samples = data.samples(in: .test)
    guard !samples.isEmpty else { return }
    _ = try part("test@\(ImpairedCondition.missing.name(for: kind))", work, named: kind.rawValue) {
      try stored(encoder.encode(.missing(kind)), encoder)
    }
    let noisy = ImpairedCondition.noisy.name(for: kind)
    var impairments = [(noisy, settings.impairments.impairment(.noisy, of: kind))]
    for level in settings.noiseLevels {
      var stronger = settings.impairments
      stronger.noisyPixels = level
      stronger.deletedTokens = level
      impairments.append(("\(noisy)-\(level)", stronger.impairment(.noisy, of: kind)))
    }
    for (name, impairment) in impairments {
      let seed = settings.impairments.seed
      _ = try part("test@\(name)", work, named: kind.rawValue) {
        let clean = inputs(samples, kind)
        let noisy = RawInputs(count: samples.count) { index in
          let sample = samples[index]
          let isThere = kind == .image ? sample.imagePath != nil : sample.text != nil
          // What is not there cannot be noisy.
          guard isThere else { return try clean[index] }
          return impairment.impaired(try clean[index], sample: sample.id, condition: name, seed: seed)
        }
        return try encode(noisy, encoder, label: name)
      }
    }
  }

  /// A finished part from disk, or made now and kept.
  private func part(
    _ name: String, _ work: URL, named tensor: String = "features", _ make: () throws -> Tensor
  ) throws
    -> Tensor
  {
    let url = work.appending(path: "\(name).safetensors")
    if FileManager.default.fileExists(atPath: url.path), let file = try? SafeTensors(reading: url) {
      return try file.tensor(tensor)
    }
    let made = try make()
    try SafeTensors.write([(tensor, made)], to: url)
    return made
  }

  private func encode(_ inputs: RawInputs, _ encoder: any RawEncoder, label: String) throws -> Tensor {
    func tell(_ done: Int) throws {
      try checkStop()
      events(.progress(label: "Encoding", done: done, total: inputs.count, detail: label))
    }
    guard encoder.form.needsEncoder else {
      return try stored(encoder.encode(inputs, threads: settings.threads, progress: tell), encoder)
    }
    // Pixels take a quarter of the memory as what they are stored as.
    var parts: [Tensor] = []
    for start in stride(from: 0, to: inputs.count, by: encoder.chunk) {
      let end = min(start + encoder.chunk, inputs.count)
      let prepared = try parallelMap(end - start, threads: settings.threads) {
        try encoder.prepare(inputs[start + $0])
      }
      parts.append(try stored(encoder.encode(prepared, threads: settings.threads), encoder))
      try tell(end)
    }
    return try .cat(parts, 0)
  }

  /// Rows of numbers as the samples that they are.
  private func stored(_ rows: [Float], _ encoder: any RawEncoder) throws -> Tensor {
    let form = encoder.form
    return try Tensor(rows, shape: [rows.count / max(form.count, 1)] + form.shape).to(form.elementType)
  }

  private func inputs(_ samples: [RawSample], _ kind: RawInput.Kind) -> RawInputs {
    RawInputs(count: samples.count) { [stop] index in
      if stop.isRequested { throw CancellationError() }
      switch kind {
      case .image:
        guard let path = samples[index].imagePath else { return .missing(.image) }
        return .image(try RGBImage(contentsOf: path))
      case .text: return .text(samples[index].text ?? "")
      }
    }
  }

  private func checkStop() throws {
    if stop.isRequested { throw CancellationError() }
  }

  // MARK: Folders

  private func alreadyDone(_ key: String) throws -> EncodeSummary? {
    let files = FileManager.default
    guard files.fileExists(atPath: request.out.path) else { return nil }
    let manifest: DatasetManifest? = try? Tree.read(from: request.out.appending(path: "dataset.json"))
    if let manifest, manifest.about[path: "key"]?.stringValue == key, !request.again {
      let set = try FeatureSet(at: request.out)
      return EncodeSummary(
        folder: request.out.relativePath, alreadyDone: true, counts: set.counts,
        widths: Dictionary(uniqueKeysWithValues: zip(manifest.modalities, set.widths)),
        conditions: try set.conditions(),
        quarantined: manifest.about[path: "quarantined"]?.intValue ?? 0,
        notes: manifest.about[path: "notes"]?.listValue?.compactMap(\.stringValue) ?? [], seconds: 0)
    }
    let isEmpty = try files.contentsOfDirectory(atPath: request.out.path).isEmpty
    if isEmpty || (request.again && manifest != nil) { return nil }
    throw Diagnosis(
      manifest == nil ? "the folder is not empty" : "the folder holds features that were made otherwise",
      place: request.out.relativePath,
      remedy: manifest == nil ? "choose another --out" : "choose another --out, or --again to replace them",
      exitStatus: .usage)
  }

  /// The file that says what a folder of parts is for.
  private static let mark = ".key"

  private func prepare(_ work: URL, _ key: String) throws {
    let files = FileManager.default
    let mark = work.appending(path: Self.mark)
    try Diagnosis.placing(work) {
      let found = try? String(contentsOf: mark, encoding: .utf8)
      if files.fileExists(atPath: work.path), found != key || request.again { try files.removeItem(at: work) }
      try files.createDirectory(at: work.appending(path: "encoders"), withIntermediateDirectories: true)
    }
    AtomicFile.removeUnfinished(in: work)
    AtomicFile.removeUnfinished(in: work.appending(path: "encoders"))
    try AtomicFile.write(Data(key.utf8), to: mark)
  }

  private func assemble(
    _ data: RawDataset, _ parts: [String: [(String, Tensor)]], _ widths: [String: Int], _ notes: [String],
    _ manifest: DatasetManifest, _ work: URL
  ) throws -> EncodeSummary {
    for split in RawSplit.allCases {
      guard let features = parts[split.rawValue] else { continue }
      let labels = try labels(data.samples(in: split), data)
      try SafeTensors.write(
        features + [("labels", labels)], to: work.appending(path: "\(split.rawValue).safetensors"))
      let origins = data.samples(in: split).map { SampleOrigin($0, in: data.folder) }
      try SampleOrigin.write(origins, of: split.rawValue, to: work)
    }
    if !data.quarantined.isEmpty {
      let lines = try data.quarantined.map { try Tree(encoding: $0, keys: .asNamed).json() }
      try AtomicFile.write(
        Data((lines.joined(separator: "\n") + "\n").utf8), to: work.appending(path: "quarantine.jsonl"))
    }
    // The manifest last: with it the folder is whole.
    try manifest.write(to: work)
    try settle(work)
    let set = try FeatureSet(at: request.out)
    return EncodeSummary(
      folder: request.out.relativePath, alreadyDone: false, counts: set.counts, widths: widths,
      conditions: try set.conditions(), quarantined: data.quarantined.count, notes: notes,
      seconds: (clock.now - begun).seconds)
  }

  /// Takes what was only of use on the way out of a whole folder, and gives it its name.
  private func settle(_ work: URL) throws {
    let files = FileManager.default
    let parts = RawSplit.allCases.flatMap { split in
      RawInput.Kind.allCases.map { "\(split.rawValue).\($0.rawValue).safetensors" }
    }
    try Diagnosis.placing(work) {
      for name in parts + [Self.mark] where files.fileExists(atPath: work.appending(path: name).path) {
        try files.removeItem(at: work.appending(path: name))
      }
    }
    try AtomicFolder.replace(request.out, with: work)
  }

  /// What the features in a folder were made of; nil where it is not whole.
  private static func key(in folder: URL) -> String? {
    let manifest: DatasetManifest? = try? Tree.read(from: folder.appending(path: "dataset.json"))
    return manifest?.about[path: "key"]?.stringValue
  }

  private func labels(_ samples: [RawSample], _ data: RawDataset) throws -> Tensor {
    let numbers = samples.map(data.labelNumbers)
    guard data.isMultiLabel else { return try Tensor(numbers.map { $0.first ?? 0 }) }
    var rows = [UInt8](repeating: 0, count: samples.count * data.classes.count)
    for (row, labels) in numbers.enumerated() {
      for label in labels { rows[row * data.classes.count + label] = 1 }
    }
    return try Tensor(rows, shape: [samples.count, data.classes.count])
  }

  private func manifest(
    _ data: RawDataset, _ notes: [String], _ key: String, _ encoders: [any RawEncoder]
  ) throws -> DatasetManifest {
    let asked = try request.metric.map { name in
      guard let metric = Metric.allCases.first(where: { $0.rawValue.tolerantKey == name.tolerantKey }) else {
        throw Diagnosis("'\(name)' is not one of \(Metric.allowed.joined(separator: ", "))", exitStatus: .usage)
      }
      return metric
    }
    let task: PredictionTask =
      data.isMultiLabel ? .multiLabel : (data.classes.count == 2 && asked == .auroc ? .binary : .singleLabel)
    return DatasetManifest(
      name: request.name ?? data.name, task: task, classes: data.classes, modalities: data.modalities.map(\.rawValue),
      metric: asked ?? DatasetManifest.usualMetric(task),
      about: [
        "key": .string(key), "quarantined": .int(data.quarantined.count), "notes": .list(notes.map(Tree.string)),
        "encoders": .table(
          try Dictionary(uniqueKeysWithValues: encoders.map { ($0.kindName, try $0.provenanceTree()) })),
        "impairments": try Tree(encoding: settings.impairments),
        "raw": .string(data.folder.standardizedFileURL.path(percentEncoded: false)),
        "seesaw": .string(Experiment.version),
      ])
  }

  /// Names what the features depend on: the samples, the pictures' sizes and times, encoders and settings.
  private func key(of data: RawDataset, _ encoders: [any RawEncoder]) throws -> String {
    var lines = [try FileDigest.sha256(of: data.file)]
    for sample in data.samples {
      guard let url = sample.imagePath else { continue }
      let values = try? url.resourceValues(forKeys: [.fileSizeKey, .contentModificationDateKey])
      lines.append(
        "\(url.lastPathComponent) \(values?.fileSize ?? 0) "
          + "\(values?.contentModificationDate?.timeIntervalSince1970 ?? 0)")
    }
    lines += encoders.map(\.identity)
    var essence = settings
    essence.threads = 0
    lines += [try Tree(encoding: essence).json(), request.metric ?? "", request.name ?? ""]
    return FileDigest.sha256(of: lines.joined(separator: "\n"))
  }

  private static func quarantineWords(_ rows: [Quarantined], in url: URL) -> String {
    let shown = rows.prefix(3).map { "line \($0.row): \($0.reason)" }.joined(separator: "; ")
    return "\(rows.count) \(rows.count == 1 ? "sample is" : "samples are") left out (\(shown)"
      + "\(rows.count > 3 ? "; …" : "")); all are listed in \(url.relativePath)"
  }
}

extension RawEncoder {
  fileprivate var kindName: String { Self.kind.rawValue }

  /// What the manifest says of it: its name, or where its weights are from.
  fileprivate func provenanceTree() throws -> Tree {
    guard let pretrained = self as? any PretrainedEncoder else { return .table(["name": .string(Self.name)]) }
    return try Tree(encoding: pretrained.provenance, keys: .asNamed)
  }
}
