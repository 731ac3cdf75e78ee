import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

/// An encoder and its rows so far.
struct EncoderAtWork {
  let kind: RawInput.Kind
  let encoder: any RawEncoder
  /// What its rows are named by.
  let tag: String
  let cache: FeatureCache
}

/// The rows of encoders: fits those that learn, and encodes what the caches do not have.
final class RowEncoding {
  let context: EncodingContext
  let plan: EncodingPlan
  let reader: InputReader
  /// How many rows were there, and how many were encoded.
  private(set) var rows = EncodeSummary.Rows(known: 0, encoded: 0)
  /// The samples that encoders refused, by number.
  private(set) var refused: [Int: Diagnosis] = [:]

  init(_ context: EncodingContext, _ plan: EncodingPlan, _ reader: InputReader) {
    self.context = context
    self.plan = plan
    self.reader = reader
  }

  /// The cache of an encoder that is named by all that its rows depend on.
  static func cache(of encoder: any RawEncoder, tag: String, _ context: EncodingContext) throws -> FeatureCache {
    let name = "\(type(of: encoder).kind.rawValue)-\(FileDigest.sha256(of: tag).prefix(16))"
    let prefix = context.request.shard.map { String(format: "%04d-of-%d-", $0.number, $0.count) } ?? ""
    return try FeatureCache(context.cache.appending(path: name), width: encoder.form.cachedWidth, prefix: prefix)
  }

  /// A fitted encoder, with the row that stands for what is missing.
  func atWork(_ plain: any RawEncoder, _ kind: RawInput.Kind, _ data: RawDataset) throws -> EncoderAtWork {
    let (encoder, tag) = try fitted(plain, kind, data)
    let one = EncoderAtWork(
      kind: kind, encoder: encoder, tag: tag, cache: try Self.cache(of: encoder, tag: tag, context))
    let key = RowKey(nil, condition: EncodingInputs.missing)
    if !one.cache.contains(key) { try one.cache.append([key], encoder.form.cached(encoder.encode(.missing(kind)))) }
    return one
  }

  /// The encoder that shards were encoded with.
  ///
  /// - Parameter tag: what its rows are named by.
  func known(_ plain: any RawEncoder, _ kind: RawInput.Kind, tag: String) throws -> EncoderAtWork {
    func atWork(_ encoder: any RawEncoder) throws -> EncoderAtWork {
      // Nothing is looked up in it: shards say where rows lie.
      let empty = context.cache.appending(path: "encoders/none")
      return EncoderAtWork(
        kind: kind, encoder: encoder, tag: tag, cache: try FeatureCache(empty, width: encoder.form.cachedWidth))
    }
    guard type(of: plain).learns else { return try atWork(plain) }
    let folder = context.cache.appending(path: "encoders")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let url = names.first { $0.hasPrefix("\(kind.rawValue)-") && $0.hasSuffix("-\(tag.prefix(16)).safetensors") }
      .map { folder.appending(path: $0) }
    guard let url, try FileDigest.sha256(of: url) == tag else {
      throw Diagnosis(
        "the \(kind.rawValue) encoder that the shards were encoded with is not there", place: folder.relativePath,
        remedy: "copy the folder encoders of a machine's cache here", exitStatus: .input)
    }
    return try atWork(EncoderFile.read(url, warn: { context.events(.warning($0)) }))
  }

  // MARK: Looking rows up

