import Datasets
import Encoders
public import Foundation
import Multimodal
import Records
import Reports
import Torch

/// Everything that reads bytes which somebody else wrote, as functions of bytes.
///
/// Shared by the tests, which feed the corpus and mutations of it, and by the fuzzer, which searches for more.
public enum HostileParser: String, CaseIterable, Sendable {
  case safetensors, json, yaml, csv, jsonl, npy, npz, picture, text, predict, records

  /// What went wrong although nothing crashed.
  public struct Fault: Error, CustomStringConvertible {
    public let description: String
  }

  /// Reads the bytes as far as the program would.
  ///
  /// - Parameter folder: where files may be written.
  /// - Throws: a ``Fault`` where they are refused with an error that nobody foresaw, or are read and mean another thing
  ///   when they are written again.
  public func feed(_ bytes: Data, in folder: URL) throws {
    switch self {
    case .safetensors: try safetensors(bytes, folder)
    case .json: try json(bytes)
    case .yaml: try yaml(bytes)
    case .csv: try samples(bytes, "samples.csv", folder)
    case .jsonl: try samples(bytes, "samples.jsonl", folder)
    case .npy: try arrays(bytes, "a.npy")
    case .npz: try arrays(bytes, "a.npz")
    case .picture: try picture(bytes)
    case .text: try text(bytes)
    case .predict: try predict(bytes)
    case .records: try records(bytes, folder)
    }
  }

  /// Runs a part that may refuse its input, but only with a sentence.
  @discardableResult
  private func refusing<T>(_ body: () throws -> T) throws -> T? {
    do { return try body() } catch let fault as Fault { throw fault } catch {
      let diagnosis = Diagnosis(describing: error)
      guard diagnosis.exitStatus != .defect else {
        throw Fault(description: "\(rawValue): not foreseen: \(type(of: error)): \(diagnosis)")
      }
      guard diagnosis.description.utf8.count < 100_000 else {
        throw Fault(description: "\(rawValue): a message of \(diagnosis.description.utf8.count) bytes")
      }
      return nil
    }
  }

  private func file(_ bytes: Data, _ name: String, _ folder: URL) throws -> URL {
    let url = folder.appending(path: name)
    try bytes.write(to: url)
    return url
  }

  // MARK: One for each

  private func safetensors(_ bytes: Data, _ folder: URL) throws {
    let url = try file(bytes, "a.safetensors", folder)
    try refusing {
      let file = try SafeTensors(reading: url)
      for name in file.names { _ = try file.tensor(name).bytes() }
    }
    // Mapped files are only let go when the tensors are.
    try FileManager.default.removeItem(at: url)
  }

  private func json(_ bytes: Data) throws {
    guard let text = String(validating: bytes, as: UTF8.self), let tree = try refusing({ try Tree(json: text) }) else {
      return
    }
    for layout in [JSONLayout.compact, .pretty] {
      let again = try Tree(json: tree.json(layout))
      guard again == tree else { throw Fault(description: "json: written and read again it differs: \(tree.json())") }
    }
    _ = tree.leafPaths
  }

  private func yaml(_ bytes: Data) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    let file = ConfigurationFile(name: "a.yaml", text: text)
    try refusing {
      let overlay = Overlay(defaults: try Tree(encoding: RunConfiguration()), rules: RunConfiguration.rules)
      _ = Overlay.peek("method.name", files: [file])
      let resolved = try overlay.resolve(files: [file])
      _ = try resolved.tree.decode(RunConfiguration.self)
    }
    try refusing { _ = try Recipe(reading: file) }
    // What would be given to --set is one line.
    let line = String(text.prefix { $0 != "\n" })
    try refusing { _ = try Overlay(defaults: ["a": ["b": 1], "c": "d", "e": [1]]).resolve(settings: [line]) }
  }

  private func samples(_ bytes: Data, _ name: String, _ folder: URL) throws {
    let url = try file(bytes, name, folder)
    try refusing {
      let data = try RawDataset(at: url)
      for sample in data.samples { _ = data.labelNumbers(of: sample) }
    }
  }

  private func arrays(_ bytes: Data, _ name: String) throws {
    try refusing {
      let file = try NumPyFile(bytes, path: name, limit: 1 << 24)
      for name in file.names.prefix(64) {
        guard let array = try refusing({ try file.array(name) }) else { continue }
        try refusing { _ = try array.doubles() }
        try refusing { _ = try array.ints() }
        try refusing { _ = try array.strings() }
      }
    }
  }

  private func picture(_ bytes: Data) throws {
    try refusing {
      let image = try RGBImage(decoding: bytes, pixelLimit: 1 << 18)
      guard image.pixels.count == image.width * image.height * 3 else {
        throw Fault(description: "picture: \(image.pixels.count) bytes of \(image.width) x \(image.height) pixels")
      }
      _ = try HOGColourEncoder().prepare(.image(image))
    }
  }

  private func text(_ bytes: Data) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    let counts = try HashedNGramEncoder().prepare(.text(text))
    guard counts.indices.count == counts.values.count, counts.values.allSatisfy(\.isFinite) else {
      throw Fault(description: "text: features that do not fit")
    }
    for token in TextToken.tokens(of: text) {
      guard token.range.lowerBound < token.range.upperBound, token.range.upperBound <= text.endIndex else {
        throw Fault(description: "text: a token out of the text")
      }
    }
  }

  private func predict(_ bytes: Data) throws {
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard let text = String(validating: line, as: UTF8.self) else { continue }
      try refusing { _ = try PredictionInput(line: Tree(json: text)) }
    }
  }

  private func records(_ bytes: Data, _ folder: URL) throws {
    let url = try file(bytes, "run.json", folder)
    try refusing { _ = try Tree.read(RunRecord.self, from: url) }
    try refusing { _ = try Tree.read(EvaluationTable.self, from: url) }
    try refusing { _ = try JSONLines.read(StepRow.self, from: url) }
    try refusing { _ = try JSONLines.read(EpochRow.self, from: url) }
    try refusing { _ = try SweepText(Tree.read(SweepTable.self, from: url)).text }
    try refusing {
      let results: ComparisonResults = try Tree.read(from: url)
      _ = ComparisonTable(results)
      _ = Findings(results)
    }
  }
}
