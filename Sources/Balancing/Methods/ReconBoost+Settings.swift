public import Records

extension ReconBoost {
  public struct Configuration: Settings {
    public var fit = 5.0
    public var reconcilement = 1.0
    public var memory = 0.5
    public var stage = Stage()
    public var hidden = 256
    public var rate = 1.0
    public init() {}

    public struct Stage: Settings {
      public var alone = 1
      public var together = 1
      public init() {}
    }
  }

  public static let card = MethodCard(
    name: "reconboost", title: "ReconBoost",
    citation: Citation(
      authors: ["Cong Hua", "Qianqian Xu", "Shilong Bao", "Zhiyong Yang", "Qingming Huang"],
      title: "ReconBoost: Boosting Can Achieve Modality Reconcilement", venue: "ICML", year: 2024,
      url: "https://arxiv.org/abs/2405.09321"),
    stage: .optimization,
    summary:
      "Trains one modality at a time on what the others get wrong, all through one classifier, and predicts with "
      + "the sum.",
    needs: ["embeddings of one width", "a classifier of its own, shared by all modalities"], modalities: .several,
    departures: [
      "The memory term has a gradient, which the authors' code cuts off.",
      "A stage is one epoch alone and one together, the authors' is four and four in a thousand stages.",
      "All modalities are in the ensemble from the start, as in the authors' runs that begin from pretrained ones.",
      "The optimizer's momentum and learning rate are the run's: the authors begin a new optimizer for each phase.",
      "For more than two modalities, the memory is of the one trained in the stage before.",
      "Class weights, which the authors do not have, weigh a learner's own loss as the fused one, and not the memory.",
    ],
    settings: settings([
      SettingNote("fit", "w₁, of the modality's own loss", range: .positive),
      SettingNote("reconcilement", "w₂, by which samples count less that the others know", range: .nonNegative),
      SettingNote("memory", "α, of the distance from the modality trained before", range: .nonNegative),
      SettingNote("stage.alone", "Epochs in which one modality learns alone", range: .atLeast(1)),
      SettingNote("stage.together", "Epochs in which all learn together", range: .nonNegative),
      SettingNote("hidden", "The width of the shared classifier's hidden layer", range: .atLeast(1)),
      SettingNote("rate", "ρ at the start; it is trained", range: .positive),
    ]))

  public static let requirements = MethodRequirements(
    crossEntropy: true, trainedEncoders: true,
    needsClasses: "it boosts the probabilities of classes")
}
