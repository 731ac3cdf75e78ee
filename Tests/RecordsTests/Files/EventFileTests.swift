import Foundation
import TestSupport
import Testing

@testable import Records

@Suite("TensorBoard's event files")
struct EventFileTests {
  @Test(
    "the checksum is that of RFC 3720, appendix B.4",
    arguments: [
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA), ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
      ([UInt8](0..<32), 0x46DD_794E), ([UInt8]((0..<32).reversed()), 0x113F_DB5C),
      (Array("123456789".utf8), 0xE306_9283),
    ] as [([UInt8], UInt32)])
  func checksum(bytes: [UInt8], expected: UInt32) { #expect(CRC32C.checksum(Data(bytes)) == expected) }

  @Test("a record is length, its masked checksum, data and theirs, and comes back whole")
  func record() throws {
    let framed = TFRecord.framed(Data("abc".utf8))
    #expect(Array(framed.prefix(8)) == [3, 0, 0, 0, 0, 0, 0, 0])
    #expect(framed.count == 19)
    let twice = try TFRecord.records(in: framed + framed)
    #expect(twice.map(\.data) == [Data("abc".utf8), Data("abc".utf8)] && twice.map(\.end) == [19, 38])
    // The last one was never finished.
    #expect(try TFRecord.records(in: framed + framed.dropLast(3)).count == 1)
  }

  @Test("a turned bit anywhere in a record is found", arguments: [0, 5, 9, 13, 17])
  func damaged(place: Int) {
    var framed = [UInt8](TFRecord.framed(Data("abc".utf8)))
    framed[place] ^= 4
    #expect(throws: Diagnosis.self) { try TFRecord.records(in: Data(framed)) }
  }

  @Test("an event is encoded as the protocol says, byte by byte")
  func bytes() throws {
    let event = EventMessage(time: 1, step: 300, values: [("a", 0.5)])
    #expect(
      Array(event.encoded) == [
        0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,  // 1: 1.0
        0x10, 0xAC, 0x02,  // 2: 300
        0x2A, 10, 0x0A, 8, 0x0A, 1, 0x61, 0x15, 0, 0, 0, 0x3F,  // 5: one value, 'a' and 0.5
      ])
    #expect(try EventMessage(decoding: event.encoded) == event)
    let first = EventMessage(time: 2, step: 0, version: "brain.Event:2")
    #expect(try EventMessage(decoding: first.encoded) == first)
    #expect(throws: Diagnosis.self) { try EventMessage(decoding: event.encoded.dropLast()) }
  }

  private func rows(_ steps: Range<Int>, into file: EventFile) throws {
    for step in steps {
      try file.append([("loss/image", 1 / Double(step + 1)), ("loss/text", 2)], step: step, time: Double(step))
    }
  }

  @Test("scalars come back in order, not-a-number too")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let file = try EventFile(in: folder, keepingStepsBelow: 0, time: 7)
      try rows(0..<3, into: file)
      try file.append([("x", .nan)], step: 3, time: 3)
      try file.close()
      let url = try #require(EventFile.files(in: folder).first)
      #expect(url.lastPathComponent == "events.out.tfevents.0000000007.seesaw")
      let scalars = try EventFile.read(url)
      #expect(scalars.map(\.step) == [0, 0, 1, 1, 2, 2, 3])
      #expect(scalars[2] == .init("loss/image", 0.5, step: 1, time: 1))
      #expect(scalars[6].value.isNaN)
    }
  }

  @Test("going on cuts off what is done again, and what a crash left half written")
  func resume() throws {
    try withTemporaryFolder { folder in
      let whole = try EventFile(in: folder, keepingStepsBelow: 0, time: 7)
      try rows(0..<10, into: whole)
      try whole.close()
      let url = try #require(EventFile.files(in: folder).first)
      let expected = try Data(contentsOf: url)
      // A crash in the middle of a record.
      try expected.dropLast(5).write(to: url)
      let again = try EventFile(in: folder, keepingStepsBelow: 6, time: 99)
      try rows(6..<10, into: again)
      try again.close()
      #expect(EventFile.files(in: folder) == [url])
      #expect(try Data(contentsOf: url) == expected)
    }
  }

  @Test("beginning anew leaves no older file beside the new one, and touches nobody else's")
  func anew() throws {
    try withTemporaryFolder { folder in
      try EventFile(in: folder, keepingStepsBelow: 0, time: 7).close()
      let other = folder.appending(path: "events.out.tfevents.1.host")
      try Data().write(to: other)
      try EventFile(in: folder, keepingStepsBelow: 0, time: 8).close()
      #expect(EventFile.files(in: folder).map(\.lastPathComponent) == ["events.out.tfevents.0000000008.seesaw"])
      #expect(FileManager.default.fileExists(atPath: other.path))
      #expect(throws: Diagnosis.self) { try EventFile.read(folder.appending(path: "nothing")) }
    }
  }

  @Test("TensorBoard reads what was written: Tests/Golden/tensorboard.json is what its own reader found")
  func golden() throws {
    struct Golden: Decodable {
      struct Scalar: Decodable, Equatable {
        let tag: String
        let step: Int
        let time: Double
        let value: Float
      }
      let file: String
      let scalars: [Scalar]
    }
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("tensorboard.json")))
    try withTemporaryFolder { folder in
      let file = try EventFile(in: folder, keepingStepsBelow: 0, time: 1_700_000_000)
      for step in [0, 1, 127, 128, 40_000] {
        try file.append(
          [("loss/fused", 1 / Double(step + 3)), ("validation/macro-f1", -Double(step))], step: step,
          time: 1_700_000_000 + Double(step) / 4)
      }
      try file.close()
      let url = try #require(EventFile.files(in: folder).first)
      // The very bytes that were handed to TensorBoard.
      #expect(try Data(contentsOf: url).base64EncodedString() == golden.file)
      let ours = try EventFile.read(url)
      #expect(ours.map { Golden.Scalar(tag: $0.tag, step: $0.step, time: $0.time, value: $0.value) } == golden.scalars)
    }
  }
}
