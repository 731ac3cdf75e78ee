public import Multimodal
public import Records
public import Torch

/// Augmentation: joint training in which some inputs are seen impaired.
///
///     L = loss(z(x̃), y),   x̃ₘᵢ = a noisy view of xₘᵢ with probability q, else xₘᵢ
///
/// where q is ``Configuration/share``, each modality of each row on its own. It is the plain answer to noise: what a model
/// has seen in training does not surprise it. It says nothing of missing modalities; `modality-dropout` does.
public struct Augmentation: ObjectiveMethod, SeesImpairedInputs {
  public struct Configuration: Settings {
    @Setting("q, of the rows of each modality that are noisy", .fraction) public var share = 0.25
    public init() {}
  }

  public static let card = MethodCard(
    name: "augment", title: "Augmentation", stage: .baseline,
    summary: "Joint training on a share of noisy inputs: the plain answer to noise.",
    needs: ["training views (seesaw encode --views train)"],
    settings: settings,
    sees: ["clean", "noisy"])

  public let viewShare: Double
  private var training = JointTraining(.init())

  public init(_ configuration: Configuration) { viewShare = configuration.share }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    try training.objective(outputs, batch, session, &report)
  }
}
