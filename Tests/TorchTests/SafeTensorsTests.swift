import Foundation
import TestSupport
import Testing
import Torch

@Suite("Safetensors files")
struct SafeTensorsTests {
  @Test("every element type is written and read bit for bit", arguments: ElementType.allCases)
  func roundTrip(_ type: ElementType) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      let tensor = try Tensor([0.0, 1, -2, 3.5, 100, 0.333], shape: [2, 3]).to(type)
      try SafeTensors.write([("x", tensor)], to: url)
      let file = try SafeTensors(reading: url)
      let back = try file.tensor("x")
      #expect(back.elementType == type)
      #expect(back.shape == [2, 3])
      #expect(try back.bytes() == tensor.bytes())
      #expect(file.entry("x")?.type == type)
      #expect(file.entry("x")?.shape == [2, 3])
    }
  }

  @Test("order, metadata, odd names, scalars and empty tensors survive")
  func structure() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      let tensors: [(String, Tensor)] = [
        ("z", try Tensor([1.0, 2])), ("a.b \"c\"\\/ü\n", try Tensor([Int](), shape: [0, 4])),
        ("scalar", try Tensor([Float(3)], shape: [])), ("", try Tensor([true])),
      ]
      let metadata = ["format": "seesaw", "about \"it\"": "line\nline", "empty": ""]
      try SafeTensors.write(tensors, metadata: metadata, to: url)
      let file = try SafeTensors(reading: url)
      #expect(Set(file.names) == Set(tensors.map(\.0)))
      #expect(file.names.filter { !$0.hasPrefix("a.b") } == ["z", "scalar", ""])
      #expect(file.metadata == metadata)
      for (name, tensor) in tensors {
        #expect(try file.tensor(name).shape == tensor.shape)
        #expect(try file.tensor(name).bytes() == tensor.bytes())
      }
    }
  }

  @Test("a file of no tensors is a file")
  func nothing() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try SafeTensors.write([], to: url)
      #expect(try SafeTensors(reading: url).entries.isEmpty)
      try SafeTensors.write([], metadata: ["a": "b"], to: url)
      #expect(try SafeTensors(reading: url).metadata == ["a": "b"])
    }
  }

  @Test("a view is written as what it shows")
  func views() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      let x = try Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
      try SafeTensors.write([("t", x.transposed()), ("n", x.narrowed(1, from: 1, length: 2))], to: url)
      let file = try SafeTensors(reading: url)
      #expect(try file.tensor("t").array() == [1.0, 4, 2, 5, 3, 6])
      #expect(try file.tensor("n").array() == [2.0, 3, 5, 6])
    }
  }

  @Test("tensors keep the mapped file alive, even when it is gone from its folder")
  func mapped() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try SafeTensors.write([("x", Tensor(numbers(5000)))], to: url)
      let (one, other) = try {
        let file = try SafeTensors(reading: url)
        return (try file.tensor("x"), try file.tensor("x"))
      }()
      #expect(one.sharesStorage(with: other) || one !== other)
      try FileManager.default.removeItem(at: url)
      #expect(try one.array() == numbers(5000))
      #expect(try (other + 1).sum().scalar().isFinite)
    }
  }

  @Test("data that does not lie at a multiple of its elements' size is read all the same", arguments: 0..<8)
  func unaligned(_ shift: Int) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      let padding = String(repeating: " ", count: shift)
      let header = "{\"x\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}\(padding)"
      let values = withUnsafeBytes(of: (1.5, -2.5)) { Array($0) }
      try bytes(header: header, data: values).write(to: url)
      #expect(try SafeTensors(reading: url).tensor("x").array() == [1.5, -2.5])
    }
  }

  @Test("a file is replaced whole, and nothing else is left in the folder")
  func replacing() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try SafeTensors.write([("x", Tensor([1.0]))], to: url)
      let old = try SafeTensors(reading: url).tensor("x")
      try SafeTensors.write([("y", Tensor([2.0, 3]))], to: url)
      #expect(try old.array() == [1.0])
      #expect(try SafeTensors(reading: url).tensor("y").array() == [2.0, 3])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.safetensors"])
    }
  }

  @Test("a folder that is not there cannot be written to")
  func unwritable() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "none/a.safetensors")
      let error = #expect(throws: SafeTensorsError.self) { try SafeTensors.write([("x", Tensor([1.0]))], to: url) }
      guard case .unwritable? = error?.problem else {
        Issue.record("not unwritable: \(String(describing: error))")
        return
      }
      #expect(error?.path == url.path)
    }
  }

  @Test("truth values other than 0 and 1 are read as true")
  func oddTruth() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      let header = "{\"x\":{\"dtype\":\"BOOL\",\"shape\":[4],\"data_offsets\":[0,4]}}"
      try bytes(header: header, data: [0, 1, 2, 255]).write(to: url)
      let read: [Bool] = try SafeTensors(reading: url).tensor("x").array()
      #expect(read.map { $0 ? 1 : 0 } == [0, 1, 1, 1])
      #expect(try SafeTensors(reading: url).tensor("x").bytes() == [0, 1, 1, 1])
    }
  }
}

