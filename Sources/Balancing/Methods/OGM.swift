public import Multimodal
public import Records

/// OGM: the branch of the modality that is ahead is slowed down, batch by batch.
///
///     sₘ = Σᵢ softmax(zₘ)[i, yᵢ]                       the score of modality m over the batch
///     ρₘ = sₘ / mean over j ≠ m of sⱼ
///     kₘ = 1 − tanh(α · ρₘ)  if ρₘ > 1,  else 1
///     θₘ ← θₘ − η · kₘ · ∇ L_T                         the classifier is left alone
///
/// where zₘ is the modality's part of the fused logits with an equal share of the bias (with zeroed other inputs where
/// the fusion is no sum), α is ``Configuration/alpha`` and the ratio `compare`. Since ρₘ > 1 where it acts, kₘ falls
/// from 1 to 1 − tanh(α) at once.
///
/// The authors' code scales convolution kernels alone; here the whole branch, weights and biases, as in the paper.
public struct OGM: BalancingMethod {
  public struct Configuration: Settings {
    @Setting(GradientModulation.alphaSummary, .nonNegative) public var alpha = 0.3
    @Setting(ScoreComparison.summary) public var compare = ScoreComparison.mean
    @Setting(ModulationPlace.summary) public var modulate = ModulationPlace.gradient
    public var window = ModulationWindow()
    public init() {}
  }

  static let citation = Citation(
    authors: ["Xiaokang Peng", "Yake Wei", "Andong Deng", "Dong Wang", "Di Hu"],
    title: "Balanced Multimodal Learning via On-the-fly Gradient Modulation", venue: "CVPR", year: 2022,
    url: "https://arxiv.org/abs/2203.15332")

  static let departures = [
    "The authors' code scales convolution kernels alone: here the whole branch, as in the paper.",
    "The paper has two modalities: for more, a score is compared with the mean of the others (`compare`).",
    "The authors' code stops after half of its epochs: here it acts throughout (`window.end`).",
  ]

  public static let card = MethodCard(
    name: "ogm", title: "OGM", citation: citation, stage: .optimization,
    summary: "Slows the gradient of the modality whose own prediction is ahead on the batch.",
    modalities: .several, departures: departures, settings: settings)

  public static let requirements = MethodRequirements(
    scalesGradients: true, stepSetting: "modulate=step", trainedEncoders: true,
    needsClasses: "it compares the modalities by the probability that each gives to the true class")

  private let modulation: GradientModulation

  public init(_ configuration: Configuration) {
    modulation = GradientModulation(
      alpha: configuration.alpha, comparison: configuration.compare, place: configuration.modulate,
      window: configuration.window)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    try modulation.step(batch, session, noise: false)
  }
}
