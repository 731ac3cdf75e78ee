import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch

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

/// One call of `encode`: opens the data, and makes the whole feature set or the rows of shards.
final class EncodingWork {
  let context: EncodingContext
  let begun = ContinuousClock.now
  let data: RawDataset
  let encoders: [(kind: RawInput.Kind, encoder: any RawEncoder)]
  let plan: EncodingPlan
  /// What shards of one feature set must share, by name.
  let facts: [String: String]
  /// Names all that the features depend on; of files their sizes and times.
  let key: String
  /// The same without the files' times; made where it is asked for, since it goes through all samples once more.
  lazy var timelessKey = Self.key(of: data, keyFacts, request, times: false)
  private let keyFacts: [String: String]
  let shards: ShardFolder
  let reader: InputReader
  let rows: RowEncoding
  /// How many samples that are left out were told of.
  private var told = 0

  var request: EncodeRequest { context.request }
  var settings: EncodeSettings { context.settings }
  var events: EventSink { context.events }
  /// Where the feature set is put together.
  var work: URL { URL(filePath: request.out.path + ".partial") }

  init(_ request: EncodeRequest, stop: StopFlag, events: @escaping EventSink) throws {
    context = try EncodingContext(request, stop: stop, events: events)
    let settings = context.settings
    if settings.threads > 0 { Runtime.setThreads(settings.threads) }
    let likeness = Likeness(settings: .init(), threads: settings.threads, stop: stop, events: events)
    data = try RawDataset(at: request.raw, settings: settings.data, alike: likeness.function)
    events(.phase("Data", "\(data.name) · \(grouped(data.samples.count)) samples, \(data.answerWords)"))
    if !request.allowLoss, let loss = data.loss { throw loss }
    try context.checkScore(of: data)
    guard !request.flip || data.modalities.contains(.image) else {
      throw Diagnosis("there are no pictures to flip", place: request.raw.relativePath, exitStatus: .usage)
    }
    encoders = try data.modalities.map { [context] kind in (kind, try context.encoder(of: kind)) }
    plan = try EncodingPlan(request, settings, encoders, counts: EncodingPlan.inputs(of: data))
    var facts = try Self.facts(of: data, encoders, request, settings)
    facts["impairments"] = plan.chosenWords
    key = Self.key(of: data, facts, request, times: true)
    keyFacts = facts
    // Features are the same with or without views, and however the work is divided.
    facts["views"] = plan.viewWords
    facts["division"] = EncodeShard.division
    self.facts = facts
    shards = ShardFolder(in: context.cache, named: request.out.standardizedFileURL.lastPathComponent)
    reader = InputReader(context)
    rows = RowEncoding(context, plan, reader)
  }

  func run() throws -> EncodeSummary {
    if let shard = request.shard { return try encode(shard) }
    if request.joins { return try join() }
    if let count = request.nextShardOf { return try encodeNext(of: count) }
    return try encodeAll()
  }

  // MARK: The whole

  private func encodeAll() throws -> EncodeSummary {
    if let done = try alreadyDone() {
      tidy()
      return done
    }
    let lock = try lock(request.out)
    defer { lock.release() }
    AtomicFolder.recover(request.out)
    // Another process may have made the same while this one waited.
    if let done = try alreadyDone() { return done }
    if !request.again, !onlyTimesDiffer, Self.key(in: work) == key, has(viewsIn: work, of: key) {
      // Whole, but for its name.
      try AtomicFolder.replace(request.out, with: work)
      if let done = try alreadyDone() { return done }
    }
    let count = try shards.check(facts: facts)
    if count > 0 { events(.phase("Shards", "all \(count) are there")) }
    if request.renews, FileManager.default.fileExists(atPath: request.out.appending(path: "dataset.json").path) {
      events(.note("the features in \(request.out.relativePath) were made otherwise, and are made anew"))
    }
    try prepare(work)
    let (data, ready) = try encodeRows(own: nil)
    let notes = try FeatureSetWriter(context: context, plan: plan, rows: rows).write(data, ready, key, to: work)
    if onlyTimesDiffer {
      defer { try? FileManager.default.removeItem(at: work) }
      guard try FeatureSetMark.agree(work, request.out) else { throw madeOtherwise(isFeatureSet: true) }
      events(.note("the raw files have other times than before, and the same bytes: the features stay as they are"))
      try FeatureSetMark(in: request.out)?.adding(key).write(to: request.out)
      if let done = try alreadyDone() { return done }
    }
    try FeatureSetMark(keys: [key], timelessKey: timelessKey).write(to: work)
    try AtomicFolder.replace(request.out, with: work)
    let set = try FeatureSet(at: request.out)
    shards.clear()
    return summary(
      folder: request.out, counts: set.counts, ready, conditions: try set.conditions(), views: plan.trainingByName,
      quarantined: data.quarantined.count, notes: notes)
  }

