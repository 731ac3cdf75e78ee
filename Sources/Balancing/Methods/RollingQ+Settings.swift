public import Records

extension RollingQ {
  public struct Configuration: Settings {
    @Setting("β, the imbalance above which queries are turned", .nonNegative) public var threshold = 0.0
    @Setting("σ, how far past the middle they are turned", .nonNegative) public var strength = 1.0
    @Setting("How many times at most", .nonNegative) public var rotations = 1
    public init() {}
  }

  public static let card = MethodCard(
    name: "rollingq", title: "RollingQ",
    citation: Citation(
      authors: ["Haotian Ni", "Yake Wei", "Hang Liu", "Gong Chen", "Chong Peng", "Hao Lin", "Di Hu"],
      title: "RollingQ: Reviving the Cooperation Dynamics in Multimodal Transformer", venue: "ICML", year: 2025,
      url: "https://arxiv.org/abs/2506.11465"),
    stage: .feedForward,
    summary: "Turns the queries of an attention that leans towards one modality's keys to where it heeds all of them.",
    needs: ["model.fusion=cross_attention", "a pass over the training split for each rotation"], modalities: .several,
    departures: [
      "Every modality is one token with a query of its own; their mean stands for the class token's query.",
      "The rotation leaves everything outside its plane as it is; the authors' code leaves that open.",
      "The imbalance is measured on the training split instead of an epoch's last batch.",
      "The authors choose the strength for each data set; ours begins at 1.",
      "For more than two modalities, the imbalance is the largest difference and the weights are a softmax.",
    ],
    settings: settings)

  public static var requirements: MethodRequirements { MethodRequirements(attentionFusion: true) }
}
