public import Records

extension Fulcrum {
  public struct Configuration: Settings {
    @Setting("w, of the losses with modalities missing", .nonNegative) public var subsets = 1.0
    @Setting("All sets in each row, or one drawn for each") public var form = Form.exact
    @Setting("β, of the divergence from the prediction with everything there", .nonNegative) public var distillation =
      0.5
    @Setting("λ, of the unimodal classifiers' losses", .nonNegative) public var unimodal = 1.0
    @Setting("κ, how far a gate may weigh the modalities sample by sample; 0: no gate", .nonNegative) public var gate =
      0.0
    @Setting("q, the share of rows of each modality that are noisy", .fraction) public var views = 0.25
    @Setting("Which losses noisy rows count in: all, or the one with everything there alone") public var noise = Noise
      .full
    @Setting("Take out of the sets' gradient what works against the full loss, branch by branch") public
      var projection = false
    public init() {}
  }
  public enum Form: String, SettingChoice { case exact, sampled }
  public enum Noise: String, SettingChoice { case everywhere, full }

  public static let card = MethodCard(
    name: "fulcrum", title: "Fulcrum", stage: .objective,
    summary: "Trains every set of modalities that may be there at once, on clean and on noisy inputs.",
    needs: ["training views (seesaw encode --views train)"],
    modalities: .several,
    settings: settings, sees: ["clean", "missing", "noisy"])
}
