public import Foundation
public import Multimodal
public import Records
public import Torch

/// Features on disk, mapped into memory and checked: what every training reads.
public final class FeatureSet {
  public let folder: URL
  public let manifest: DatasetManifest
  public let train: FeatureSplit
  /// nil: nothing can be selected, and the last epoch is used.
  public let validation: FeatureSplit?
  public let test: FeatureSplit?
  /// What a sample of each modality is: features, or what an encoder that is trained with the model reads.
  public let forms: [InputForm]
  /// The width Dₘ of each modality's features, or how many numbers a sample has.
  public var widths: [Int] { forms.map(\.count) }

  /// The view that stands for the plain splits; nil where they are plain.
  public let view: String?
  /// The modalities that were left out of it.
  public let leftOut: [String]
  /// What the features in batches are multiplied by; everything else of the set is as it lies.
  public let scales: FeatureScales

  /// The mean and the standard deviation of the training targets; nil where classes are predicted.
  public let targets: TargetScale?

  let known = NSLock()
  private var conditionSplits: [String: (split: FeatureSplit, absent: Set<Modality>, zeroFeatures: Bool)] = [:]
  /// The validation split under conditions, once they were read.
  var validationSplits: [String: FeatureSplit] = [:]

  /// Opens a folder and checks everything in it; all faults are told at once.
  ///
  /// - Throws: ``FeatureSetError``, or a `Diagnosis` where there is no feature set.
  public init(at folder: URL) throws {
    self.folder = folder
    manifest = try DatasetManifest.read(in: folder)
    let rows = try JoinedRows.read(in: folder).map { _ in try JoinedRows.files(in: folder) }
    // Their digests may have been checked, once for all splits.
    defer { withExtendedLifetime(rows) {} }
    var check = FeatureSetCheck(folder: folder, manifest: manifest)
    var splits = check.splits()
    if let train = splits["train"] { splits["train"] = train.flipping(check.flippedViews(of: train)) }
    let targets = try splits["train"].flatMap { try check.targetScale($0) }
    guard check.faults.isEmpty, let train = splits["train"] else {
      throw FeatureSetError(folder: folder.relativePath, faults: check.faults)
    }
    // Looked into where a method asks for them: what sees clean inputs alone does not depend on them.
    let views = ImpairedViews(
      files: try Self.viewFiles(of: "train", in: folder, manifest),
      missing: Dictionary(
        uniqueKeysWithValues: manifest.modalities.map {
          (Modality($0), folder.appending(path: "test@\($0)-missing.safetensors"))
        }), settings: Self.impairments(of: manifest), chosen: Self.chosen(in: manifest))
    self.train = try train.viewed(views).standardizing(by: targets)
    validation = try splits["validation"]?.standardizing(by: targets)
    test = try splits["test"]?.standardizing(by: targets)
    self.targets = targets
    forms = Self.forms(of: train)
    view = nil
    leftOut = []
    scales = .none
  }

  /// A part of a set that was checked as a whole.
  init(
    of whole: FeatureSet, _ manifest: DatasetManifest, train: FeatureSplit, validation: FeatureSplit?,
    test: FeatureSplit?, view: String?, leftOut: [String], scales: FeatureScales, targets: TargetScale? = nil
  ) {
    folder = whole.folder
    self.targets = targets ?? whole.targets
    self.manifest = manifest
    self.train = train
    self.validation = validation
    self.test = test
    forms = Self.forms(of: train)
    self.view = view
    self.leftOut = leftOut
    self.scales = scales
  }

  private static func forms(of train: FeatureSplit) -> [InputForm] {
    train.rows.values.compactMap { InputForm(shape: $0.shape, type: $0.elementType) }
  }

  public var modalities: [Modality] { manifest.modalities.map { Modality($0) } }

  /// Samples by split.
  public var counts: [String: Int] {
    var counts = ["train": train.count]
    counts["validation"] = validation?.count
    counts["test"] = test?.count
    return counts
  }

