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

  /// The settings that features depend on, as they are named by.
  ///
  /// What earlier versions had no setting for goes unsaid where it is as usual, so that their features are known again.
  package func essence() throws -> Tree {
    var essence = self
    essence.threads = 0
    var tree = try Tree(encoding: essence)
    let usual = try Tree(encoding: EncodeSettings())
    for path in Self.later where tree[path: path] == usual[path: path] { tree[path: path] = nil }
    return tree
  }

  private static let later = [
    "columns", "encoding", "delimiter", "label_separator", "labels", "split_names", "picture_separator", "map",
    "take_incomplete", "task",
  ].map { "data.\($0)" }
}

extension Experiment {
  /// Turns raw pictures and texts into a feature set: each split clean, the test split also missing, noisy and under the
  /// impairments that are asked for; views of the training and validation splits besides (``EncodeViews``).
  ///
  /// Encoders are fitted on the training split only. Rows go to a cache as they are made, named by the bytes of their input,
  /// the encoder and what was done to the input, so that none is encoded twice: not after a kill, nor when samples, labels or
  /// splits have changed. Memory does not grow with the number of rows, but for their names.
  ///
  /// - Throws: `CancellationError` where it was stopped.
  public static func encode(
    _ request: EncodeRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> EncodeSummary {
    try EncodingWork(request, stop: stop, events: events).run()
  }
}

/// What an input has become before it is encoded.
private enum InputView: Sendable {
  case clean
  /// Left and right exchanged.
  case flipped
  /// The condition's name, and what it does.
  case noisy(String, any RawImpairment)
}

/// Raw samples as encoders read them, and what names their rows; used from several threads.
private struct Inputs: Sendable {
  /// The digests of pictures and sounds, sample after sample.
  private var digests: [InputDigest] = []
  /// Where those of a sample begin, by its number.
  private var starts: [Int32] = []
  /// Where damage is drawn from.
  let seed: UInt64

  static let clean = "clean"
  static let missing = "missing"

  init(seed: UInt64) { self.seed = seed }

  /// Keeps the digests of a sample's files.
  mutating func add(_ sample: RawSample, _ files: [InputDigest]) {
    while starts.count <= sample.number { starts.append(-1) }
    starts[sample.number] = Int32(digests.count)
    digests += files
  }

  private func digest(_ look: RawLook) -> InputDigest? {
    guard look.sample.number < starts.count, starts[look.sample.number] >= 0 else { return nil }
    return digests[Int(starts[look.sample.number]) + look.fileNumber]
  }

  /// What names the row of an input.
  func key(_ look: RawLook, _ view: InputView) -> RowKey {
    let digest = look.path == nil ? look.text.map { InputDigest(of: Data($0.utf8)) } : digest(look)
    guard let digest else { return RowKey(nil, condition: Self.missing) }
    switch view {
    case .clean: return RowKey(digest, condition: Self.clean)
    case .flipped: return RowKey(digest, condition: "flipped")
    case .noisy(let name, let impairment):
      // The damage is drawn from a stream of the condition and the input.
      return RowKey(digest, condition: "\(name)/\(look.stream) \(seed) \(impairment)")
    }
  }

  func input(_ look: RawLook, _ view: InputView) throws -> RawInput {
    // What is not there cannot be flipped or noisy.
    guard look.path != nil || look.text != nil else { return .missing(look.kind) }
    let plain = try plain(look)
    switch (view, plain) {
    case (.flipped, .image(let image)): return .image(image.flipped())
    case (.noisy(let name, let impairment), _):
      return try impairment.impaired(plain, sample: look.stream, condition: name, seed: seed)
    default: return plain
    }
  }

  private func plain(_ look: RawLook) throws -> RawInput {
    guard let path = look.path else { return .text(look.text ?? "") }
    let bytes = try look.read()
    guard InputDigest(of: bytes) == digest(look) else {
      throw Diagnosis(
        "the file changed while it was encoded", place: look.sample.words(of: path),
        remedy: "the same command goes on", exitStatus: .input)
    }
    return try look.decoded(bytes)
  }
}

/// Which rows were made before, for threads to ask.
private final class KnownRows: @unchecked Sendable {
  private let caches: [RawInput.Kind: FeatureCache]
  /// A cache forgets what it finds damaged.
  private let lock = NSLock()

  init(_ caches: [RawInput.Kind: FeatureCache]) { self.caches = caches }

  func contain(_ key: RowKey, of kind: RawInput.Kind) -> Bool {
    lock.withLock { caches[kind]?.contains(key) ?? false }
  }
}

/// An encoder and its rows so far.
private struct EncoderAtWork {
  let kind: RawInput.Kind
  let encoder: any RawEncoder
  let cache: FeatureCache
}

/// One call of `encode`.
private final class EncodingWork {
  let request: EncodeRequest
  let stop: StopFlag
  let events: EventSink
  let settings: EncodeSettings
  let clock = ContinuousClock()
  let begun: ContinuousClock.Instant
  /// Where rows are kept.
  let cache: URL
  private var inputs: Inputs
  private var rows = EncodeSummary.Rows(known: 0, encoded: 0)

