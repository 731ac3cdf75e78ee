public import Records

extension G2D {
  public struct Configuration: Settings {
    public var distil = true
    public var features = 1.0
    public var logits = 1.0
    public var temperature = 1.0
    public var prioritised = 0.5
    public var student = Student.late
    public var teacherEpochs = 0
    public init() {}
  }
  public enum Student: String, SettingChoice { case late, fused }

  public static let card = MethodCard(
    name: "g2d", title: "G2D with SMP",
    citation: Citation(
      authors: ["Mohammed Rakib", "Arunkumar Bagavathi"],
      title: "G2D: Boosting Multimodal Learning with Gradient-Guided Distillation", venue: "ICCV", year: 2025,
      url: "https://arxiv.org/abs/2506.21514"),
    stage: .optimization,
    summary: "Trains the weaker modalities' branches first, and all of them near teachers of one modality each.",
    needs: ["a unimodal training before the joint one", "unimodal classifiers"],
    departures: [
      "A branch that waits is left out of the step; the authors' code zeroes the gradients of convolutions alone, which "
        + "momentum and decay move on.",
      "Modalities are ranked once, over the training split; the authors' code ranks them batch by batch and stops at equal scores.",
      "For more than two modalities the weaker ones have phases of one length; the strongest has none of its own, as in the "
        + "authors' code for two.",
      "Teachers end at the epoch with the least validation loss, where there is a validation split.",
      "On frozen features, branches are embedding layers.",
      "An epoch of any phase may be kept: nothing ends training early, but compare at equal updates of each branch.",
    ],
    settings: settings([
      SettingNote("distil", "Whether teachers are distilled; without, only the order of training is left"),
      SettingNote("features", "a, of the distance from the teachers' features", range: .nonNegative),
      SettingNote("logits", "b, of the divergence from the teachers' predictions", range: .nonNegative),
      SettingNote("temperature", "T, of the predictions that are compared", range: .positive),
      SettingNote(
        "prioritised", "The share of epochs in which one branch is trained at a time",
        range: SettingRange(minimum: 0, maximum: 1, belowMaximum: true)),
      SettingNote(
        "student", "Predicts with the mean of the unimodal classifiers, or with the fusion", allowed: Student.allowed),
      SettingNote("teacher_epochs", "How long teachers are trained; 0: as long as the run", range: .nonNegative),
    ]))

  public static let requirements = MethodRequirements(
    needsClasses: "it ranks the modalities by the probability of the true class")
}
