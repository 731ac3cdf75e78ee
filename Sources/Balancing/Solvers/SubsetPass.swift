import Multimodal
import Torch
import TorchNN

/// Which sets of modalities stand in for all others.
enum SubsetFamily {
  /// Proper sets that are not empty.
  ///
  /// All of them up to four modalities, else those of one and those that lack one, so that their number stays linear in M.
  /// Modality m is in a set where its entry is true.
  static func sets(_ modalities: Int) -> [[Bool]] {
    let range = 0..<modalities
    if modalities <= 4 {
      return (1..<max((1 << modalities) - 1, 1)).map { set in range.map { set >> $0 & 1 == 1 } }
    }
    return range.map { one in range.map { $0 == one } } + range.map { one in range.map { $0 != one } }
  }

  /// One of some sets for each number in 0..<1.
  static func drawn(_ sets: [[Bool]], by numbers: [Double]) -> [[Bool]] {
    numbers.map { sets[min(Int($0 * Double(sets.count)), sets.count - 1)] }
  }

  /// The set of all and then each of some sets, [1 + S, 1, M]; or the set of all and then, of each row, its own, [2, B, M].
  static func members(
    _ sets: [[Bool]], oneForEachRow: Bool = false, of modalities: Int, like numbers: Tensor
  ) throws -> Tensor {
    let all = [Bool](repeating: true, count: modalities)
    let rows = oneForEachRow ? sets.map { _ in all } + sets : [all] + sets
    let shape = oneForEachRow ? [2, sets.count, modalities] : [sets.count + 1, 1, modalities]
    return try Tensor(rows.flatMap { $0.map { $0 ? 1.0 : 0 } }, shape: shape)
      .to(numbers.elementType, on: numbers.device)
  }
}

/// The fused logits for several sets of modalities at once.
///
///     z_S = f_T(fuse(M aₘ eₘˢ)),   eₘˢ = eₘ for m ∈ S, e⁰ₘ elsewhere
///     a = softmax over m of κ tanh(G [ê₁ˢ; …; ê_Mˢ] + g),   ê = e / rms(e)
///
/// where e⁰ₘ is the feature of a missing input, κ is ``Gate/reach``, and a, without a gate, 1/M. No modality can have more
/// than e²ᵏ times the share of another, and features of any size are weighed alike, so that the gate does not shut for good
/// before it has learned. Where the fusion is a sum over modalities the
/// logits of all sets are made of the same M + M rows, Pₘ eₘ and Pₘ e⁰ₘ, so that a set costs additions of C numbers a
/// sample instead of a pass: Σₘ aₘ (b/M · M) = b, the bias stays what it is. The unimodal classifiers read the same
/// features in the same product.
struct SubsetPass {
  let model: MultimodalModel
  /// eₘ and, in the last row, e⁰ₘ: [B + 1, H] each.
  let features: PerModality<Tensor>
  /// Nil without a gate.
  let gate: Gate?

  /// - z_S, [S, B, C].
  /// - a, [S, B, M]; nil without a gate.
  /// - fₘ(eₘ), [B, C] each; empty where nobody asked for them.
  typealias Result = (logits: Tensor, reliance: Tensor?, unimodal: [Tensor])

  private var count: Int { features.count }
  private var rows: Int { features.values[0].shape[0] - 1 }

  /// - Parameter members: [S, B, M] or [S, 1, M], 1 where a modality is in the set and 0 elsewhere.
  func callAsFunction(_ members: Tensor, withUnimodal: Bool = false) throws -> Result {
    let own = try features.values.map { try $0.narrowed(0, from: 0, length: rows) }
    let missing = try features.values.map { try $0.narrowed(0, from: rows, length: 1) }
    let reliance = try reliance(members, own, missing)
    let heads = withUnimodal ? model.heads.values : []
    if let readouts = try model.fusion.readouts(features.values.map { $0.shape[1] }) {
      let outputs = try zip(features.values, readouts).enumerated().map { place, pair in
        guard withUnimodal else { return try pair.0.linear(pair.1.weight, pair.1.bias) }
        let (head, readout) = (heads[place], pair.1)
        return try pair.0.linear(
          .cat([readout.weight, head.weight.tensor], 0), .cat([readout.bias, head.bias.tensor], 0))
      }
      let parts = try Tensor.stack(outputs.map { try $0.narrowed(1, from: 0, length: model.classes) })
      return (
        try summed(
          parts.narrowed(1, from: 0, length: rows), parts.narrowed(1, from: rows, length: 1), members, reliance),
        reliance,
        try heads.isEmpty
          ? []
          : outputs.map {
            try $0.narrowed(0, from: 0, length: rows).narrowed(1, from: model.classes, length: model.classes)
          }
      )
    }
    let logits = try (0..<members.shape[0]).map { set in
      try model.outputs(
        ofFeatures: PerModality(
          features.modalities,
          features.modalities.indices.map { m in
            let kept = try members.selected(0, set).narrowed(1, from: m, length: 1)
            let seen = try missing[m] + kept * (own[m] - missing[m])
            guard let reliance else { return seen }
            return try seen * (reliance.selected(0, set).narrowed(1, from: m, length: 1) * Double(count))
          })
      ).logits
    }
    return (try Tensor.stack(logits), reliance, try zip(heads, own).map { try $0($1) })
  }