  init(_ request: EncodeRequest, stop: StopFlag, events: @escaping EventSink) throws {
    self.request = request
    self.stop = stop
    self.events = events
    begun = clock.now
    cache = request.cache ?? URL(filePath: request.out.relativePath + ".cache", relativeTo: request.out.baseURL)
    let overlay = Overlay(defaults: try Tree(encoding: EncodeSettings()))
    var settings = try overlay.resolve(settings: request.settings).tree.decode(EncodeSettings.self)
    settings.data.strict = settings.data.strict || request.strict
    settings.data.followLinks = settings.data.followLinks || request.followLinks
    settings.data = request.table.over(settings.data, layout: request.layout, variant: request.variant)
    try settings.impairments.check()
    for level in settings.noiseLevels where !(0...1).contains(level) {
      throw Diagnosis("the noise level \(level) is not from 0 to 1", exitStatus: .usage)
    }
    self.settings = settings
    inputs = Inputs(seed: settings.impairments.seed)
  }

  func run() throws -> EncodeSummary {
    if settings.threads > 0 { Runtime.setThreads(settings.threads) }
    let likeness = Likeness(settings: .init(), threads: settings.threads, stop: stop, events: events)
    var data = try RawDataset(at: request.raw, settings: settings.data, alike: likeness.function)
    events(.phase("Data", "\(data.name) · \(grouped(data.samples.count)) samples, \(data.answerWords)"))
    if !request.allowLoss, let loss = data.loss { throw loss }
    try checkScore(of: data)
    guard !request.flip || data.modalities.contains(.image) else {
      throw Diagnosis("there are no pictures to flip", place: request.raw.relativePath, exitStatus: .usage)
    }
    let encoders = try data.modalities.map { kind in (kind, try encoder(of: kind)) }
    let plan = try EncodingPlan(request, settings, encoders, counts: inputs(of: data))
    var facts = try facts(of: data, encoders)
    facts["impairments"] = plan.chosenWords
    let key = key(of: data, facts)
    // Features are the same with or without views.
    facts["views"] = plan.viewWords
    let shards = ShardFolder(in: cache, named: request.out.standardizedFileURL.lastPathComponent)
    if request.shard == nil, let done = try alreadyDone(key, plan) {
      tidy(shards)
      return done
    }
    let lock = try FolderLock(
      beside: request.shard.map(shards.file) ?? request.out,
      waiting: Experiment.patience(request.wait, for: request.out, stop: stop, events: events))
    defer { lock.release() }
    if request.shard == nil {
      AtomicFolder.recover(request.out)
      // Whoever was waited for may have made the same.
      if let done = try alreadyDone(key, plan) { return done }
      if !request.again, Self.key(in: work) == key, Self.has(plan, key, in: work) {
        // Whole, but for its name.
        try AtomicFolder.replace(request.out, with: work)
        if let done = try alreadyDone(key, plan) { return done }
      }
      let count = try shards.check(facts: facts)
      if count > 0 { events(.phase("Shards", "all \(count) are there")) }
      if request.renews, FileManager.default.fileExists(atPath: request.out.appending(path: "dataset.json").path) {
        events(.note("the features in \(request.out.relativePath) were made otherwise, and are made anew"))
      }
      try prepare(work)
    }

    if data.modalities != [.text] {
      data = try readingFiles(data, encoders)
      // Pictures that cannot be decoded are a loss like any other.
      if !request.allowLoss, let loss = data.loss { throw loss }
      try checkScore(of: data)
    }
    tell(data.quarantined)
    tell(plan, data)
    let ready = try encoders.map { kind, plain in try atWork(plain, kind, data) }
    data = try withoutRefused(data, ready, plan)
    if !request.allowLoss, let loss = data.loss { throw loss }
    for one in ready {
      for part in parts(of: one.kind, data, plan) where !part.isClean { try fill(part, one) }
      try one.cache.synchronize()
    }
    if let shard = request.shard {
      try shards.write(shard, facts: facts)
      return EncodeSummary(
        folder: cache.relativePath, alreadyDone: false, counts: [:],
        widths: Dictionary(uniqueKeysWithValues: ready.map { ($0.kind.rawValue, $0.encoder.width) }),
        forms: EncodeSummary.forms(ready.map { ($0.kind.rawValue, $0.encoder.form) }), conditions: [],
        quarantined: data.quarantined.count, notes: data.notes, seconds: (clock.now - begun).seconds, rows: rows,
        cache: cache.relativePath, shard: shard.words)
    }
    let summary = try assemble(data, ready, key, work, plan)
    shards.clear()
    return summary
  }

