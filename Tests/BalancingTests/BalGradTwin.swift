import Foundation

/// BalGrad's step with its default settings (and the other partner of several) in plain loops: forward pass, gradients by hand, projection.
///
/// Written from the equations alone, and for any number of modalities; samples of one label each.
struct BalGradTwin {
  /// Matrices by rows.
  typealias Rows = [[Double]]

  /// A direction, by the names of parameters, each flattened row by row.
  typealias Direction = [String: [Double]]

  let modalities: [String]
  /// By parameter name, flattened row by row.
  let weights: [String: [Double]]
  let hidden: [Int]
  let classes: Int

  /// What a step computes.
  struct Step {
    var losses: [String: Double] = [:]
    var shares: [String: Double] = [:]
    var divergences: [String: Double] = [:]
    var target: Direction = [:]
    var balance: Direction = [:]
    var unimodal: Direction = [:]
    var projected: Direction = [:]
    var update: Direction = [:]
    var conflict = false
  }

  /// - Parameter consensus: whether each modality learns from one weighted mean of the others.
  func step(_ inputs: [Rows], _ labels: [Int], ramp: Double, consensus: Bool = false) -> Step {
    let count = Double(labels.count)
    let samples = labels.indices
    var result = Step()

    // Forward: e = W x + b, z_m = U e + c, z = V [e₁ … e_M] + d.
    var features: [Rows] = []
    var own: [Rows] = []
    for (m, name) in modalities.enumerated() {
      features.append(linear(inputs[m], "\(name).embedding"))
      own.append(linear(features[m], "\(name).head"))
    }
    let joined = samples.map { i in features.flatMap { $0[i] } }
    let fused = linear(joined, "fusion.classifier")

    // Losses, and their gradients with respect to logits: (p − onehot)/B.
    func slope(_ logits: Rows) -> Rows {
      samples.map { i in
        softmax(logits[i]).enumerated().map { ($1 - ($0 == labels[i] ? 1 : 0)) / count }
      }
    }
    func loss(_ logits: Rows) -> Double {
      -samples.map { log(softmax(logits[$0])[labels[$0]]) }.reduce(0, +) / count
    }
    result.losses["fused"] = loss(fused)
    let losses = own.map(loss)
    for (name, value) in zip(modalities, losses) { result.losses[name] = value }

    // Target: through the fused classifier into each feature.
    let fusedSlope = slope(fused)
    addLinear(&result.target, "fusion.classifier", fusedSlope, joined)
    let back = pull(fusedSlope, "fusion.classifier", width: hidden.reduce(0, +))
    var start = 0
    for (m, name) in modalities.enumerated() {
      addLinear(&result.target, "\(name).embedding", back.map { Array($0[start..<(start + hidden[m])]) }, inputs[m])
      start += hidden[m]
    }

    // Unimodal: each loss through its own head.
    for (m, name) in modalities.enumerated() { addBranch(&result.unimodal, name, m, slope(own[m]), features, inputs) }

    // Eq. 2 and 3: Kₘ is the mean over the others j of D_KL(pⱼ ‖ pₘ), whose gradient with respect to zₘ is (pₘ − pⱼ)/B;
    // or D_KL(qₘ ‖ pₘ) with the others' consensus qₘ = Σ aⱼpⱼ / Σ aⱼ, aⱼ = 1/Lⱼ. wₘ = (M/2) Lₘ / Σ L. Eq. 4: times the
    // ramp.
    let p = own.map { $0.map(softmax) }
    for (m, name) in modalities.enumerated() {
      let share = Double(modalities.count) / 2 * losses[m] / losses.reduce(0, +)
      let partners = modalities.indices.filter { $0 != m }
      var divergence = 0.0
      var slope = samples.map { _ in [Double](repeating: 0, count: classes) }
      func add(_ target: Double, _ i: Int, _ c: Int, weight: Double) {
        divergence += weight * target * (log(target) - log(p[m][i][c])) / count
        slope[i][c] += weight * ramp * share * (p[m][i][c] - target) / count
      }
      for i in samples {
        for c in 0..<classes {
          if consensus {
            let sum = partners.map { p[$0][i][c] / losses[$0] }.reduce(0, +)
            add(sum / partners.map { 1 / losses[$0] }.reduce(0, +), i, c, weight: 1)
          } else {
            for j in partners { add(p[j][i][c], i, c, weight: 1 / Double(partners.count)) }
          }
        }
      }
      result.shares[name] = share
      result.divergences[name] = divergence
      addBranch(&result.balance, name, m, slope, features, inputs)
    }

    // Eq. 6 over the embedding layers.
    let branches = modalities.flatMap { ["\($0).embedding.weight", "\($0).embedding.bias"] }
    let inner = branches.map { dot(result.target[$0], result.balance[$0]) }.reduce(0, +)
    let square = branches.map { dot(result.balance[$0], result.balance[$0]) }.reduce(0, +)
    result.conflict = inner < 0 && square > 0
    result.projected = result.target
    if result.conflict {
      for name in branches {
        result.projected[name] = zip(result.target[name] ?? [], result.balance[name] ?? []).map {
          $0 - inner / square * $1
        }
      }
    }

    // Figure 3.
    for part in [result.projected, result.unimodal, result.balance] {
      result.update.merge(part) { zip($0, $1).map(+) }
    }
    return result
  }

  // MARK: Parts

  private func softmax(_ logits: [Double]) -> [Double] {
    let top = logits.max() ?? 0
    let powers = logits.map { exp($0 - top) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  private func dot(_ a: [Double]?, _ b: [Double]?) -> Double { zip(a ?? [], b ?? []).map(*).reduce(0, +) }

  private func linear(_ x: Rows, _ name: String) -> Rows {
    let (w, b) = (weights["\(name).weight"] ?? [], weights["\(name).bias"] ?? [])
    let width = w.count / b.count
    return x.map { row in b.indices.map { o in b[o] + dot(Array(w[(o * width)..<((o + 1) * width)]), row) } }
  }

  /// What a slope of a linear map's outputs means for its inputs.
  private func pull(_ slope: Rows, _ name: String, width: Int) -> Rows {
    let w = weights["\(name).weight"] ?? []
    return slope.map { row in (0..<width).map { k in row.indices.map { row[$0] * w[$0 * width + k] }.reduce(0, +) } }
  }

  /// The gradient of a linear map's weight and bias.
  private func addLinear(_ direction: inout Direction, _ name: String, _ slope: Rows, _ inputs: Rows) {
    let (outputs, width) = (slope[0].count, inputs[0].count)
    var weight = [Double](repeating: 0, count: outputs * width)
    var bias = [Double](repeating: 0, count: outputs)
    for (row, input) in zip(slope, inputs) {
      for o in 0..<outputs {
        bias[o] += row[o]
        for k in 0..<width { weight[o * width + k] += row[o] * input[k] }
      }
    }
    direction["\(name).weight"] = weight
    direction["\(name).bias"] = bias
  }

  /// The gradient of a head and of the embedding layer below it.
  private func addBranch(
    _ direction: inout Direction, _ name: String, _ m: Int, _ slope: Rows, _ features: [Rows], _ inputs: [Rows]
  ) {
    addLinear(&direction, "\(name).head", slope, features[m])
    addLinear(&direction, "\(name).embedding", pull(slope, "\(name).head", width: hidden[m]), inputs[m])
  }
}
