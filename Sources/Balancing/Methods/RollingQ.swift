import Foundation
public import Multimodal
import Records
public import Torch
import TorchNN

/// RollingQ: when the queries of the attention lean towards one modality's keys, they are turned to where all can be heard.
///
///     aₘ = mean over samples of cos(q, kₘ),   AIR = maxₘ aₘ − minₘ aₘ
///     if AIR > β:   t = Σₘ wₘ k̄ₘ/‖k̄ₘ‖,   w = softmax(−2σ a),   R ← R(q̄ → t) · R
///
/// where q = R · 1/M Σⱼ (Q eⱼ + b_Q) is a sample's mean query and kₘ = K eₘ + b_K its key, q̄ and k̄ₘ are their means over
/// the training split, β is ``Configuration/threshold`` and σ ``Configuration/strength``. R(x → y) is the rotation in the
/// plane of x and y; R is `rotation`, begins as the identity, is not trained, and is applied to every query in training and
/// in prediction. For two modalities w₁ = (1 + tanh(−σ(a₁ − a₂)))/2, as published; the form for more is ours.
///
/// The paper turns the query of a class token before several tokens of each modality; here every modality is one token and
/// its own query, and all queries are turned alike. The authors' code takes R from the singular vectors of a matrix of rank
/// one, which leaves open what happens to all other directions; ours leaves them as they are. It measures AIR on an epoch's
/// last batch; we measure it on the whole training split, which is walked over for q̄ and k̄ₘ anyway.
public struct RollingQ: ObjectiveMethod, ActsBetweenEpochs, Checkpointed, PredictsItsOwnWay {
  private let configuration: Configuration
  /// R, [H, H] in float64; nil is the identity.
  private var rotation: Tensor?
  private var count = 0

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try session.loss(logits(outputs, absent: []), batch)
    report.losses["fused"] = try loss.scalar()
    report.scalars["rotations"] = Double(count)
    // Nothing is decided by the rest, and it costs nearly half of a step.
    guard session.isMeasured else { return loss }
    try withoutGradients {
      let fusion = try Self.fusion(outputs.model)
      let weights = try fusion.weights(outputs.features, turningQueries: rotation(like: outputs.logits))
      let cosines: [Double] = try Self.cosines(queriesAndKeys(outputs)).mean(0).array()
      for (position, (modality, weight)) in weights.enumerated() {
        report.scalars["fusion.weight.\(modality.name)"] = try weight.mean().scalar()
        report.scalars["cosine.\(modality.name)"] = cosines[position]
      }
      report.scalars["imbalance"] = Self.imbalance(cosines)
    }
    return loss
  }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    guard epoch > 0, count < configuration.rotations else { return }
    var cosines: [Double] = []
    var query: [Double] = []
    var keys: [Double] = []
    func add(_ part: Tensor, to sum: inout [Double]) throws {
      let numbers: [Double] = try part.array()
      sum = sum.isEmpty ? numbers : zip(sum, numbers).map(+)
    }
    try withoutGradients {
      try context.forEachBatch(of: context.training) { batch in
        let found = try queriesAndKeys(context.session.forward(batch))
        try add(Self.cosines(found).sum(0), to: &cosines)
        try add(found.query.sum(0), to: &query)
        try add(found.keys.sum(0), to: &keys)
      }
    }
    cosines = cosines.map { $0 / Double(max(context.training.count, 1)) }
    guard Self.imbalance(cosines) > configuration.threshold else { return }
    let width = query.count
    let means = cosines.indices.map { Array(keys[($0 * width)..<(($0 + 1) * width)]) }
    let target = Self.target(means, Self.weights(cosines, strength: configuration.strength))
    guard let turn = PlaneRotation.matrix(from: query, to: target) else { return }
    let next = try Tensor(turn, shape: [width, width])
    rotation = try rotation.map { try next.matmul($0) } ?? next
    count += 1
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let fusion = try Self.fusion(outputs.model)
    guard let rotation = try rotation(like: outputs.logits) else { return outputs.logits }
    return try fusion.logits(outputs.features, turningQueries: rotation)
  }

  // MARK: Parts

  /// AIR.
  static func imbalance(_ cosines: [Double]) -> Double { (cosines.max() ?? 0) - (cosines.min() ?? 0) }

  /// w, the largest for the modality that is heard least.
  static func weights(_ cosines: [Double], strength: Double) -> [Double] {
    let lowest = cosines.min() ?? 0
    let powers = cosines.map { exp(-2 * strength * ($0 - lowest)) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// t; a key without a direction has no part in it.
  static func target(_ keys: [[Double]], _ weights: [Double]) -> [Double] {
    var target = [Double](repeating: 0, count: keys.first?.count ?? 0)
    for (key, weight) in zip(keys, weights) {
      guard let direction = PlaneRotation.unit(key) else { continue }
      target = zip(target, direction).map { $0 + weight * $1 }
    }
    return target
  }

  /// q [B, H] and kₘ [B, M, H].
  private func queriesAndKeys(_ outputs: Outputs) throws -> (query: Tensor, keys: Tensor) {
    let fusion = try Self.fusion(outputs.model)
    let tokens = try Tensor.stack(outputs.features.values, 1)
    var query = try fusion.query(tokens).mean(1)
    if let rotation = try rotation(like: query) { query = try query.linear(rotation, nil) }
    return (query, try fusion.key(tokens))
  }

  /// cos(q, kₘ), [B, M].
  private static func cosines(_ found: (query: Tensor, keys: Tensor)) throws -> Tensor {
    try (found.query.unitRows().unsqueezed(1) * found.keys.unitRows()).sum(2)
  }

  private func rotation(like tensor: Tensor) throws -> Tensor? {
    try rotation?.to(tensor.elementType, on: tensor.device)
  }

  private static func fusion(_ model: MultimodalModel) throws -> CrossAttentionFusion {
    guard let fusion = model.fusion as? CrossAttentionFusion else {
      throw Diagnosis(
        "rollingq needs queries to turn, and the model's fusion has none",
        remedy: "--set model.fusion=cross_attention", exitStatus: .usage)
    }
    return fusion
  }

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(numbers: ["rotations": .int(count)], tensors: rotation.map { [("rotation", $0)] } ?? [])
  }

  public mutating func restore(_ state: MethodState) throws {
    count = Int(state.numbers[path: "rotations"]?.numberValue ?? 0)
    rotation = state.tensor("rotation")
  }
}