  /// The encoder that was asked for, not fitted.
  private func encoder(of kind: RawInput.Kind) throws -> any RawEncoder {
    var settings = PretrainedSettings()
    let (name, pooling): (String?, Pooling?) =
      switch kind {
      case .image: (request.imageEncoder, request.imagePooling)
      case .text: (request.textEncoder, request.textPooling)
      case .audio: (request.audioEncoder, request.audioPooling)
      }
    let usual = name == nil ? request.usualEncoders[kind] : nil
    if let usual {
      events(
        .note(
          "no \(kind.rawValue) encoder is named: \(usual.lastPathComponent) it is; --\(kind.rawValue)-encoder "
            + "\(try EncoderRegistry.encoder(of: kind).name) takes the one that comes with Seesaw"))
    }
    settings.pooling = pooling
    settings.precision = request.precision
    settings.rescales = request.rescale
    let encoder = try EncoderRegistry.make(
      name ?? usual?.relativePath, of: kind, settings: settings, warn: { events(.warning($0)) })
    if let known = (encoder as? any ProvenEncoder)?.provenance {
      if let note = request.precision.note() { events(.note("\(kind.rawValue): \(note)")) }
      events(
        .phase("Encoder", "\(kind.rawValue): \(known.architecture), \(encoder.width) wide, pooled by \(known.pooling)"))
    }
    return encoder
  }

  // MARK: Inputs

  private func isOwn(_ sample: RawSample) -> Bool {
    request.shard.map { $0.contains(sample.number) } ?? true
  }

  /// Reads every picture and sound that is needed once, keeps its digest, and leaves out the samples that have one that is none.
  ///
  /// What there is a row of was decoded before.
  private func readingFiles(
    _ data: RawDataset, _ encoders: [(RawInput.Kind, any RawEncoder)]
  ) throws -> RawDataset {
    let learns = encoders.contains { type(of: $0.1).learns }
    var known: [RawInput.Kind: FeatureCache] = [:]
    for (kind, encoder) in encoders where !type(of: encoder).learns {
      known[kind] = try cache(of: encoder, tag: encoder.identity)
    }
    let caches = KnownRows(known)
    var refused: [Int: Diagnosis] = [:]
    let portion = 512
    for start in stride(from: 0, to: data.samples.count, by: portion) {
      // Whoever learns must see the whole training split.
      let samples = data.samples[start..<min(start + portion, data.samples.count)].filter { learns || isOwn($0) }
      let looks = samples.flatMap { sample in
        [RawInput.Kind.image, .audio].flatMap { RawLook.all(of: sample, $0) }.filter { $0.path != nil }
      }
      let read = try parallelMap(looks.count, threads: settings.threads) {
        [stop] index -> Result<InputDigest, Diagnosis> in
        if stop.isRequested { throw CancellationError() }
        let look = looks[index]
        do {
          let bytes = try look.read()
          let digest = InputDigest(of: bytes)
          if !caches.contain(RowKey(digest, condition: Inputs.clean), of: look.kind) { _ = try look.decoded(bytes) }
          return .success(digest)
        } catch { return .failure(Diagnosis(describing: error)) }
      }
      var rest = read[...]
      for sample in samples {
        let own = rest.prefix(sample.files.count)
        rest = rest.dropFirst(own.count)
        do { inputs.add(sample, try own.map { try $0.get() }) } catch {
          refused[sample.number] = Diagnosis(describing: error)
        }
      }
      events(
        .progress(
          label: "Reading", done: min(start + portion, data.samples.count), total: data.samples.count,
          detail: "samples' files"))
    }
    try checkStop()
    return try data.quarantining(threads: 1, settings: settings.data) { [refused] sample in
      if let diagnosis = refused[sample.number] { throw diagnosis }
    }
  }

  // MARK: Rows

  /// Samples in one view, which make one matrix.
  private struct Part {
    let title: String
    /// The file, and the tensor's name in it.
    let file: String
    let samples: RawSamples
    let view: InputView

    var isClean: Bool { if case .clean = view { true } else { false } }
  }

  /// The splits as they are, what training sees flipped, the test split under its conditions, and views of the others.
  private func parts(of kind: RawInput.Kind, _ data: RawDataset, _ plan: EncodingPlan) -> [Part] {
    var parts = RawSplit.allCases.map { split in
      Part(
        title: "\(kind.rawValue), \(split.rawValue)", file: split.rawValue, samples: data.samples(in: split),
        view: .clean)
    }
    if request.flip, kind == .image {
      parts.append(
        Part(title: "image, flipped", file: "train@image-flipped", samples: data.samples(in: .train), view: .flipped))
    }
    func add(_ split: RawSplit, _ condition: EncodingPlan.Condition, draw: Int = 1) {
      // Each draw has a stream of its own.
      let name = "\(kind.rawValue)-\(condition.name)" + (draw == 1 ? "" : ".\(draw)")
      parts.append(
        Part(
          title: split == .test ? name : "\(name), \(split.rawValue)", file: "\(split.rawValue)@\(name)",
          samples: data.samples(in: split), view: .noisy(name, condition.impairment)))
    }
    let conditions = plan.conditions[kind] ?? []
    for condition in conditions { add(.test, condition) }
    for condition in conditions where plan.training[kind]?.contains(condition.name) == true {
      for draw in 1...plan.draws { add(.train, condition, draw: draw) }
    }
    if plan.validation.contains(kind) { for condition in conditions { add(.validation, condition) } }
    return parts.filter { !$0.samples.isEmpty }
  }

