import Multimodal
import Torch

/// Rows whose modalities are from samples of different labels.
///
/// Sample i meets its images under M − 1 permutations; of these M samples every modality, in the order of the names, takes
/// each once, which makes M rows of i. Samples that meet none of other labels make none.
struct MixedRows {
  /// The sample that each row takes a modality from, [R] each.
  let sources: PerModality<Tensor>
  /// The sample i that each row is a change of, [R].
  let own: Tensor

  /// Nil where there are no such rows.
  init?(_ batch: Batch, _ modalities: [Modality], _ permutations: [[Int]]) throws {
    let labels = try batch.labelRows()
    let samples = [Array(0..<batch.count)] + permutations
    let rows = (0..<batch.count).filter { row in samples.contains { labels[$0[row]] != labels[row] } }
    guard !rows.isEmpty else { return nil }
    let count = modalities.count
    let order = modalities.sorted { $0.name < $1.name }
    let device = batch.inputs.values[0].device
    sources = try PerModality(modalities) { modality in
      let place = order.firstIndex(of: modality) ?? 0
      return try Tensor((0..<count).flatMap { turn in rows.map { samples[(place + turn) % count][$0] } }).to(on: device)
    }
    own = try Tensor((0..<count).flatMap { _ in rows }).to(on: device)
  }
}
