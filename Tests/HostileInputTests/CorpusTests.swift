import Foundation
import HostileInput
import Multimodal
import TestSupport
import Testing

/// What the fuzzer found and where it began, fed to every parser, and again with a few bytes changed.
@Suite("Hostile input")
struct CorpusTests {
  static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fuzz/Corpus")

  private func seeds(_ parser: HostileParser) throws -> [(name: String, bytes: Data)] {
    let folder = Self.corpus.appending(path: parser.rawValue)
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted()
      .map { ($0, try Data(contentsOf: folder.appending(path: $0))) }
  }

  @Test("each file of the corpus is read or refused with a sentence", arguments: HostileParser.allCases)
  func corpus(_ parser: HostileParser) throws {
    let seeds = try seeds(parser)
    #expect(seeds.count >= 5)
    try withTemporaryFolder { folder in
      for seed in seeds {
        #expect(throws: Never.self, "\(seed.name)") { try parser.feed(seed.bytes, in: folder) }
      }
    }
  }

  @Test("so are 120 mutations of them for each parser, 2,760 inputs in all", arguments: HostileParser.allCases)
  func mutations(_ parser: HostileParser) throws {
    let seeds = try seeds(parser)
    if Self.asked == nil { #expect(Self.mutationCount * HostileParser.allCases.count == 2760) }
    var random = SeededNumbers(seed: 1, stream: "hostile/\(parser.rawValue)")
    try withTemporaryFolder { folder in
      for number in 0..<Self.mutationCount {
        let seed = seeds[number % seeds.count]
        let other = seeds[random.uniform(below: seeds.count)].bytes
        let bytes = Self.mutated(seed.bytes, with: other, &random)
        #expect(throws: Never.self, "\(seed.name), \(bytes.base64EncodedString().prefix(2000))") {
          try parser.feed(bytes, in: folder)
        }
      }
    }
  }

  /// More where somebody searches: SEESAW_MUTATIONS=3000.
  private static let asked = ProcessInfo.processInfo.environment["SEESAW_MUTATIONS"].flatMap { Int($0) }
  private static let mutationCount = asked ?? 120
  /// Longer files only take longer.
  private static let longest = 1 << 14

  private static let words = [
    "\u{0}", "\u{1B}[31m", "\"", "'", "\n", "\r\n", "{", "[[[[[[[[", "]", "}", ":", ",", "&a ", "*a", "!!binary ",
    "../", "-1", "1e999",
    "9223372036854775807", "NaN", "\u{FEFF}", "\u{202E}", "\\ud800", "%s", "|", ">", "# ", "- ", "? ",
  ]

  private static func mutated(_ bytes: Data, with other: Data, _ random: inout SeededNumbers) -> Data {
    var bytes = [UInt8](bytes.prefix(longest))
    for _ in 0...random.uniform(below: 4) {
      let place = random.uniform(below: bytes.count + 1)
      switch random.uniform(below: 7) {
      case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.uniform(below: 8))
      case 1 where place < bytes.count: bytes[place] = [0, 0x7F, 0x80, 0xFF][random.uniform(below: 4)]
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.uniform(below: 16)))
      case 3: bytes.insert(contentsOf: words[random.uniform(below: words.count)].utf8, at: place)
      case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random.uniform(below: 64))], at: place)
      case 5: bytes = Array(bytes[..<place] + other.prefix(longest).dropFirst(random.uniform(below: other.count + 1)))
      default: bytes.removeSubrange(place...)
      }
    }
    return Data(bytes)
  }
}