/// A file's bytes from its header and its data.
func bytes(header: String, data: [UInt8] = [], length: UInt64? = nil) -> Data {
  var file = Data()
  withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { file.append(contentsOf: $0) }
  file.append(contentsOf: Array(header.utf8))
  file.append(contentsOf: data)
  return file
}

/// A file that must be refused.
struct HostileFile: Sendable, CustomTestStringConvertible {
  enum Kind { case malformed, truncated }

  let name: String
  let file: Data
  let kind: Kind
  /// A word that the reason has to hold.
  let mentions: String

  var testDescription: String { name }

  init(_ name: String, _ kind: Kind, _ mentions: String, _ file: Data) {
    (self.name, self.kind, self.mentions, self.file) = (name, kind, mentions, file)
  }

  private static func tensor(_ fields: String, data: Int = 4) -> Data {
    bytes(header: "{\"x\":{\(fields)}}", data: [UInt8](repeating: 0, count: data))
  }

  static let all: [HostileFile] = [
    HostileFile("empty", .truncated, "", Data()),
    HostileFile("seven bytes", .truncated, "", Data(repeating: 0, count: 7)),
    HostileFile("no header at all", .malformed, "JSON", bytes(header: "")),
    HostileFile("a header longer than the file", .truncated, "", bytes(header: "{}", length: 1000)),
    HostileFile("a header of 2⁶⁴ − 1 bytes", .malformed, "header", bytes(header: "{}", length: .max)),
    HostileFile("a header of 2⁶³ bytes", .malformed, "header", bytes(header: "{}", length: 1 << 63)),
    HostileFile("not JSON", .malformed, "JSON", bytes(header: "hello, world")),
    HostileFile("half of JSON", .malformed, "JSON", bytes(header: "{\"x\":{\"dtype\":\"F32\"")),
    HostileFile("a list", .malformed, "JSON", bytes(header: "[1,2]")),
    HostileFile("a number", .malformed, "JSON", bytes(header: "12")),
    HostileFile("a null", .malformed, "JSON", bytes(header: "null")),
    HostileFile(
      "not UTF-8", .malformed, "JSON",
      {
        var file = bytes(header: "{}  ")
        file[8] = 0xFF
        return file
      }()),
    HostileFile(
      "JSON of 100,000 levels", .malformed, "",
      bytes(header: "{\"x\":" + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000) + "}")),
    HostileFile(
      "a name twice", .malformed, "'x' is there twice",
      bytes(
        header: "{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
          + "\"\\u0078\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}")),
    HostileFile(
      "a field twice", .malformed, "'x'",
      tensor("\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]")),
    HostileFile(
      "sixty-five dimensions", .malformed, "'x'",
      tensor(
        "\"dtype\":\"U8\",\"shape\":[" + Array(repeating: "1", count: 65).joined(separator: ",")
          + "],\"data_offsets\":[0,1]", data: 1)),
    HostileFile(
      "strides beyond all numbers behind a dimension of zero", .malformed, "'x'",
      tensor("\"dtype\":\"F32\",\"shape\":[0,9223372036854775807],\"data_offsets\":[0,0]", data: 0)),
    HostileFile("a tensor that is a number", .malformed, "'x'", bytes(header: "{\"x\":1}")),
    HostileFile("no type", .malformed, "'x'", tensor("\"shape\":[1],\"data_offsets\":[0,4]")),
    HostileFile("no shape", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"data_offsets\":[0,4]")),
    HostileFile("no offsets", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[1]")),
    HostileFile("one offset", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]")),
    HostileFile("three offsets", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]")),
    HostileFile(
      "an unknown type", .malformed, "'F8_E4M3'",
      tensor("\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]", data: 1)),
    HostileFile(
      "a type that is a number", .malformed, "'x'", tensor("\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]")),
    HostileFile(
      "a shape of words", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]")),
    HostileFile(
      "a shape of fractions", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]")),
    HostileFile(
      "a shape of truth", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[true],\"data_offsets\":[0,4]")),
    HostileFile(
      "a negative size", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]")),
    HostileFile(
      "two negative sizes", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[-1,-1],\"data_offsets\":[0,4]")),
    HostileFile(
      "a shape whose product overflows", .malformed, "'x'",
      tensor("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]", data: 0)),
    HostileFile(
      "a size beyond 64 bits", .malformed, "'x'",
      tensor("\"dtype\":\"F32\",\"shape\":[99999999999999999999999],\"data_offsets\":[0,4]")),
    HostileFile(
      "a negative offset", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]")),
    HostileFile(
      "offsets that run backwards", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]")),
    HostileFile(
      "offsets beyond 64 bits", .malformed, "'x'",
      tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775804,9223372036854775807]")),
    HostileFile(
      "fewer bytes than the shape", .malformed, "'x'", tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]")),
    HostileFile(
      "more bytes than the shape", .malformed, "'x'",
      tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]", data: 8)),
    HostileFile(
      "data that ends early", .truncated, "", tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]", data: 4)),
    HostileFile(
      "bytes after the last tensor", .malformed, "3 bytes",
      tensor("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]", data: 7)),
    HostileFile("bytes where there is no tensor", .malformed, "1 byte", bytes(header: "{}", data: [0])),
    HostileFile(
      "a gap before the first tensor", .malformed, "'x'",
      tensor("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]")),
    HostileFile(
      "a gap between two tensors", .malformed, "'b'",
      bytes(
        header: "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
          + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}", data: [0, 0, 0])),
    HostileFile(
      "two tensors over one place", .malformed, "",
      bytes(
        header: "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
          + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", data: [0, 0, 0])),
    HostileFile(
      "metadata that is no table", .malformed, "__metadata__", bytes(header: "{\"__metadata__\":[\"a\"]}")),
    HostileFile(
      "metadata of numbers", .malformed, "__metadata__", bytes(header: "{\"__metadata__\":{\"a\":1}}")),
  ]
}

@Suite("Safetensors files that are not what they should be")
struct HostileSafeTensorsTests {
  @Test("are refused with the reason and the path", arguments: HostileFile.all)
  func refused(_ example: HostileFile) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "hostile.safetensors")
      try example.file.write(to: url)
      let error = try #require(throws: SafeTensorsError.self) { try SafeTensors(reading: url) }
      #expect(error.path == url.path)
      #expect(error.description.contains(url.path))
      switch (error.problem, example.kind) {
      case (.malformed(let reason), .malformed): #expect(example.mentions.isEmpty || reason.contains(example.mentions))
      case (.truncated(let expected, let found), .truncated):
        #expect(found == example.file.count)
        #expect(expected > found)
      default: Issue.record("refused as \(error.problem)")
      }
    }
  }

  @Test("every way of cutting a good file short is refused")
  func cutShort() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try SafeTensors.write([("x", Tensor([1.0, 2])), ("y", Tensor([true]))], metadata: ["a": "b"], to: url)
      let whole = try Data(contentsOf: url)
      let cut = folder.appending(path: "cut.safetensors")
      for length in 0..<whole.count {
        try whole.prefix(length).write(to: cut)
        #expect(throws: SafeTensorsError.self) { try SafeTensors(reading: cut) }
      }
    }
  }

  @Test("every changed byte of a header is refused or read without harm")
  func changedBytes() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try SafeTensors.write([("x", Tensor([Float(1), 2])), ("y", Tensor([UInt8(9)]))], to: url)
      let whole = try Data(contentsOf: url)
      let changed = folder.appending(path: "b.safetensors")
      for position in 0..<(whole.count - 9) {
        for byte in [UInt8(0x00), 0x2D, 0x39, 0xFF] {
          var file = whole
          file[position] = byte
          try file.write(to: changed)
          guard let read = try? SafeTensors(reading: changed) else { continue }
          for name in read.names { _ = try read.tensor(name).bytes() }
        }
      }
    }
  }

  @Test("a file or a folder in its place, or nothing, is unreadable")
  func unreadable() throws {
    try withTemporaryFolder { folder in
      for url in [folder, folder.appending(path: "missing.safetensors")] {
        let error = #expect(throws: SafeTensorsError.self) { try SafeTensors(reading: url) }
        guard case .unreadable(let reason)? = error?.problem else {
          Issue.record("not unreadable: \(String(describing: error))")
          return
        }
        #expect(!reason.isEmpty)
      }
    }
  }

  @Test("a pipe is refused, not waited for")
  func pipe() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "pipe")
      try #require(mkfifo(url.path, 0o600) == 0)
      #expect(throws: SafeTensorsError.self) { try SafeTensors(reading: url) }
    }
  }

  @Test("a tensor that is not there is named, with those that are")
  func noTensor() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.safetensors")
      try SafeTensors.write([("x", Tensor([1.0])), ("y", Tensor([1.0]))], to: url)
      let file = try SafeTensors(reading: url)
      let error = #expect(throws: SafeTensorsError.self) { try file.tensor("z") }
      #expect(error?.problem == .noTensor("z", found: ["x", "y"]))
      #expect(file.entry("z") == nil)
    }
  }
}
