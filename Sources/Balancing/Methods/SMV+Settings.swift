public import Records

extension SMV {
  public struct Configuration: Settings {
    @Setting("Value and copy sample by sample, or by the means over samples") public var level = Level.sample
    @Setting("The share of training before the first copies", .fraction) public var warmup = 0.08
    public var modality = ModalityLevel()
    public init() {}
  }
  public enum Level: String, SettingChoice { case sample, modality }
  public struct ModalityLevel: Settings {
    @Setting(
      "The share of samples that are valued at modality level", SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)
    ) public var share = 0.2
    @Setting("How strongly a difference acts at modality level", .nonNegative) public var alpha = 1.0
    @Setting("How a difference becomes a share of copies") public var map = Map.linear
    public init() {}
  }
  public enum Map: String, SettingChoice { case linear, tanh, power }

  public static let card = MethodCard(
    name: "smv", title: "SMV re-sampling",
    citation: Citation(
      authors: ["Yake Wei", "Ruoxuan Feng", "Zihe Wang", "Di Hu"],
      title: "Enhancing Multimodal Cooperation via Sample-level Modality Valuation", venue: "CVPR", year: 2024,
      url: "https://arxiv.org/abs/2309.06255"),
    stage: .dataInput,
    summary: "Values what each modality adds to each sample's prediction, and shows samples again with the modality "
      + "alone that adds little.",
    needs: ["a pass over the training split before each epoch", "epochs that grow by the copies"], modalities: .several,
    departures: [
      "The authors' first 5 of 60 epochs without re-sampling are a share of training (`warmup`).",
      "At modality level copies are of different samples as far as these last; the authors draw with repetition.",
      "For more than two modalities, at modality level each is compared with the best.",
      "A value from 0.9 to 1, which takes four modalities, still asks for one copy: the authors' code stops at 0.9.",
      "Hidden is what the plan hides, not every input of zeros: an empty text is seen in training as it is in the test.",
    ],
    settings: settings, sees: ["clean", "missing"])

  public static let requirements = MethodRequirements(
    needsClasses: "it counts which sets of modalities classify a sample rightly")
}
