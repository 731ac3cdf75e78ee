public import Foundation
public import Multimodal
import Records
import Torch

// What a run is shown of a feature set: some modalities, or a view. The files stay as they are.

extension FeatureSet {
  /// Whether nothing is left out and nothing stands for anything else.
  public var isWhole: Bool { leftOut.isEmpty && view == nil }

  /// What a reader of scores on it must know; empty for a whole set.
  public var partNotes: [String] {
    (leftOut.isEmpty
      ? []
      : [
        "trained and tested on \(manifest.modalities.joined(separator: ", ")), without "
          + leftOut.joined(separator: ", ")
      ])
      + (view.map { ["trained and tested on the view '\($0)': 'full' is with it in the place of the plain input"] }
        ?? [])
  }

  /// The same set with some of its modalities, in its own order.
  ///
  /// - Parameter names: empty keeps all; a set that was restricted to them before stays as it is.
  /// - Throws: a `Diagnosis` where a name is no modality's, or is there twice.
  public func restricted(to names: [String]) throws -> FeatureSet {
    guard !names.isEmpty else { return self }
    let place = "data.modalities"
    let known = manifest.modalities
    if let unknown = names.first(where: { !known.contains($0) }) {
      throw Diagnosis(
        "there is no modality '\(unknown)' to train on", place: place,
        found: ["the data has \(known.joined(separator: ", "))"],
        remedy: nearest(to: unknown, in: known).map { "did you mean '\($0)'?" }, exitStatus: .usage)
    }
    guard Set(names).count == names.count else {
      throw Diagnosis(
        "a modality is named twice", place: place, found: [names.joined(separator: ", ")], exitStatus: .usage)
    }
    let kept = known.filter(names.contains)
    guard kept.count < known.count else { return self }
    if let view, let modality = Condition(view, modalities: known).modality, !kept.contains(modality) {
      throw Diagnosis(
        "the view '\(view)' is of '\(modality)', which is left out", place: "data.view",
        found: ["data.modalities is \(kept.joined(separator: ", "))"], remedy: "leave one of the two settings out",
        exitStatus: .usage)
    }
    var manifest = manifest
    manifest.modalities = kept
    let modalities = kept.map { Modality($0) }
    return FeatureSet(
      of: self, manifest, train: train.restricted(to: modalities), validation: validation?.restricted(to: modalities),
      test: test?.restricted(to: modalities), view: view,
      leftOut: leftOut + known.filter { !kept.contains($0) }, scales: scales)
  }

  /// The same set with its targets standardized as those that a model was trained on, whatever its own training split has.
  public func standardized(by scale: TargetScale) throws -> FeatureSet {
    guard let targets, targets != scale else { return self }
    return FeatureSet(
      of: self, manifest, train: try train.standardizing(by: scale),
      validation: try validation?.standardizing(by: scale), test: try test?.standardizing(by: scale), view: view,
      leftOut: leftOut, scales: scales, targets: scale)
  }

  /// The same set with a view of the training, the validation and the test split in the place of the plain ones.
  ///
  /// Views of training lie in `train@<name>.safetensors` and those of validation in `validation@<name>.safetensors`, as
  /// conditions of the test split do in `test@<name>.safetensors`.
  ///
  /// - Parameter name: `<modality>-<impairment>`; empty leaves the set as it is, as does the view that it has.
  /// - Throws: a `Diagnosis` where there is no such view of a split that is there.
  public func seen(under name: String) throws -> FeatureSet {
    guard !name.isEmpty, name != view else { return self }
    guard view == nil, let modalityName = Condition(name, modalities: manifest.modalities).modality else {
      throw noView(name, "there is no view '\(name)'")
    }
    let modality = Modality(modalityName)
    return FeatureSet(
      of: self, manifest, train: try viewed(train, "train", name, modality),
      validation: try validation.map { try viewed($0, "validation", name, modality) },
      test: try test.map { _ in try test(under: name).split }, view: name, leftOut: leftOut,
      scales: scales)
  }

  /// The files of the view that it is seen under, besides those of the plain set.
  public var viewFiles: [URL] {
    guard let view else { return [] }
    return ["train", "validation"].map { viewFile($0, view) }.filter { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// The views that there are of the training split: `image-noisy`, ….
  public var trainingViews: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasPrefix("train@") && $0.hasSuffix(".safetensors") }
      .map { String($0.dropFirst("train@".count).dropLast(".safetensors".count)) }
      // Further draws of a view have a number behind a dot; a flipped picture is not an impaired one.
      .filter { name in
        let condition = Condition(name, modalities: manifest.modalities)
        return condition.modality != nil && condition.kind != "flipped" && !name.contains(".")
      }.sorted()
  }

  /// Whether training, selection and test can be done under a view.
  public func hasViews(_ name: String) -> Bool {
    let splits = ["train"] + (validation == nil ? [] : ["validation"]) + (test == nil ? [] : ["test"])
    return splits.allSatisfy { FileManager.default.fileExists(atPath: viewFile($0, name).path) }
  }

  private func viewFile(_ split: String, _ view: String) -> URL {
    folder.appending(path: "\(split)@\(view).safetensors")
  }

  private func viewed(
    _ plain: FeatureSplit, _ split: String, _ name: String, _ modality: Modality
  ) throws -> FeatureSplit {
    let url = viewFile(split, name)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw noView(name, "there is no view '\(name)' of the \(split == "train" ? "training" : split) split")
    }
    let features = try FeatureFile(reading: url).rows(modality.name)
    let expected = plain.rows[modality].shape
    func fault(_ words: String) -> FeatureSetError {
      FeatureSetError(folder: folder.relativePath, faults: ["\(url.lastPathComponent): '\(modality)' \(words)"])
    }
    guard InputForm(shape: features.shape, type: features.elementType) == form(modality),
      features.shape[0] == expected[0] || features.shape[0] == 1
    else { throw fault("has the shape \(features.shape), expected \(expected) or \([1] + expected.dropFirst())") }
    let rows = features.shape[0] == expected[0] ? features.stored : nil
    let bad = try FeatureSetCheck.rowsNotFinite(features)
    guard bad.isEmpty else { throw fault("is not finite in \(FeatureSetCheck.rows(bad))") }
    return plain.viewing(modality, features, rows)
  }

  private func noView(_ name: String, _ what: String) -> Diagnosis {
    let known = trainingViews
    return Diagnosis(
      what, place: "data.view",
      found: [
        known.isEmpty ? "there are no views of the training split" : "there are \(known.joined(separator: ", "))"
      ],
      remedy: nearest(to: name, in: known).map { "did you mean '\($0)'?" } ?? "seesaw encode --views train makes views",
      exitStatus: .usage)
  }
}
