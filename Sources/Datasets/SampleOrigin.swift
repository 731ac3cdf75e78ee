public import Foundation
import Records

/// Which raw sample a row of features was made of: a line of `<split>.samples.jsonl`.
public struct SampleOrigin: Codable, Equatable, Sendable {
  public var id: String
  /// Relative to the raw data's folder.
  public var image: String?
  public var text: String?
  /// The sound, relative to the raw data's folder.
  public var audio: String?
  /// The names of its classes.
  public var label: [String]
  /// Of the raw file, from 1.
  public var line: Int?
  /// Whom it belongs to, such as a speaker, a film or a family of products.
  public var group: String?

  public init(
    id: String, image: String? = nil, text: String? = nil, audio: String? = nil, label: [String], line: Int? = nil,
    group: String? = nil
  ) {
    self.id = id
    self.image = image
    self.text = text
    self.audio = audio
    self.label = label
    self.line = line
    self.group = group
  }

  /// Of a sample of a raw data set.
  public init(_ sample: RawSample) {
    self.init(
      id: sample.id, image: sample.image.map(RawSample.plain), text: sample.text,
      audio: sample.audio.map(RawSample.plain), label: sample.labels, line: sample.row, group: sample.group)
  }

  /// Writes a line for each sample; the file appears whole or not at all.
  public static func write(_ origins: some Sequence<SampleOrigin>, of split: String, to folder: URL) throws {
    try AtomicFile.replace(folder.appending(path: fileName(split))) { url in
      try Data().write(to: url)
      let file = try FileHandle(forWritingTo: url)
      var lines = Data()
      for origin in origins {
        lines += Data("\(try Tree(encoding: origin, keys: .asNamed).json())\n".utf8)
        if lines.count > 1 << 20 {
          try file.write(contentsOf: lines)
          lines = Data()
        }
      }
      try file.write(contentsOf: lines)
      try file.close()
    }
  }

  static func fileName(_ split: String) -> String { "\(split).samples.jsonl" }
}

extension FeatureSet {
  /// The raw samples of a split's rows, in order; nil where the features do not say, as when they were made elsewhere.
  ///
  /// - Throws: a `Diagnosis` where the file cannot be read, or has another number of lines than the split has rows.
  public func origins(of split: String) throws -> [SampleOrigin]? {
    let url = folder.appending(path: SampleOrigin.fileName(split))
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let origins = try JSONLines.read(SampleOrigin.self, from: url)
    guard origins.count == counts[split] else {
      throw Diagnosis(
        "the file does not belong to these features", place: url.relativePath,
        found: ["\(origins.count) samples, and \(counts[split] ?? 0) rows of features"],
        remedy: "encode the data anew, or remove the file", exitStatus: .input)
    }
    return origins
  }

  /// The folder of the raw data, where the features say it and it is still there.
  public var rawFolder: URL? {
    guard let path = manifest.about[path: "raw"]?.stringValue else { return nil }
    let url = URL(filePath: path, relativeTo: folder).standardizedFileURL
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }
}
