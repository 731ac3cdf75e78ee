import Foundation
import Multimodal
public import Records
public import Torch

/// Opens the splits of a feature set and collects what is wrong with them.
struct FeatureSetCheck {
  let folder: URL
  let manifest: DatasetManifest
  private(set) var faults: [String] = []

  init(folder: URL, manifest: DatasetManifest) {
    self.folder = folder
    self.manifest = manifest
  }

  mutating func splits() -> [String: FeatureSplit] {
    var found: [String: FeatureSplit] = [:]
    for name in ["train", "validation", "test"] {
      let url = folder.appending(path: "\(name).safetensors")
      guard FileManager.default.fileExists(atPath: url.path) else {
        if name == "train" { faults.append("train.safetensors is not there: nothing can be trained") }
        continue
      }
      do {
        found[name] = try split(name, FeatureFile(reading: url))
      } catch let error as SafeTensorsError {
        faults.append(error.diagnosis.what)
      } catch {
        faults.append("\(name).safetensors: \(Diagnosis(describing: error).what)")
      }
    }
    compareWidths(found)
    if let train = found["train"], faults.isEmpty { checkClasses(train, found) }
    return found
  }

  /// The scale of the training targets; nil where classes are predicted.
  mutating func targetScale(_ train: FeatureSplit) throws -> TargetScale? {
    guard manifest.task == .regression else { return nil }
    let scale = try TargetScale(of: train.labels.array())
    if scale == nil {
      faults.append("train.safetensors: the target is the same in every sample: there is nothing to predict")
    }
    return scale
  }

  private mutating func split(_ name: String, _ features: FeatureFile) throws -> FeatureSplit? {
    let file = features.file
    let known = faults.count
    func fault(_ what: String) { faults.append("\(name).safetensors: \(what)") }
    guard let labelEntry = file.entry("labels") else {
      fault("there are no 'labels'; it holds \(file.names.joined(separator: ", "))")
      return nil
    }
    let shape = labelEntry.shape
    let rows = shape.first ?? 0
    if manifest.task == .multiLabel {
      if shape.count != 2 || shape[1] != manifest.classes.count {
        fault("'labels' has the shape \(shape), expected [N, \(manifest.classes.count)]")
      }
    } else if manifest.task == .regression {
      if shape.count != 1 {
        fault(
          "'labels' has the shape \(shape), expected one real number a sample, [N]; several targets are not predicted")
      }
    } else if shape.count != 1 || labelEntry.type.isFloatingPoint {
      fault("'labels' has the shape \(shape) and the type \(labelEntry.type), expected whole numbers of shape [N]")
    }
    if rows == 0 { fault("the split is empty") }
    for modality in manifest.modalities {
      guard let entry = try features.rowsIfThere(modality) else {
        fault("modality '\(modality)' is not there; it holds \(features.names.joined(separator: ", "))")
        continue
      }
      guard let form = InputForm(shape: entry.shape, type: entry.elementType) else {
        fault(
          "'\(modality)' has the shape \(entry.shape) and the type \(entry.elementType), expected real numbers [N, D], "
            + "pixels [N, 3, H, W] of uint8 or tokens [N, L] of int32")
        continue
      }
      if entry.shape[0] != rows {
        fault("'\(modality)' has \(entry.shape[0]) rows, 'labels' has \(rows)")
      } else if form.count == 0 {
        fault("'\(modality)' has no columns")
      }
    }
    guard faults.count == known else { return nil }

    let inputs = try PerModality(manifest.modalities.map { Modality($0) }) { try features.rows($0.name) }
    let stored = inputs.values.compactMap(\.stored)
    for (modality, features) in inputs {
      let bad = try Self.rowsNotFinite(features)
      if !bad.isEmpty { fault("'\(modality)' is not finite (NaN or infinite) in \(Self.rows(bad))") }
    }
    var labels = try file.tensor("labels")
    if manifest.task == .regression {
      labels = try labels.to(.float64)
      let values: [Double] = try labels.array()
      let bad = values.indices.filter { !values[$0].isFinite }
      if !bad.isEmpty { fault("the target is not finite (NaN or infinite) in \(Self.rows(bad))") }
    } else if manifest.task == .multiLabel {
      let values: [Double] = try labels.array()
      let bad = values.indices.filter { values[$0] != 0 && values[$0] != 1 }.map { $0 / manifest.classes.count }
      if !bad.isEmpty { fault("labels must be 0 or 1, found others in \(Self.rows(Array(Set(bad)).sorted()))") }
    } else {
      let values: [Int] = try labels.array()
      let bad = values.indices.filter { values[$0] < 0 || values[$0] >= manifest.classes.count }
      if let first = bad.first {
        fault(
          "labels must be 0 to \(manifest.classes.count - 1), found \(values[first]) and the like in \(Self.rows(bad))")
      }
    }
    guard faults.count == known else { return nil }
    return FeatureSplit(
      rows: inputs,
      labels: manifest.task == .multiLabel || manifest.task == .regression ? labels : try labels.to(.int64),
      stored: stored.count == inputs.count ? PerModality(inputs.modalities, stored) : nil)
  }

