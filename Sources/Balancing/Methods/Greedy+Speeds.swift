import Foundation
import Multimodal
import Torch
import TorchNN

extension Greedy {
  /// Takes up a step that is not curated: the mean gates, and how far main and bypass parameters would move.
  mutating func remember(
    _ gates: PerModality<Tensor>, _ direction: Gradients, _ model: MultimodalModel
  ) throws {
    memory.steps += 1
    let shared = model.store.indices(within: "method.squeeze") + model.store.indices(within: "method.squeeze_bias")
    for (modality, gate) in gates {
      let name = modality.name
      let mean = try gate.detached().mean(0)
      let old = meanGates[name] ?? mean
      meanGates[name] = try old + (mean - old) / Double(memory.steps)
      let main = model.branch(modality) + model.store.indices(within: modality.head)
      let bypass = model.store.indices(within: ParameterPath(["method", "gate", name])) + shared
      memory.main[name, default: 0] += try Self.relativeEnergy(direction, main, model.store)
      memory.bypass[name, default: 0] += try Self.relativeEnergy(direction, bypass, model.store)
    }
  }

  /// μ: ‖∇‖² / ‖θ‖² over some parameters.
  static func relativeEnergy(_ direction: Gradients, _ indices: [Int], _ store: ParameterStore) throws -> Double {
    let squares = try indices.map { index in
      let weights = try store.parameters[index].tensor.detached().flattened()
      return try weights.dot(weights)
    }
    let size = squares.isEmpty ? 0 : try Tensor.stack(squares).sum().scalar()
    return size > 0 ? try direction.dot(direction, within: indices) / size : 0
  }

  /// BDR; nil where nothing has moved yet.
  static func speed(main: Double?, bypass: Double?) -> Double? {
    guard let main, let bypass, main > 0, bypass > 0 else { return nil }
    return log10(bypass / main)
  }
}
