import Foundation
import Multimodal
import Records
import Torch

extension GuardedSamples {
  /// The samples of a feature set.
  package init(_ set: FeatureSet, _ settings: GuardSettings) throws {
    let all: [(name: String, split: FeatureSplit)] =
      [("train", set.train)]
      + [("validation", set.validation), ("test", set.test)].compactMap { name, split in split.map { (name, $0) } }
    let classes = set.manifest.classes
    var rows: [Row] = []
    for (number, (name, split)) in all.enumerated() {
      let origins = try set.origins(of: name)
      let labels = try Self.labels(split, set.manifest)
      for row in 0..<split.count {
        let origin = origins?[row]
        rows.append(
          Row(
            split: number, row: row, line: origin?.line, id: origin?.id, group: origin?.group, labels: labels[row],
            text: origin?.text))
      }
    }
    let channels = try set.modalities.map { modality in
      try Channel(modality, all.map { $0.split.inputs[modality] }, set, settings)
    }
    let quarantine = set.folder.appending(path: "quarantine.jsonl")
    let isThere = FileManager.default.fileExists(atPath: quarantine.path)
    self.init(
      dataset: set.manifest.name, path: set.folder.relativePath, form: "features", classes: classes,
      isMultiLabel: set.manifest.task == .multiLabel, splits: all.map(\.name), rows: rows, channels: channels,
      leftOut: isThere ? try JSONLines.read(from: quarantine) : [], looked: [])
  }

  private static func labels(_ split: FeatureSplit, _ manifest: DatasetManifest) throws -> [[Int]] {
    let numbers: [Int] = try split.labels.array()
    guard manifest.task == .multiLabel else { return numbers.map { [$0] } }
    let width = manifest.classes.count
    return (0..<split.count).map { row in (0..<width).filter { numbers[row * width + $0] != 0 } }
  }
}

extension GuardedSamples.Channel {
  /// The features of one modality in all splits.
  fileprivate init(_ modality: Modality, _ parts: [Tensor], _ set: FeatureSet, _ settings: GuardSettings) throws {
    let areTokens = parts[0].rank == 2 && !parts[0].elementType.isFloatingPoint
    // Pictures are rows of pixels here.
    let parts = try parts.map { try $0.reshaped([$0.shape[0], -1]) }
    let width = parts[0].shape[1]
    // What stands for nothing: the features of an empty input, or zeros.
    let absent = try ContentDigest.rows(set.missingFeatures(modality))
    var contents: [ContentDigest] = []
    var missing: [Bool] = []
    for part in parts {
      for start in stride(from: 0, to: part.shape[0], by: 2048) {
        let rows = try part.narrowed(0, from: start, length: min(2048, part.shape[0] - start)).to(.float32)
        let digests = try ContentDigest.rows(rows)
        let (low, high): ([Double], [Double]) = (try rows.min(1).array(), try rows.max(1).array())
        contents += digests
        missing += digests.indices.map { row in
          let isConstant = low[row] == high[row] && (width > 1 || low[row] == 0)
          return isConstant || absent.contains(digests[row])
        }
      }
    }
    var starts = [0]
    for part in parts { starts.append(starts[starts.count - 1] + part.shape[0]) }
    let mean = try Self.mean(parts[0])
    func vectors(_ range: Range<Int>) throws -> Tensor {
      // The numbers of tokens are no directions.
      if areTokens { return try .zeros([range.count, width]) }
      let pieces = try parts.indices.compactMap { number -> Tensor? in
        let piece = range.clamped(to: starts[number]..<starts[number + 1])
        guard !piece.isEmpty else { return nil }
        return try parts[number].narrowed(0, from: piece.lowerBound - starts[number], length: piece.count).to(.float32)
      }
      let rows = try (pieces.count == 1 ? pieces[0] : Tensor.cat(pieces, 0)) - mean
      return try rows * rows.square().sum(1, keeping: true).clamped(min: 1e-24).reciprocalSquareRoot()
    }
    let dimensions = areTokens ? 0 : try Self.effectiveDimensions(parts[0], mean)
    self.init(
      name: modality.name, contents: contents, missing: missing, vectors: vectors, width: width + 1,
      threshold: settings.nearFeatures, dimensions: dimensions,
      words: "\(modality.name) features at a cosine of \(settings.nearFeatures) or more, their mean taken off"
        + (dimensions < Self.fewestDimensions ? " (alone they say nothing, as they vary in few directions)" : ""))
  }

  private static func mean(_ features: Tensor) throws -> Tensor {
    var sum = try Tensor.zeros([1, features.shape[1]], .float64)
    for start in stride(from: 0, to: features.shape[0], by: 4096) {
      let rows = try features.narrowed(0, from: start, length: min(4096, features.shape[0] - start))
      sum = try sum + rows.to(.float32).sum(0, keeping: true).to(.float64)
    }
    return try (sum / Double(features.shape[0])).to(.float32)
  }

  /// In how many directions rows vary: (tr K)² / tr K² of the Gram matrix K of up to a thousand of them.
  private static func effectiveDimensions(_ features: Tensor, _ mean: Tensor) throws -> Double {
    let count = features.shape[0]
    let step = max(1, count / 1000)
    let places = try Tensor(Array(stride(from: 0, to: count, by: step).prefix(1000)))
    let rows = try features.indexed(0, by: places).to(.float32) - mean
    let trace = try rows.square().sum().scalar()
    let square = try rows.matmul(rows.transposed()).square().sum().scalar()
    return square > 0 ? trace * trace / square : 0
  }
}

extension ContentDigest {
  /// Of each row of a matrix; minus zero is zero.
  static func rows(_ matrix: Tensor) throws -> [ContentDigest] {
    let bytes = try (matrix.to(.float32) + 0).contiguous().bytes()
    let width = matrix.count / max(matrix.shape[0], 1) * 4
    return try parallelMap(matrix.shape[0]) { row in
      bytes.withUnsafeBytes { ContentDigest(UnsafeRawBufferPointer(rebasing: $0[(row * width)..<((row + 1) * width)])) }
    }
  }
}
