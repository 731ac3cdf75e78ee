import Multimodal
import Torch

/// The means of features over the samples of each class, summed batch by batch.
///
/// With several labels a class has two: of the samples that have it, and of the others.
struct ClassMeans {
  private var byClass: [Tensor] = []
  private var all: [Tensor] = []
  private var counts: Tensor?
  private var modalities: [Modality] = []
  private var total = 0.0

  mutating func add(_ features: PerModality<Tensor>, _ batch: Batch, _ model: MultimodalModel) throws {
    let type = features.values[0].elementType
    let members: Tensor
    if model.task == .multiLabel {
      let labels = try batch.labels.to(type)
      members = try Tensor.cat([labels, 1 - labels], 1)
    } else {
      members = try batch.labels.oneHot(model.classes).to(type)
    }
    let sums = try features.values.map { try members.transposed().matmul($0) }
    let wholes = try features.values.map { try $0.sum(0) }
    byClass = byClass.isEmpty ? sums : try zip(byClass, sums).map { try $0 + $1 }
    all = all.isEmpty ? wholes : try zip(all, wholes).map { try $0 + $1 }
    counts = try counts.map { try $0 + members.sum(0) } ?? members.sum(0)
    modalities = features.modalities
    total += Double(batch.count)
  }

  /// The means, [C, D] of each modality; [2C, D] with several labels, first with the label.
  ///
  /// - Parameters:
  ///   - old: the means so far, which a class without samples keeps; nil: such a class begins with the mean of all.
  ///   - momentum: the share of the old means that stays.
  func means(after old: PerModality<Tensor>?, momentum: Double) throws -> PerModality<Tensor> {
    guard let counts else { return old ?? PerModality([], []) }
    let seen = try counts.greater(than: 0).unsqueezed(1)
    let divisors = try counts.clamped(min: 1).unsqueezed(1)
    return try PerModality(
      modalities,
      modalities.indices.map { m in
        let new = try byClass[m] / divisors
        guard let old = old?.values[m] else { return try seen.choose(new, (all[m] / total).expanded(new.shape)) }
        return try seen.choose(new * (1 - momentum) + old * momentum, old)
      })
  }
}
