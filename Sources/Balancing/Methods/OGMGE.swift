public import Multimodal
public import Records

/// OGM-GE: OGM, and noise on the branches that makes up for what the slower descent loses in generalisation.
///
///     θₘ ← θₘ − η · (kₘ · g + h),   h ~ N(0, σ²),   σ = std(g) + 10⁻⁸ for each tensor of θₘ
///
/// with kₘ as in ``OGM``, g the gradient of the fused loss before it is scaled, and noise on every modality, also where
/// kₘ = 1. The paper speaks of the covariance of the stochastic gradient; one width for each tensor is the authors' code.
public struct OGMGE: BalancingMethod {
  public struct Configuration: Settings {
    @Setting(GradientModulation.alphaSummary, .nonNegative) public var alpha = 0.3
    @Setting(ScoreComparison.summary) public var compare = ScoreComparison.mean
    @Setting(ModulationPlace.summary) public var modulate = ModulationPlace.gradient
    public var window = ModulationWindow()
    @Setting("Add the noise; off: OGM") public var noise = true
    public init() {}
  }

  public static let card = MethodCard(
    name: "ogm-ge", title: "OGM-GE", citation: OGM.citation, stage: .optimization,
    summary: "OGM, with noise as wide as the gradient on every branch.",
    modalities: .several,
    departures: OGM.departures + [
      "The noise is as wide as each tensor's gradient, as in the authors' code; the paper names its covariance.",
      "With `modulate=step` the noise is scaled along with the step.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    scalesGradients: true, stepSetting: "modulate=step", trainedEncoders: true,
    needsClasses: "it compares the modalities by the probability that each gives to the true class")

  private let modulation: GradientModulation
  private let noise: Bool

  public init(_ configuration: Configuration) {
    modulation = GradientModulation(
      alpha: configuration.alpha, comparison: configuration.compare, place: configuration.modulate,
      window: configuration.window)
    noise = configuration.noise
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    try modulation.step(batch, session, noise: noise)
  }
}
