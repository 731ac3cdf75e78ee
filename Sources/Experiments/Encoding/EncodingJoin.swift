import Datasets
import Encoders
import Foundation
import Multimodal
import Records

extension EncodingWork {
  /// Puts finished shards together without reading the inputs again: a feature set that refers to the shards' rows, or has
  /// copies of them.
  func join() throws -> EncodeSummary {
    if let done = try alreadyDone() { return done }
    let lock = try lock(request.out)
    defer { lock.release() }
    AtomicFolder.recover(request.out)
    // Another process may have joined while this one waited.
    if let done = try alreadyDone() { return done }
    guard !onlyTimesDiffer else { throw madeOtherwise(isFeatureSet: true) }
    let count = try shards.check(facts: facts)
    guard count > 0 else {
      throw Diagnosis(
        "there are no shards to join", place: shards.url.relativePath,
        remedy:
          "encode them first, with --shard 1/40 or --shard next --of 40; without --join the whole is encoded here",
        exitStatus: .input)
    }
    events(.phase("Shards", "all \(count) are there"))
    let joined = try JoinedShards(shards.parts(count), cache: context.cache, copies: request.copies)
    let reasons = joined.leftOut
    let data =
      try reasons.isEmpty
      ? self.data
      : self.data.quarantining(threads: 1, settings: settings.data) { sample in
        if let why = reasons[sample.number] { throw Diagnosis(why, exitStatus: .input) }
      }
    if !request.allowLoss, let loss = data.loss { throw loss }
    try context.checkScore(of: data)
    tell(data.quarantined)
    try joined.check(data)
    let encoders = try self.encoders.map { kind, plain in try rows.known(plain, kind, tag: joined.tag(kind)) }
    let matrices = plan.matrices(of: encoders, data)
    try joined.verify(matrices.map { ($0.name, $0.work.encoder.form) }, context)
    try prepare(work)
    let notes = try FeatureSetWriter(context: context, plan: plan, rows: rows, joined: joined)
      .write(data, encoders, key, to: work)
    let told = try joined.writeIndex(
      matrices.filter { joined.refers(to: $0.work.encoder.form) }.map(\.name), to: work)
    for note in told { events(.note(note)) }
    try FeatureSetMark(keys: [key], timelessKey: timelessKey).write(to: work)
    try AtomicFolder.replace(request.out, with: work)
    let set = try FeatureSet(at: request.out)
    shards.clear()
    var summary = summary(
      folder: request.out, counts: set.counts, encoders, conditions: try set.conditions(), views: plan.trainingByName,
      quarantined: data.quarantined.count, notes: notes)
    summary.rows = .init(known: matrices.reduce(0) { $0 + $1.part.samples.count }, encoded: 0)
    return summary
  }
}
