import Balancing
import Datasets
import Dispatch
import Foundation
import Multimodal
import Records
import Synchronization

/// A feature set and the digests of its files.
struct LoadedData {
  let set: FeatureSet
  let digests: [String: String]
  /// The size of the training features, where reading them takes long.
  let largeSize: String?
  private let viewDigests = ViewDigests()
  /// The same data as runs are shown it, so that a view is opened and digested once.
  private let parts = Parts()
  /// Bytes from which on reading the features takes long enough to be told.
  private static let large = 4_000_000_000

  init(at folder: URL, events: EventSink = { _ in }) throws {
    let train = folder.appending(path: "train.safetensors")
    let size = (try? train.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
    largeSize = size > Self.large ? String(format: "%.1f GB", Double(size) / 1e9) : nil
    if let largeSize {
      events(.phase("Opening", "\(folder.relativePath) · \(largeSize) are checked and digested"))
    }
    // At the same time as the features are checked, so that the disk brings them once.
    let early = EarlyDigest(of: train)
    set = try FeatureSet(at: folder)
    var digests: [String: String] = [:]
    for file in try set.files() {
      let isTrain = file.lastPathComponent == train.lastPathComponent
      digests[file.lastPathComponent] = try isTrain ? early.wait() : FileDigest.sha256(of: file)
    }
    self.digests = digests
  }

  /// The digests of some views' files by name, each read once for all runs over the data.
  func digests(ofViews files: [URL]) throws -> [String: String] { try viewDigests.of(files) }

  /// Whether the data is what a record of it says: all that every run depends on, and the views that this one looked at.
  func fits(_ recorded: [String: String]) -> Bool {
    recorded.allSatisfy { name, digest in
      if let known = digests[name] { return known == digest }
      return (try? digests(ofViews: [set.folder.appending(path: name)]))?[name] == digest
    } && digests.keys.allSatisfy { recorded[$0] != nil }
  }

  private init(_ set: FeatureSet, _ digests: [String: String], largeSize: String?) {
    self.set = set
    self.digests = digests
    self.largeSize = largeSize
  }

  /// The data with targets standardized as those that a model was trained on.
  func standardized(by scale: TargetScale?) throws -> LoadedData {
    guard let scale, set.targets != nil, set.targets != scale else { return self }
    return LoadedData(try set.standardized(by: scale), digests, largeSize: largeSize)
  }

  /// The data as a run with these settings is shown it; the same again for data that is shown so already.
  ///
  /// - Throws: a `Diagnosis` where there is no such modality or view.
  func shown(_ settings: DataSettings) throws -> LoadedData {
    try parts.find(settings) {
      let part = try set.seen(under: settings.view).restricted(to: settings.modalities).scaled(settings.scale)
      guard part !== set else { return nil }
      var digests = digests
      for file in part.viewFiles where digests[file.lastPathComponent] == nil {
        digests[file.lastPathComponent] = try FileDigest.sha256(of: file)
      }
      return LoadedData(part, digests, largeSize: largeSize)
    } ?? self
  }

  /// What was made of the data before, by several runs at once.
  private final class Parts: @unchecked Sendable {
    private let lock = NSLock()
    /// nil where it is shown as it is.
    private var known: [DataSettings: LoadedData?] = [:]

    func find(_ settings: DataSettings, _ make: () throws -> LoadedData?) throws -> LoadedData? {
      try lock.withLock {
        if let found = known[settings] { return found }
        let made = try make()
        known[settings] = .some(made)
        return made
      }
    }
  }

  /// - Parameter digests: what else the run depends on, by what it is called.
  func record(_ digests: [String: String]) -> DataRecord {
    DataRecord(
      name: set.manifest.name, path: set.folder.standardizedFileURL.path, digests: digests,
      classes: set.manifest.classes, modalities: set.manifest.modalities, counts: set.counts,
      leftOut: set.leftOut.isEmpty ? nil : set.leftOut, frames: set.manifest.about[path: "frames"]?.intValue)
  }

  /// The data in one line: emoji · 1,128 train, 156 validation, 317 test · image 128, text 384.
  var words: String {
    let counts = ["train", "validation", "test"].compactMap { name in
      set.counts[name].map { "\(grouped($0)) \(name)" }
    }
    let widths = zip(set.manifest.modalities, set.forms).map { "\($0) \($1.words)" }
    return "\(set.manifest.name) · \(counts.joined(separator: ", ")) · \(widths.joined(separator: ", "))"
      + (set.leftOut.isEmpty ? "" : " · without \(set.leftOut.joined(separator: ", "))")
      + (set.view.map { " · as '\($0)'" } ?? "")
  }
}

extension Experiment {
  /// What of the data a run was shown, or what models for a data set are to be shown.
  static func dataSettings(_ run: RunRecord?, files: [URL], settings: [String]) throws -> DataSettings {
    if let run { return try RunConfiguration(recorded: run.configuration).data }
    return try resolve(method: JointTraining.card.name, files: files, settings: settings).configuration.data
  }
}

/// The digest of a file, begun on another thread.
private final class EarlyDigest: Sendable {
  private let found = Mutex<Result<String, any Error>>(.failure(CancellationError()))
  private let work = DispatchGroup()

  init(of file: URL) {
    DispatchQueue.global().async(group: work) { [self] in
      let result = Result { try FileDigest.sha256(of: file) }
      found.withLock { $0 = result }
    }
  }

  func wait() throws -> String {
    work.wait()
    return try found.withLock { $0 }.get()
  }
}

/// The digests of views, made when a run first asks for them: most methods never look at one.
private final class ViewDigests: Sendable {
  private let known = Mutex<[URL: String]>([:])

  func of(_ files: [URL]) throws -> [String: String] {
    try known.withLock { known in
      try Dictionary(
        files.map { file in
          let digest = try known[file] ?? FileDigest.sha256(of: file)
          known[file] = digest
          return (file.lastPathComponent, digest)
        }, uniquingKeysWith: { first, _ in first })
    }
  }
}
