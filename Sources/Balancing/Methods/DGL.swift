public import Multimodal
public import Records
import Torch
import TorchNN

/// DGL: encoders learn from unimodal losses alone, the fusion from the fused loss alone.
///
///     fusion:    θ_F ← descend loss(F(e₁, …, e_M), y)
///     branches:  θₘ ← descend α loss(uₘ, y),   uₘ = F with what the other modalities add left out
///
/// where F is the fusion with its classifier and α ``Configuration/unimodal``. Where the fused logits are a sum over
/// modalities, uₘ = Wₘ eₘ + b with the whole bias. Where one modality gates another, uₘ is each one's map gated by itself,
/// W (σ(oₘ) ⊙ oₘ) + b; for other fusions the features of the others are zero. With `heads: own`, uₘ is the modality's own
/// classifier, which learns with it: then DGL is `pretrained-frozen` with both stages at once.
public struct DGL: BalancingMethod {
  public struct Configuration: Settings {
    public var unimodal = 4.0
    public var heads = Heads.shared
    public init() {}
  }
  public enum Heads: String, SettingChoice { case shared, own }

  public static let card = MethodCard(
    name: "dgl", title: "DGL",
    citation: Citation(
      authors: ["Shicai Wei", "Chunbo Luo", "Yang Luo"],
      title: "Boosting Multimodal Learning via Disentangled Gradient Learning", venue: "ICCV", year: 2025,
      url: "https://arxiv.org/abs/2507.10213"),
    stage: .optimization,
    summary: "Trains each branch on its own loss and the fusion on the fused one, with no gradient between them.",
    needs: ["data whose modalities tell something each by itself: what only shows in combination reaches no branch"],
    departures: [
      "The paper speaks of modality dropout; as in the authors' code nothing is drawn, and every modality is left out in "
        + "turn at every step.",
      "For more than two modalities, all others are left out at once.",
      "What a modality is without the others is the authors' for sums and gates, where a gated map gates itself; for "
        + "attention, and gates of more than two, the others' features are zero.",
      "The authors pick fusion parameters by the letters of their names, and declare classifiers that they do not use: "
        + "`heads` says which are trained.",
      "α scales the branches' learning rate under SGD, and Adam divides most of it out again.",
    ],
    settings: settings([
      SettingNote("unimodal", "α, of the unimodal losses", range: .nonNegative),
      SettingNote("heads", "The fusion, or a classifier of each modality's own", allowed: Heads.allowed),
    ]))

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    let features = try session.forward(batch).features
    // Cut off, so that the fused loss goes no further than the fusion.
    let fused = try session.loss(session.outputs(ofFeatures: features.map { try $1.detached() }).logits, batch)
    var report = StepReport(losses: ["fused": try fused.scalar()])
    // A fusion that is frozen has no direction.
    var direction = try fused.requiresGradient ? session.gradients(of: fused) : .none(model.store)
    try session.note("target", direction)
    var losses: [Tensor] = []
    for (modality, logits) in try unimodal(features, model) {
      let loss = try session.loss(logits, batch)
      report.losses[modality.name] = try loss.scalar()
      losses.append(loss)
    }
    guard configuration.unimodal > 0 else {
      try session.update(along: direction)
      return report
    }
    let heads = configuration.heads == .own ? model.modalities.flatMap { model.store.indices(within: $0.head) } : []
    let alone = try session.gradients(of: Tensor.total(losses) * configuration.unimodal).within(model.branches + heads)
    try session.note("unimodal", alone)
    direction = try direction + alone
    try session.update(along: direction)
    return report
  }

  /// uₘ, [B, C] each.
  private func unimodal(_ features: PerModality<Tensor>, _ model: MultimodalModel) throws -> PerModality<Tensor> {
    guard configuration.heads == .shared else { return try features.map { try model.heads[$0]($1) } }
    if let readouts = try model.fusion.readouts(features.values.map { $0.shape[1] }) {
      let bias = try Tensor.total(readouts.map(\.bias))
      return PerModality(
        features.modalities, try zip(features.values, readouts).map { try $0.linear($1.weight, bias) })
    }
    if let gated = model.fusion as? GatedFusion, let value = gated.value {
      let maps = try [gated.gate(features.values[0]), value(features.values[1])]
      return PerModality(features.modalities, try maps.map { try gated.classifier($0.sigmoid() * $0) })
    }
    return try features.map { modality, _ in
      try model.fusion.logits(
        features.map { other, feature in
          other == modality ? feature : try .zeros(feature.shape, feature.elementType, on: feature.device)
        })
    }
  }
}
