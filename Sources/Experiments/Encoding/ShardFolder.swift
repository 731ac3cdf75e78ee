import Foundation
import Records

/// What a finished shard leaves beside its rows, so that nobody takes some of the shards for all.
struct ShardRecord: Codable, Equatable {
  var shard: Int
  var of: Int
  /// What must be the same in all shards, by name.
  var facts: [String: String]
  /// The digest of the file that says where its rows lie; nil in shards of earlier versions.
  var part: String?

  /// The names of the facts that are otherwise, in order.
  func differences(from others: [String: String]) -> [String] {
    Set(facts.keys).union(others.keys).sorted().filter { facts[$0] != others[$0] }
  }
}

/// The records of one feature set's shards in a cache.
struct ShardFolder {
  let url: URL

  /// - Parameter name: of the feature set that the shards are for.
  init(in cache: URL, named name: String) { url = cache.appending(path: "shards/\(name)") }

  func file(_ shard: EncodeShard) -> URL { url.appending(path: "\(shard.fileName).json") }

  /// Writes the record of a shard.
  ///
  /// - Parameter part: writes the file that says where its rows lie; without it the shard cannot be joined where it is.
  func write(_ shard: EncodeShard, facts: [String: String], part: ((URL) throws -> Void)? = nil) throws {
    try Diagnosis.placing(url) {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    let own = self.part(shard)
    try part?(own)
    let record = ShardRecord(
      shard: shard.number, of: shard.count, facts: facts, part: try part.map { _ in try FileDigest.sha256(of: own) })
    let text = try Tree(encoding: record, keys: .asNamed).json(.pretty) + "\n"
    try AtomicFile.write(Data(text.utf8), to: file(shard))
    try? FileManager.default.removeItem(at: failure(shard))
  }

  private func part(_ shard: EncodeShard) -> URL { url.appending(path: "\(shard.fileName).safetensors") }

  /// Where the rows of all shards lie, in order.
  func parts(_ count: Int) throws -> [ShardPart] {
    let digests = Dictionary(try records().map { ($0.shard, $0.part) }, uniquingKeysWith: { first, _ in first })
    return try (1...count).map { number in
      let shard = EncodeShard(number, of: count)
      let file = part(shard)
      guard let digest = digests[number] ?? nil else {
        throw Diagnosis(
          "shard \(shard.words) is of an earlier version, which did not say where its rows lie",
          place: url.relativePath,
          remedy: "encode it again: no row is encoded twice; or put all together without --join", exitStatus: .input)
      }
      guard FileManager.default.fileExists(atPath: file.path), try FileDigest.sha256(of: file) == digest else {
        throw Diagnosis(
          "what shard \(shard.words) says of its rows is missing or has changed", place: file.relativePath,
          remedy: "copy it here anew, or remove \(self.file(shard).lastPathComponent) and encode the shard again",
          exitStatus: .input)
      }
      return try ShardPart(reading: file)
    }
  }

  func records() throws -> [ShardRecord] {
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    return try Diagnosis.placing(url) {
      try FileManager.default.contentsOfDirectory(atPath: url.path)
        .filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.sorted()
        .map { try Tree.read(from: url.appending(path: $0)) }
    }
  }

  /// Refuses shards that are not all there, or were not made alike.
  ///
  /// - Returns: how many there are; 0 where the work was not divided.
  func check(facts: [String: String]) throws -> Int {
    let records = try records()
    guard let count = records.map(\.of).max() else { return 0 }
    let remedy = "encode them again, or remove \(url.relativePath) to encode here what the shards lack"
    let odd = records.filter { $0.of != count }
    guard odd.isEmpty else {
      throw Diagnosis(
        "the shards are of different divisions", place: url.relativePath,
        found: records.map { "\($0.shard)/\($0.of)" }, remedy: remedy, exitStatus: .input)
    }
    let others = records.compactMap { record -> String? in
      let names = record.differences(from: facts)
      return names.isEmpty ? nil : "\(record.shard)/\(count): \(names.joined(separator: ", "))"
    }
    guard others.isEmpty else {
      throw Diagnosis(
        others.count == 1 ? "a shard was made otherwise" : "\(others.count) shards were made otherwise",
        place: url.relativePath, found: others, remedy: remedy, exitStatus: .input)
    }
    let doubled = Dictionary(grouping: records, by: \.shard).filter { $1.count > 1 }.keys.sorted()
    guard doubled.isEmpty else {
      throw Diagnosis(
        doubled.count == 1 ? "a shard is there twice" : "\(doubled.count) shards are there twice",
        place: url.relativePath, found: doubled.map { "\($0)/\(count)" },
        remedy: "remove the record that does not have the shard's name", exitStatus: .input)
    }
    let missing = Set(1...count).subtracting(records.map(\.shard)).sorted()
    guard missing.isEmpty else {
      throw Diagnosis(
        missing.count == 1 ? "a shard is missing" : "\(missing.count) shards are missing", place: url.relativePath,
        found: missing.map { "\($0)/\(count)" },
        remedy: "encode with --shard \(missing[0])/\(count), or remove \(url.relativePath) to encode the rest here",
        exitStatus: .input)
    }
    return count
  }

  // MARK: Looking

  /// The folder of the claims of shards that processes take by turns.
  var claims: URL { url.appending(path: "claims") }

  private func failure(_ shard: EncodeShard) -> URL {
    url.appending(path: "failed/\(shard.fileName).txt")
  }

  func write(failure: Diagnosis, of shard: EncodeShard) throws {
    let file = self.failure(shard)
    try Diagnosis.placing(file) {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    }
    let why = ([failure.what] + failure.found).joined(separator: ": ")
    try AtomicFile.write(Data((why + "\n").utf8), to: file)
  }

  /// Why a shard failed when it was last tried; nil where it did not.
  func failureWords(_ shard: EncodeShard) -> String? {
    (try? String(contentsOf: failure(shard), encoding: .utf8))?.trimmingCharacters(in: .newlines)
  }

  func isDone(_ shard: EncodeShard) -> Bool { access(file(shard).path, F_OK) == 0 }

  /// Removes the records, once all is assembled.
  func clear() { try? FileManager.default.removeItem(at: url) }
}
