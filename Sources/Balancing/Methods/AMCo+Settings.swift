public import Records

extension AMCo {
  public struct Configuration: Settings {
    public var threshold = 0.5
    public var ramp = 0.3
    public var growth = Growth.training
    public var target = Target.features
    public init() {}
  }
  public enum Growth: String, SettingChoice { case training, batch }
  public enum Target: String, SettingChoice { case features, logits }

  public static let card = MethodCard(
    name: "amco", title: "AMCo",
    citation: Citation(
      authors: ["Ying Zhou", "Xuefeng Liang", "Shiquan Zheng", "Huijun Xuan", "Takatsune Kumada"],
      title: "Adaptive Mask Co-Optimization for Modal Dependence in Multimodal Learning", venue: "ICASSP", year: 2023,
      url: "https://doi.org/10.1109/ICASSP49357.2023.10096641"),
    stage: .feedForward,
    summary: "Masks more and more of the modality that the prediction depends on, and keeps a loss on each.",
    needs: ["a fusion that is a sum over modalities", "one more linear layer"], modalities: .several,
    departures: [
      "Known to us from its abstract and a later benchmark's definition of it.",
      "The mask grows over the first part of training, not anew in every epoch (`growth`), and masks features, not "
        + "logits (`target`).",
    ],
    settings: settings([
      SettingNote("threshold", "The share of the prediction above which a modality is masked", range: .fraction),
      SettingNote("ramp", "ε, when the mask is complete: a fraction of training", range: .positive),
      SettingNote("growth", "Grow over training, or by epoch/10 with each batch", allowed: Growth.allowed),
      SettingNote("target", "Mask features or logits", allowed: Target.allowed),
    ]))

  public static let requirements = MethodRequirements(
    additiveFusion: true,
    needsClasses: "it tells how far a modality is relied on by its share of a softmax over classes")
}
