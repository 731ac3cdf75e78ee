import Datasets
import Foundation
import Multimodal
import Records
import Torch

extension Experiment {
  /// Makes a feature set of features that were computed elsewhere.
  ///
  /// Features are [N, D] or [N], and become float32. Labels are whole numbers or texts [N], or 0 and 1 in [N, C]. A split
  /// is [N]: `train`, `validation` (also `val`, `valid`, `dev`) and `test`, or 0, 1 and 2 for them in that order; without
  /// one, 70 % of the rows are drawn for training, 10 % for validation and 20 % for testing, stratified by class. The
  /// folder appears whole or not at all, and takes the place of an earlier import.
  ///
  /// - Throws: a `Diagnosis`, `NumPyError` or `SafeTensorsError`; all that is wrong with the arrays is told at once.
  public static func importFeatures(
    _ request: ImportRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> EncodeSummary {
    let start = ContinuousClock.now
    let lock = try FolderLock(
      beside: request.out, waiting: patience(request.wait, for: request.out, stop: stop, events: events))
    defer { lock.release() }
    AtomicFolder.recover(request.out)
    let folder = try ImportFolder(request.out)
    let files = try request.fileDigests()
    let identity = request.identity(files)
    if let summary = folder.summary(of: identity, since: start) {
      try? FileManager.default.removeItem(at: folder.partial)
      return summary
    }

    let arrays = try ImportArrays(request)
    var choice = try ImportChoice(request, arrays)
    var notes = choice.notes
    let labels = try ImportLabels(request, arrays.load(choice.labels), names: choice.classNames.map(arrays.load))
    notes += labels.notes
    let split =
      try choice.split.map { try ImportSplit(arrays.load($0), rows: labels.count, place: arrays.place) }
      ?? ImportSplit(drawing: labels, seed: request.seed)
    notes += split.notes
    try split.check(labels, place: arrays.place)
    var features = try choice.features(arrays, rows: labels.count, events: events)
    let training = split.rows.first(where: { $0.key == "train" })?.value ?? []
    if request.standardize {
      features = try features.map { $0.elementType == .uint8 ? $0 : try standardized($0, over: training) }
      notes.append("every column has mean 0 and standard deviation 1 over the training split")
    } else {
      notes += try scaleNotes(features, choice.modalities.map(\.name))
    }

    notes.append(
      "features made elsewhere cannot be impaired: a missing modality is tried with zero features, and noisy ones only "
        + "where a file test@<modality>-noisy.safetensors is added; methods that train on noisy views find them in "
        + "train@<modality>-noisy.safetensors and validation@<modality>-noisy.safetensors")
    if folder.earlier != nil { notes.append("an earlier import in the folder has been replaced") }
    let manifest = DatasetManifest(
      name: request.name ?? folder.name, task: labels.task, classes: labels.classes,
      modalities: choice.modalities.map(\.name), metric: labels.metric,
      about: [
        "import": identity,
        "missing": .table(Dictionary(uniqueKeysWithValues: choice.modalities.map { ($0.name, "zeros") })),
        "notes": .list(notes.map(Tree.string)), "seesaw": .string(version),
      ])
    events(.phase("Data", "\(manifest.name) · \(split.words)"))
    try folder.fill { partial in
      for (name, rows) in split.rows where !rows.isEmpty {
        let index = try Tensor(rows)
        var tensors = try zip(manifest.modalities, features).map { ($0, try $1.indexed(0, by: index)) }
        tensors.append(("labels", try labels.tensor(rows)))
        if stop.isRequested { throw CancellationError() }
        try SafeTensors.write(tensors, to: partial.appending(path: "\(name).safetensors"))
      }
      try manifest.write(to: partial)
      _ = try FeatureSet(at: partial)
    }
    return try EncodeSummary(imported: FeatureSet(at: folder.out), notes: notes, alreadyDone: false, since: start)
  }
}

extension Experiment {
  /// Columns less their mean, over their standard deviation, both of the training rows; constant columns become 0.
  private static func standardized(_ features: Tensor, over training: [Int]) throws -> Tensor {
    let rows = try features.indexed(0, by: Tensor(training)).to(.float64)
    let mean = try rows.mean(0, keeping: true)
    let deviation = try (rows - mean).square().mean(0, keeping: true).squareRoot()
    let scale = try deviation.greater(than: 1e-12).choose(deviation, deviation * 0 + 1)
    return try ((features.to(.float64) - mean) / scale).to(.float32)
  }

