import Foundation
public import Multimodal
public import Records
import Torch
import TorchNN

/// Logistic regression on the features side by side: what every trained model should reach.
///
///     min over W, b:   mean loss(W x̂ + b, y) + (λ/2) ‖W‖²,   x̂ = (x − μ) / σ
///
/// where μ and σ are each column's mean and standard deviation over the training split. λ is `strength`; where that is 0,
/// it is of 10, 10^0.5, 1, …, 10⁻⁶ the one with the least loss on the validation split, and 1/N without such a split. Solved
/// in float64 before the first step; steps move nothing.
///
/// The answer is written into the model that all methods have. Of C classes and M modalities, the first C outputs of the
/// embedding layer of m become Wₘ (xₘ − μₘ)/σₘ and the others 0; the fused classifier passes these on and adds b. So a
/// feature of zeros stands for a modality's mean, and everything that is done with a model can be done with this one. A
/// frozen embedding layer stays as it is: the regression is then on its outputs.
public struct Logistic: BalancingMethod, FitsBeforeTraining {
  public struct Configuration: Settings {
    public var strength = 0.0
    public init() {}
  }

  public static let card = MethodCard(
    name: "logistic", title: "Logistic regression", stage: .baseline,
    summary:
      "A regularized logistic regression on all features, standardized: what costs seconds and has no luck in it.",
    needs: [
      "all features in memory, in float64", "a fusion that is a sum", "embeddings as wide as there are classes",
    ],
    settings: settings([
      SettingNote("strength", "λ, of the square of the weights; 0: chosen on the validation split", range: .nonNegative)
    ]))

  public static let requirements = MethodRequirements(additiveFusion: true, crossEntropy: true)

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    let model = context.model
    // By name, so that the order of the modalities decides nothing.
    let parts = try model.modalities.sorted { $0.name < $1.name }.map { try StandardizedPart($0, context) }
    func standardized(_ source: any BatchSource) throws -> (inputs: Tensor, labels: Tensor) {
      var (rows, labels): ([Tensor], [Tensor]) = ([], [])
      try withoutGradients {
        try context.forEachBatch(of: source) { batch in
          rows.append(
            try .cat(parts.map { try ($0.raw(batch, model) - $0.mean) / $0.deviation }, 1))
          labels.append(try batch.labels.to(on: .cpu))
        }
      }
      return (try .cat(rows, 0), try .cat(labels, 0))
    }
    let (inputs, labels) = try standardized(context.training)
    let regression = try LogisticRegression(
      task: model.task, classes: model.classes, inputs: inputs, labels: labels,
      classWeights: try context.session.classWeights?.to(.float64).to(on: .cpu))
    let held = try configuration.strength == 0 ? context.validation.map(standardized) : nil
    var found = try regression.start()
    if let held {
      var best: (loss: Double, strength: Double, weights: Tensor)?
      var weights = found
      var worse = 0
      // Roughly, until the loss has risen three times in a row; then the best exactly.
      for strength in Self.strengths where worse < 3 {
        weights = try regression.fitted(
          strength: strength, from: weights, tolerance: 1e-5, wantsStop: context.wantsStop)
        let loss = try model.task.loss(regression.logits(held.inputs, weights), held.labels).scalar()
        worse = loss < best?.loss ?? .infinity ? 0 : worse + 1
        if worse == 0 { best = (loss, strength, weights) }
      }
      if let best {
        found = try regression.fitted(strength: best.strength, from: best.weights, wantsStop: context.wantsStop)
      }
    } else {
      let strength = configuration.strength > 0 ? configuration.strength : 1 / Double(context.training.count)
      found = try regression.fitted(strength: strength, from: found, wantsStop: context.wantsStop)
    }
    try withoutGradients { try Self.write(regression, found, parts, to: model) }
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let loss = try withoutGradients { try session.loss(session.model(batch.inputs).logits, batch).scalar() }
    return StepReport(losses: ["fused": loss])
  }

  // MARK: Parts

  /// From strong to weak, so that each fit begins near where it ends.
  static let strengths = (0...14).map { pow(10, 1 - Double($0) / 2) }

  /// Lays W and b into the embedding layers and the fused classifier.
  private static func write(
    _ regression: LogisticRegression, _ weights: Tensor, _ parts: [StandardizedPart], to model: MultimodalModel
  ) throws {
    let classes = model.classes
    let matrix = try regression.matrix(weights)
    var intercept = try regression.intercept(weights)
    var blocks: [Modality: Tensor] = [:]
    var start = 0
    for part in parts {
      let width = part.mean.shape[1]
      let own = try matrix.narrowed(1, from: start, length: width) / part.deviation
      start += width
      let shift = try own.matmul(part.mean.transposed()).squeezed(1)
      let layer = model.embeddings[part.modality]
      let embedding = layer.weight.shape[0]
      if part.isFrozen {
        intercept = try intercept - shift
        blocks[part.modality] = own
      } else {
        let rest = embedding - classes
        try layer.weight.tensor.copy(
          from: Tensor.cat([own, .zeros([rest, width], .float64)], 0).to(layer.weight.tensor.elementType))
        try layer.bias.tensor.copy(
          from: Tensor.cat([-shift, .zeros([rest], .float64)], 0).to(layer.bias.tensor.elementType))
        blocks[part.modality] = try Tensor.cat(
          [Tensor((0..<classes).map { $0 }).oneHot(classes).to(.float64), .zeros([classes, rest], .float64)], 1)
      }
    }
    guard let classifier = model.store["fusion.classifier.weight"], let bias = model.store["fusion.classifier.bias"]
    else {
      throw Diagnosis("the fusion has no classifier", exitStatus: .defect)
    }
    let columns = model.modalities.compactMap { blocks[$0] }
    let isSideBySide = classifier.shape[1] == columns.reduce(0) { $0 + $1.shape[1] }
    try classifier.tensor.copy(
      from: (isSideBySide ? Tensor.cat(columns, 1) : columns[0]).to(classifier.tensor.elementType))
    try bias.tensor.copy(from: intercept.to(bias.tensor.elementType))
  }
}
