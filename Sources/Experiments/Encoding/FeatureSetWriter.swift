import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

/// Puts rows together into a feature set.
struct FeatureSetWriter {
  let context: EncodingContext
  let plan: EncodingPlan
  let rows: RowEncoding
  /// Shards that are put together; nil where rows are looked up in the cache.
  var joined: JoinedShards?

  /// The rows of a part, read from the cache as they are written; nothing is collected.
  ///
  /// - Parameter look: is shown the rows.
  private func matrix(
    _ part: EncodingPart, _ work: EncoderAtWork, look: @escaping (UnsafeRawBufferPointer) -> Void = { _ in }
  ) -> SafeTensors.Portions {
    let form = work.encoder.form
    return SafeTensors.Portions(
      work.kind.rawValue, form.elementType, [part.samples.count] + form.shape
    ) { body in
      let stride = form.cachedWidth * 4
      let most = max(1, (1 << 20) / stride)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: most * stride, alignment: 64)
      defer { buffer.deallocate() }
      var filled = 0
      func hand() throws {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(filled * stride)])
        look(bytes)
        try form.stored(bytes, body)
        filled = 0
        try context.checkStop()
      }
      for sample in part.samples {
        let row = UnsafeMutableRawBufferPointer(rebasing: buffer[(filled * stride)..<((filled + 1) * stride)])
        try rows.read(rows.looks(of: sample, work), part.view, work.cache, into: row)
        filled += 1
        if filled == most { try hand() }
      }
      if filled > 0 { try hand() }
    }
  }

  /// Writes the whole feature set into a folder; the manifest last, with which the folder is whole.
  ///
  /// - Returns: what a person should know of the features.
  func write(_ data: RawDataset, _ encoders: [EncoderAtWork], _ key: String, to work: URL) throws -> [String] {
    var squares: [String: Double] = [:]
    for split in RawSplit.allCases {
      let samples = data.samples(in: split)
      guard !samples.isEmpty else { continue }
      let part = EncodingPart(title: split.rawValue, file: split.rawValue, samples: samples, view: .clean)
      var metadata: [String: String] = [:]
      var tensors = encoders.map { one in
        if let joined = joined?.matrix(part, one) {
          metadata.merge(joined.metadata) { first, _ in first }
          return joined.tensor
        }
        return matrix(part, one) { bytes in
          guard split == .train, !one.encoder.form.needsEncoder else { return }
          let sum = bytes.bindMemory(to: Float.self).reduce(0.0) { $0 + Double($1) * Double($1) }
          squares[one.kind.rawValue, default: 0] += sum / Double(samples.count * one.encoder.width)
        }
      }
      tensors.append(labels(samples, data))
      try SafeTensors.write(
        portions: tensors, metadata: metadata, to: work.appending(path: "\(split.rawValue).safetensors"))
      try SampleOrigin.write(samples.lazy.map { SampleOrigin($0) }, of: split.rawValue, to: work)
    }
    for one in encoders {
      try EncoderFile.write(one.encoder, to: work.appending(path: "encoders/\(one.kind.rawValue).safetensors"))
      for part in plan.parts(of: one.kind, data) where part.file.contains("@") {
        let (tensor, metadata) = joined?.matrix(part, one) ?? (tensor: matrix(part, one), metadata: [:])
        try SafeTensors.write(
          portions: [tensor], metadata: metadata, to: work.appending(path: "\(part.file).safetensors"))
      }
      let form = one.encoder.form
      let row = try Tensor(one.encoder.encode(.missing(one.kind)), shape: [1] + form.shape).to(form.elementType)
      // One row for every split: what an empty input becomes does not depend on the sample.
      for split in RawSplit.allCases where split == .test || plan.validation.contains(one.kind) {
        guard !data.samples(in: split).isEmpty else { continue }
        let name = "\(split.rawValue)@\(ImpairedCondition.missing.name(for: one.kind))"
        try SafeTensors.write([(one.kind.rawValue, row)], to: work.appending(path: "\(name).safetensors"))
      }
    }
    if plan.hasViews { try ViewRecord(plan, key: ViewRecord.key(plan, of: key)).write(to: work) }
    try Quarantine.write(data.quarantined, to: work)
    let scales =
      joined?.scales(encoders, samples: data.samples(in: .train).count) ?? squares.mapValues { $0.squareRoot() }
    let notes = data.notes + Self.scaleNotes(scales)
    var manifest = try manifest(data, notes, key, encoders.map(\.encoder))
    if let joined, encoders.contains(where: { joined.refers(to: $0.encoder.form) }) {
      manifest.format = DatasetManifest.joinedFormat
    }
    try manifest.write(to: work)
    return notes
  }

  /// Says so where the features of one modality are much larger than the other's, which the model would lean on.
  private static func scaleNotes(_ sizes: [String: Double]) -> [String] {
    guard let low = sizes.values.min(), let high = sizes.values.max(), high > 10 * low else { return [] }
    let words = sizes.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.3g", $0.value))" }
      .joined(separator: ", ")
    return ["sizes of the features differ much (root mean square: \(words)); --rescale brings them to one scale"]
  }

  /// [N] int64, or [N, C] uint8, or of a regression [N] float64.
  private func labels(_ samples: RawSamples, _ data: RawDataset) -> SafeTensors.Portions {
    if data.isRegression {
      return SafeTensors.Portions("labels", .float64, [samples.count]) { body in
        for sample in samples {
          try withUnsafeBytes(of: (data.target(of: sample) ?? .nan).bitPattern.littleEndian, body)
        }
      }
    }
    let shape = [samples.count] + (data.isMultiLabel ? [data.classes.count] : [])
    return SafeTensors.Portions("labels", data.isMultiLabel ? .uint8 : .int64, shape) { body in
      for sample in samples {
        let numbers = data.labelNumbers(of: sample)
        guard data.isMultiLabel else {
          try withUnsafeBytes(of: Int64(numbers.first ?? 0).littleEndian, body)
          continue
        }
        var row = [UInt8](repeating: 0, count: data.classes.count)
        for number in numbers { row[number] = 1 }
        try row.withUnsafeBytes(body)
      }
    }
  }

  private func manifest(
    _ data: RawDataset, _ notes: [String], _ key: String, _ encoders: [any RawEncoder]
  ) throws -> DatasetManifest {
    let (task, metric) = try context.scoring(of: data)
    var manifest = DatasetManifest(
      name: context.request.name ?? data.name, task: task, classes: data.classes,
      modalities: data.modalities.map(\.rawValue),
      metric: metric,
      about: [
        "key": .string(key), "quarantined": .int(data.quarantined.count), "notes": .list(notes.map(Tree.string)),
        "encoders": .table(
          try Dictionary(uniqueKeysWithValues: encoders.map { ($0.kindName, try $0.provenanceTree()) })),
        "impairments": try Tree(encoding: context.settings.impairments),
        "missing": .table(
          Dictionary(uniqueKeysWithValues: data.modalities.map { ($0.rawValue, .string("encoded-empty")) })),
        "layout": data.card.map { .string($0.name) } ?? .null,
        "raw": .string(
          data.folder.isFileURL
            ? data.folder.standardizedFileURL.path(percentEncoded: false) : data.folder.absoluteString),
        "seesaw": .string(Experiment.version),
      ])
    if let frames = data.clipFrames { manifest.about[path: "frames"] = .int(frames) }
    if !plan.chosen.isEmpty {
      manifest.about[path: "conditions"] = .table(
        Dictionary(
          uniqueKeysWithValues: plan.chosen.map {
            ($0.condition, ["impairment": .string($0.impairment.name), "strength": .number($0.strength)])
          }))
    }
    return manifest
  }
}

extension RawEncoder {
  fileprivate var kindName: String { Self.kind.rawValue }

  /// What the manifest says of it: its name, or where its weights are from.
  fileprivate func provenanceTree() throws -> Tree {
    guard let pretrained = self as? any ProvenEncoder else { return .table(["name": .string(Self.name)]) }
    return try Tree(encoding: pretrained.provenance, keys: .asNamed)
  }
}
