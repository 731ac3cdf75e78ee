import Evaluation
public import Foundation
public import Multimodal
import Records
import Torch

// The training and validation splits under impairments.

extension FeatureSet {
  /// The condition that needs no file: the modality of another sample, which may contradict.
  public static let swapped = Condition.swapped

  /// The validation split under a condition, of which it has the same features as the test split has; nil where it has none.
  ///
  /// `<modality>-missing` is there whenever there is a validation split, as ``validation(without:)`` says, and so is
  /// `<modality>-swapped`; of all others there must be a file `validation@<condition>.safetensors`.
  ///
  /// - Throws: a `FeatureSetError` where the file does not fit.
  public func validation(under name: String) throws -> FeatureSplit? {
    guard let validation else { return nil }
    guard name != Condition.full else { return validation }
    if let found = known.withLock({ validationSplits[name] }) { return found }
    let condition = Condition(name, modalities: manifest.modalities)
    guard let modality = condition.modality.map({ Modality($0) }) else { return nil }
    let split: FeatureSplit
    let url = folder.appending(path: "validation@\(name).safetensors")
    if condition.kind == "missing" {
      split = try validation.replacing(modality, with: missingForAll(modality))
    } else if FileManager.default.fileExists(atPath: url.path) {
      let features = try ImpairedViews.features(of: modality, in: url, beside: validation.rows[modality])
      split = validation.replacing(modality, with: features.features)
    } else if condition.kind == Self.swapped, validation.count > 1 {
      split = try swapped(modality, in: validation, "validation")
    } else {
      return nil
    }
    known.withLock { validationSplits[name] = split }
    return split
  }

  /// A split with the rows of one modality in a ring: each sample has that of the sample before it in an order that is
  /// drawn from the stream `<modality>-swapped/<split>`.
  ///
  /// So every row is there once, and no sample has its own.
  func swapped(_ modality: Modality, in split: FeatureSplit, _ name: String) throws -> FeatureSplit {
    guard split.count > 1 else {
      throw Diagnosis(
        "there is no other sample whose \(modality) could be taken", place: "\(folder.relativePath), \(name)",
        found: ["the split has 1 sample"], exitStatus: .input)
    }
    var numbers = SeededNumbers(
      seed: Self.impairments(of: manifest).seed, stream: "\(modality)-\(Self.swapped)/\(name)")
    let order = numbers.permutation(split.count)
    var owners = [Int](repeating: 0, count: split.count)
    for (place, sample) in order.enumerated() { owners[sample] = order[(place + order.count - 1) % order.count] }
    return split.swapping(modality, owners)
  }

  /// Where what stands for a missing modality lies: beside the test split, or beside the training split; nil for zeros.
  func missingFile(_ modality: Modality) -> URL? {
    ["test", "train"].map { folder.appending(path: "\($0)@\(modality)-missing.safetensors") }
      .first { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// What stands for a missing modality: `encoded-empty`, what an encoder makes of an empty input, or `zeros`.
  ///
  /// As `dataset.json` says under `about.missing`. Where it says nothing a file is taken for an encoder's, and zeros stand
  /// where there is none.
  public func missingConvention(_ modality: Modality) -> String {
    let recorded = manifest.about[path: "missing"]?.tableValue?[modality.name]?.stringValue
    guard missingFile(modality) != nil else { return "zeros" }
    return recorded.flatMap { $0 == "zeros" ? nil : $0 } ?? "encoded-empty"
  }

  /// How the features' impairments were set when they were encoded; as usual where nothing is said.
  static func impairments(of manifest: DatasetManifest) -> ImpairmentSettings {
    let recorded = manifest.about[path: "impairments"].flatMap { recorded in
      (try? Tree(encoding: ImpairmentSettings())).flatMap {
        try? $0.overlaid(with: recorded).decode(ImpairmentSettings.self)
      }
    }
    guard let recorded, (try? recorded.check()) != nil else { return ImpairmentSettings() }
    return recorded
  }

  /// The impairment and strength of each condition that was chosen, as `about.conditions` says.
  static func chosen(in manifest: DatasetManifest) -> [String: (impairment: String, strength: Double)] {
    (manifest.about[path: "conditions"]?.tableValue ?? [:]).compactMapValues { entry in
      guard let name = entry[path: "impairment"]?.stringValue, let strength = entry[path: "strength"]?.numberValue
      else {
        return nil
      }
      return (name, strength)
    }
  }

  /// The conditions with the modality of another sample, which need no file.
  public var swappedConditions: [String] {
    (test?.count ?? 0) > 1 && manifest.modalities.count > 1 ? manifest.modalities.map { "\($0)-\(Self.swapped)" } : []
  }

  /// The files of views of the training or validation split, those of several draws in order.
  ///
  /// - Parameters:
  ///   - split: `train` or `validation`.
  ///   - impairments: those that are meant; nil means all.
  public func viewFiles(of split: String, impairments: [String]? = nil) throws -> [URL] {
    let files = try Self.viewFiles(of: split, in: folder, manifest)
    return modalities.flatMap { modality in
      (files[modality] ?? [:]).sorted { $0.key < $1.key }
        .filter { impairments?.contains($0.key) ?? true }.flatMap(\.value)
    }
  }

  /// By modality and impairment: `<split>@<modality>-<impairment>.safetensors`, and further draws in `….2.safetensors`, ….
  ///
  /// A number at the end counts draws only where there is a first: `noisy-0.5` is a strength.
  static func viewFiles(
    of split: String, in folder: URL, _ manifest: DatasetManifest
  ) throws -> [Modality: [String: [URL]]] {
    let (start, end) = ("\(split)@", ".safetensors")
    let names = Set(
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasPrefix(start) && $0.hasSuffix(end) }
        .map { String($0.dropFirst(start.count).dropLast(end.count)) })
    var draws: [Modality: [String: [(number: Int, url: URL)]]] = [:]
    for name in names {
      var (stem, number) = (name, 1)
      if let dot = name.lastIndex(of: "."), let found = Int(name[name.index(after: dot)...]), found > 1,
        names.contains(String(name[..<dot]))
      {
        (stem, number) = (String(name[..<dot]), found)
      }
      let condition = Condition(stem, modalities: manifest.modalities)
      guard let modality = condition.modality, condition.kind != "flipped" else { continue }
      let url = folder.appending(path: "\(start)\(name)\(end)")
      draws[Modality(modality), default: [:]][condition.kind, default: []].append((number, url))
    }
    return draws.mapValues { $0.mapValues { $0.sorted { $0.number < $1.number }.map(\.url) } }
  }
}

/// Where views of a split lie, and how noise is drawn where none is stored.
struct ImpairedViews {
  /// The files of the draws, by modality and impairment.
  var files: [Modality: [String: [URL]]] = [:]
  /// Where the row of a missing modality may lie, if not among them.
  var missing: [Modality: URL] = [:]
  /// For pixels and tokens.
  var settings = ImpairmentSettings()
  /// The impairment and the strength of conditions that were chosen when the features were encoded.
  var chosen: [String: (impairment: String, strength: Double)] = [:]

