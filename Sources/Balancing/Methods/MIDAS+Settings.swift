public import Records

extension MIDAS {
  public struct Configuration: Settings {
    @Setting("λ, of the loss on mixed rows", .nonNegative) public var weight = 1.0
    @Setting("η, by which the weak modality's weight moves at a step", .nonNegative) public var rate = 0.05
    @Setting("The share of epochs, rounded up, that train the unimodal classifiers alone", .fraction) public
      var warmup = 0.1
    @Setting(RowShuffle.summary) public var shuffle = RowShuffle.random
    public init() {}
  }

  public static let card = MethodCard(
    name: "midas", title: "MIDAS",
    citation: Citation(
      authors: ["Seong-Hyeon Hwang", "Soyoung Choi", "Steven Euijong Whang"],
      title: "MIDAS: Misalignment-based Data Augmentation Strategy for Imbalanced Multimodal Learning",
      venue: "NeurIPS",
      year: 2025, url: "https://arxiv.org/abs/2509.25831"),
    stage: .dataInput,
    summary: "Mixes modalities of samples of different classes and trains on both labels, the weak modality's and hard "
      + "mixtures the more.",
    needs: ["unimodal classifiers", "samples of two classes in a batch"], modalities: .several,
    departures: [
      "The authors' code could not be read: the paper is followed, and no difference between the two is known.",
      "The paper's text does not say how long the warm-up is: a tenth of the epochs, at least one and never all.",
      "The similarity is that of the features that are replaced in sample i, averaged where there are several.",
      "For more than two modalities, each of the M samples gives each modality once, in the order of the names; rows whose "
        + "samples are all of one class are left out.",
      "With several labels, which the paper does not have, each modality's part of the target is its sample's labels.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    needsClasses: "it labels mixed samples by the modalities' probabilities of their classes")
}