  /// Inputs of the training and validation splits, by kind.
  private func inputs(of data: RawDataset) -> [RawInput.Kind: (train: Int, validation: Int)] {
    func count(_ split: RawSplit, _ kind: RawInput.Kind) -> Int {
      data.samples(in: split).reduce(0) { $0 + RawLook.all(of: $1, kind).count }
    }
    return Dictionary(uniqueKeysWithValues: data.modalities.map { ($0, (count(.train, $0), count(.validation, $0))) })
  }

  /// Says what views cost before they are encoded.
  private func tell(_ plan: EncodingPlan, _ data: RawDataset) {
    for note in plan.notes { events(.note(note)) }
    guard plan.hasViews else { return }
    let counts = inputs(of: data)
    let more = data.modalities.reduce(0) { sum, kind in
      let (train, held) = counts[kind] ?? (0, 0)
      return sum + train * (plan.training[kind]?.count ?? 0) * plan.draws
        + (plan.validation.contains(kind) ? held * (plan.conditions[kind]?.count ?? 0) : 0)
    }
    guard more > 0 else { return }
    let seen = data.modalities.flatMap { kind in (plan.training[kind] ?? []).map { "\(kind.rawValue)-\($0)" } }
    events(
      .phase(
        "Views",
        (seen.isEmpty ? "of the validation split" : "\(seen.joined(separator: ", ")) for training and validation")
          + " · \(grouped(more)) more inputs to encode, --views none does without"))
  }

  /// The cache of an encoder that is named by all that its rows depend on.
  private func cache(of encoder: any RawEncoder, tag: String) throws -> FeatureCache {
    let name = "\(type(of: encoder).kind.rawValue)-\(FileDigest.sha256(of: tag).prefix(16))"
    let prefix = request.shard.map { String(format: "%04d-of-%d-", $0.number, $0.count) } ?? ""
    return try FeatureCache(cache.appending(path: name), width: encoder.form.cachedWidth, prefix: prefix)
  }

  /// A fitted encoder, with the row that stands for what is missing.
  private func atWork(_ plain: any RawEncoder, _ kind: RawInput.Kind, _ data: RawDataset) throws -> EncoderAtWork {
    let (encoder, tag) = try fitted(plain, kind, data)
    let one = EncoderAtWork(kind: kind, encoder: encoder, cache: try cache(of: encoder, tag: tag))
    let key = RowKey(nil, condition: Inputs.missing)
    if !one.cache.contains(key) { try one.cache.append([key], encoder.form.cached(encoder.encode(.missing(kind)))) }
    return one
  }

  /// An encoder that has learnt what it must, and a name for what its rows depend on.
  private func fitted(
    _ plain: any RawEncoder, _ kind: RawInput.Kind, _ data: RawDataset
  ) throws -> (any RawEncoder, tag: String) {
    let type = type(of: plain)
    guard type.learns else { return (plain, plain.identity) }
    let samples = data.samples(in: .train)
    var looks: [(sample: Int32, look: Int32)] = []
    var hash = SHA256()
    hash.update(data: Data(plain.identity.utf8))
    for (place, sample) in samples.enumerated() {
      for (number, look) in RawLook.all(of: sample, kind).enumerated() {
        looks.append((Int32(place), Int32(number)))
        hash.update(data: Data(" \(inputs.key(look, .clean).words)".utf8))
      }
    }
    let learnt = FileDigest.hex(hash.finalize())
    let folder = cache.appending(path: "encoders")
    let prefix = "\(kind.rawValue)-\(learnt.prefix(16))-"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in names.sorted() where name.hasPrefix(prefix) {
      let url = folder.appending(path: name)
      // The name says what must be in the file.
      guard let digest = try? FileDigest.sha256(of: url), name == "\(prefix)\(digest.prefix(16)).safetensors",
        let encoder = try? EncoderFile.read(url, warn: { events(.warning($0)) })
      else { continue }
      return (encoder, digest)
    }
    try checkStop()
    events(.phase("Fitting", "\(type.name) on the \(kind.rawValue)s of the training split"))
    var encoder = plain
    let raw = RawInputs(count: looks.count) { [inputs, stop, looks] index in
      if stop.isRequested { throw CancellationError() }
      let sample = samples[Int(looks[index].sample)]
      return try inputs.input(RawLook(sample: sample, kind: kind, number: Int(looks[index].look)), .clean)
    }
    try encoder.fit(on: raw, threads: settings.threads)
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    let url = folder.appending(path: ".\(prefix)\(UUID().uuidString.prefix(8)).part")
    try EncoderFile.write(encoder, to: url)
    let digest = try FileDigest.sha256(of: url)
    try AtomicFile.rename(url, to: folder.appending(path: "\(prefix)\(digest.prefix(16)).safetensors"))
    return (encoder, digest)
  }

  /// The inputs of a sample; an encoder that is trained with the model is shown one.
  private func looks(of sample: RawSample, _ work: EncoderAtWork) -> [RawLook] {
    let all = RawLook.all(of: sample, work.kind)
    return work.encoder.form.needsEncoder ? Array(all.prefix(1)) : all
  }

