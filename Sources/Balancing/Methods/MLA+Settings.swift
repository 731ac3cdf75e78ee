public import Records

extension MLA {
  public struct Configuration: Settings {
    public var variant = Variant.paper
    public var prediction = Prediction.entropy
    public init() {}
  }
  public enum Variant: String, SettingChoice { case paper, official }
  public enum Prediction: String, SettingChoice { case entropy, mean }

  public static let card = MethodCard(
    name: "mla", title: "MLA",
    citation: Citation(
      authors: ["Xiaohui Zhang", "Jaehong Yoon", "Mohit Bansal", "Huaxiu Yao"],
      title: "Multimodal Representation Learning by Alternating Unimodal Adaptation", venue: "CVPR", year: 2024,
      url: "https://arxiv.org/abs/2311.10707"),
    stage: .feedForward,
    summary:
      "Trains one modality at a time through a classifier that all share, and trusts the surer ones at prediction.",
    needs: ["embeddings of one width", "an update for each modality and batch"], modalities: .several,
    departures: [
      "Divides by a number as recursive least squares do, the authors' code element by element (`variant`).",
      "Weighs the modalities sample by sample, the authors' code batch by batch.",
      "The modalities' turns go by name.",
    ],
    settings: settings([
      SettingNote(
        "variant", "The gradient's change as published, or as in the authors' code", allowed: Variant.allowed),
      SettingNote("prediction", "Weigh by entropy, or all alike", allowed: Prediction.allowed),
    ]))

  public static let requirements = MethodRequirements(
    needsClasses: "it weighs modalities by the entropy of their class probabilities")
}