  /// The conditions that the test split can be tried under, in the order of a table.
  ///
  /// Everything there, each modality missing (silent), each absent (declared, where others remain), each noisy, then
  /// whatever else there are files for, and each that of another sample. A modality can always be tried as missing: where there is no file its features are
  /// set to zero.
  public func conditions() throws -> [String] {
    let missing = manifest.modalities.map { "\($0)-\(Condition.missing)" }
    let absent = manifest.modalities.count > 1 ? manifest.modalities.map { "\($0)-\(Condition.absent)" } : []
    let files = try conditionFiles()
    let noisy = manifest.modalities.map { "\($0)-noisy" }.filter(files.contains)
    let others = files.filter { !(missing + absent + noisy).contains($0) }.sorted()
    let known = [Condition.full] + missing + absent + noisy + others
    return known + swappedConditions.filter { !known.contains($0) }
  }

  /// The conditions that usually stand in a table and cannot be tried here.
  public func absentConditions() throws -> [String] {
    let files = try conditionFiles()
    return manifest.modalities.map { "\($0)-noisy" }.filter { !files.contains($0) }
  }

  /// The test split under a condition; a file is read and checked once.
  ///
  /// What a model is shown of an absent modality is what it is shown of a missing one.
  ///
  /// - Returns: the split, the modalities that are not there, and whether zeros stand for their features.
  public func test(under name: String) throws -> (split: FeatureSplit, absent: Set<Modality>, zeroFeatures: Bool) {
    try known.withLock {
      if let found = conditionSplits[name] { return found }
      let condition = Condition(name, modalities: manifest.modalities)
      let isAbsent = condition.kind == Condition.absent && manifest.modalities.count > 1
      let shown = isAbsent ? "\(condition.modality ?? "")-\(Condition.missing)" : name
      let split = try conditionSplits[shown] ?? readTest(under: shown)
      conditionSplits[name] = split
      return split
    }
  }

  private func readTest(
    under name: String
  ) throws -> (split: FeatureSplit, absent: Set<Modality>, zeroFeatures: Bool) {
    guard let test else {
      throw Diagnosis(
        "the data set has no test split", place: folder.relativePath,
        remedy: "add test.safetensors: nothing can be scored without it", exitStatus: .input)
    }
    let condition = Condition(name, modalities: manifest.modalities)
    guard let modalityName = condition.modality else {
      guard name == Condition.full else {
        throw Diagnosis(
          "there is no condition '\(name)'",
          found: ["there are \(try conditions().joined(separator: ", "))"], exitStatus: .usage)
      }
      return (test, [], false)
    }
    let modality = Modality(modalityName)
    let isMissing = condition.kind == Condition.missing
    let url = (isMissing ? missingFile(modality) : nil) ?? conditionFile(name)
    guard FileManager.default.fileExists(atPath: url.path) else {
      if isMissing { return (try test.replacing(modality, with: zeros(modality)), [modality], true) }
      if condition.kind == Self.swapped { return (try swapped(modality, in: test, "test"), [], false) }
      throw Diagnosis(
        "there is no condition '\(name)'",
        found: ["there are \(try conditions().joined(separator: ", "))"], exitStatus: .usage)
    }
    let features = try ImpairedViews.features(of: modality, in: url, beside: test.rows[modality]).features
    return (test.replacing(modality, with: features), isMissing ? [modality] : [], false)
  }

  /// The test split with several modalities missing at once, each as it is in its own `missing` condition.
  ///
  /// - Returns: the split, and the modalities that zeros stand for.
  public func test(without absent: Set<Modality>) throws -> (split: FeatureSplit, zeroFeatures: Set<Modality>) {
    var split = try test(under: Condition.full).split
    var zeroFeatures: Set<Modality> = []
    for modality in modalities where absent.contains(modality) {
      let missing = try test(under: "\(modality.name)-missing")
      if missing.zeroFeatures { zeroFeatures.insert(modality) }
      split = split.replacing(modality, with: missing.split.rows[modality])
    }
    return (split, zeroFeatures)
  }

  /// The validation split with some modalities missing; nil where there is none.
  ///
  /// What stands for a missing modality is the one row of its `missing` condition, which no test sample made, or zeros.
  /// A condition with a row for each test sample says nothing of other samples: there, too, zeros stand.
  public func validation(without absent: Set<Modality>) throws -> FeatureSplit? {
    guard var split = validation else { return nil }
    for modality in modalities where absent.contains(modality) {
      split = try split.replacing(modality, with: missingForAll(modality))
    }
    return split
  }