  /// Encodes all samples as they are, and leaves out those of which an encoder can make nothing.
  private func withoutRefused(
    _ data: RawDataset, _ encoders: [EncoderAtWork], _ plan: EncodingPlan
  ) throws -> RawDataset {
    var refused: [Int: Diagnosis] = [:]
    for one in encoders {
      for part in parts(of: one.kind, data, plan) where part.isClean {
        refused.merge(try fill(part, one)) { first, _ in first }
      }
    }
    guard !refused.isEmpty else { return data }
    for one in encoders { try one.cache.synchronize() }
    let left = try data.quarantining(threads: 1, settings: settings.data) { [refused] sample in
      if let diagnosis = refused[sample.number] { throw diagnosis }
    }
    tell(left.quarantined)
    return left
  }

  /// Encodes the rows of a part that are not known.
  ///
  /// - Returns: the numbers of samples that the encoder refuses, and why; of a view of what was taken as it is, a refusal
  ///   is an error.
  @discardableResult private func fill(_ part: Part, _ work: EncoderAtWork) throws -> [Int: Diagnosis] {
    var refused: [RowKey: Diagnosis] = [:]
    // Places of samples and their looks: whatever is held here is held for every row.
    var wanted: [(sample: Int32, look: Int32)] = []
    for (place, sample) in part.samples.enumerated() where isOwn(sample) {
      for (number, look) in looks(of: sample, work).enumerated() {
        if work.cache.contains(inputs.key(look, part.view)) {
          rows.known += 1
        } else {
          wanted.append((Int32(place), Int32(number)))
        }
      }
    }
    let began = clock.now
    let chunk = max(work.encoder.chunk, 1)
    var done = 0
    while done < wanted.count {
      try checkStop()
      var some: [(look: RawLook, key: RowKey)] = []
      var seen: Set<RowKey> = []
      while done < wanted.count, some.count < chunk {
        let look = looks(of: part.samples[Int(wanted[done].sample)], work)[Int(wanted[done].look)]
        let key = inputs.key(look, part.view)
        // Equal inputs have one row.
        if seen.insert(key).inserted, !work.cache.contains(key) {
          some.append((look, key))
        } else {
          rows.known += 1
        }
        done += 1
      }
      let prepared = try parallelMap(some.count, threads: settings.threads) {
        [inputs, stop, encoder = work.encoder, view = part.view, some] index -> Result<PreparedInput, EncoderError> in
        if stop.isRequested { throw CancellationError() }
        return try encoder.prepared(inputs.input(some[index].look, view))
      }
      let made = try work.encoder.encoded(prepared, threads: settings.threads)
      for (one, result) in zip(some, made.results) {
        guard case .failure(let error) = result else { continue }
        guard part.isClean else { throw error }
        refused[one.key] = error.diagnosis
      }
      let keys = zip(some, made.results).compactMap { one, result in (try? result.get()) == nil ? nil : one.key }
      if !keys.isEmpty { try work.cache.append(keys, work.encoder.form.cached(made.rows)) }
      rows.encoded += keys.count
      let rate = Double(done) / max((clock.now - began).seconds, 1e-3)
      events(
        .progress(
          label: "Encoding", done: done, total: wanted.count,
          detail: "\(part.title)  \(rate < 10 ? String(format: "%.1f", rate) : grouped(Int(rate))) a second"))
    }
    guard !refused.isEmpty else { return [:] }
    // Equal inputs are refused alike.
    return wanted.reduce(into: [:]) { samples, place in
      let sample = part.samples[Int(place.sample)]
      samples[sample.number] =
        samples[sample.number] ?? refused[inputs.key(looks(of: sample, work)[Int(place.look)], part.view)]
    }
  }

  private func checkStop() throws {
    if stop.isRequested { throw CancellationError() }
  }

  // MARK: Folders

  /// Where the feature set is put together.
  private var work: URL { URL(filePath: request.out.path + ".partial") }

  /// Takes away what a process left that was killed after it gave the folder its name.
  private func tidy(_ shards: ShardFolder) {
    guard let lock = try? FolderLock(beside: request.out) else { return }
    defer { lock.release() }
    AtomicFolder.recover(request.out)
    try? FileManager.default.removeItem(at: work)
    shards.clear()
  }

  /// Whether a folder of that key has the views too; more than were asked for do no harm.
  private static func has(_ plan: EncodingPlan, _ key: String, in folder: URL) -> Bool {
    !plan.hasViews || ViewRecord.read(in: folder)?.key == ViewRecord.key(plan, of: key)
  }

