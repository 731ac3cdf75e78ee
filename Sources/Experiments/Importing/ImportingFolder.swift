import Datasets
import Foundation
import Multimodal
import Records

/// The folder that a feature set is made in.
struct ImportFolder {
  /// As it was asked for.
  let out: URL
  private let url: URL
  /// What is in it, where that is an earlier import, which may be replaced.
  let earlier: DatasetManifest?

  /// What a data set without a name is called.
  var name: String { url.lastPathComponent }

  /// Refuses what must not be replaced.
  init(_ out: URL) throws {
    let url = out.standardizedFileURL
    self.out = out
    self.url = url
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      earlier = nil
      return
    }
    func refusal(_ what: String, found: [String] = []) -> Diagnosis {
      Diagnosis(what, place: out.relativePath, found: found, remedy: "choose another folder", exitStatus: .usage)
    }
    guard isFolder.boolValue else { throw refusal("there is a file where the feature set should go") }
    let names = try Diagnosis.placing(out) { try files.contentsOfDirectory(atPath: url.path) }.sorted()
    let manifest: DatasetManifest? = try? Tree.read(from: url.appending(path: "dataset.json"))
    let isImport = manifest?.about[path: "import"] != nil
    guard isImport || manifest == nil else { throw refusal("the folder holds features that were made otherwise") }
    let others = names.filter { $0 != ".DS_Store" && !(isImport && Self.own.contains($0)) }
    guard others.isEmpty else {
      let shown = others.prefix(5).map { "'\($0)'" }.joined(separator: ", ") + (others.count > 5 ? ", …" : "")
      throw refusal(
        isImport ? "the folder holds more than an earlier import" : "the folder is not empty, and no feature set",
        found: ["there: \(shown)"])
    }
    earlier = isImport ? manifest : nil
  }

  /// What an import writes, and what a look through it leaves.
  private static let own: Set<String> = [
    "dataset.json", "train.safetensors", "validation.safetensors", "test.safetensors", ".check.json", Quarantine.file,
    "train.samples.jsonl", "validation.samples.jsonl", "test.samples.jsonl",
  ]

  /// The summary of the same import, where it was done before and is whole.
  func summary(of identity: Tree, since start: ContinuousClock.Instant) -> EncodeSummary? {
    guard let earlier, earlier.about[path: "import"] == identity, let set = try? FeatureSet(at: out) else { return nil }
    let notes = earlier.about[path: "notes"]?.listValue?.compactMap(\.stringValue) ?? []
    return try? EncodeSummary(imported: set, notes: notes, alreadyDone: true, since: start)
  }

  /// Refuses to take the place of another import unasked.
  func requireRoom(_ request: ImportRequest) throws {
    guard let earlier, !request.again else { return }
    let modalities = earlier.modalities.joined(separator: ", ")
    throw Diagnosis(
      "the folder holds another import", place: out.relativePath,
      found: [
        "'\(earlier.name)': \(modalities), \(earlier.task.hasClasses ? "\(earlier.classes.count) classes" : earlier.task.rawValue)"
      ],
      remedy: "choose another --out, or --again to replace it", exitStatus: .usage)
  }

  /// Where an import is made, until it is whole.
  var partial: URL { url.deletingLastPathComponent().appending(path: "\(url.lastPathComponent).partial") }

  /// Lets `body` fill a folder beside this one, which then takes its place.
  func fill(_ body: (URL) throws -> Void) throws {
    let files = FileManager.default
    do {
      try Diagnosis.placing(partial) {
        // Left by an import that was cut short.
        if files.fileExists(atPath: partial.path) { try files.removeItem(at: partial) }
        try files.createDirectory(at: partial, withIntermediateDirectories: true)
        try body(partial)
      }
      try AtomicFolder.replace(url, with: partial)
    } catch {
      try? files.removeItem(at: partial)
      throw error
    }
  }
}
