public import Records

extension Greedy {
  public struct Configuration: Settings {
    public var policy = Policy.guided
    public var tolerance = 0.01
    public var steps = 5
    public var warmup = 0.1
    public init() {}
  }
  public enum Policy: String, SettingChoice {
    case guided
    /// Each step by lot: nobody's gates, the one's, or the other's.
    case random
  }

  public static let card = MethodCard(
    name: "greedy", title: "Balanced multi-modal learning (Greedy)",
    citation: Citation(
      authors: ["Nan Wu", "Stanisław Jastrzębski", "Kyunghyun Cho", "Krzysztof J. Geras"],
      title: "Characterizing and Overcoming the Greedy Nature of Learning in Multi-Modal Deep Neural Networks",
      venue: "ICML", year: 2022, url: "https://arxiv.org/abs/2202.05306"),
    stage: .feedForward,
    summary: "Lets two branches gate each other, and holds the gates of the one that learns too fast from the other.",
    needs: ["unimodal classifiers", "gates between the two embeddings"], modalities: .two,
    departures: [
      "The gates are on the embeddings, one vector each, not on several layers of convolutional encoders.",
      "The plain steps at the start are a fraction of training, not two epochs.",
    ],
    settings: settings([
      SettingNote("policy", "Hold the faster branch's gates, or those that the lot falls on", allowed: Policy.allowed),
      SettingNote("tolerance", "How far the learning speeds may be apart", range: .nonNegative),
      SettingNote("steps", "For how many steps gates are held", range: .atLeast(1)),
      SettingNote("warmup", "The fraction of training before that", range: .fraction),
    ]))
}
