public import Records

extension LFM {
  public struct Configuration: Settings {
    public var align = Alignment.contrastive
    public var temperature = 0.07
    public var schedule = Balance.polynomial
    public var constant = 0.5
    public var learning = Learning()
    public init() {}
  }
  public enum Alignment: String, SettingChoice {
    case contrastive, js
    case jsCode = "js_code"
  }
  public enum Balance: String, SettingChoice { case polynomial, learned, constant }
  public struct Learning: Settings {
    public var rate = 0.1
    public var samples = 16
    public var slope = Slope.held
    public init() {}
  }
  public enum Slope: String, SettingChoice { case held, code }

  public static let card = MethodCard(
    name: "lfm", title: "LFM",
    citation: Citation(
      authors: ["Yang Yang", "Fengqiang Wan", "Qing-Yuan Jiang", "Yi Xu"],
      title: "Facilitating Multimodal Classification via Dynamically Learning Modality Gap", venue: "NeurIPS",
      year: 2024),
    stage: .objective,
    summary: "Lets the modalities learn to agree first and to classify later; predicts with the mean of their logits.",
    needs: ["unimodal classifiers", "embeddings of one width, for the contrastive loss"], modalities: .several,
    departures: [
      "The authors' fit of the balance over 200 epochs is stretched over whatever training there is.",
      "The learned balance follows the slope of the held-out loss; the authors' shortcut is `learning.slope: code`.",
      "The temperature of the contrastive loss is not known to us.",
    ],
    settings: settings([
      SettingNote(
        "align", "The paper's contrastive loss, the Jensen–Shannon divergence, or the authors' code's",
        allowed: Alignment.allowed),
      SettingNote("temperature", "τ, of the contrastive loss", range: .positive),
      SettingNote("schedule", "How the balance moves; learned needs a validation split", allowed: Balance.allowed),
      SettingNote("constant", "k of the constant schedule", range: .fraction),
      SettingNote("learning.rate", "ρ, of the learned schedule", range: .nonNegative),
      SettingNote("learning.samples", "How many samples each gradient of the learned schedule has", range: .atLeast(2)),
      SettingNote(
        "learning.slope", "The held-out loss's slope, or the authors' code's shortcut", allowed: Slope.allowed),
    ]))

  public static let requirements = MethodRequirements(
    needsClasses: "its balance of fitting and alignment was fitted to the losses of classifiers")
}
