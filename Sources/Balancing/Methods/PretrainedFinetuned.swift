public import Multimodal
public import Records
import Torch
import TorchNN

/// Unimodal pretraining, a fused classifier over it, and then both trained on together.
///
///     1., 2.  as ``PretrainedFrozen``; the second stage ends at its epoch with the least validation loss
///     3.      θ ← θ − (η/10) ∇ (L_T + Σₘ Lₘ),   Lₘ = loss(fₘ(eₘ), y)
///
/// Both first stages are done before the first step, each as long as ``Configuration/pretraining`` and
/// ``Configuration/fusing`` say; the factor of η is ``Configuration/rate``.
public struct PretrainedFinetuned: PreparesBeforeTraining, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var pretraining = 0
    public var fusing = 0
    public var rate = 0.1
    public init() {}
  }

  public static let card = MethodCard(
    name: "pretrained-finetuned", title: "Pretrained, finetuned", citation: MCRPaper.citation, stage: .baseline,
    summary:
      "Trains each modality alone, then a fused classifier over them, and then all of it at a small learning rate.",
    needs: ["a unimodal training and one of the fused classifier before the joint one", "unimodal classifiers"],
    departures: PretrainedFrozen.card.departures,
    settings: settings([
      PretrainedFrozen.pretrainingNote,
      SettingNote(
        "fusing", "How many epochs the fused classifier is trained alone; 0: as many as the run", range: .nonNegative),
      SettingNote("rate", "By what the learning rate is multiplied in the last stage", range: .positive),
    ]))

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    try PretrainedFrozen.pretrain(context, epochs: configuration.pretraining)
    let session = try context.fork()
    let fusion = PretrainedFrozen.fusion(session.model)
    try train(
      PretrainedFrozen(.init()), session, context, epochs: configuration.fusing,
      keepingBest: [ValidatedPart(session.model, within: ["fusion"]) { $0.logits }])
    try withoutGradients {
      for index in fusion {
        try context.model.store.parameters[index].tensor.copy(from: session.model.store.parameters[index].tensor)
      }
    }
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    var uniform = UniformTraining(.init())
    let loss = try uniform.objective(session.forward(batch), batch, session, &report)
    try session.update(along: session.gradients(of: loss), rate: configuration.rate)
    return report
  }
}
