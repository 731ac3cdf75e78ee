public import Records

extension GradientBlending {
  public struct Configuration: Settings {
    public var mode = Mode.offline
    public var interval = 0.25
    public init() {}
  }
  public enum Mode: String, SettingChoice { case offline, online }

  public static let card = MethodCard(
    name: "g-blending", title: "Gradient-Blending",
    citation: Citation(
      authors: ["Weiyao Wang", "Du Tran", "Matt Feiszli"],
      title: "What Makes Training Multi-Modal Classification Networks Hard?", venue: "CVPR", year: 2020,
      url: "https://arxiv.org/abs/1905.12681"),
    stage: .objective,
    summary: "Tries each loss on a copy of the model and weighs it by what generalizes over what overfits.",
    needs: ["unimodal classifiers", "a validation split", "two more trainings for the trials"],
    departures: [
      "How often the online weights are found anew is a fraction of training, not a number of epochs.",
      "A loss that got worse has weight 0; should all have, all weigh the same.",
      "Class weights, which the authors do not have, weigh the losses of the trials and of both splits too.",
    ],
    settings: settings([
      SettingNote(
        "mode", "One trial before training, or one every interval from the weights as they are", allowed: Mode.allowed),
      SettingNote("interval", "Of the online trials, a fraction of training", range: .fraction),
    ]))

  public static var requirements: MethodRequirements { MethodRequirements(validation: true) }
}
