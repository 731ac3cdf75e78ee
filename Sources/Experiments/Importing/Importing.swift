import Datasets
import Foundation
import Multimodal
import Records
import Torch

extension Experiment {
  /// Makes a feature set of features that were computed elsewhere.
  ///
  /// Features are [N, D] or [N], or sequences [N, T, D] that are pooled, and become float32. Labels are whole numbers or texts [N], or 0 and 1 in [N, C]. A split
  /// is [N]: `train`, `validation` (also `val`, `valid`, `dev`) and `test`, or 0, 1 and 2 for them in that order; without
  /// one, 70 % of the rows are drawn for training, 10 % for validation and 20 % for testing, stratified by class, groups
  /// whole. A row that cannot be used is left out and listed in `quarantine.jsonl`; more than `LossLimit` allows are an
  /// error. The folder appears whole or not at all, and takes the place of an earlier import where that is asked for.
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
    if !request.again, let summary = folder.summary(of: identity, since: start) {
      try? FileManager.default.removeItem(at: folder.partial)
      return summary
    }

    try folder.requireRoom(request)

    let arrays = try ImportArrays(request)
    let choice = try ImportChoice(request, arrays)
    let rows = try ImportedRows(request, arrays, choice, events: events)
    let labels = rows.labels
    var notes = rows.notes
    if let words = Quarantine.words(rows.refused, in: request.out) { events(.note(words)) }
    try rows.split.check(labels, place: arrays.place)
    var features = rows.features
    let training = rows.split.rows.first(where: { $0.key == "train" })?.value ?? []
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
    var manifest = DatasetManifest(
      name: request.name ?? folder.name, task: labels.task, classes: labels.classes,
      modalities: choice.modalities.map(\.name), metric: labels.metric,
      about: [
        "import": identity,
        "missing": .table(Dictionary(uniqueKeysWithValues: choice.modalities.map { ($0.name, "zeros") })),
        "notes": .list(notes.map(Tree.string)), "seesaw": .string(version),
      ])
    if !rows.refused.isEmpty { manifest.about[path: "quarantined"] = .int(rows.refused.count) }
    events(.phase("Data", "\(manifest.name) · \(rows.split.words)"))
    try folder.fill { partial in
      for (name, own) in rows.split.rows where !own.isEmpty {
        let index = try Tensor(own)
        var tensors = try zip(manifest.modalities, features).map { ($0, try $1.indexed(0, by: index)) }
        tensors.append(("labels", try labels.tensor(own)))
        if stop.isRequested { throw CancellationError() }
        try SafeTensors.write(tensors, to: partial.appending(path: "\(name).safetensors"))
        if let origins = rows.origins(of: own) { try SampleOrigin.write(origins, of: name, to: partial) }
      }
      try Quarantine.write(rows.refused, to: partial)
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
  init(
    imported set: FeatureSet, notes: [String], alreadyDone: Bool, since start: ContinuousClock.Instant
  ) throws {
    self.init(
      folder: set.folder.relativePath, alreadyDone: alreadyDone, counts: set.counts,
      widths: Dictionary(uniqueKeysWithValues: zip(set.manifest.modalities, set.widths)),
      forms: EncodeSummary.forms(zip(set.manifest.modalities, set.forms)),
      conditions: try set.conditions(), quarantined: set.manifest.about[path: "quarantined"]?.intValue ?? 0,
      notes: notes,
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
        "no file to import is named", remedy: "name a .npz, .npy, .safetensors or HDF5 file", exitStatus: .usage)
    }
    return try urls.mapValues { url in
      try NumPyFile.requireRegular(url)
      return (url.lastPathComponent, try FileDigest.sha256(of: url))
    }
  }

  /// Everything that the result depends on.
  fileprivate func identity(_ files: [String: (name: String, digest: String)]) -> Tree {
    func text(_ value: String?) -> Tree { value.map(Tree.string) ?? .null }
    var identity: Tree = [
      "files": .list(
        files.sorted { $0.key < $1.key }.map { role, file in
          ["role": role.isEmpty ? .null : .string(role), "name": .string(file.name), "sha256": .string(file.digest)]
        }),
      "modalities": .list(modalities.map { ["name": .string($0.name), "array": .string($0.array)] }),
      "labels": .string(labels), "split": text(split), "classes": .list(classes.map(Tree.string)), "task": text(task),
      "metric": text(metric), "name": text(name), "seed": .int(seed), "standardize": .bool(standardize),
    ]
    // Not written where they are not chosen, so that imports of older versions are known again.
    if let pooling { identity[path: "pooling"] = .string(pooling.rawValue) }
    if let ids { identity[path: "ids"] = .string(ids) }
    if let groups { identity[path: "groups"] = .string(groups) }
    return identity
  }
}
