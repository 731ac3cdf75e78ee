import Foundation
import Records

/// What a reader made of files that hold samples with their pictures and sounds.
struct ReadSamples {
  /// What paths are relative to.
  let folder: URL
  var rows = PackedRows()
  var notes: [String] = []
  /// Which column was taken for what: `image: picture`.
  var roles: [String] = []
  /// What makes them unreadable.
  var faults: [RawDatasetFault] = []
  /// The names of the classes in order, where the files say one.
  var classes: [String] = []
  /// What gives the bytes of the inputs.
  var inputs: (any StoredInputs)?
}

/// The kinds of files that hold samples whole, and which of them is at a place.
enum SampleReaders {
  /// The samples at a place, or nil where there is nothing that one of the readers knows, or a table that goes before it.
  ///
  /// - Throws: a `Diagnosis` where files cannot be read.
  static func read(at location: URL, _ settings: RawDatasetSettings, needsLabels: Bool) throws -> ReadSamples? {
    let own = LayoutFiles(folder: location)
    guard !location.isFileURL || !(RawSource.usualNames + ["dataset.json"]).contains(where: own.has) else { return nil }
    if let files = try DataFiles(.tables, at: location) {
      return try tables(files, settings, needsLabels: needsLabels)
    }
    if let files = try DataFiles(.archives, at: location) {
      guard files.faults.isEmpty else {
        return ReadSamples(folder: files.folder, notes: files.notes, faults: files.faults)
      }
      var reader = try ArchiveReader(files, settings)
      return try reader.read()
    }
    guard location.isFileURL else {
      throw Diagnosis(
        "there are no Parquet or Arrow files here", place: location.absoluteString,
        remedy: "only such files are read from remote storage; copy anything else to a folder", exitStatus: .input)
    }
    return nil
  }

  /// Whether there are files at a place that one of the readers is for.
  static func know(_ location: URL) -> Bool {
    [DataFiles.Kind.tables, .archives].contains { kind in
      (try? DataFiles(kind, at: location)) != nil
    }
  }

  private static func tables(
    _ files: DataFiles, _ settings: RawDatasetSettings, needsLabels: Bool
  ) throws -> ReadSamples {
    guard files.faults.isEmpty else {
      return ReadSamples(folder: files.folder, notes: files.notes, faults: files.faults)
    }
    #if READS_PARQUET
      var reader = try TableReader(files, settings, needsLabels: needsLabels)
      return try reader.read()
    #else
      return ReadSamples(
        folder: files.folder,
        faults: [.unsupported("this build reads no Parquet or Arrow files", remedy: noParquet)])
    #endif
  }

  /// What to do in a build without Arrow.
  static let noParquet = "run 'make arrow', and build again"
}

/// What the members of archives are, by their endings: `jpg=image,txt=text`.
struct MemberRoles {
  /// Those that were named; an empty role passes a member over.
  private(set) var named: [String: String] = [:]

  /// What endings are usually.
  private static let usual: [String: String] = [
    "jpg": "image", "jpeg": "image", "png": "image", "webp": "image", "gif": "image", "bmp": "image", "tif": "image",
    "tiff": "image", "txt": "text", "text": "text", "caption": "text", "cls": "label", "label": "label",
    "class": "label", "wav": "audio", "flac": "audio", "mp3": "audio", "ogg": "audio", "json": "json", "id": "id",
  ]
  static let roles = ["image", "text", "audio", "label", "json", "id", "group", "split", "none"]

  /// - Throws: a `Diagnosis` for what is no list of endings and roles.
  init(_ words: String) throws {
    guard !words.allSatisfy(\.isWhitespace) else { return }
    for part in words.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1).map { RawRows.trimmed(String($0)) }
      guard sides.count == 2, Self.roles.contains(sides[1]), !sides[0].isEmpty else {
        throw Diagnosis(
          "'\(part)' does not say what members of an ending are", place: "--map",
          remedy: "write jpg=image,txt=text,cls=label; there is \(Self.roles.joined(separator: ", "))",
          exitStatus: .usage)
      }
      let ending = sides[0].hasPrefix(".") ? String(sides[0].dropFirst()) : sides[0]
      named[ending.lowercased()] = sides[1]
    }
  }

  /// The role of an ending, which is all behind the first dot; nil where it is not known.
  func role(of ending: String) -> String? { named[ending] ?? Self.usual[ending] }
}

/// The libraries that read files of samples, some of which a build may lack.
package enum ReadableFiles {
  /// The library of tar archives and its version.
  package static var archives: String { Archive.library }

  /// The version of Arrow, which reads Parquet and Arrow files; nil in a build without it.
  package static var arrow: String? {
    #if READS_PARQUET
      ArrowFile.version
    #else
      nil
    #endif
  }
}
