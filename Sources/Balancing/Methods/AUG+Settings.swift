public import Records

extension AUG {
  public struct Configuration: Settings {
    public var stages = Stages.trained
    public var residual = 0.5
    public var threshold = 0.01
    public var hidden = 256
    public var first = 1
    public var maxStages = 11
    public var weights = Weights.equal
    public init() {}
  }
  public enum Stages: String, SettingChoice { case trained, frozen }
  public enum Weights: String, SettingChoice { case equal, validation }

  public static let requirements = MethodRequirements(
    crossEntropy: true,
    needsClasses: "its residual loss weighs samples by the probability of the true class")

  public static let card = MethodCard(
    name: "aug", title: "AUG",
    citation: Citation(
      authors: ["Qing-Yuan Jiang", "Longfei Huang", "Yang Yang"],
      title: "Rethinking Multimodal Learning from the Perspective of Mitigating Classification Ability Disproportion",
      venue: "NeurIPS", year: 2025, url: "https://arxiv.org/abs/2502.20120"),
    stage: .feedForward,
    summary:
      "Gives the weaker modality one more small classifier whenever it lags, on what the ones before leave over.",
    needs: ["an update for each modality and batch"],
    departures: [
      "Stages that are added are trained, as the paper has it; the authors' code never gives them to the optimizer, and they "
        + "stay as drawn (`stages=frozen`).",
      "γ is 0.5, the value in effect in the authors' code, whose comment says 0.2.",
      "Modalities weigh alike in prediction, or by `weights=validation` in tenths that lower the validation loss the most, "
        + "found before each epoch; the authors' code has 0.4 and 0.6 for one data set.",
      "For any number of modalities, the weakest gets the stage if the largest mean is more than 1 + τ times its own; for two, "
        + "the paper compares their ratio with 1 + τ and 1 − τ.",
      "The ratio is of training samples, as in the paper: a modality that overfits looks strong.",
      "With one modality no stage is added, and it is unimodal training with a hidden layer.",
    ],
    settings: settings([
      SettingNote("stages", "Whether added stages are trained, or stay as drawn", allowed: Stages.allowed),
      SettingNote("residual", "γ, by which a new stage leaves to the old ones what they know", range: .fraction),
      SettingNote("threshold", "τ, by how much the weakest may lag", range: .nonNegative),
      SettingNote("hidden", "The width of a stage", range: .atLeast(1)),
      SettingNote("first", "How many stages each modality begins with", range: .atLeast(1)),
      SettingNote("max_stages", "The most stages of a modality", range: .atLeast(1)),
      SettingNote("weights", "What modalities weigh in prediction", allowed: Weights.allowed),
    ]))
}
