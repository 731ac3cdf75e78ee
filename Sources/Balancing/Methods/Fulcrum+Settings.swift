public import Records

extension Fulcrum {
  public struct Configuration: Settings {
    public var subsets = 1.0
    public var form = Form.exact
    public var distillation = 0.5
    public var unimodal = 1.0
    public var gate = 0.0
    public var views = 0.25
    public var noise = Noise.full
    public var projection = false
    public init() {}
  }
  public enum Form: String, SettingChoice { case exact, sampled }
  public enum Noise: String, SettingChoice { case everywhere, full }

  public static let card = MethodCard(
    name: "fulcrum", title: "Fulcrum", stage: .objective,
    summary: "Trains every set of modalities that may be there at once, on clean and on noisy inputs.",
    needs: ["training views (seesaw encode --views train)"],
    modalities: .several,
    settings: settings([
      SettingNote("subsets", "w, of the losses with modalities missing", range: .nonNegative),
      SettingNote("form", "All sets in each row, or one drawn for each", allowed: Form.allowed),
      SettingNote(
        "distillation", "β, of the divergence from the prediction with everything there", range: .nonNegative),
      SettingNote("unimodal", "λ, of the unimodal classifiers' losses", range: .nonNegative),
      SettingNote(
        "gate", "κ, how far a gate may weigh the modalities sample by sample; 0: no gate", range: .nonNegative),
      SettingNote("views", "q, the share of rows of each modality that are noisy", range: .fraction),
      SettingNote(
        "noise", "Which losses noisy rows count in: all, or the one with everything there alone", allowed: Noise.allowed
      ),
      SettingNote("projection", "Take out of the sets' gradient what works against the full loss, branch by branch"),
    ]), sees: ["clean", "missing", "noisy"])
}
