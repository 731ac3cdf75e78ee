import Foundation
import Seesaw

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A feature set of any size with classes that can be learnt, written without ever being in memory as a whole.
///
/// Each class has a centre in every modality; a sample is its class's centre and normal noise around it.
struct MadeFeatures {
  var samples = 10_000
  var held = 1_000
  var shape = Shape.paper
  /// How far centres lie from each other, in widths of the noise; the first modality's, which is the clearest.
  var signal = 0.12
  var seed = 1

  func write(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try DatasetManifest(
      name: folder.lastPathComponent, task: .singleLabel, classes: (0..<shape.classes).map { "class \($0)" },
      modalities: shape.names.map(\.name), metric: .accuracy
    ).write(to: folder)
    for (name, count) in [("train", samples), ("validation", held), ("test", held)] {
      try write(name, count, to: folder.appending(path: "\(name).safetensors"))
    }
  }

  private func write(_ split: String, _ count: Int, to url: URL) throws {
    let random = RandomSource(seed: seed)
    var labels = SeededNumbers(seed: random.seed, stream: "labels/\(split)")
    let truth = (0..<count).map { _ in labels.uniform(below: shape.classes) }

    let bytes = count * shape.width * 4
    var header = "{"
    for (position, modality) in shape.names.enumerated() {
      header += "\"\(modality.name)\":{\"dtype\":\"F32\",\"shape\":[\(count),\(shape.width)],"
      header += "\"data_offsets\":[\(position * bytes),\((position + 1) * bytes)]},"
    }
    let end = shape.modalities * bytes
    header += "\"labels\":{\"dtype\":\"I64\",\"shape\":[\(count)],\"data_offsets\":[\(end),\(end + 8 * count)]}}"
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)

    _ = FileManager.default.createFile(atPath: url.path, contents: nil)
    let file = try FileHandle(forWritingTo: url)
    defer { try? file.close() }
    try file.write(contentsOf: withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) })
    try file.write(contentsOf: Data(header.utf8))
    for (position, modality) in shape.names.enumerated() {
      let centres = try random.generator("centres/\(modality)").normal([shape.classes, shape.width])
      let noise = try random.generator("noise/\(split)/\(modality)")
      for start in stride(from: 0, to: count, by: 8192) {
        let part = Array(truth[start..<min(start + 8192, count)])
        let rows =
          try noise.normal([part.count, shape.width])
          + centres.indexed(0, by: Tensor(part)) * (signal / Double(position + 1))
        let numbers: [Float] = try rows.array()
        try numbers.withUnsafeBytes { try file.write(contentsOf: Data($0)) }
      }
    }
    try truth.withUnsafeBytes { try file.write(contentsOf: Data($0)) }
  }
}
