import Foundation
import Records

/// How far the shards of an encoding are, as the files in its cache say.
public struct ShardStatus: Sendable, Codable, Equatable {
  /// A shard, and what there is to say of it.
  public struct Remark: Sendable, Codable, Equatable {
    public var shard: Int
    public var words: String
  }

  /// How many shards there are; 0 where none was begun.
  public var of: Int
  /// Their numbers, from 1.
  public var done: [Int]
  /// Those that a process has taken, with the process.
  public var claimed: [Remark]
  /// Those whose process has not been heard of for so long that another may take them.
  public var givenUp: [Remark]
  /// Those that failed when they were last tried, with the reason.
  public var failed: [Remark]
  /// Those that are to be encoded: neither done nor claimed.
  public var missing: [Int]
  /// Records of shards that were divided or made otherwise than most; the whole cannot be made of them.
  public var odd: [Remark]

  /// Numbers as Slurm's `--array` takes them: `3,17,40-44`.
  public static func ranges(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers.sorted() {
      if let last = ranges.last, number <= last.upperBound + 1 {
        ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, number)
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }
}

extension Experiment {
  /// How far the shards of an encoding are; nothing is encoded, and the samples are not read.
  ///
  /// - Parameter count: how many there are to be, where none has begun.
  public static func shardStatus(of request: EncodeRequest, count: Int? = nil) throws -> ShardStatus {
    let cache = try EncodingContext(request, stop: StopFlag(), events: { _ in }).cache
    return try ShardFolder(in: cache, named: request.out.standardizedFileURL.lastPathComponent).status(of: count)
  }
}

extension ShardFolder {
  func status(of asked: Int?) throws -> ShardStatus {
    let records = try records()
    let claims = claimFiles()
    let count = asked ?? (records.map(\.of) + claims.map(\.shard.count)).max() ?? 0
    var status = ShardStatus(of: count, done: [], claimed: [], givenUp: [], failed: [], missing: [], odd: [])
    guard count > 0 else { return status }
    let usual = mostFrequent(records.map(\.facts))
    for record in records.sorted(by: { ($0.of, $0.shard) < ($1.of, $1.shard) }) {
      let others = record.differences(from: usual ?? [:])
      if record.of != count {
        status.odd.append(.init(shard: record.shard, words: "one of \(record.of)"))
      } else if !others.isEmpty {
        status.odd.append(.init(shard: record.shard, words: others.joined(separator: ", ")))
      } else {
        status.done.append(record.shard)
      }
    }
    // Where nothing can be written there, none is told to be old.
    let now = ShardClaims.now(by: self.claims.appending(path: ".clock-\(UUID().uuidString)")) ?? 0
    let isDone = Set(status.done)
    for (shard, file) in claims where shard.count == count && !isDone.contains(shard.number) {
      guard let touched = ShardClaims.touched(file) else { continue }
      let holder = (try? String(contentsOf: file, encoding: .utf8))?.trimmingCharacters(in: .newlines) ?? "a process"
      let remark = ShardStatus.Remark(shard: shard.number, words: holder)
      if now - touched > ShardClaims.patience { status.givenUp.append(remark) } else { status.claimed.append(remark) }
    }
    let atWork = Set(status.claimed.map(\.shard))
    status.missing = (1...count).filter { !isDone.contains($0) && !atWork.contains($0) }
    status.failed = status.missing.compactMap { number in
      failureWords(EncodeShard(number, of: count)).map { .init(shard: number, words: $0) }
    }
    return status
  }

  /// The claims that there are, the latest attempt of a shard alone.
  private func claimFiles() -> [(shard: EncodeShard, file: URL)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: claims.path)) ?? []
    var latest: [String: (shard: EncodeShard, attempt: Int)] = [:]
    for name in names {
      let parts = name.split(separator: ".").map(String.init)
      guard parts.count == 2, let attempt = Int(parts[1]), attempt > latest[parts[0]]?.attempt ?? 0,
        let shard = try? EncodeShard(parts[0].replacing("-of-", with: "/"))
      else { continue }
      latest[parts[0]] = (shard, attempt)
    }
    return latest.values.sorted { $0.shard.number < $1.shard.number }
      .map { ($0.shard, ShardClaims.file($0.shard, $0.attempt, in: claims)) }
  }
}

/// The element that is there most often, the first of several.
private func mostFrequent(_ elements: [[String: String]]) -> [String: String]? {
  var counts: [[String: String]: Int] = [:]
  for element in elements { counts[element, default: 0] += 1 }
  let most = counts.values.max()
  return elements.first { counts[$0] == most }
}
