import Multimodal

/// Which parameters of the branches one inner product of two gradients runs over.
enum BranchGrouping {
  case global, perModality, perTensor

  /// The groups; each has a part for every modality that has parameters in it.
  ///
  /// Modalities come by name, so that the order in which they are listed decides nothing.
  func groups(of model: MultimodalModel) -> [[[Int]]] {
    let branches = model.modalities.sorted { $0.name < $1.name }.map(model.branch)
    return switch self {
    case .global: [branches]
    case .perModality: branches.map { [$0] }
    case .perTensor: branches.flatMap { $0.map { [[$0]] } }
    }
  }
}
