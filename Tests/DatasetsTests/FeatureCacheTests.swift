import Datasets
import Foundation
import TestSupport
import Testing

@Suite("Rows that are kept")
struct FeatureCacheTests {
  private func key(_ number: Int, _ condition: String = "clean") -> RowKey {
    RowKey(InputDigest(of: Data("\(number)".utf8)), condition: condition)
  }

  private func numbers(_ number: Int) -> [Float] { [Float(number), 0.5, -Float(number)] }

  private func read(_ key: RowKey, _ cache: FeatureCache) -> [Float]? {
    var row = [Float](repeating: .nan, count: cache.width)
    return row.withUnsafeMutableBytes { cache.read(key, into: $0) } ? row : nil
  }

  private func fill(_ folder: URL, _ portions: [Range<Int>]) throws {
    let cache = try FeatureCache(folder, width: 3)
    for portion in portions { try cache.append(portion.map { key($0) }, portion.flatMap(numbers)) }
    try cache.synchronize()
  }

  /// The only file of rows.
  private func file(_ folder: URL) throws -> URL {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return folder.appending(path: try #require(names.count == 1 ? names.first : nil))
  }

  @Test("what was added is read again, at once and by the next process; nothing else is there")
  func kept() throws {
    try withTemporaryFolder { folder in
      let place = folder.appending(path: "rows")
      let cache = try FeatureCache(place, width: 3)
      #expect(!cache.contains(key(1)) && cache.count == 0)
      try cache.append([key(1), key(2)], numbers(1) + numbers(2))
      try cache.append([key(3)], numbers(3))
      let next = try FeatureCache(place, width: 3)
      for cache in [cache, next] {
        for number in 1...3 { #expect(read(key(number), cache) == numbers(number)) }
        #expect(!cache.contains(key(1, "flipped")) && !cache.contains(key(4)))
        #expect(!cache.contains(RowKey(nil, condition: "clean")))
      }
      #expect(try FeatureCache(place, width: 4).count == 0)
    }
  }

  @Test("a portion that was cut short counts as not there, those before it stay")
  func cutShort() throws {
    try withTemporaryFolder { folder in
      try fill(folder, [0..<5, 5..<9])
      let url = try file(folder)
      let whole = try Data(contentsOf: url)
      for length in [whole.count - 1, whole.count - 44 * 3, whole.count - 44 * 4 - 1] {
        try whole.prefix(length).write(to: url)
        let cache = try FeatureCache(folder, width: 3)
        #expect(cache.count == 5)
        for number in 0..<9 { #expect(read(key(number), cache) == (number < 5 ? numbers(number) : nil)) }
      }
    }
  }

  @Test("a row with a damaged byte is never handed out, wherever that is", arguments: [0, 15, 16, 31, 32, 43])
  func damaged(_ place: Int) throws {
    try withTemporaryFolder { folder in
      try fill(folder, [0..<4])
      let url = try file(folder)
      var bytes = try Data(contentsOf: url)
      // The second row from the end.
      bytes[bytes.count - 2 * 44 + place] ^= 4
      try bytes.write(to: url)
      let cache = try FeatureCache(folder, width: 3)
      #expect((0..<4).map { read(key($0), cache) } == [numbers(0), numbers(1), nil, numbers(3)])
      try cache.append([key(2)], numbers(2))
      #expect(read(key(2), cache) == numbers(2))
    }
  }

  @Test("a row that was made again after damage is found by the next process")
  func mended() throws {
    try withTemporaryFolder { folder in
      try fill(folder, [0..<2])
      let url = try file(folder)
      var bytes = try Data(contentsOf: url)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: url)
      // Files are met in the order of their names; the damaged one may be before or after.
      for prefix in ["", "~"] {
        let cache = try FeatureCache(folder, width: 3, prefix: prefix)
        #expect(cache.contains(key(1)) == (prefix == "~"))
        try cache.append([key(1)], numbers(1))
      }
      let next = try FeatureCache(folder, width: 3)
      #expect(read(key(1), next) == numbers(1))
    }
  }

  @Test("folders of several machines become one by copying; files of another kind are passed over")
  func merged() throws {
    try withTemporaryFolder { folder in
      let (a, b) = (folder.appending(path: "a"), folder.appending(path: "b"))
      try fill(a, [0..<3])
      try fill(b, [2..<6])
      let from = try file(b)
      try FileManager.default.copyItem(at: from, to: a.appending(path: from.lastPathComponent))
      try Data("no rows".utf8).write(to: a.appending(path: "other.rows"))
      let cache = try FeatureCache(a, width: 3)
      #expect(cache.count == 6)
      for number in 0..<6 { #expect(read(key(number), cache) == numbers(number)) }
    }
  }

  @Test("several add to one folder at a time")
  func together() throws {
    try withTemporaryFolder { folder in
      let caches = try (0..<3).map { _ in try FeatureCache(folder, width: 3) }
      for number in 0..<12 { try caches[number % 3].append([key(number)], numbers(number)) }
      let all = try FeatureCache(folder, width: 3)
      for number in 0..<12 { #expect(read(key(number), all) == numbers(number)) }
    }
  }
}