  /// Σₘ M aₘ (p⁰ₘ + kₘ (pₘ − p⁰ₘ)) of each set, [S, B, C], by small matrix products over m: nothing of S × M × B × C is made.
  ///
  /// - Parameters:
  ///   - own: pₘ, [M, B, C].
  ///   - rest: p⁰ₘ, [M, 1, C].
  private func summed(_ own: Tensor, _ rest: Tensor, _ members: Tensor, _ reliance: Tensor?) throws -> Tensor {
    let (sets, classes) = (members.shape[0], own.shape[2])
    let gained = try own - rest
    if reliance == nil, members.shape[1] == 1 {
      let kept = try members.reshaped([sets, count])
      return try kept.matmul(gained.reshaped([count, rows * classes])).reshaped([sets, rows, classes]) + rest.sum(0)
    }
    let shares = try reliance.map { try $0 * Double(count) }
    let kept = try shares.map { try $0 * members } ?? members.expanded([sets, rows, count])
    let parts = try kept.permuted([1, 0, 2]).matmul(gained.permuted([1, 0, 2])).permuted([1, 0, 2])
    return try parts + (shares.map { try $0.matmul(rest.squeezed(1)) } ?? rest.sum(0))
  }

  /// a, [S, B, M]; nil without a gate.
  private func reliance(_ members: Tensor, _ own: [Tensor], _ missing: [Tensor]) throws -> Tensor? {
    guard let gate else { return nil }
    let (own, rest) = (
      try Tensor.stack(gate.parts(own)).unsqueezed(0), try Tensor.stack(gate.parts(missing)).unsqueezed(0)
    )
    let kept = try members.permuted([0, 2, 1]).unsqueezed(3)
    return try gate.scores((rest + kept * (own - rest)).sum(1)).softmax(-1)
  }
}

/// How far each modality is trusted, sample by sample.
struct Gate {
  /// κ.
  let reach: Double
  /// G, [M, ΣH].
  let weight: Tensor
  /// g, [M].
  let bias: Tensor

  /// κ tanh of summed parts, [..., M].
  func scores(_ sum: Tensor) throws -> Tensor { try (sum + bias).tanh() * reach }

  /// What each feature adds to the scores, [B, M] each.
  func parts(_ features: [Tensor]) throws -> [Tensor] {
    var column = 0
    return try features.map { feature in
      let width = feature.shape[1]
      defer { column += width }
      let size = try (feature.square().mean(-1, keeping: true) + 1e-12).squareRoot()
      return try (feature / size).linear(weight.narrowed(1, from: column, length: width), nil)
    }
  }

  /// a of features as they are, [B] each; exactly 0 for what is known to be absent, unless all is.
  func shares(_ features: PerModality<Tensor>, absent: Set<Modality>) throws -> PerModality<Tensor> {
    let all = absent.count == features.count
    let hidden: [Double] = features.modalities.map { !all && absent.contains($0) ? -.infinity : 0 }
    let scores = try scores(Tensor.stack(parts(features.values)).sum(0))
    let shares = try (scores + Tensor(hidden).to(scores.elementType, on: scores.device)).softmax(-1)
    return try PerModality(features.modalities, features.modalities.indices.map { try shares.selected(1, $0) })
  }
}

/// How far a prediction rests on each modality, where no gate says so.
enum Reliance {
  /// rₘ = max(0, ⟨dₘ⟩) over their sum, [B] each, where dₘ is what the fused logits gain by modality m in place of a missing
  /// one, and ⟨d⟩ how much of it speaks for what is predicted: of one class d_ŷ less the mean over classes, of several
  /// labels Σ_c ±d_c with the sign of the answer, and of a regression ±d with the side of the mean that the answer is on.
  ///
  /// For a fusion that is a sum dₘ = Pₘ(eₘ − e⁰ₘ), which is Shapley's value of the modality in the logits; for others it is
  /// the logits with everything there less those without m. It means something for models that were trained on sets.
  static func shares(
    _ outputs: Outputs, missing: Outputs, absent: Set<Modality>
  ) throws -> PerModality<Tensor> {
    let (features, none) = (try outputs.features, try missing.features)
    let (parts, rest) = (try outputs.contributions(), try missing.contributions())
    let multiLabel = outputs.model.task == .multiLabel || !outputs.model.task.hasClasses
    let predicted = try multiLabel ? outputs.logits.sign() : outputs.logits.argmax(-1).unsqueezed(1)
    let gains = try features.modalities.map { modality -> Tensor in
      let gain: Tensor
      if let parts, let rest {
        gain = try parts[modality] - rest[modality]
      } else {
        let without = try features.map { $0 == modality ? try none[$0].expanded($1.shape) : $1 }
        gain = try outputs.logits - outputs.model.outputs(ofFeatures: without).logits
      }
      let speaks =
        try multiLabel
        ? (gain * predicted).sum(-1) : (gain - gain.mean(-1, keeping: true)).gathered(1, by: predicted).squeezed(1)
      let isThere = absent.contains(modality) ? 0.0 : 1.0
      return try speaks.clamped(min: 0) * isThere
    }
    let total = try Tensor.stack(gains).sum(0)
    let present = max(features.count - absent.count, 1)
    // Where nothing speaks for it, nothing can be told apart.
    let isEmpty = try total.equal(to: 0)
    return try PerModality(
      features.modalities,
      zip(features.modalities, gains).map { modality, gain in
        let even = try Tensor.full(
          gain.shape, absent.contains(modality) ? 0 : 1 / Double(present), gain.elementType, on: gain.device)
        return try isEmpty.choose(even, gain / (total + 1e-30))
      })
  }
}
