public import Records

extension IPRM {
  public struct Configuration: Settings {
    public var keep = 0.8
    public var strength = Strength.mixture
    public init() {}
  }
  /// What a modality's prediction is compared with.
  public enum Strength: String, SettingChoice { case mixture, label }

  public static let card = MethodCard(
    name: "iprm", title: "IPRM",
    citation: Citation(
      authors: ["Yang Yang", "Xixian Wu", "Qing-Yuan Jiang"],
      title: "Towards Equilibrium: An Instantaneous Probe-and-Rebalance Multimodal Learning Approach", venue: "IJCAI",
      year: 2025, url: "https://doi.org/10.24963/ijcai.2025/395"),
    stage: .feedForward,
    summary:
      "Mixes modalities along the arc between their features, in shares that a look at the batch has just corrected.",
    needs: ["unimodal classifiers", "embeddings of one width", "two passes through the fusion for each pair"],
    modalities: .several,
    departures: [
      "The mixed features go through the model's fusion: `model.fusion=addition` is the authors' single classifier.",
      "For more than two modalities every pair is mixed, as in the authors' code, which has a classifier for each and adds "
        + "their losses: here one fusion and the mean.",
      "The strength is the divergence from the mixture's prediction, as in the authors' code; `strength=label` takes the "
        + "loss, by which summaries describe the method.",
      "With several labels, the divergence is that of yes and no, added up over labels.",
    ],
    settings: settings([
      SettingNote("keep", "κ, how much of the running shares is kept in a step", range: .fraction),
      SettingNote("strength", "What a modality's prediction is compared with", allowed: Strength.allowed),
    ]))

  public static let requirements = MethodRequirements(
    needsClasses: "it adds classifiers' logits up, and compares the probabilities of classes")
}
