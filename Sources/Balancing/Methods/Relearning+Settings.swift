public import Records

extension Relearning {
  public struct Configuration: Settings {
    @Setting("How far a gap takes a branch back; 0: not at all", .nonNegative) public var lambda = 3.0
    @Setting(
      "The share of training after which it is done, and done again",
      SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)) public var every = 0.22
    @Setting("How often it is done at most", .nonNegative) public var times = 3
    @Setting("How many samples of each split are looked at, at most", .atLeast(2)) public var samples = 2000
    public init() {}
  }

  public static let card = MethodCard(
    name: "relearning", title: "Diagnosing & Re-learning",
    citation: Citation(
      authors: ["Yake Wei", "Siwei Li", "Ruoxuan Feng", "Di Hu"],
      title: "Diagnosing and Re-learning for Balanced Multimodal Learning", venue: "ECCV", year: 2024,
      url: "https://arxiv.org/abs/2407.09705"),
    stage: .optimization,
    summary: "Takes each embedding layer some way back to its first values, further where it has learnt its training "
      + "samples by heart.",
    needs: ["a validation split", "a pass over samples of both splits, each time"],
    departures: [
      "Both splits are judged by as many samples: purity depends on their number.",
      "The authors' every 20th of 90 epochs is a share of training (`every`).",
      "On frozen features, what goes back is the embedding layer.",
      "The optimizer's momentum stays as it is, as in the authors' code.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    trainedEncoders: true, validation: true,
    needsClasses: "it measures how pure clusters of features are in their classes")
}
