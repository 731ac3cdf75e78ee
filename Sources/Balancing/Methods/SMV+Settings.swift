public import Records

extension SMV {
  public struct Configuration: Settings {
    public var level = Level.sample
    public var warmup = 0.08
    public var modality = ModalityLevel()
    public init() {}
  }
  public enum Level: String, SettingChoice { case sample, modality }
  public struct ModalityLevel: Settings {
    public var share = 0.2
    public var alpha = 1.0
    public var map = Map.linear
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
    settings: settings([
      SettingNote("level", "Value and copy sample by sample, or by the means over samples", allowed: Level.allowed),
      SettingNote("warmup", "The share of training before the first copies", range: .fraction),
      SettingNote(
        "modality.share", "The share of samples that are valued at modality level",
        range: SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)),
      SettingNote("modality.alpha", "How strongly a difference acts at modality level", range: .nonNegative),
      SettingNote("modality.map", "How a difference becomes a share of copies", allowed: Map.allowed),
    ]), sees: ["clean", "missing"])

  public static let requirements = MethodRequirements(
    needsClasses: "it counts which sets of modalities classify a sample rightly")
}