  /// Encodes what is not known yet.
  ///
  /// - Parameter own: the numbers of the samples that are encoded; nil: all.
  /// - Returns: the samples that can be used, and the encoders with their rows.
  private func encodeRows(
    own: Range<Int>?, ready known: [EncoderAtWork]? = nil
  ) throws -> (RawDataset, [EncoderAtWork]) {
    var data = data
    if data.modalities != [.text] {
      data = try reader.read(data, encoders, own: own)
      // Pictures that cannot be decoded are a loss like any other.
      if !request.allowLoss, let loss = data.loss { throw loss }
      try context.checkScore(of: data)
    }
    tell(data.quarantined)
    if known == nil { plan.tell(data, events: events) }
    let ready = try known ?? encoders.map { kind, plain in try rows.atWork(plain, kind, data) }
    let left = try rows.withoutRefused(data, ready, own: own)
    tell(left.quarantined)
    if !request.allowLoss, let loss = left.loss { throw loss }
    for one in ready {
      for part in plan.parts(of: one.kind, left) where !part.isClean { try rows.fill(part, one, own: own) }
      try one.cache.synchronize()
    }
    return (left, ready)
  }

  // MARK: Shards

  private func encode(_ shard: EncodeShard) throws -> EncodeSummary {
    let lock = try lock(shards.file(shard))
    defer { lock.release() }
    let (data, ready) = try encodeRows(own: shard.numbers(of: data))
    try finish(shard, data, ready)
    return summary(
      folder: context.cache, ready, quarantined: data.quarantined.count, notes: data.notes, shard: shard.words)
  }

  /// Encodes one shard after another that no other process has, until there is none.
  private func encodeNext(of count: Int) throws -> EncodeSummary {
    let claims = try ShardClaims(of: count, in: shards)
    var ready: [EncoderAtWork]?
    var (done, failed): ([EncodeShard], [EncodeShard]) = ([], [])
    var quarantined = data.quarantined.count
    while let claim = try claims.next(waiting: request.wait, stop: context.stop, events: events) {
      defer { claim.release() }
      events(.phase("Shard", "\(claim.shard.words)\(claim.attempt > 1 ? ", given up by another process" : "")"))
      do {
        let (data, encoders) = try encodeRows(own: claim.shard.numbers(of: data), ready: ready)
        ready = encoders
        quarantined = max(quarantined, data.quarantined.count)
        try finish(claim.shard, data, encoders)
        done.append(claim.shard)
      } catch let error where !(error is CancellationError) {
        let diagnosis = Diagnosis(describing: error)
        try shards.write(failure: diagnosis, of: claim.shard)
        events(.warning("shard \(claim.shard.words) failed: \(diagnosis.what)"))
        failed.append(claim.shard)
      }
    }
    guard failed.isEmpty else {
      throw Diagnosis(
        failed.count == 1 ? "a shard failed" : "\(failed.count) shards failed", place: shards.url.relativePath,
        found: failed.map(\.words), remedy: "--status tells why; the same command tries them again",
        exitStatus: .failed)
    }
    return summary(
      folder: context.cache, ready ?? [], quarantined: quarantined, notes: data.notes,
      shard: done.isEmpty ? "none of \(count)" : "\(done.count) of \(count)")
  }

  /// Records that a shard is done, and where its rows lie.
  private func finish(_ shard: EncodeShard, _ data: RawDataset, _ encoders: [EncoderAtWork]) throws {
    let leftOut = reader.refused.merging(rows.refused) { first, _ in first }
    try shards.write(shard, facts: facts) { url in
      try ShardPart.write(shard.numbers(of: self.data), data, leftOut: leftOut, encoders, self.rows, to: url)
      // A mean of rows may have been added.
      for one in encoders { try one.cache.synchronize() }
    }
  }

  func summary(
    folder: URL, counts: [String: Int] = [:], _ ready: [EncoderAtWork], conditions: [String] = [],
    views: [String: [String]]? = nil, quarantined: Int, notes: [String], shard: String? = nil
  ) -> EncodeSummary {
    EncodeSummary(
      folder: folder.relativePath, alreadyDone: false, counts: counts,
      widths: Dictionary(uniqueKeysWithValues: ready.map { ($0.kind.rawValue, $0.encoder.width) }),
      forms: EncodeSummary.forms(ready.map { ($0.kind.rawValue, $0.encoder.form) }), conditions: conditions,
      views: views, quarantined: quarantined, notes: notes, seconds: (ContinuousClock.now - begun).seconds,
      rows: rows.rows, cache: context.cache.relativePath, shard: shard)
  }

  // MARK: Folders

