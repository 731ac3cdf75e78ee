import Foundation
import Records

/// Numbers that look random and are the same on every machine.
struct Numbers {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// From -1 to 1.
  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / Float(1 << 23) - 1
  }
}

/// Bytes of a tensor in a file.
struct Stored: Equatable {
  var type: String
  var shape: [Int]
  var bytes: Data

  static func floats(_ values: [Float], _ shape: [Int]) -> Stored {
    Stored(type: "F32", shape: shape, bytes: values.withUnsafeBytes { Data($0) })
  }

  static func labels(_ values: [Int64]) -> Stored {
    Stored(type: "I64", shape: [values.count], bytes: values.withUnsafeBytes { Data($0) })
  }
}

/// Safetensors files, written and read without the library that is tested.
enum StoredFile {
  static func write(_ tensors: [String: Stored], to url: URL) throws {
    var header: [String: Tree] = [:]
    var body = Data()
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let start = body.count
      body += tensor.bytes
      header[name] = [
        "dtype": .string(tensor.type), "shape": .list(tensor.shape.map(Tree.int)),
        "data_offsets": [.int(start), .int(body.count)],
      ]
    }
    var text = Tree.table(header).json()
    while text.utf8.count % 8 != 0 { text += " " }
    let length = withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) }
    try (length + Data(text.utf8) + body).write(to: url)
  }

  /// The tensors by name; what the header says besides is left out.
  static func read(_ url: URL) throws -> [String: Stored] {
    let data = try Data(contentsOf: url)
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try Tree(json: String(decoding: data.dropFirst(8).prefix(length), as: UTF8.self))
    return (header.tableValue ?? [:]).filter { $0.key != "__metadata__" }.mapValues { entry in
      let offsets = entry[path: "data_offsets"]?.listValue?.compactMap(\.intValue) ?? [0, 0]
      return Stored(
        type: entry[path: "dtype"]?.stringValue ?? "",
        shape: entry[path: "shape"]?.listValue?.compactMap(\.intValue) ?? [],
        bytes: Data(data[(data.startIndex + 8 + length + offsets[0])..<(data.startIndex + 8 + length + offsets[1])]))
    }
  }
}

/// A small feature set of two modalities and three classes, in which the text tells more than the image.
struct TinyFeatures {
  static let widths = ["image": 6, "text": 4]
  static let counts = ["train": 48, "validation": 12, "test": 18]

  var widths = TinyFeatures.widths
  var splits: [String: [String: Stored]] = [:]

  init() {
    var numbers = Numbers(7)
    for (split, count) in Self.counts.sorted(by: { $0.key < $1.key }) {
      let labels = (0..<count).map { Int64($0 % 3) }
      splits[split] = [
        "image": Self.rows(labels, width: 6, signal: 0.4, &numbers),
        "text": Self.rows(labels, width: 4, signal: 1.5, &numbers), "labels": .labels(labels),
      ]
    }
    let labels = (0..<18).map { Int64($0 % 3) }
    splits["test@image-missing"] = ["image": .floats([Float](repeating: 0.1, count: 6), [1, 6])]
    splits["test@text-missing"] = ["text": .floats([Float](repeating: 0.1, count: 4), [1, 4])]
    splits["test@image-noisy"] = ["image": Self.rows(labels, width: 6, signal: 0.1, &numbers)]
    splits["test@text-noisy"] = ["text": Self.rows(labels, width: 4, signal: 0.5, &numbers)]
  }

  private static func rows(_ labels: [Int64], width: Int, signal: Float, _ numbers: inout Numbers) -> Stored {
    var values: [Float] = []
    for label in labels {
      for column in 0..<width { values.append(numbers.next() + (column % 3 == Int(label) ? signal : 0)) }
    }
    return .floats(values, [labels.count, width])
  }

  static let manifest: Tree = [
    "format": "seesaw-features/1", "name": "tiny", "task": "single-label", "classes": ["red", "green", "blue"],
    "modalities": ["image", "text"], "metric": "accuracy", "about": [:],
  ]

  func write(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(Self.manifest.json(.pretty).utf8).write(to: folder.appending(path: "dataset.json"))
    for (name, tensors) in splits { try StoredFile.write(tensors, to: folder.appending(path: "\(name).safetensors")) }
  }
}

/// A small folder of pictures and texts in two classes.
struct TinyRaw {
  struct Row {
    var id: String
    var image: String
    var text: String
    var label: String
    var split: String
  }

  var rows: [Row] = []

  init() {
    for (split, count) in [("train", 6), ("validation", 2), ("test", 4)] {
      for number in 0..<count {
        let label = number % 2 == 0 ? "cat" : "dog"
        let id = "\(split)-\(number)"
        rows.append(Row(id: id, image: "\(id).png", text: "a \(label), number \(number)", label: label, split: split))
      }
    }
  }

  /// Writes the pictures and `samples.csv`; `lines` may change the text of the file.
  func write(to folder: URL, _ change: (String) -> String = { $0 }) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (number, row) in rows.enumerated() where !row.image.isEmpty {
      let shade = UInt8(truncatingIfNeeded: 40 * number + (row.label == "cat" ? 0 : 120))
      try Self.png(width: 8, height: 8) { x, y in
        [shade, UInt8(x * 30), UInt8(y * (row.label == "cat" ? 30 : 10))]
      }.write(to: folder.appending(path: row.image))
    }
    let lines = rows.map { [$0.id, $0.image, Self.quoted($0.text), $0.label, $0.split].joined(separator: ",") }
    let text = (["id,image,text,label,split"] + lines).joined(separator: "\n") + "\n"
    try Data(change(text).utf8).write(to: folder.appending(path: "samples.csv"))
  }

  static func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }

  /// A picture in the PNG format, its pixels stored without compression.
  static func png(width: Int, height: Int, _ pixel: (Int, Int) -> [UInt8]) -> Data {
    var raw: [UInt8] = []
    for y in 0..<height {
      raw.append(0)
      for x in 0..<width { raw += pixel(x, y) }
    }
    func big(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    func little(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8)] }
    func chunk(_ name: String, _ body: [UInt8]) -> [UInt8] {
      let named = Array(name.utf8) + body
      return big(UInt32(body.count)) + named + big(checksum(named))
    }
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in raw {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    let stored: [UInt8] = [0x78, 0x01, 0x01] + little(raw.count) + little(~raw.count & 0xFFFF) + raw
    return Data(
      [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        + chunk("IHDR", big(UInt32(width)) + big(UInt32(height)) + [8, 2, 0, 0, 0])
        + chunk("IDAT", stored + big(b << 16 | a)) + chunk("IEND", []))
  }

  /// A tenth of a second of a square wave, 16 bits at 16 kHz.
  static func wave(period: Int, loudness: Int = 0x2000) -> Data {
    func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }
    let samples = (0..<1600).flatMap { little(($0 % period < period / 2 ? 1 : -1) * loudness, 2) }
    let format =
      little(16, 4) + little(1, 2) + little(1, 2) + little(16_000, 4) + little(32_000, 4) + little(2, 2) + little(16, 2)
    let body = Array("WAVEfmt ".utf8) + format + Array("data".utf8) + little(samples.count, 4) + samples
    return Data(Array("RIFF".utf8) + little(body.count, 4) + body)
  }

  /// CRC-32 as PNG computes it.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