  /// Says so where the features of some modality are much larger than those of another.
  private static func scaleNotes(_ features: [Tensor], _ names: [String]) throws -> [String] {
    // Pixels are scaled by the encoder that reads them.
    let (features, names) = (
      features.filter { $0.elementType != .uint8 },
      zip(features, names).filter { $0.0.elementType != .uint8 }.map(\.1)
    )
    let sizes = try features.map { try $0.to(.float64).square().mean().scalar().squareRoot() }
    guard let low = sizes.min(), let high = sizes.max(), high > 10 * low else { return [] }
    let words = zip(names, sizes).map { "\($0) \(String(format: "%.3g", $1))" }.joined(separator: ", ")
    return ["sizes of the features differ much (root mean square: \(words)); --standardize brings them to one scale"]
  }
}

extension EncodeSummary {
  fileprivate init(
    imported set: FeatureSet, notes: [String], alreadyDone: Bool, since start: ContinuousClock.Instant
  ) throws {
    self.init(
      folder: set.folder.relativePath, alreadyDone: alreadyDone, counts: set.counts,
      widths: Dictionary(uniqueKeysWithValues: zip(set.manifest.modalities, set.widths)),
      forms: EncodeSummary.forms(zip(set.manifest.modalities, set.forms)),
      conditions: try set.conditions(), quarantined: 0, notes: notes,
      seconds: (ContinuousClock.now - start) / .seconds(1))
  }
}

extension ImportRequest {
  /// The digests of the files, by role; the role of the one file is empty.
  fileprivate func fileDigests() throws -> [String: (name: String, digest: String)] {
    var urls = parts
    urls[""] = file
    guard !urls.isEmpty else {
      throw Diagnosis(
        "no file to import is named", remedy: "name a .npz, .npy or .safetensors file", exitStatus: .usage)
    }
    return try urls.mapValues { url in
      try NumPyFile.requireRegular(url)
      return (url.lastPathComponent, try FileDigest.sha256(of: url))
    }
  }

  /// Everything that the result depends on.
  fileprivate func identity(_ files: [String: (name: String, digest: String)]) -> Tree {
    func text(_ value: String?) -> Tree { value.map(Tree.string) ?? .null }
    return [
      "files": .list(
        files.sorted { $0.key < $1.key }.map { role, file in
          ["role": role.isEmpty ? .null : .string(role), "name": .string(file.name), "sha256": .string(file.digest)]
        }),
      "modalities": .list(modalities.map { ["name": .string($0.name), "array": .string($0.array)] }),
      "labels": .string(labels), "split": text(split), "classes": .list(classes.map(Tree.string)), "task": text(task),
      "metric": text(metric), "name": text(name), "seed": .int(seed), "standardize": .bool(standardize),
    ]
  }
}

/// The folder that a feature set is made in.
private struct ImportFolder {
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
    "dataset.json", "train.safetensors", "validation.safetensors", "test.safetensors", ".check.json",
  ]

  /// The summary of the same import, where it was done before and is whole.
  func summary(of identity: Tree, since start: ContinuousClock.Instant) -> EncodeSummary? {
    guard let earlier, earlier.about[path: "import"] == identity, let set = try? FeatureSet(at: out) else { return nil }
    let notes = earlier.about[path: "notes"]?.listValue?.compactMap(\.stringValue) ?? []
    return try? EncodeSummary(imported: set, notes: notes, alreadyDone: true, since: start)
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
