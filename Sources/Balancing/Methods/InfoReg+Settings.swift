public import Records

extension InfoReg {
  public struct Configuration: Settings {
    public var variant = Variant.paper
    public var beta = 0.95
    public var window = Window()
    public init() {}

    public struct Window: Settings {
      public var threshold = 0.05
      public var share = 0.2
      public init() {}
    }
  }
  public enum Variant: String, SettingChoice { case paper, official }

  public static let card = MethodCard(
    name: "inforeg", title: "InfoReg",
    citation: Citation(
      authors: ["Chengxiang Huang", "Yake Wei", "Zequn Yang", "Di Hu"],
      title: "Adaptive Unimodal Regulation for Balanced Multimodal Information Acquisition", venue: "CVPR", year: 2025,
      url: "https://arxiv.org/abs/2503.18595"),
    stage: .optimization,
    summary: "Early in training, holds the branch of the modality that is ahead near where it began the epoch.",
    needs: ["a copy of the weights"], modalities: .several,
    departures: [
      "The authors average over 10 of 50 epochs: here over the same share of any number (`window.share`).",
      "The authors give each modality its own strength: here one for all (`beta`).",
      "The paper has two modalities: for more, a score is compared with the mean of the others.",
      "The trace is of weight matrices alone, as in the authors' code; the paper's is of all parameters.",
    ],
    settings: settings([
      SettingNote(
        "variant", "Each modality's own window, mean scores, the fused loss; or what the authors' code does",
        allowed: Variant.allowed),
      SettingNote("beta", "How hard the modality that is ahead is held; 0: not at all", range: .nonNegative),
      SettingNote("window.threshold", "The growth of the trace below which the window closes", range: .nonNegative),
      SettingNote("window.share", "The share of all epochs that one mean of the trace runs over", range: .fraction),
    ]))

  public static let requirements = MethodRequirements(
    trainedEncoders: true,
    needsClasses: "it holds back the modality that gives the true class the larger probability")
}