  /// The flipped views of the training features that there are files for.
  mutating func flippedViews(of train: FeatureSplit) -> [Modality: FlippedView] {
    var views: [Modality: FlippedView] = [:]
    for name in manifest.modalities {
      let file = FeatureSet.flippedFile(name)
      let url = folder.appending(path: file)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      do {
        let features = try FeatureFile(reading: url).rows(name)
        let plain = train.rows[Modality(name)]
        let isReal = features.elementType.isFloatingPoint
        guard features.shape == plain.shape else {
          faults.append("\(file): '\(name)' has the shape \(features.shape), expected \(plain.shape)")
          continue
        }
        guard isReal && plain.elementType.isFloatingPoint || features.elementType == plain.elementType else {
          faults.append("\(file): '\(name)' has the type \(features.elementType), expected \(plain.elementType)")
          continue
        }
        let bad = try Self.rowsNotFinite(features)
        if !bad.isEmpty { faults.append("\(file): '\(name)' is not finite in \(Self.rows(bad))") }
        views[Modality(name)] = FlippedView(features: features, stored: features.stored)
      } catch {
        faults.append("\(file): \(Diagnosis(describing: error).what)")
      }
    }
    return views
  }

  private mutating func compareWidths(_ splits: [String: FeatureSplit]) {
    guard let train = splits["train"] else { return }
    for name in ["validation", "test"] {
      guard let split = splits[name] else { continue }
      for (modality, features) in split.rows {
        let first = train.rows[modality]
        if InputForm(shape: features.shape, type: features.elementType)
          != InputForm(shape: first.shape, type: first.elementType)
        {
          let (found, expected) = (features.shape, first.shape)
          faults.append(
            found.count == 2 && expected.count == 2 && found[1] != expected[1]
              ? "\(name).safetensors: '\(modality)' is \(found[1]) wide, in train.safetensors it is \(expected[1])"
              : "\(name).safetensors: '\(modality)' is of another kind than in train.safetensors")
        }
      }
    }
  }

  private mutating func checkClasses(_ train: FeatureSplit, _ splits: [String: FeatureSplit]) {
    guard manifest.task.hasClasses else { return }
    func counts(_ split: FeatureSplit) -> [Int] {
      if manifest.task == .multiLabel {
        return (try? split.labels.to(.float64).sum(0).array(of: Double.self).map(Int.init)) ?? []
      }
      var counts = [Int](repeating: 0, count: manifest.classes.count)
      for label in (try? split.labels.array(of: Int.self)) ?? [] { counts[label] += 1 }
      return counts
    }
    let trained = counts(train)
    for name in ["validation", "test"] {
      guard let split = splits[name] else { continue }
      for (label, count) in counts(split).enumerated() where count > 0 && trained[label] == 0 {
        faults.append(
          "class '\(manifest.classes[label])' has \(count) samples in \(name) and none in train: it cannot be learnt")
      }
    }
  }

  /// The rows that hold something not finite.
  ///
  /// A sum that is finite clears its rows in one pass over memory.
  ///
  /// Rows that lie in several files were looked at when they were joined.
  static func rowsNotFinite(_ features: FeatureRows) throws -> [Int] {
    guard features.elementType.isFloatingPoint, !features.isScattered else { return [] }
    var bad: [Int] = []
    try features.inOrder { range, rows in
      if try rows.to(.float32).sum().scalar().isFinite { return }
      let finite: [Double] = try rows.isFinite().to(.float64).min(1).array()
      bad += finite.indices.filter { finite[$0] == 0 }.map { range.lowerBound + $0 }
    }
    return bad
  }

  /// `3 rows: 4, 7, 9`, with the first ten named.
  static func rows(_ numbers: [Int]) -> String {
    let shown = numbers.prefix(10).map(String.init).joined(separator: ", ")
    return "\(numbers.count) \(numbers.count == 1 ? "row" : "rows"): \(shown)\(numbers.count > 10 ? ", …" : "")"
  }
}

extension SafeTensorsError: Diagnosable {
  public var diagnosis: Diagnosis {
    if case .unwritable(_, let code) = problem, let trouble = FileTrouble(posix: code) {
      return trouble.diagnosis(path: path)
    }
    if GitLFSPointer.stands(at: URL(filePath: path)) {
      return Diagnosis("'\(path)' is \(GitLFSPointer.words)", exitStatus: .input)
    }
    return Diagnosis(description, exitStatus: .input)
  }
}
