public import Records

extension PMR {
  public struct Configuration: Settings {
    public var variant = Variant.paper
    public var alpha = 1.0
    public var momentum = 0.2
    public var share = 1.0
    public var entropy = Entropy()
    public var window = ModulationWindow()
    public init() {}

    public struct Entropy: Settings {
      public var weight = 0.1
      public var end = 0.2
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
    settings: settings([
      SettingNote(
        "variant", "Graded coefficients and an entropy term, or the authors' switch", allowed: Variant.allowed),
      SettingNote("alpha", "The weight of the prototype loss", range: .nonNegative),
      SettingNote("momentum", "The share of the old class means that is kept", range: .fraction),
      SettingNote(
        "share", "The share of the epoch's samples that class means are taken of",
        range: SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)),
      SettingNote("entropy.weight", "The weight of the entropy term", range: .nonNegative),
      SettingNote("entropy.end", "The share of training after which the entropy term ends", range: .fraction),
      SettingNote("window.begin", "The share of training after which it begins", range: .fraction),
      SettingNote("window.end", "The share of training after which it ends", range: .fraction),
    ]))

  public static let requirements = MethodRequirements(
    trainedEncoders: true,
    needsClasses: "its prototypes are the mean features of each class")
}
