public import Multimodal
public import Records
import Torch
import TorchNN

/// Unimodal pretraining, then a fused classifier over branches that stay as they are.
///
///     1.  θₘ, fₘ ← descend Lₘ = loss(fₘ(eₘ), y) for each m alone; its epoch with the least validation loss is kept
///     2.  f_T ← descend L_T = loss(z, y)
///
/// The first stage is done before the first step, for ``Configuration/pretraining`` epochs. Where the fusion is one linear
/// classifier over the features side by side, f_T begins as the sum of the unimodal classifiers, z = Σₘ fₘ(eₘ): the product
/// of the experts. Branches are passed as they are in prediction, so that running statistics stay too.
public struct PretrainedFrozen: PreparesBeforeTraining, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var pretraining = 0
    public init() {}
  }

  public static let card = MethodCard(
    name: "pretrained-frozen", title: "Pretrained, frozen", citation: MCRPaper.citation, stage: .baseline,
    summary: "Trains each modality alone to its best epoch, then a fused classifier over what they have become.",
    needs: ["a unimodal training before the joint one", "unimodal classifiers"],
    departures: [
      "The paper says neither where the fused classifier begins nor what ends the first stage: the sum of the unimodal "
        + "classifiers where the fusion has maps of their own for them, and the least validation loss."
    ],
    settings: settings([pretrainingNote]))

  static let pretrainingNote = SettingNote(
    "pretraining", "How many epochs each modality is trained alone; 0: as many as the run", range: .nonNegative)

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    try Self.pretrain(context, epochs: configuration.pretraining)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let features = try withoutGradients { try session.model(batch.inputs).features }
    let loss = try session.loss(session.outputs(ofFeatures: features).logits, batch)
    try session.update(along: session.gradients(of: loss).within(Self.fusion(session.model)))
    return StepReport(losses: ["fused": try loss.scalar()])
  }

  /// Lays branches and unimodal classifiers that were trained alone into the model.
  static func layInBranches(_ context: TrainingContext, epochs: Int) throws {
    let alone = try trainedUnimodally(context, epochs: epochs, keepingBest: true)
    try withoutGradients {
      let store = context.model.store
      for (own, trained) in zip(store.parameters, alone.store.parameters) where !own.path.isWithin("fusion") {
        if own.path.isWithin("method") { continue }
        try own.tensor.copy(from: trained.tensor)
      }
    }
  }

  /// Lays in the branches, and begins the fused classifier.
  static func pretrain(_ context: TrainingContext, epochs: Int) throws {
    try layInBranches(context, epochs: epochs)
    try withoutGradients {
      guard let classifier = (context.model.fusion as? Concatenation)?.classifier,
        classifier.weight.tensor.requiresGradient
      else { return }
      let heads = context.model.heads.values
      try classifier.weight.tensor.copy(from: .cat(heads.map(\.weight.tensor), 1))
      try classifier.bias.tensor.copy(from: .total(heads.map(\.bias.tensor)))
      // Logits of independent evidence add up; numbers that each predict the whole are averaged.
      if !context.model.task.hasClasses {
        for parameter in [classifier.weight, classifier.bias] {
          try parameter.tensor.copy(from: parameter.tensor / Double(heads.count))
        }
      }
    }
  }

  static func fusion(_ model: MultimodalModel) -> [Int] { model.store.indices(within: "fusion") }
}

/// The comparison that shows most methods below pretraining.
enum MCRPaper {
  static let citation = Citation(
    authors: [
      "Konstantinos Kontras", "Thomas Strypsteen", "Christos Chatzichristos", "Paul Pu Liang", "Matthew Blaschko",
      "Maarten De Vos",
    ],
    title: "Balancing Multimodal Training Through Game-Theoretic Regularization", venue: "NeurIPS", year: 2025)
}
