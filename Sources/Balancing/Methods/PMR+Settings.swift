public import Records

extension PMR {
  public struct Configuration: Settings {
    @Setting("Graded coefficients and an entropy term, or the authors' switch") public var variant = Variant.paper
    @Setting("The weight of the prototype loss", .nonNegative) public var alpha = 1.0
    @Setting("The share of the old class means that is kept", .fraction) public var momentum = 0.2
    @Setting(
      "The share of the epoch's samples that class means are taken of",
      SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)) public var share = 1.0
    public var entropy = Entropy()
    public var window = ModulationWindow()
    public init() {}

    public struct Entropy: Settings {
      @Setting("The weight of the entropy term", .nonNegative) public var weight = 0.1
      @Setting("The share of training after which the entropy term ends", .fraction) public var end = 0.2
      public init() {}
    }
  }
  public enum Variant: String, SettingChoice { case paper, official }

  public static let card = MethodCard(
    name: "pmr", title: "PMR",
    citation: Citation(
      authors: ["Yunfeng Fan", "Wenchao Xu", "Haozhao Wang", "Junxiao Wang", "Song Guo"],
      title: "PMR: Prototypical Modal Rebalance for Multimodal Learning", venue: "CVPR", year: 2023,
      url: "https://arxiv.org/abs/2211.07089"),
    stage: .optimization,
    summary: "Measures each modality by the distance of its features to the means of their classes, and draws the one "
      + "that is behind towards them.",
    needs: ["a pass over the training split before each epoch"], modalities: .several,
    departures: [
      "The weight and the length of the entropy term are not known to us (`entropy.weight`, `entropy.end`).",
      "Class means are measured on the whole training split, where the authors' code takes a tenth (`share`).",
      "The paper has two modalities: for more, a score is compared with the mean of the others.",
      "The authors' code stops after two thirds of its epochs: here it acts throughout (`window.end`).",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    trainedEncoders: true,
    needsClasses: "its prototypes are the mean features of each class")
}