  private func alreadyDone(_ key: String, _ plan: EncodingPlan) throws -> EncodeSummary? {
    let files = FileManager.default
    guard files.fileExists(atPath: request.out.path) else { return nil }
    let manifest: DatasetManifest? = try? Tree.read(from: request.out.appending(path: "dataset.json"))
    if let manifest, manifest.about[path: "key"]?.stringValue == key, !request.again {
      // The same features; only views are to be added.
      guard Self.has(plan, key, in: request.out) else { return nil }
      let set = try FeatureSet(at: request.out)
      return EncodeSummary(
        folder: request.out.relativePath, alreadyDone: true, counts: set.counts,
        widths: Dictionary(uniqueKeysWithValues: zip(manifest.modalities, set.widths)),
        forms: EncodeSummary.forms(zip(manifest.modalities, set.forms)),
        conditions: try set.conditions(), views: ViewRecord.read(in: request.out)?.training,
        quarantined: manifest.about[path: "quarantined"]?.intValue ?? 0,
        notes: manifest.about[path: "notes"]?.listValue?.compactMap(\.stringValue) ?? [], seconds: 0)
    }
    let isEmpty = try files.contentsOfDirectory(atPath: request.out.path).isEmpty
    if isEmpty || (request.again && manifest != nil) { return nil }
    if request.renews, let raw = manifest?.about[path: "raw"]?.stringValue,
      URL(filePath: raw).standardizedFileURL.path == request.raw.standardizedFileURL.path
    {
      return nil
    }
    throw Diagnosis(
      manifest == nil ? "the folder is not empty" : "the folder holds features that were made otherwise",
      place: request.out.relativePath,
      remedy: manifest == nil
        ? "choose another --out"
        : "choose another --out, or --again to replace them; what is known is not encoded again",
      exitStatus: .usage)
  }

  /// An empty folder to assemble in; what a killed call left there is all in the cache.
  private func prepare(_ work: URL) throws {
    let files = FileManager.default
    try Diagnosis.placing(work) {
      if files.fileExists(atPath: work.path) { try files.removeItem(at: work) }
      try files.createDirectory(at: work.appending(path: "encoders"), withIntermediateDirectories: true)
    }
  }

