public import Multimodal
public import Records
public import Torch
public import TorchNN

/// MCR: a game in which every branch raises what it does to the prediction and holds down what the others do.
///
///     L = loss(z, y) + λ_u Σₘ loss(fₘ(sg eₘ), y) + R + λ_c L_con + λ_e L_ceb
///     Dₘ = mean over samples and K permutations of JSD(p ‖ p with eₘ of another sample)
///     R moves branch m along λ_M ∇ (−Dₘ − k/(M−1) Σⱼ≠ₘ Dⱼ), and nothing else,   k = −1 greedy, 0 independent, 1 collaborative
///     L_con = mean over pairs of modalities, both ways, of −(1/|P|) Σ over j in P of log softmaxⱼ cos(e_a,i, e_b,j)/τ
///     L_ceb = mean over elements of ([e₁; …; e_M] − r(sg z))²,   r = linear, ReLU, linear, without biases
///
/// where P are the samples with i's labels. The branches begin as unimodal training leaves them, at the epochs with the least
/// validation loss, unless ``Configuration/start`` says otherwise. With several labels divergences are means over labels.
public struct MCR: ObjectiveMethod, PreparesBeforeTraining, AddsParameters, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var game = 0.1
    public var strategy = Strategy.greedy
    public var permutations = 4
    public var shuffle = RowShuffle.random
    public var rows = Rows.all
    public var unimodal = 1.0
    public var contrast = 1.0
    public var temperature = 0.5
    public var bottleneck = 0.0
    public var start = Start.pretrained
    public var pretraining = 0
    public init() {}
  }
  public enum Strategy: String, SettingChoice {
    case greedy, independent, collaborative

    /// k.
    var factor: Double { self == .greedy ? -1 : self == .independent ? 0 : 1 }
  }
  public enum Rows: String, SettingChoice {
    case all
    case otherLabel = "other_label"
    case moved
  }
  public enum Start: String, SettingChoice { case pretrained, scratch }

  public static let card = MethodCard(
    name: "mcr", title: "MCR", citation: MCRPaper.citation, stage: .objective,
    summary: "Lets the branches compete for influence on the prediction, and draws features of one class together.",
    needs: [
      "a unimodal training before the joint one", "unimodal classifiers", "embeddings of one width, for the contrast",
    ],
    modalities: .several,
    departures: [
      "Branches begin pretrained as in the runs behind the paper's table, which its algorithm does not say (`start`); compare "
        + "with `pretrained-frozen` and `pretrained-finetuned`.",
      "Features are permuted; the authors' code makes them again by a second pass of the encoders in evaluation mode.",
      "The prediction that is compared with carries a gradient, as in the authors' code.",
      "The game moves branches alone, whatever the strategy: for two greedy players the fusion's gradients cancel anyway.",
      "For more than two modalities a branch plays against the mean of the others, and contrasts are means over pairs.",
      "Four permutations a step in place of 32: enough for linear classifiers.",
      "λ_u is 1 as for encoders that were trained before: the unimodal classifiers see features cut off from the graph, so that "
        + "it moves nothing else.",
    ],
    settings: settings([
      SettingNote("game", "λ_M, of the game", range: .nonNegative),
      SettingNote("strategy", "What a branch does to the others' influence", allowed: Strategy.allowed),
      SettingNote("permutations", "K, for each modality and step", range: .atLeast(1)),
      RowShuffle.note,
      SettingNote(
        "rows", "All rows, those that get another label's feature, or another sample's", allowed: Rows.allowed),
      SettingNote("unimodal", "λ_u, of the unimodal losses, which reach no branch", range: .nonNegative),
      SettingNote("contrast", "λ_c, of the contrast between modalities", range: .nonNegative),
      SettingNote("temperature", "τ, of the contrast", range: .positive),
      SettingNote(
        "bottleneck", "λ_e, of making features of the logits; it harms encoders trained anew", range: .nonNegative),
      SettingNote("start", "Where the branches begin", allowed: Start.allowed),
      PretrainedFrozen.pretrainingNote,
    ]))

  public static let requirements = MethodRequirements(
    needsClasses: "its game is over divergences of class probabilities")

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    guard configuration.bottleneck > 0 else { return }
    let widths = model.embeddings.map { $1.weight.shape[0] }
    let hidden = widths.values.max() ?? 1
    _ = try scope.parameter("hidden", [hidden, model.classes], .uniform(fanIn: model.classes))
    for (modality, width) in widths {
      _ = try (scope / "feature").parameter(modality.name, [width, hidden], .uniform(fanIn: hidden))
    }
  }

  public mutating func prepare(_ context: TrainingContext) throws {
    guard configuration.start == .pretrained else { return }
    try PretrainedFrozen.layInBranches(context, epochs: configuration.pretraining)
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let (model, features) = (session.model, try outputs.features)
    var total = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try total.scalar()
    for (modality, feature) in features where configuration.unimodal > 0 {
      let loss = try session.loss(model.heads[modality](feature.detached()), batch)
      report.losses[modality.name] = try loss.scalar()
      total = try total + loss * configuration.unimodal
    }
    if configuration.game > 0 { total = try total + game(features, batch, session, &report) * configuration.game }
    if configuration.contrast > 0 {
      let contrast = try labelledContrast(features, batch.labelRows(), temperature: configuration.temperature)
      report.scalars["contrast"] = try contrast.scalar()
      total = try total + contrast * configuration.contrast
    }
    guard configuration.bottleneck > 0 else { return total }
    let code = try outputs.logits.detached().linear(model.methodTensor("hidden"), nil).relu()
    let gaps = try features.map { try ($1 - code.linear(model.methodTensor("feature", $0.name), nil)).square().sum() }
    let elements = features.values.reduce(0) { $0 + $1.shape[0] * $1.shape[1] }
    let bottleneck = try Tensor.total(gaps.values) / Double(elements)
    report.scalars["bottleneck"] = try bottleneck.scalar()
    return try total + bottleneck * configuration.bottleneck
  }

  /// What has the gradient of R/λ_M, and no meaning else.
  private func game(
    _ features: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let permutations = try configuration.shuffle.permutations(configuration.permutations, of: batch.count, session)
    let labels = configuration.rows == .otherLabel ? try batch.labelRows() : []
    let pairs = permutations.flatMap { Array($0.enumerated()) }.filter { row, other in
      switch configuration.rows {
      case .all: true
      case .otherLabel: labels[row] != labels[other]
      case .moved: row != other
      }
    }
    let (loss, divergences) = try Influence.game(
      features, session.model, rows: pairs.map(\.offset), others: pairs.map(\.element),
      factor: configuration.strategy.factor)
    for (modality, value) in divergences { report.scalars["method.divergence.\(modality)"] = value }
    return loss
  }
}
