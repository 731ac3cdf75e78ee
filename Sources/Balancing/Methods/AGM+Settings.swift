public import Records

extension AGM {
  public struct Configuration: Settings {
    public var alpha = 1.0
    public var cap = 7.0
    public var modulate = Place.responses
    public var window = ModulationWindow()
    public init() {}
  }
  public enum Place: String, SettingChoice { case responses, gradient, step }

  public static let card = MethodCard(
    name: "agm", title: "AGM",
    citation: Citation(
      authors: ["Hong Li", "Xingyu Li", "Pengbo Hu", "Yinuo Lei", "Chunxiao Li", "Yi Zhou"],
      title: "Boosting Multi-modal Model Performance with Adaptive Gradient Modulation", venue: "ICCV", year: 2023,
      url: "https://arxiv.org/abs/2308.07686"),
    stage: .optimization,
    summary:
      "Splits the fused logits into one Shapley value for each modality, and damps the gradient of those further "
      + "ahead than they used to be.",
    needs: ["a pass for every subset of modalities where the fusion is no sum"], modalities: .several,
    departures: [
      "The exponent is capped (`cap`) as in most of the authors' scripts; a large value lifts the cap.",
      "The authors' scripts also clip long gradients: set optimizer.gradient_clip for that.",
    ],
    settings: settings([
      SettingNote("alpha", "How strongly the discrepancy acts; 0: not at all", range: .nonNegative),
      SettingNote("cap", "The largest τ − r that counts", range: .positive),
      SettingNote(
        "modulate",
        "Scale the gradient that enters the responses as published, each branch's gradient, or the optimizer's step",
        allowed: Place.allowed),
      SettingNote("window.begin", "The share of training after which it begins", range: .fraction),
      SettingNote("window.end", "The share of training after which it ends", range: .fraction),
    ]))

  public static let requirements = MethodRequirements(
    scalesGradients: true, trainedEncoders: true,
    needsClasses: "it compares the cross-entropies of what each modality adds")
}