  /// The rows of a part, read from the cache as they are written; nothing is collected.
  ///
  /// - Parameter look: is shown the rows.
  private func matrix(
    _ part: Part, _ work: EncoderAtWork, look: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }
  ) -> SafeTensors.Portions {
    let form = work.encoder.form
    return SafeTensors.Portions(
      work.kind.rawValue, form.elementType, [part.samples.count] + form.shape
    ) { [self] body in
      let stride = form.cachedWidth * 4
      let most = max(1, (1 << 20) / stride)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: most * stride, alignment: 64)
      defer { buffer.deallocate() }
      var filled = 0
      func hand() throws {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(filled * stride)])
        look(bytes)
        try form.stored(bytes, body)
        filled = 0
        try checkStop()
      }
      for sample in part.samples {
        let row = UnsafeMutableRawBufferPointer(rebasing: buffer[(filled * stride)..<((filled + 1) * stride)])
        try read(looks(of: sample, work), part.view, work.cache, into: row)
        filled += 1
        if filled == most { try hand() }
      }
      if filled > 0 { try hand() }
    }
  }

  /// The row of a sample: the mean of its pictures' where it has several.
  private func read(
    _ looks: [RawLook], _ view: InputView, _ cache: FeatureCache, into row: UnsafeMutableRawBufferPointer
  ) throws {
    func read(_ look: RawLook, into row: UnsafeMutableRawBufferPointer) throws {
      guard cache.read(inputs.key(look, view), into: row) else {
        throw Diagnosis(
          "a row that was there is damaged", place: cache.folder.relativePath,
          remedy: "the same command encodes it again", exitStatus: .failed)
      }
    }
    guard looks.count > 1 else { return try looks.forEach { try read($0, into: row) } }
    let sum = row.bindMemory(to: Float.self)
    sum.update(repeating: 0)
    let one = UnsafeMutableBufferPointer<Float>.allocate(capacity: sum.count)
    defer { one.deallocate() }
    for look in looks {
      try read(look, into: UnsafeMutableRawBufferPointer(one))
      for place in sum.indices { sum[place] += one[place] / Float(looks.count) }
    }
  }

  private func assemble(
    _ data: RawDataset, _ encoders: [EncoderAtWork], _ key: String, _ work: URL, _ plan: EncodingPlan
  ) throws -> EncodeSummary {
    var squares: [String: Double] = [:]
    for split in RawSplit.allCases {
      let samples = data.samples(in: split)
      guard !samples.isEmpty else { continue }
      let part = Part(title: split.rawValue, file: split.rawValue, samples: samples, view: .clean)
      var tensors = encoders.map { one in
        matrix(part, one) { bytes in
          guard split == .train, !one.encoder.form.needsEncoder else { return }
          let sum = bytes.bindMemory(to: Float.self).reduce(0.0) { $0 + Double($1) * Double($1) }
          squares[one.kind.rawValue, default: 0] += sum / Double(samples.count * one.encoder.width)
        }
      }
      tensors.append(labels(samples, data))
      try SafeTensors.write(portions: tensors, to: work.appending(path: "\(split.rawValue).safetensors"))
      try SampleOrigin.write(samples.lazy.map { SampleOrigin($0) }, of: split.rawValue, to: work)
    }
    for one in encoders {
      try EncoderFile.write(one.encoder, to: work.appending(path: "encoders/\(one.kind.rawValue).safetensors"))
      for part in parts(of: one.kind, data, plan) where part.file.contains("@") {
        try SafeTensors.write(portions: [matrix(part, one)], to: work.appending(path: "\(part.file).safetensors"))
      }
      let form = one.encoder.form
      let row = try Tensor(one.encoder.encode(.missing(one.kind)), shape: [1] + form.shape).to(form.elementType)
      // One row for every split: what an empty input becomes does not depend on the sample.
      for split in RawSplit.allCases where split == .test || plan.validation.contains(one.kind) {
        guard !data.samples(in: split).isEmpty else { continue }
        let name = "\(split.rawValue)@\(ImpairedCondition.missing.name(for: one.kind))"
        try SafeTensors.write([(one.kind.rawValue, row)], to: work.appending(path: "\(name).safetensors"))
      }
    }
    if plan.hasViews { try ViewRecord(plan, key: ViewRecord.key(plan, of: key)).write(to: work) }
    try Quarantine.write(data.quarantined, to: work)
    let notes = data.notes + Self.scaleNotes(squares.mapValues { $0.squareRoot() })
    // The manifest last: with it the folder is whole.
    try manifest(data, notes, key, encoders.map(\.encoder), plan.chosen).write(to: work)
    try AtomicFolder.replace(request.out, with: work)
    let set = try FeatureSet(at: request.out)
    return EncodeSummary(
      folder: request.out.relativePath, alreadyDone: false, counts: set.counts,
      widths: Dictionary(uniqueKeysWithValues: encoders.map { ($0.kind.rawValue, $0.encoder.width) }),
      forms: EncodeSummary.forms(encoders.map { ($0.kind.rawValue, $0.encoder.form) }),
      conditions: try set.conditions(), views: plan.trainingByName, quarantined: data.quarantined.count, notes: notes,
      seconds: (clock.now - begun).seconds, rows: rows, cache: cache.relativePath)
  }

  /// Says so where the features of one modality are much larger than the other's, which the model would lean on.
  private static func scaleNotes(_ sizes: [String: Double]) -> [String] {
    guard let low = sizes.values.min(), let high = sizes.values.max(), high > 10 * low else { return [] }
    let words = sizes.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.3g", $0.value))" }
      .joined(separator: ", ")
    return ["sizes of the features differ much (root mean square: \(words)); --rescale brings them to one scale"]
  }

  /// What the features in a folder were made of; nil where it is not whole.
  private static func key(in folder: URL) -> String? {
    let manifest: DatasetManifest? = try? Tree.read(from: folder.appending(path: "dataset.json"))
    return manifest?.about[path: "key"]?.stringValue
  }

  /// [N] int64, or [N, C] uint8, or of a regression [N] float64.
  private func labels(_ samples: RawSamples, _ data: RawDataset) -> SafeTensors.Portions {
    if data.isRegression {
      return SafeTensors.Portions("labels", .float64, [samples.count]) { body in
        for sample in samples {
          try withUnsafeBytes(of: (data.target(of: sample) ?? .nan).bitPattern.littleEndian, body)
        }
      }
    }
    let shape = [samples.count] + (data.isMultiLabel ? [data.classes.count] : [])
    return SafeTensors.Portions("labels", data.isMultiLabel ? .uint8 : .int64, shape) { body in
      for sample in samples {
        let numbers = data.labelNumbers(of: sample)
        guard data.isMultiLabel else {
          try withUnsafeBytes(of: Int64(numbers.first ?? 0).littleEndian, body)
          continue
        }
        var row = [UInt8](repeating: 0, count: data.classes.count)
        for number in numbers { row[number] = 1 }
        try row.withUnsafeBytes(body)
      }
    }
  }

  private func manifest(
    _ data: RawDataset, _ notes: [String], _ key: String, _ encoders: [any RawEncoder], _ chosen: [ChosenImpairment]
  ) throws -> DatasetManifest {
    let (task, metric) = try scoring(of: data)
    var manifest = DatasetManifest(
      name: request.name ?? data.name, task: task, classes: data.classes, modalities: data.modalities.map(\.rawValue),
      metric: metric,
      about: [
        "key": .string(key), "quarantined": .int(data.quarantined.count), "notes": .list(notes.map(Tree.string)),
        "encoders": .table(
          try Dictionary(uniqueKeysWithValues: encoders.map { ($0.kindName, try $0.provenanceTree()) })),
        "impairments": try Tree(encoding: settings.impairments),
        "missing": .table(
          Dictionary(uniqueKeysWithValues: data.modalities.map { ($0.rawValue, .string("encoded-empty")) })),
        "layout": data.card.map { .string($0.name) } ?? .null,
        "raw": .string(
          data.folder.isFileURL
            ? data.folder.standardizedFileURL.path(percentEncoded: false) : data.folder.absoluteString),
        "seesaw": .string(Experiment.version),
      ])
    if let frames = data.clipFrames { manifest.about[path: "frames"] = .int(frames) }
    if !chosen.isEmpty {
      manifest.about[path: "conditions"] = .table(
        Dictionary(
          uniqueKeysWithValues: chosen.map {
            ($0.condition, ["impairment": .string($0.impairment.name), "strength": .number($0.strength)])
          }))
    }
    return manifest
  }

  /// The task, and the metric that was asked for, or its usual one.
  private func scoring(of data: RawDataset) throws -> (task: PredictionTask, metric: Metric) {
    let asked = try (request.metric ?? data.card?.metric).map { name in
      guard let metric = Metric.allCases.first(where: { $0.rawValue.tolerantKey == name.tolerantKey }) else {
        throw Diagnosis("'\(name)' is not one of \(Metric.allowed.joined(separator: ", "))", exitStatus: .usage)
      }
      return metric
    }
    if data.isRegression { return (.regression, asked ?? .r2) }
    let task: PredictionTask =
      data.isMultiLabel ? .multiLabel : (data.classes.count == 2 && asked == .auroc ? .binary : .singleLabel)
    return (task, asked ?? DatasetManifest.usualMetric(task))
  }

  /// Refuses a metric that the splits cannot be scored by, before anything is encoded.
  private func checkScore(of data: RawDataset) throws {
    let (task, metric) = try scoring(of: data)
    for split in [RawSplit.validation, .test] where !data.samples(in: split).isEmpty {
      var counts = [Int](repeating: 0, count: data.classes.count)
      let samples = data.samples(in: split)
      for sample in samples { for label in data.labelNumbers(of: sample) { counts[label] += 1 } }
      let score = ScoreCheck(metric: metric, task: task, classes: data.classes)
      if let wrong = score.diagnosis(counts: counts, of: samples.count, split: split.rawValue) {
        throw wrong.placed(in: data.file.relativePath)
      }
    }
  }

  /// What the features depend on besides the pictures, by name: what shards of one feature set must share.
  private func facts(
    of data: RawDataset, _ encoders: [(RawInput.Kind, any RawEncoder)]
  ) throws -> [String: String] {
    var facts = [
      "samples": try data.digest(), "settings": try settings.essence().json(),
      "flip": request.flip ? "on" : "off",
    ]
    for (kind, encoder) in encoders { facts["\(kind.rawValue) encoder"] = encoder.identity }
    if !data.interpretations.isEmpty { facts["reading"] = data.interpretations.joined(separator: "\n") }
    return facts
  }

  /// Names all that the features depend on; of the pictures their sizes and times.
  private func key(of data: RawDataset, _ facts: [String: String]) -> String {
    var hash = SHA256()
    func add(_ line: String) { hash.update(data: Data((line + "\n").utf8)) }
    for fact in facts.sorted(by: { $0.key < $1.key }) { add("\(fact.key) \(fact.value)") }
    for sample in data.samples {
      for path in sample.files {
        add("\(path.split(separator: "/").last ?? "") \(sample.stamp(of: path))")
      }
    }
    add(request.metric ?? "")
    hash.update(data: Data((request.name ?? "").utf8))
    return FileDigest.hex(hash.finalize())
  }

  /// Says what is left out.
  private func tell(_ rows: [Quarantined]) {
    if let words = Quarantine.words(rows, in: request.out) { events(.note(words)) }
  }
}

