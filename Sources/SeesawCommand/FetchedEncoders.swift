import Encoders
import Experiments
import Foundation
import Multimodal
import Records

/// The pretrained encoders that `make weights` fetched, which are used where no other is named.
struct FetchedEncoders {
  var environment = ProcessInfo.processInfo.environment
  var executable = Executable.url
  var workingFolder = URL(filePath: FileManager.default.currentDirectoryPath)

  /// What they are called, by what they read.
  static let names: [RawInput.Kind: String] = [.image: "efficientnet-lite0", .text: "all-MiniLM-L6-v2"]

  /// Their folders, by what they read; empty where there are none.
  ///
  /// They lie in the folder that `SEESAW_WEIGHTS` names (none where it names nothing), else in `.weights` above the program
  /// or above the working folder.
  var folders: [RawInput.Kind: URL] {
    if let named = environment["SEESAW_WEIGHTS"] {
      return named.isEmpty ? [:] : Self.encoders(in: URL(filePath: named))
    }
    for start in [executable?.deletingLastPathComponent(), workingFolder].compactMap({ $0 }) {
      let found = start.above { Self.encoders(in: $0.appending(path: ".weights")) }
      if let found { return found }
    }
    return [:]
  }

  private static func encoders(in folder: URL) -> [RawInput.Kind: URL] {
    names.mapValues { folder.appending(path: $0) }.filter {
      FileManager.default.fileExists(atPath: $0.value.appending(path: "config.json").path)
    }
  }

  /// What somebody named, with the name of a fetched encoder as the path of its folder.
  ///
  /// - Throws: `EncoderError.unknown`, with the fetched ones among those that there are, or a `Diagnosis` where one was not
  ///   fetched.
  func path(_ named: String?, _ kind: RawInput.Kind) throws -> String? {
    guard let named, !FileManager.default.fileExists(atPath: named) else { return named }
    let own = EncoderRegistry.encoders(of: kind).map { $0.name as String }
    let others = EncoderRegistry.preparing.filter { $0.kind == kind }.map { $0.name as String }
    if (own + others).contains(named) || named.contains(where: { "/:~".contains($0) }) { return named }
    guard named == Self.names[kind] else {
      let fetched = folders[kind].map { [$0.lastPathComponent] } ?? []
      throw EncoderError.unknown(name: named, kind: kind, known: own + fetched + others)
    }
    guard let folder = folders[kind] else {
      throw Diagnosis(
        "the encoder '\(named)' has not been fetched", remedy: "make weights fetches it", exitStatus: .usage)
    }
    return folder.path
  }

  /// What the doctor says of them.
  var finding: Finding {
    let found = folders
    guard found.count == Self.names.count else {
      return Finding(
        "encoders", .good, "those that come with Seesaw",
        remedy:
          "pretrained ones are better: make weights fetches \(Self.names.values.sorted().joined(separator: " and "))")
    }
    return Finding(
      "encoders", .good, "\(found.values.map(\.lastPathComponent).sorted().joined(separator: ", ")), by default")
  }
}

extension URL {
  /// What is found in this folder, or else in the nearest of those above it.
  func above<Found: Collection>(_ look: (URL) -> Found) -> Found? {
    var folder = standardizedFileURL
    while true {
      let found = look(folder)
      if !found.isEmpty { return found }
      let parent = folder.deletingLastPathComponent().standardizedFileURL
      guard parent.path != folder.path, parent.path.count < folder.path.count else { return nil }
      folder = parent
    }
  }
}