  /// The impairments that views of a modality can be drawn under; noise first.
  func names(of modality: Modality, _ features: FeatureRows) -> [String] {
    let form = InputForm(shape: features.shape, type: features.elementType)
    let noisy = ImpairedCondition.noisy.rawValue
    var names = Set((files[modality] ?? [:]).keys.filter { $0 != ImpairedCondition.missing.rawValue })
    if form?.needsEncoder == true { names.insert(noisy) }
    return names.sorted { $0 == noisy ? $1 != noisy : $1 != noisy && $0 < $1 }
  }

  /// The impairment of pixels or tokens that is drawn when a sample is visited; nil where there is none of that name.
  func drawn(_ name: String, _ modality: Modality, _ form: InputForm) -> (any RawImpairment)? {
    let known = chosen["\(modality)-\(name)"]
    return settings.drawn(known?.impairment ?? name, form, strength: known?.strength)
  }

  /// The row that stands for a modality that is missing, [1, …], zeros where there is none.
  func missingRow(_ modality: Modality, beside plain: FeatureRows) throws -> FlippedView {
    if let file = missing[modality], FileManager.default.fileExists(atPath: file.path),
      let rows = try SafeTensors(reading: file).entry(modality.name)?.shape.first, rows == 1
    {
      return try Self.features(of: modality, in: file, beside: plain)
    }
    return FlippedView(
      features: FeatureRows(try .zeros([1] + plain.shape.dropFirst(), plain.elementType)), stored: nil)
  }

  /// The features of a modality in a file of its own, one row for each sample or one for all.
  ///
  /// - Parameter plain: what they stand for.
  /// - Throws: a `FeatureSetError` where they do not fit.
  static func features(of modality: Modality, in url: URL, beside plain: FeatureRows) throws -> FlippedView {
    let file = url.lastPathComponent
    func fault(_ what: String) -> FeatureSetError {
      FeatureSetError(folder: url.deletingLastPathComponent().relativePath, faults: ["\(file): '\(modality)' \(what)"])
    }
    let stored = try FeatureFile(reading: url)
    guard let features = try stored.rowsIfThere(modality.name) else {
      throw fault("is not there; it holds \(stored.names.joined(separator: ", "))")
    }
    let form = InputForm(shape: features.shape, type: features.elementType)
    let expected = InputForm(shape: plain.shape, type: plain.elementType)
    guard form == expected, [plain.shape[0], 1].contains(features.shape[0]) else {
      throw fault("has the shape \(features.shape), expected \(plain.shape) or \([1] + plain.shape.dropFirst())")
    }
    let bad = try FeatureSetCheck.rowsNotFinite(features)
    guard bad.isEmpty else { throw fault("is not finite in \(FeatureSetCheck.rows(bad))") }
    return FlippedView(features: features, stored: features.stored)
  }
}