  /// The row of a sample: the mean of its inputs' where it has several.
  func read(
    _ looks: [RawInputReference], _ view: InputView, _ cache: FeatureCache, into row: UnsafeMutableRawBufferPointer
  ) throws {
    func read(_ look: RawInputReference, into row: UnsafeMutableRawBufferPointer) throws {
      guard cache.read(reader.inputs.key(look, view), into: row) else { throw damaged(cache) }
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

  /// The same, and where the row lies; a mean becomes a row of its own.
  func locate(
    _ sample: RawSample, _ view: InputView, _ work: EncoderAtWork, into row: UnsafeMutableRawBufferPointer
  ) throws -> (file: String, offset: Int) {
    let looks = looks(of: sample, work)
    var key = reader.inputs.key(looks[0], view)
    if looks.count > 1 {
      let all = looks.map { reader.inputs.key($0, view).words }.joined(separator: " ")
      key = RowKey(InputDigest(of: Data(all.utf8)), condition: "mean")
      if !work.cache.contains(key) {
        try read(looks, view, work.cache, into: row)
        try work.cache.append([key], Array(row.bindMemory(to: Float.self)))
      }
    }
    guard let found = work.cache.locate(key, into: row) else { throw damaged(work.cache) }
    return found
  }

  private func damaged(_ cache: FeatureCache) -> Diagnosis {
    Diagnosis(
      "a row that was there is damaged", place: cache.folder.relativePath,
      remedy: "the same command encodes it again", exitStatus: .failed)
  }

  // MARK: Encoding

  /// An encoder that has learnt what it must, and a name for what its rows depend on.
  func fitted(
    _ plain: any RawEncoder, _ kind: RawInput.Kind, _ data: RawDataset
  ) throws -> (any RawEncoder, tag: String) {
    let type = type(of: plain)
    guard type.learns else { return (plain, plain.identity) }
    let samples = data.samples(in: .train)
    var looks: [(sample: Int32, look: Int32)] = []
    var hash = SHA256()
    hash.update(data: Data(plain.identity.utf8))
    for (place, sample) in samples.enumerated() {
      for (number, look) in RawInputReference.all(of: sample, kind).enumerated() {
        looks.append((Int32(place), Int32(number)))
        hash.update(data: Data(" \(reader.inputs.key(look, .clean).words)".utf8))
      }
    }
    let folder = context.cache.appending(path: "encoders")
    let prefix = "\(kind.rawValue)-\(FileDigest.hex(hash.finalize()).prefix(16))-"
    if let known = learnt(prefix, in: folder) { return known }
    // Processes that share the work would all learn the same: one does, and the others wait for it. Where a disk knows no
    // locks each does, and the same comes of it.
    let lock = try? FolderLock(
      beside: folder.appending(path: prefix + "learning"),
      waiting: Experiment.patience(true, for: folder, stop: context.stop, events: context.events))
    defer { lock?.release() }
    try context.checkStop()
    if let known = learnt(prefix, in: folder) { return known }
    context.events(.phase("Fitting", "\(type.name) on the \(kind.rawValue)s of the training split"))
    var encoder = plain
    let raw = RawInputs(count: looks.count) { [inputs = reader.inputs, stop = context.stop, looks] index in
      if stop.isRequested { throw CancellationError() }
      let sample = samples[Int(looks[index].sample)]
      return try inputs.input(RawInputReference(sample: sample, kind: kind, number: Int(looks[index].look)), .clean)
    }
    try encoder.fit(on: raw, threads: context.settings.threads)
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    let url = folder.appending(path: ".\(prefix)\(UUID().uuidString.prefix(8)).part")
    try EncoderFile.write(encoder, to: url)
    let digest = try FileDigest.sha256(of: url)
    try AtomicFile.rename(url, to: folder.appending(path: "\(prefix)\(digest.prefix(16)).safetensors"))
    return (encoder, digest)
  }

  /// What was learnt before, by this process or another; nil where nothing whole is there.
  private func learnt(_ prefix: String, in folder: URL) -> (any RawEncoder, tag: String)? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in names.sorted() where name.hasPrefix(prefix) {
      let url = folder.appending(path: name)
      // The name says what must be in the file.
      guard let digest = try? FileDigest.sha256(of: url), name == "\(prefix)\(digest.prefix(16)).safetensors",
        let encoder = try? EncoderFile.read(url, warn: { context.events(.warning($0)) })
      else { continue }
      return (encoder, digest)
    }
    return nil
  }

  /// The inputs of a sample; an encoder that is trained with the model is shown one.
  func looks(of sample: RawSample, _ work: EncoderAtWork) -> [RawInputReference] {
    let all = RawInputReference.all(of: sample, work.kind)
    return work.encoder.form.needsEncoder ? Array(all.prefix(1)) : all
  }

  /// Encodes all samples as they are, and leaves out those of which an encoder can make nothing.
  func withoutRefused(
    _ data: RawDataset, _ encoders: [EncoderAtWork], own: Range<Int>?
  ) throws -> RawDataset {
    var refused: [Int: Diagnosis] = [:]
    for one in encoders {
      for part in plan.parts(of: one.kind, data) where part.isClean {
        refused.merge(try fill(part, one, own: own)) { first, _ in first }
      }
    }
    guard !refused.isEmpty else { return data }
    self.refused.merge(refused) { first, _ in first }
    for one in encoders { try one.cache.synchronize() }
    let left = try data.quarantining(threads: 1, settings: context.settings.data) { [refused] sample in
      if let diagnosis = refused[sample.number] { throw diagnosis }
    }
    return left
  }

  /// Encodes the rows of a part that are not known.
  ///
  /// - Returns: the numbers of samples that the encoder refuses, and why; of a view of what was taken as it is, a refusal
  ///   is an error.
  @discardableResult func fill(
    _ part: EncodingPart, _ work: EncoderAtWork, own: Range<Int>?
  ) throws -> [Int: Diagnosis] {
    var refused: [RowKey: Diagnosis] = [:]
    // Places of samples and their looks: whatever is held here is held for every row.
    var wanted: [(sample: Int32, look: Int32)] = []
    for place in part.samples.places(numbered: own) {
      for (number, look) in looks(of: part.samples[place], work).enumerated() {
        if work.cache.contains(reader.inputs.key(look, part.view)) {
          rows.known += 1
        } else {
          wanted.append((Int32(place), Int32(number)))
        }
      }
    }
    let began = ContinuousClock.now
    let chunk = max(work.encoder.chunk, 1)
    var done = 0
    while done < wanted.count {
      try context.checkStop()
      var some: [(look: RawInputReference, key: RowKey)] = []
      var seen: Set<RowKey> = []
      while done < wanted.count, some.count < chunk {
        let look = looks(of: part.samples[Int(wanted[done].sample)], work)[Int(wanted[done].look)]
        let key = reader.inputs.key(look, part.view)
        // Equal inputs have one row.
        if seen.insert(key).inserted, !work.cache.contains(key) {
          some.append((look, key))
        } else {
          rows.known += 1
        }
        done += 1
      }
      let prepared = try parallelMap(some.count, threads: context.settings.threads) {
        [inputs = reader.inputs, stop = context.stop, encoder = work.encoder, view = part.view, some] index -> Result<
          PreparedInput, EncoderError
        > in
        if stop.isRequested { throw CancellationError() }
        return try encoder.prepared(inputs.input(some[index].look, view))
      }
      let made = try work.encoder.encoded(prepared, threads: context.settings.threads)
      for (one, result) in zip(some, made.results) {
        guard case .failure(let error) = result else { continue }
        guard part.isClean else { throw error }
        refused[one.key] = error.diagnosis
      }
      let keys = zip(some, made.results).compactMap { one, result in (try? result.get()) == nil ? nil : one.key }
      if !keys.isEmpty { try work.cache.append(keys, work.encoder.form.cached(made.rows)) }
      rows.encoded += keys.count
      let rate = Double(done) / max((ContinuousClock.now - began).seconds, 1e-3)
      context.events(
        .progress(
          label: "Encoding", done: done, total: wanted.count,
          detail: "\(part.title)  \(rate < 10 ? String(format: "%.1f", rate) : grouped(Int(rate))) a second"))
    }
    guard !refused.isEmpty else { return [:] }
    // Equal inputs are refused alike.
    return wanted.reduce(into: [:]) { samples, place in
      let sample = part.samples[Int(place.sample)]
      samples[sample.number] =
        samples[sample.number] ?? refused[reader.inputs.key(looks(of: sample, work)[Int(place.look)], part.view)]
    }
  }
}
