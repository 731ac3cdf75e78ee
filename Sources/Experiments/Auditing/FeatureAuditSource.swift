import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch

/// Features that were made elsewhere, as `seesaw import` and `seesaw encode` keep them.
///
/// They cannot be impaired: what is not there is the feature set's own row for it, or zeros, and other conditions are tried
/// where the set has files of them.
struct FeatureAuditSource: AuditSource {
  let name: String
  let modalities: [String]
  let samples: AuditSamples
  let impairments: [[String]]
  let notes: [String]
  let prior: [Double]?

  /// [N, D], by modality.
  private let features: [Rows]
  /// What stands for each where it is missing, a row.
  private let missing: [Rows]
  private let impaired: [[Rows]]

  /// Rows of numbers; one row may stand for all.
  private struct Rows: Sendable {
    let width: Int
    let values: [Float]

    init(_ tensor: Tensor) throws {
      width = tensor.shape[1]
      values = try tensor.to(.float32).array()
    }

    subscript(row: Int) -> ArraySlice<Float> {
      let place = values.count == width ? 0 : row * width
      return values[place..<(place + width)]
    }
  }

  init(at location: URL, _ sampling: AuditSampling) throws {
    let set = try FeatureSet(at: location)
    let manifest = set.manifest
    guard manifest.task.hasClasses else {
      throw Diagnosis(
        "an audit is of models that answer with classes, and the task of '\(manifest.name)' is a regression",
        place: location.relativePath,
        remedy: "seesaw diagnose says of a model that Seesaw trains what it leans on, of a regression too",
        exitStatus: .usage)
    }
    for (modality, form) in zip(manifest.modalities, set.forms) {
      guard case .features = form else {
        throw Diagnosis(
          "'\(modality)' holds no features but what an encoder reads, which is not sent to a program",
          place: location.relativePath, remedy: "audit the raw data instead", exitStatus: .input)
      }
    }
    guard sampling.split == .test else {
      throw Diagnosis("of a feature set the test split is audited", place: "--split", exitStatus: .usage)
    }
    guard sampling.impairments.isEmpty else {
      throw Diagnosis(
        "features cannot be impaired", place: "--impairments",
        remedy: "add files test@<modality>-<condition>.safetensors to the set, or audit the raw data",
        exitStatus: .usage)
    }
    let test = try set.test(under: Condition.full).split
    let chosen = sampling.chosen(of: test.count)
    let index = try Tensor(chosen)
    func rows(_ features: FeatureRows) throws -> Rows {
      try Rows(features.shape[0] == 1 && test.count != 1 ? features.tensor() : features.indexed(chosen, index))
    }
    name = manifest.name
    modalities = manifest.modalities
    features = try set.modalities.map { try rows(test.rows[$0]) }
    missing = try set.modalities.map { try Rows(set.missingFeatures($0)) }
    var names: [[String]] = []
    var damaged: [[Rows]] = []
    let conditions = try set.conditions()
    let unavailable = [Condition.missing, Condition.absent, FeatureSet.swapped]
    for modality in set.modalities {
      let own = conditions.map { Condition($0, modalities: manifest.modalities) }.enumerated()
        .filter { $0.element.modality == modality.name && !unavailable.contains($0.element.kind) }
      names.append(own.map(\.element.kind))
      damaged.append(try own.map { try rows(set.test(under: conditions[$0.offset]).split.rows[modality]) })
    }
    impairments = names
    impaired = damaged
    let isMultiLabel = manifest.task == .multiLabel
    let classes = try sampling.classes(or: manifest.classes, in: location.relativePath)
    let places = try manifest.classes.map { name -> Int in
      guard let place = classes.firstIndex(of: name) else {
        throw Diagnosis("--classes lacks '\(name)'", place: location.relativePath, exitStatus: .usage)
      }
      return place
    }
    func labels(_ tensor: Tensor) throws -> [[Int]] {
      let numbers: [Int] = try tensor.to(.int64).array()
      guard isMultiLabel else { return numbers.map { [places[$0]] } }
      return (0..<tensor.shape[0]).map { row in
        manifest.classes.indices.filter { numbers[row * manifest.classes.count + $0] != 0 }.map { places[$0] }.sorted()
      }
    }
    let origins = try set.origins(of: "test")
    let groups = origins.flatMap { origins in
      origins.contains { $0.group != nil } ? chosen.map { origins[$0].group ?? "" } : nil
    }
    samples = AuditSamples(
      ids: chosen.map { origins?[$0].id ?? "\($0)" }, classes: classes,
      labels: sampling.needsLabels ? try labels(test.labels.indexed(0, by: index)) : nil, isMultiLabel: isMultiLabel,
      groups: groups)
    let trained = try labels(set.train.labels)
    var counts = [Double](repeating: 0, count: classes.count)
    for label in trained.joined() { counts[label] += 1 }
    prior = counts.map { $0 / Double(trained.count) }
    notes = chosen.count < test.count ? ["\(chosen.count) of \(test.count) samples, drawn by the seed"] : []
  }

  func write(_ shown: [AuditCell], into line: inout [UInt8]) throws {
    line += Array(",\"features\":{".utf8)
    for (place, cell) in shown.enumerated() {
      if place > 0 { line.append(UInt8(ascii: ",")) }
      JSONBytes.append(modalities[place], to: &line)
      line.append(UInt8(ascii: ":"))
      guard let values = values(cell, place) else {
        line += Array("null".utf8)
        continue
      }
      line.append(UInt8(ascii: "["))
      for (column, value) in values.enumerated() {
        if column > 0 { line.append(UInt8(ascii: ",")) }
        line += Array((value.isFinite ? "\(value)" : "null").utf8)
      }
      line.append(UInt8(ascii: "]"))
    }
    line.append(UInt8(ascii: "}"))
  }

  private func values(_ cell: AuditCell, _ modality: Int) -> ArraySlice<Float>? {
    switch cell.view {
    case .absent: nil
    // Features have no parts.
    case .own, .parts: features[modality][Int(cell.row)]
    case .missing: missing[modality][0]
    case .impaired(let number): impaired[modality][number][Int(cell.row)]
    }
  }

  func tensors(of modality: Int, _ shown: [AuditCell], as input: ModuleInput?) throws -> [Tensor] {
    guard input == nil else {
      throw Diagnosis(
        "the data holds features, and neither pictures nor texts", place: "--input",
        remedy: "leave --input out, or audit the raw data", exitStatus: .usage)
    }
    let width = features[modality].width
    let rows: [Float] = shown.flatMap { values($0, modality) ?? missing[modality][0] }
    return [try Tensor(rows, shape: [shown.count, width])]
  }

  func identify(_ shown: [AuditCell], into bytes: inout [UInt8]) throws {
    for (place, cell) in shown.enumerated() {
      bytes += Array("\n\(modalities[place]) ".utf8)
      if let values = values(cell, place) { values.withUnsafeBytes { bytes += $0 } }
    }
  }

  func release(_ shown: [AuditCell]) {}
}
