import Foundation
import Multimodal
import TestSupport
import Torch
import TorchNN

/// A model with some fusion over features of width 5, six samples and three classes, and what loops need to redo it.
struct FusionBench {
  typealias Make = (Scope, [Int], Int) throws(TorchError) -> any Fusion

  let model: MultimodalModel
  let features: PerModality<Tensor>
  let rows = 6
  let width = 5
  let classes = 3

  init(_ count: Int, seed: UInt64 = 1, scale: Double = 1, _ fusion: Make) throws {
    Conditions.prepare()
    let modalities = Array((["image", "text", "audio"] as [Modality]).prefix(count))
    let widths = modalities.map { _ in 5 }
    model = try MultimodalModel(
      modalities: modalities, inputWidths: widths, embeddingWidths: widths, classes: 3, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: 1), elementType: .float64), fusion: fusion)
    features = try PerModality(modalities) {
      try Tensor(numbers(30, seed: seed &+ SeededNumbers.digest($0.name.utf8)).map { $0 * scale }, shape: [6, 5])
    }
  }

  func logits() throws -> [Double] { try model.outputs(ofFeatures: features).logits.array() }

  /// The features in another order, and the logits they make.
  func reversedLogits() throws -> [Double] {
    let turned = PerModality(Array(features.modalities.reversed()), Array(features.values.reversed()))
    return try model.fusion.logits(turned).array()
  }

  /// eₘ of every sample, in plain numbers.
  func plainFeatures() throws -> [[[Double]]] {
    try features.values.map { feature in
      let all: [Double] = try feature.array()
      return (0..<rows).map { Array(all[($0 * width)..<(($0 + 1) * width)]) }
    }
  }

  func parameter(_ name: String) throws -> [Double] { try values(model.store[ParameterPath("fusion.\(name)")]?.tensor) }

  /// A linear layer of the fusion on one row.
  func linear(_ row: [Double], _ name: String) throws -> [Double] {
    let (weight, bias) = (try parameter("\(name).weight"), try parameter("\(name).bias"))
    return bias.indices.map { out in
      bias[out] + total(row.count) { row[$0] * weight[out * row.count + $0] }
    }
  }

  /// The gradient of the loss of the first class with respect to a parameter, as its length.
  func slope(_ name: String) throws -> Double {
    let labels = try Tensor([Int](repeating: 0, count: rows))
    let loss = try model.task.loss(model.outputs(ofFeatures: features).logits, labels)
    return try Gradients(of: loss, model.store)[ParameterPath("fusion.\(name)")]?.norm().scalar() ?? 0
  }
}

func plainSoftmax(_ scores: [Double]) -> [Double] {
  let powers = scores.map { exp($0 - (scores.max() ?? 0)) }
  let sum = powers.reduce(0, +)
  return powers.map { $0 / sum }
}

func plainDot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
