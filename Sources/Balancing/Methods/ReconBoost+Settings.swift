public import Records

extension ReconBoost {
  public struct Configuration: Settings {
    @Setting("w₁, of the modality's own loss", .positive) public var fit = 5.0
    @Setting("w₂, by which samples count less that the others know", .nonNegative) public var reconcilement = 1.0
    @Setting("α, of the distance from the modality trained before", .nonNegative) public var memory = 0.5
    public var stage = Stage()
    @Setting("The width of the shared classifier's hidden layer", .atLeast(1)) public var hidden = 256
    @Setting("ρ at the start; it is trained", .positive) public var rate = 1.0
    public init() {}

    public struct Stage: Settings {
      @Setting("Epochs in which one modality learns alone", .atLeast(1)) public var alone = 1
      @Setting("Epochs in which all learn together", .nonNegative) public var together = 1
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
    settings: settings)

  public static let requirements = MethodRequirements(
    crossEntropy: true, trainedEncoders: true,
    needsClasses: "it boosts the probabilities of classes")
}