  func missingForAll(_ modality: Modality) throws -> Tensor {
    guard let url = missingFile(modality) else { return try zeros(modality) }
    let features = try SafeTensors(reading: url).tensor(modality.name)
    return features.rank > 1 && features.shape[0] == 1 ? features : try zeros(modality)
  }

  /// What stands for each modality where it is missing.
  public func missingInputs() throws -> MissingInputs {
    try MissingInputs(
      Dictionary(
        uniqueKeysWithValues: modalities.map { modality in
          let isZero = try missingFeatures(modality).to(.float64).abs().max().scalar() == 0
          return (modality.name, isZero ? MissingInputs.zeros : MissingInputs.encodedEmpty)
        }))
  }

  /// What a sample of a modality is.
  public func form(_ modality: Modality) -> InputForm {
    zip(modalities, forms).first { $0.0 == modality }?.1 ?? .features(width: 0)
  }

  /// One sample of zeros.
  package func zeros(_ modality: Modality) throws -> Tensor {
    let form = form(modality)
    return try .zeros([1] + form.shape, form.elementType)
  }

  /// What stands for a modality that is not there, [1, Dₘ]: the one row of its `missing` condition, or zeros.
  public func missingFeatures(_ modality: Modality) throws -> Tensor {
    if let url = missingFile(modality) {
      let features = try SafeTensors(reading: url).tensor(modality.name)
      guard InputForm(shape: features.shape, type: features.elementType) == form(modality), features.shape[0] > 0
      else {
        throw FeatureSetError(
          folder: folder.relativePath,
          faults: ["\(url.lastPathComponent): '\(modality.name)' has the shape \(features.shape)"])
      }
      return try features.narrowed(0, from: 0, length: 1).cloned()
    }
    return try zeros(modality)
  }

  /// Where fitted encoders lie, by modality; empty where the features were made elsewhere.
  public var encoderFiles: [String: URL] {
    Dictionary(
      uniqueKeysWithValues: manifest.modalities.compactMap { name in
        let url = folder.appending(path: "encoders/\(name).safetensors")
        return FileManager.default.fileExists(atPath: url.path) ? (name, url) : nil
      })
  }

  /// The files that determine results, in a fixed order.
  public func files() throws -> [URL] {
    let splits = ["train", "validation", "test"].map { folder.appending(path: "\($0).safetensors") }
    let views = manifest.modalities.map { folder.appending(path: Self.flippedFile($0)) }
    let all =
      [folder.appending(path: "dataset.json"), folder.appending(path: JoinedRows.fileName)] + splits + views
      + (try conditionFiles()).sorted().map(conditionFile)
    return all.filter { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// Where the flipped view of a modality's training features lies, if there is one.
  package static func flippedFile(_ modality: String) -> String { "train@\(modality)-flipped.safetensors" }

  func conditionFile(_ name: String) -> URL { folder.appending(path: "test@\(name).safetensors") }

  private func conditionFiles() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasPrefix("test@") && $0.hasSuffix(".safetensors") }
      .map { String($0.dropFirst("test@".count).dropLast(".safetensors".count)) }
      // Known by all names, so that `text-long-missing` is no condition of `text` where `text-long` is left out.
      .filter { name in
        let modality = Condition(name, modalities: manifest.modalities + leftOut).modality
        return modality.map(manifest.modalities.contains) ?? false
      }
  }
}

/// Everything wrong with a feature set.
public struct FeatureSetError: Diagnosable, Equatable {
  public let folder: String
  public let faults: [String]

  public init(folder: String, faults: [String]) {
    self.folder = folder
    self.faults = faults
  }

  public var diagnosis: Diagnosis {
    let shown = Array(faults.prefix(20)) + (faults.count > 20 ? ["and \(faults.count - 20) more"] : [])
    return Diagnosis(
      faults.count == 1 ? "the data set cannot be used" : "the data set cannot be used, for \(faults.count) reasons",
      place: folder, found: shown,
      remedy: "correct the files, or make them anew with seesaw encode or seesaw import", exitStatus: .input)
  }
}
