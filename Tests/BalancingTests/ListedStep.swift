import Balancing
import Foundation
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

/// A step that PyTorch took, written down as plain lists.
struct ListedStep: Decodable, Sendable, CustomTestStringConvertible {
  struct Numbers: Decodable, Sendable {
    let shape: [Int]
    let values: [Double]

    func tensor() throws -> Tensor { try Tensor(values, shape: shape) }
  }

  let name: String
  let method: String
  let task: PredictionTask
  let modalities: [String]
  let settings: [String: Tree]
  let weights: [String: Numbers]
  let batch: [String: Numbers]
  /// The direction by parameter, row by row; what is not there is zero.
  let expected: [String: [Double]]
  let scalars: [String: Double]
  /// The modalities that are taken away, where the method draws lots for them.
  let order: [String]?
  /// Concatenation where it is not said.
  let fusion: String?

  var testDescription: String { name }

  private struct File: Decodable { let cases: [ListedStep] }

  /// The cases of a file in `Tests/Golden`; none where it cannot be read, which a test then finds.
  static func all(_ file: String) -> [ListedStep] {
    (try? JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden(file))).cases) ?? []
  }

  /// The method's settings, those of this case over the defaults.
  func tree() throws -> Tree {
    var tree = try MethodRegistry.entry(method).defaults
    for (path, value) in settings {
      #expect(tree[path: path] != nil, "\(path)")
      tree[path: path] = value
    }
    return tree
  }

  /// A session over the case's weights, a method's own parameters among them.
  ///
  /// - Parameter missing: whether the batch holds what stands for missing modalities.
  func session(_ path: GradientPath = .factored, missing: Bool = false) throws -> TrainingSession {
    Conditions.prepare()
    let names = modalities.map { Modality($0) }
    func weight(_ name: String) throws -> Numbers { try #require(weights[name]) }
    let model = try MultimodalModel(
      modalities: names, inputWidths: names.map { try weight("\($0).embedding.weight").shape[1] },
      embeddingWidths: names.map { try weight("\($0).embedding.weight").shape[0] },
      classes: weight("fusion.classifier.weight").shape[0], task: task,
      store: ParameterStore(random: RandomSource(seed: 0), elementType: .float64)
    ) { scope, widths, classes throws(TorchError) in
      try listedFusion(fusion ?? "concatenation", scope, widths, classes)
    }
    if let method = try MethodRegistry.entry(method)(tree()) as? any AddsParameters {
      try method.addParameters(model.store.root / "method", for: model)
    }
    _ = try model.store.flat()
    for parameter in model.store.parameters {
      try parameter.tensor.copy(from: weight(parameter.path.description).tensor())
    }
    return TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1),
      clock: TrainingClock(steps: 10, epochs: 1), random: RandomSource(seed: 0), path: path,
      missing: missing ? PerModality(names, try names.map { try #require(batch["\($0)-missing"]).tensor() }) : nil)
  }

  func examples() throws -> Batch {
    let numbers = try #require(batch["labels"]).tensor()
    let labels = task.hasClasses ? try numbers.to(.int64) : numbers
    let names = modalities.map { Modality($0) }
    let inputs = try names.map { try #require(batch[$0.name]).tensor() }
    return Batch(samples: Array(0..<labels.shape[0]), inputs: PerModality(names, inputs), labels: labels)
  }

  /// Holds a step's report and direction to this case.
  func check(_ report: StepReport, _ direction: Gradients, _ model: MultimodalModel) throws {
    let found = report.losses.merging(report.scalars) { loss, _ in loss }
    for (name, value) in scalars { #expect(allClose([try #require(found[name])], [value], absolute: 1e-10), "\(name)") }
    for parameter in model.store.parameters {
      let zeros = [Double](repeating: 0, count: parameter.count)
      let own = try direction[parameter.path].map { try values($0) } ?? zeros
      let name = parameter.path.description
      #expect(allClose(own, expected[name] ?? zeros, relative: 1e-9, absolute: 1e-11), "\(name)")
    }
  }
}

/// The fusion that a case names; bilinear with the three products of the reference scripts.
func listedFusion(
  _ name: String, _ scope: Scope, _ widths: [Int], _ classes: Int
) throws(TorchError) -> any Fusion {
  switch name {
  case "addition": try Addition(scope, widths: widths, classes: classes)
  case "attention": try AttentionFusion(scope, widths: widths, classes: classes)
  case "cross_attention": try CrossAttentionFusion(scope, widths: widths, classes: classes)
  case "gated": try GatedFusion(scope, widths: widths, classes: classes)
  case "bilinear": try BilinearFusion(scope, widths: widths, classes: classes, rank: 3)
  default: try Concatenation(scope, widths: widths, classes: classes)
  }
}

/// Softmax, losses and other things that a formula is written out with.
enum Loops {
  static func softmax(_ z: [Double]) -> [Double] {
    let top = z.max() ?? 0
    let powers = z.map { exp($0 - top) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// −log p(y), with p from logits.
  static func crossEntropy(_ z: [Double], _ y: Int) -> Double {
    let top = z.max() ?? 0
    return log(z.map { exp($0 - top) }.reduce(0, +)) + top - z[y]
  }

  static func argmax(_ z: [Double]) -> Int { z.indices.max { z[$0] < z[$1] } ?? 0 }

  static func divergence(_ p: [Double], _ q: [Double]) -> Double {
    zip(p, q).reduce(0) { $0 + ($1.0 > 0 ? $1.0 * log($1.0 / $1.1) : 0) }
  }

  static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }

  /// Logits that are easy to get wrong: zero, tiny, huge, equal, opposite, and some that are not.
  static let bestiary: [(name: String, a: [[Double]], b: [[Double]])] = [
    ("zero", [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]),
    ("tiny", [[1e-10, 0, -1e-10], [0, 1e-10, 0]], [[0, 1e-10, 0], [1e-10, 0, 0]]),
    ("huge", [[1e15, 0, -1e15], [0, 1e15, 0]], [[0, 1e15, 0], [1e15, 0, 0]]),
    ("equal", [[1, 2, 3], [-1, 0.5, 2]], [[1, 2, 3], [-1, 0.5, 2]]),
    ("opposite", [[1, 2, 3], [-1, 0.5, 2]], [[-1, -2, -3], [1, -0.5, -2]]),
    ("some", rows(6, 3, seed: 3), rows(6, 3, seed: 4)),
    ("more", rows(9, 4, seed: 5), rows(9, 4, seed: 6)),
  ]

  static func rows(_ count: Int, _ width: Int, seed: UInt64) -> [[Double]] {
    let all = numbers(count * width, seed: seed)
    return (0..<count).map { Array(all[($0 * width)..<(($0 + 1) * width)]) }
  }

  /// The labels 0, 1, 2, 0, ….
  static func labels(_ count: Int) -> [Int] { (0..<count).map { $0 % 3 } }
}

extension Tensor {
  /// Rows of one width, float64.
  static func rows(_ rows: [[Double]]) throws -> Tensor {
    try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0])
  }
}

/// A fusion that is no sum over modalities: the product of all features, classified.
struct FeatureProduct: Fusion {
  let classifier: Linear

  init(_ scope: Scope, _ widths: [Int], _ classes: Int) throws(TorchError) {
    classifier = try Linear(scope / "classifier", in: widths[0], out: classes)
  }

  func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    var product = features.values[0]
    for feature in features.values.dropFirst() { product = try product * feature }
    return try classifier(product)
  }

  func contributions(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor>? { nil }

  /// A session on the synthetic data with this fusion.
  static func session(_ data: SyntheticData) throws -> TrainingSession {
    Conditions.prepare()
    let model = try MultimodalModel(
      modalities: data.modalities, inputWidths: data.widths, embeddingWidths: data.modalities.map { _ in 4 },
      classes: data.classes, task: data.task,
      store: ParameterStore(random: RandomSource(seed: 1), elementType: Conditions.elementType)
    ) { scope, widths, classes throws(TorchError) in try FeatureProduct(scope, widths, classes) }
    return TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1),
      clock: TrainingClock(steps: 10, epochs: 1), random: RandomSource(seed: 1))
  }
}