extension RawEncoder {
  fileprivate var kindName: String { Self.kind.rawValue }

  /// What the manifest says of it: its name, or where its weights are from.
  fileprivate func provenanceTree() throws -> Tree {
    guard let pretrained = self as? any ProvenEncoder else { return .table(["name": .string(Self.name)]) }
    return try Tree(encoding: pretrained.provenance, keys: .asNamed)
  }
}

extension EncodeSummary {
  /// What is no features, in words; nil where all are.
  static func forms(_ forms: some Sequence<(String, InputForm)>) -> [String: String]? {
    let words = Dictionary(uniqueKeysWithValues: forms.filter { $1.needsEncoder }.map { ($0, $1.words) })
    return words.isEmpty ? nil : words
  }
}

// A row of pixels is kept as its bytes, four in the place of a number.
extension InputForm {
  /// The width of a row in the cache, in numbers of four bytes.
  fileprivate var cachedWidth: Int { if case .pixels = self { (count + 3) / 4 } else { count } }

  /// Rows as the cache takes them.
  fileprivate func cached(_ rows: [Float]) -> [Float] {
    guard case .pixels = self else { return rows }
    var packed = [Float](repeating: 0, count: rows.count / count * cachedWidth)
    packed.withUnsafeMutableBytes { bytes in
      for row in 0..<(rows.count / count) {
        for place in 0..<count { bytes[row * cachedWidth * 4 + place] = UInt8(rows[row * count + place]) }
      }
    }
    return packed
  }

  /// Hands over rows of the cache as they are stored.
  fileprivate func stored(_ rows: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    switch self {
    case .features: try body(rows)
    case .tokens: try rows.bindMemory(to: Float.self).map { Int32($0) }.withUnsafeBytes(body)
    case .pixels:
      for start in stride(from: 0, to: rows.count, by: cachedWidth * 4) {
        try body(UnsafeRawBufferPointer(rebasing: rows[start..<(start + count)]))
      }
    }
  }
}
