import Torch

/// Classifiers over layers as one linear map each, RW and Rb, kept while many samples are predicted with the same weights.
///
/// Logits are then X(RW)ᵀ + Rb + b, part by part of what the classifier reads, and the outputs XWᵀ between are nobody's.
final class FoldedClassifiers {
  /// Where a classifier's weight meets a layer.
  private struct FoldedClassifier {
    let classifier: Parameter
    let column: Int
    let layer: Parameter
    let changes: [Int]
    /// (RW)ᵀ, [in, C].
    let weight: Tensor
    /// Rb + b/M, with M parts that the classifier reads.
    let bias: Tensor
  }

  /// How many samples will be predicted in all.
  private let samples: Int
  private let leastWork: Int
  private var known: [FoldedClassifier] = []

  init(samples: Int, leastWork: Int) {
    self.samples = samples
    self.leastWork = leastWork
  }

  /// What each feature adds to the logits of each layer, the bias shared out evenly; nil where the features are known, or
  /// cheaper to compute.
  func parts(
    _ readings: [(layer: Linear, features: [LazyOutput])], _ combination: Combination
  ) throws(TorchError) -> [[Tensor]]? {
    var saved = 0
    for (layer, features) in readings {
      for feature in features {
        guard feature.known == nil, let origin = feature.origin else { return nil }
        // A modality is commonly read twice, by the fused classifier and by its own.
        let classes = 2 * layer.weight.shape[0]
        let (outputs, inputs) = (origin.layer.weight.shape[0], origin.input.width)
        saved += samples * outputs * (inputs + classes) - classes * inputs * (samples + outputs)
      }
    }
    guard saved > leastWork else { return nil }
    var new: [(feature: LazyOutput, classifier: Parameter, column: Int)] = []
    var products: [MatrixProduct] = []
    for (layer, features) in readings {
      for (feature, column) in zip(features, combination.columns(of: features)) {
        guard let origin = feature.origin, feature.part(of: layer.weight, column) == nil else { continue }
        let map = try folded(layer, column, origin.layer, share: 1 / Double(features.count))
        products.append(MatrixProduct([(try origin.input.values(), map.weight)], bias: map.bias))
        new.append((feature, layer.weight, column))
      }
    }
    for (place, part) in zip(new, try MatrixProduct.results(products)) {
      place.feature.parts.append((place.classifier, place.column, part))
    }
    return readings.map { layer, features in
      zip(features, combination.columns(of: features)).compactMap { $0.part(of: layer.weight, $1) }
    }
  }

  /// The logits of each layer; nil as above.
  func logits(
    _ readings: [(layer: Linear, features: [LazyOutput])], _ combination: Combination
  ) throws(TorchError) -> [Tensor]? {
    guard let all = try parts(readings, combination) else { return nil }
    var sums: [Tensor] = []
    for parts in all {
      var sum = parts[0]
      for part in parts.dropFirst() { sum = try sum + part }
      sums.append(sum)
    }
    return sums
  }

  private func folded(
    _ classifier: Linear, _ column: Int, _ layer: Linear, share: Double
  ) throws(TorchError) -> FoldedClassifier {
    let changes = [try classifier.weight.tensor.changes, try layer.weight.tensor.changes]
    if let found = known.first(where: {
      $0.classifier === classifier.weight && $0.column == column && $0.layer === layer.weight && $0.changes == changes
    }) {
      return found
    }
    let readout = try classifier.weight.tensor.narrowed(1, from: column, length: layer.weight.shape[0])
    let product = MatrixProduct([(readout, layer.weight.tensor)])
    let made = FoldedClassifier(
      classifier: classifier.weight, column: column, layer: layer.weight, changes: changes,
      weight: try MatrixProduct.results([product])[0].transposed(),
      bias: try readout.matmul(layer.bias.tensor) + classifier.bias.tensor * share)
    known.append(made)
    return made
  }
}
