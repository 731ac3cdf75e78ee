import Torch
import TorchNN

/// (1/(M − 1)) Σⱼ≠ₘ D_KL(pⱼ ‖ pₘ) for each m: how far each student is from the others' predictions, on the mean.
///
/// Written as Σⱼ≠ₘ Σ pⱼ log pⱼ − (Σⱼ≠ₘ pⱼ) log pₘ, with the sums over j taken once, so that the cost grows linearly in M.
///
/// - Parameters:
///   - targets: log pⱼ, [B, …] each.
///   - students: log pₘ, in the same order.
func meanDivergences(from targets: [Tensor], to students: [Tensor]) throws -> [Tensor] {
  let probabilities = try targets.map { try $0.exp() }
  let p = try sumsOfOthers(probabilities) { try $0 + $1 }
  let h = try sumsOfOthers(zip(probabilities, targets).map { try $0 * $1 }) { try $0 + $1 }
  return try students.indices.map {
    try Divergence.meanOverSamples(h[$0] - p[$0] * students[$0]) / Double(students.count - 1)
  }
}

/// The same of a regression: (1/(M − 1)) Σⱼ≠ₘ mean (zⱼ − zₘ)² for each m.
///
/// It is the divergence of normal distributions of variance ½ about the predictions, whose negative log-likelihood is, but
/// for a constant, the squared error that a regression descends.
///
/// - Parameters:
///   - targets: zⱼ, [B, 1] each.
///   - students: zₘ, in the same order.
func meanSquaredDifferences(from targets: [Tensor], to students: [Tensor]) throws -> [Tensor] {
  try students.indices.map { m in
    let others = try targets.indices.filter { $0 != m }.map { try (targets[$0] - students[m]).square() }
    return try Divergence.meanOverSamples(Tensor.total(others)) / Double(students.count - 1)
  }
}
