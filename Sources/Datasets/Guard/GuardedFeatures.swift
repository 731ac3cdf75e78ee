import Foundation
import Multimodal
import Records
import Torch

extension GuardedSamples {
  /// The samples of a feature set.
  package init(_ set: FeatureSet, _ settings: GuardSettings) throws {
    let all: [(name: String, split: FeatureSplit)] =
      [("train", set.train.streamed())]
      + [("validation", set.validation), ("test", set.test)].compactMap { name, split in split.map { (name, $0) } }
    let classes = set.manifest.classes
    let origins = try all.map { try set.origins(of: $0.name) }
    let isRegression = !set.manifest.task.hasClasses
    let labels = try isRegression ? [] : all.map { try Self.labels($0.split, set.manifest) }
    let targets: [[Double]] = try isRegression ? all.map { try $0.split.labels.array() } : []
    let rows = Rows(all.map(\.split.count)) { split, row in
      let origin = origins[split]?[row]
      return Row(
        split: split, row: row, line: origin?.line, id: origin?.id, group: origin?.group,
        labels: isRegression ? [] : labels[split](row),
        target: isRegression ? targets[split][row] : nil, text: origin?.text)
    }
    let channels = try set.modalities.map { modality in
      try Channel(
        modality, all.map { ($0.split.rows[modality], $0.split.stored?[modality]) }, set, settings)
    }
    let quarantine = set.folder.appending(path: "quarantine.jsonl")
    let isThere = FileManager.default.fileExists(atPath: quarantine.path)
    self.init(
      dataset: set.manifest.name, path: set.folder.relativePath, form: "features", classes: classes,
      isMultiLabel: set.manifest.task == .multiLabel, splits: all.map(\.name), rows: rows, channels: channels,
      leftOut: isThere ? try JSONLines.read(from: quarantine) : [], looked: [])
    self.isRegression = isRegression
  }

  /// The labels of each row of a split, ascending.
  private static func labels(_ split: FeatureSplit, _ manifest: DatasetManifest) throws -> (Int) -> [Int] {
    let width = manifest.classes.count
    guard manifest.task == .multiLabel else {
      let numbers: [Int] = try split.labels.array()
      return { [numbers[$0]] }
    }
    let marks: [UInt8] = try split.labels.to(.uint8).array()
    return { row in (0..<width).filter { marks[row * width + $0] != 0 } }
  }
}

extension GuardedSamples.Channel {
  /// The features of one modality in all splits.
  ///
  /// - Parameter inputs: of each split, and where they lie if in a file.
  fileprivate init(
    _ modality: Modality, _ inputs: [(features: FeatureRows, stored: StoredRows?)], _ set: FeatureSet,
    _ settings: GuardSettings
  ) throws {
    let areTokens = inputs[0].features.rank == 2 && !inputs[0].features.elementType.isFloatingPoint
    let parts = inputs.map(\.features)
    // Pictures are rows of pixels here.
    let width = parts[0].shape.dropFirst().reduce(1, *)
    // What stands for nothing: the features of an empty input, or zeros.
    let absent = try ContentDigest.rows(set.missingFeatures(modality))
    var contents: [ContentDigest] = []
    var missing: [Bool] = []
    let count = inputs.reduce(0) { $0 + $1.features.shape[0] }
    contents.reserveCapacity(count)
    missing.reserveCapacity(count)
    var sum = try Tensor.zeros([1, width], .float64)
    for (number, (features, stored)) in inputs.enumerated() {
      try features.inOrder(stored) { range, rows in
        let rows = try rows.reshaped([range.count, width]).to(.float32)
        if number == 0 { sum = try sum + rows.sum(0, keeping: true).to(.float64) }
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
    let mean = try (sum / Double(parts[0].shape[0])).to(.float32)
    func vectors(_ range: Range<Int>) throws -> Tensor {
      // The numbers of tokens are no directions.
      if areTokens { return try .zeros([range.count, width]) }
      let pieces = try parts.indices.compactMap { number -> Tensor? in
        let piece = range.clamped(to: starts[number]..<starts[number + 1])
        guard !piece.isEmpty else { return nil }
        let start = piece.lowerBound - starts[number]
        defer { inputs[number].stored?.forget(start..<(start + piece.count)) }
        return try parts[number].narrowed(from: start, length: piece.count).reshaped([piece.count, width])
          .to(.float32) - mean
      }
      let rows = try pieces.count == 1 ? pieces[0] : Tensor.cat(pieces, 0)
      return try rows * rows.square().sum(1, keeping: true).clamped(min: 1e-24).reciprocalSquareRoot()
    }
    let dimensions = areTokens ? 0 : try Self.effectiveDimensions(parts[0], mean)
    self.init(
      name: modality.name, contents: contents, missing: missing, vectors: vectors, width: width + 1,
      threshold: settings.nearFeatures, dimensions: dimensions,
      words: "\(modality.name) features at a cosine of \(settings.nearFeatures) or more, their mean taken off"
        + (dimensions < Self.fewestDimensions ? " (alone they say nothing, as they vary in few directions)" : ""))
  }

  /// In how many directions rows vary: (tr K)² / tr K² of the Gram matrix K of up to a thousand of them.
  private static func effectiveDimensions(_ features: FeatureRows, _ mean: Tensor) throws -> Double {
    let count = features.shape[0]
    let step = max(1, count / 1000)
    let places = Array(stride(from: 0, to: count, by: step).prefix(1000))
    let rows = try features.indexed(places).reshaped([places.count, -1]).to(.float32) - mean
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
