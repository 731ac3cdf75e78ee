import Foundation
import Records
import Synchronization
import TestSupport
import Testing

@testable import Experiments

/// Shards that processes take by turns.
@Suite struct ShardClaimsTests {
  /// Marks of finished shards in a folder.
  private struct Marks: Sendable {
    let folder: URL
    func file(_ shard: EncodeShard) -> URL { folder.appending(path: "\(shard.number).done") }
    func isDone(_ shard: EncodeShard) -> Bool { FileManager.default.fileExists(atPath: file(shard).path) }
    /// Whether the shard was not marked before.
    func mark(_ shard: EncodeShard) throws -> Bool {
      let descriptor = open(file(shard).path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
      if descriptor >= 0 { close(descriptor) }
      return descriptor >= 0
    }
  }

  private func claims(of count: Int, in folder: URL, patience: TimeInterval = 240) throws -> (ShardClaims, Marks) {
    let marks = Marks(folder: folder)
    return (
      try ShardClaims(of: count, in: folder.appending(path: "claims"), patience: patience, isDone: marks.isDone), marks
    )
  }

  @Test("many take them at once: none is done twice, none is left, no claim stays")
  func manyAtOnce() throws {
    try withTemporaryFolder { folder in
      let twice = Atomic<Int>(0)
      let done = Atomic<Int>(0)
      let failures = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: 16) { _ in
        do {
          let (claims, marks) = try claims(of: 300, in: folder)
          while let claim = try claims.next() {
            if try marks.mark(claim.shard) {
              done.wrappingAdd(1, ordering: .relaxed)
            } else {
              twice.wrappingAdd(1, ordering: .relaxed)
            }
            claim.release()
          }
        } catch { failures.wrappingAdd(1, ordering: .relaxed) }
      }
      #expect(done.load(ordering: .relaxed) == 300)
      #expect(twice.load(ordering: .relaxed) == 0 && failures.load(ordering: .relaxed) == 0)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "claims").path)
      #expect(left.allSatisfy { $0.hasPrefix(".clock") }, "\(left)")
    }
  }

  @Test("a claim that is not touched is given up, and only one process takes it over")
  func givenUp() throws {
    try withTemporaryFolder { folder in
      let (first, marks) = try claims(of: 1, in: folder)
      let dead = try #require(try first.next())
      let (second, _) = try claims(of: 1, in: folder)
      #expect(try second.next() == nil)
      // As if it had not been touched for an hour.
      let file = ShardClaims.file(dead.shard, 1, in: folder.appending(path: "claims"))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -3600)], ofItemAtPath: file.path)
      let taken = try #require(try second.next())
      #expect(taken.attempt == 2)
      #expect(try claims(of: 1, in: folder).0.next() == nil)
      // The slow one comes to its end after all: the other's claim stays.
      dead.release()
      #expect(try claims(of: 1, in: folder).0.next() == nil)
      #expect(try marks.mark(taken.shard))
      taken.release()
      #expect(try claims(of: 1, in: folder).0.next() == nil)
    }
  }

  @Test("what was let go without being done is free again, for other processes")
  func letGo() throws {
    try withTemporaryFolder { folder in
      let (first, _) = try claims(of: 2, in: folder)
      let claim = try #require(try first.next())
      claim.release()
      let (second, marks) = try claims(of: 2, in: folder)
      var numbers: Set<Int> = []
      while let other = try second.next() {
        numbers.insert(other.shard.number)
        _ = try marks.mark(other.shard)
        other.release()
      }
      #expect(numbers == [1, 2])
      #expect(try first.next() == nil)
    }
  }

  @Test("the status names what is done, at work, given up, failed, odd and missing")
  func status() throws {
    try withTemporaryFolder { folder in
      let shards = ShardFolder(in: folder, named: "data")
      #expect(try shards.status(of: nil).of == 0)
      for number in [1, 2] { try shards.write(EncodeShard(number, of: 8), facts: ["flip": "off"]) }
      try shards.write(EncodeShard(3, of: 8), facts: ["flip": "on"])
      try shards.write(EncodeShard(1, of: 2), facts: ["flip": "off"])
      let failed = EncodeShard(4, of: 8)
      try shards.write(failure: Diagnosis("the disk is full", found: ["0 bytes"]), of: failed)
      let claims = try ShardClaims(of: 8, in: shards)
      var held: [ShardClaim] = []
      while held.count < 5, let claim = try claims.next() { held.append(claim) }
      for claim in held where ![5, 6].contains(claim.shard.number) { claim.release() }
      let old = ShardClaims.file(EncodeShard(6, of: 8), 1, in: shards.claims)
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -3600)], ofItemAtPath: old.path)
      let status = try shards.status(of: nil)
      #expect(status.of == 8 && status.done == [1, 2] && status.missing == [3, 4, 6, 7, 8])
      #expect(status.claimed.map(\.shard) == [5] && status.givenUp.map(\.shard) == [6])
      #expect(status.claimed[0].words.hasPrefix("process \(getpid()) on "))
      #expect(status.failed == [.init(shard: 4, words: "the disk is full: 0 bytes")])
      #expect(status.odd == [.init(shard: 1, words: "one of 2"), .init(shard: 3, words: "flip")])
      // Done after all.
      try shards.write(failed, facts: ["flip": "off"])
      #expect(try shards.status(of: 8).failed.isEmpty)
      for claim in held { claim.release() }
    }
  }
}
