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

  /// The set of all, and then each of some sets, [1 + S, 1, M]; or one of them for each row, [2, B, M], by numbers in 0..<1.
  static func members(_ sets: [[Bool]], drawn draws: [Double], like outputs: Outputs) throws -> Tensor {
    let all = [Bool](repeating: true, count: outputs.modalities.count)
    let isDrawn = !draws.isEmpty && !sets.isEmpty
    let rows =
      isDrawn
      ? draws.map { _ in all } + draws.map { sets[min(Int($0 * Double(sets.count)), sets.count - 1)] } : [all] + sets
    let shape = isDrawn ? [2, draws.count, all.count] : [sets.count + 1, 1, all.count]
    return try Tensor(rows.flatMap { $0.map { $0 ? 1.0 : 0 } }, shape: shape)
      .to(outputs.logits.elementType, on: outputs.logits.device)
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
/// sample instead of a pass: Σₘ aₘ (b/M · M) = b, the bias stays what it is.
struct SubsetPass {
  let model: MultimodalModel
  /// eₘ, [B, H] each.
  let features: PerModality<Tensor>
  /// e⁰ₘ, [1, H] each.
  let missing: PerModality<Tensor>
  /// Nil without a gate.
  let gate: Gate?

  private var count: Int { features.count }

  /// z_S, [S, B, C], and a, [S, B, M] (nil without a gate).
  ///
  /// - Parameter members: [S, B, M] or [S, 1, M], 1 where a modality is in the set and 0 elsewhere.
  func callAsFunction(_ members: Tensor) throws -> (logits: Tensor, reliance: Tensor?) {
    let reliance = try reliance(members)
    if let parts = try model.fusion.contributions(features), let rest = try model.fusion.contributions(missing) {
      return (try summed(parts.values, rest.values, members, reliance), reliance)
    }
    let logits = try (0..<members.shape[0]).map { set in
      try model.outputs(
        ofFeatures: PerModality(
          features.modalities,
          features.modalities.indices.map { m in
            let kept = try members.selected(0, set).narrowed(1, from: m, length: 1)
            let (own, other) = (features.values[m], missing.values[m])
            let seen = try other + kept * (own - other)
            guard let reliance else { return seen }
            return try seen * (reliance.selected(0, set).narrowed(1, from: m, length: 1) * Double(count))
          })
      ).logits
    }
    return (try Tensor.stack(logits), reliance)
  }

  /// Σₘ M aₘ (p⁰ₘ + kₘ (pₘ − p⁰ₘ)) of each set, [S, B, C], by small matrix products over m: nothing of S × M × B × C is made.
  private func summed(
    _ own: [Tensor], _ other: [Tensor], _ members: Tensor, _ reliance: Tensor?
  ) throws -> Tensor {
    let rest = try Tensor.stack(other).squeezed(1)
    let (rows, classes) = (own[0].shape[0], own[0].shape[1])
    let sets = members.shape[0]
    if reliance == nil, members.shape[1] == 1 {
      let gained = try (Tensor.stack(own) - rest.unsqueezed(1)).reshaped([count, rows * classes])
      let kept = try members.reshaped([sets, count])
      return try kept.matmul(gained).reshaped([sets, rows, classes]) + rest.sum(0)
    }
    let gained = try Tensor.stack(own, 1) - rest
    let shares = try reliance.map { try $0 * Double(count) }
    let kept = try shares.map { try $0 * members } ?? members.expanded([sets, rows, count])
    let parts = try kept.permuted([1, 0, 2]).matmul(gained).permuted([1, 0, 2])
    return try parts + (shares.map { try $0.matmul(rest) } ?? rest.sum(0))
  }

  /// a, [S, B, M]; nil without a gate.
  private func reliance(_ members: Tensor) throws -> Tensor? {
    guard let gate else { return nil }
    let (own, other) = (try gate.parts(features), try gate.parts(missing))
    return try gate.scores(mixed(own, other, members.permuted([0, 2, 1]).unsqueezed(3)).sum(1)).softmax(-1)
  }

  /// e⁰-rows + k (e-rows − e⁰-rows) of every set, [S, M, B, …].
  private func mixed(_ own: [Tensor], _ other: [Tensor], _ kept: Tensor) throws -> Tensor {
    let rest = try Tensor.stack(other).unsqueezed(0)
    return try rest + kept * (Tensor.stack(own).unsqueezed(0) - rest)
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
  func parts(_ features: PerModality<Tensor>) throws -> [Tensor] {
    var column = 0
    return try features.values.map { feature in
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
    let scores = try scores(Tensor.stack(parts(features)).sum(0))
    let shares = try (scores + Tensor(hidden).to(scores.elementType, on: scores.device)).softmax(-1)
    return try PerModality(features.modalities, features.modalities.indices.map { try shares.selected(1, $0) })
  }
}

/// How far a prediction rests on each modality, where no gate says so.
enum Reliance {
  /// rₘ = max(0, ⟨dₘ⟩) over their sum, [B] each, where dₘ is what the fused logits gain by modality m in place of a missing
  /// one, and ⟨d⟩ how much of it speaks for what is predicted: of one class d_ŷ less the mean over classes, of several
  /// labels Σ_c ±d_c with the sign of the answer.
  ///
  /// For a fusion that is a sum dₘ = Pₘ(eₘ − e⁰ₘ), which is Shapley's value of the modality in the logits; for others it is
  /// the logits with everything there less those without m. It means something for models that were trained on sets.
  static func shares(
    _ outputs: Outputs, missing: Outputs, absent: Set<Modality>
  ) throws -> PerModality<Tensor> {
    let (features, none) = (try outputs.features, try missing.features)
    let (parts, rest) = (try outputs.contributions(), try missing.contributions())
    let multiLabel = outputs.model.task == .multiLabel
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