  func lock(_ url: URL) throws -> FolderLock {
    try FolderLock(
      beside: url, waiting: Experiment.patience(request.wait, for: request.out, stop: context.stop, events: events))
  }

  /// Takes away what a process left that was killed after it gave the folder its name.
  private func tidy() {
    guard let lock = try? FolderLock(beside: request.out) else { return }
    defer { lock.release() }
    AtomicFolder.recover(request.out)
    try? FileManager.default.removeItem(at: work)
    shards.clear()
  }

  /// Whether a folder of that key has the views too; more than were asked for do no harm.
  private func has(viewsIn folder: URL, of key: String) -> Bool {
    !plan.hasViews || ViewRecord.read(in: folder)?.key == ViewRecord.key(plan, of: key)
  }

  /// Whether the features that are there differ in nothing but the times of raw files, as far as can be told without reading
  /// them: the files may have been copied or checked out anew.
  var onlyTimesDiffer: Bool {
    guard !request.again, let known = Self.key(in: request.out), known != key,
      let mark = FeatureSetMark(in: request.out), mark.tells(known, of: known), !mark.tells(key, of: known)
    else { return false }
    return mark.timelessKey == timelessKey && has(viewsIn: request.out, of: known)
  }

  func alreadyDone() throws -> EncodeSummary? {
    let files = FileManager.default
    guard files.fileExists(atPath: request.out.path) else { return nil }
    let manifest: DatasetManifest? = try? Tree.read(from: request.out.appending(path: "dataset.json"))
    let known = manifest?.about[path: "key"]?.stringValue
    let mark = FeatureSetMark(in: request.out)
    if let manifest, let known, !request.again, known == key || mark?.tells(key, of: known) == true {
      // The same features; only views are to be added.
      guard has(viewsIn: request.out, of: known) else { return nil }
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
    // That is seen when they are encoded.
    if onlyTimesDiffer { return nil }
    throw madeOtherwise(isFeatureSet: manifest != nil)
  }

  func madeOtherwise(isFeatureSet: Bool) -> Diagnosis {
    Diagnosis(
      isFeatureSet ? "the folder holds features that were made otherwise" : "the folder is not empty",
      place: request.out.relativePath,
      remedy: isFeatureSet
        ? "choose another --out, or --again to replace them; what is known is not encoded again"
        : "choose another --out",
      exitStatus: .usage)
  }

  /// An empty folder to assemble in; what a killed call left there is all in the cache.
  func prepare(_ work: URL) throws {
    let files = FileManager.default
    try Diagnosis.placing(work) {
      if files.fileExists(atPath: work.path) { try files.removeItem(at: work) }
      try files.createDirectory(at: work.appending(path: "encoders"), withIntermediateDirectories: true)
    }
  }

  /// What the features in a folder were made of; nil where it is not whole.
  private static func key(in folder: URL) -> String? {
    let manifest: DatasetManifest? = try? Tree.read(from: folder.appending(path: "dataset.json"))
    return manifest?.about[path: "key"]?.stringValue
  }

  /// What the features depend on besides the pictures, by name: what shards of one feature set must share.
  private static func facts(
    of data: RawDataset, _ encoders: [(kind: RawInput.Kind, encoder: any RawEncoder)], _ request: EncodeRequest,
    _ settings: EncodeSettings
  ) throws -> [String: String] {
    var facts = [
      "samples": try data.digest(), "settings": try settings.essence().json(),
      "flip": request.flip ? "on" : "off",
    ]
    for (kind, encoder) in encoders { facts["\(kind.rawValue) encoder"] = encoder.identity }
    if !data.interpretations.isEmpty { facts["reading"] = data.interpretations.joined(separator: "\n") }
    return facts
  }

  /// Names all that the features depend on; of the pictures their sizes, and their times or not.
  private static func key(
    of data: RawDataset, _ facts: [String: String], _ request: EncodeRequest, times: Bool
  ) -> String {
    var hash = SHA256()
    func add(_ line: String) { hash.update(data: Data((line + "\n").utf8)) }
    for fact in facts.sorted(by: { $0.key < $1.key }) { add("\(fact.key) \(fact.value)") }
    for sample in data.samples {
      for path in sample.files {
        let name = path.split(separator: "/").last ?? ""
        add(times ? "\(name) \(sample.stamp(of: path))" : String(name))
      }
    }
    add(request.metric ?? "")
    hash.update(data: Data((request.name ?? "").utf8))
    return FileDigest.hex(hash.finalize())
  }

  /// Says what is left out, where that is more than was said.
  func tell(_ rows: [Quarantined]) {
    guard rows.count > told else { return }
    told = rows.count
    if let words = Quarantine.words(rows, in: request.out) { events(.note(words)) }
  }
}
