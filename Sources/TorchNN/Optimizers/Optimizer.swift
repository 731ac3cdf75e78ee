public import Torch

/// Moves parameters along a direction, and remembers what it needs for the next step.
public protocol Optimizer: AnyObject {
  /// Moves every parameter that `gradients` holds a direction for, with the step length `learningRate`, or a multiple of
  /// it where the store says so (``ParameterStore/scaleLearningRate(of:by:)``).
  func step(_ gradients: Gradients, learningRate: Double) throws(TorchError)

  /// What a checkpoint must keep: named tensors.
  func state() throws(TorchError) -> [(String, Tensor)]

  /// Takes up what `state` gave.
  func restore(_ state: (String) throws -> Tensor) throws
}

/// Per-parameter step counts, and the parameters that can be stepped in one call.
struct StepCounts {
  private(set) var counts: [Int]

  init(_ store: ParameterStore) { counts = Array(repeating: 0, count: store.parameters.count) }

  /// The counts that `state` gave.
  init(restoring tensor: Tensor, _ store: ParameterStore) throws(TorchError) {
    counts = try tensor.array()
    guard counts.count == store.parameters.count else {
      throw TorchError(
        operation: "restore", shapes: [tensor.shape],
        message: "the state counts the steps of \(counts.count) parameters, the model has \(store.parameters.count)")
    }
  }

  /// What parameters that are stepped together have in common.
  private struct Group: Hashable {
    let step: Int
    let rateFactor: Double
  }

  /// Counts one more step of each present parameter; those in step and of one learning rate are given together.
  mutating func advance(_ gradients: Gradients) -> [(step: Int, rateFactor: Double, indices: [Int])] {
    var groups: [Group: [Int]] = [:]
    for index in gradients.presentIndices {
      counts[index] += 1
      groups[Group(step: counts[index], rateFactor: gradients.store.rateFactor(index)), default: []].append(index)
    }
    return groups.sorted { ($0.key.step, $0.value[0]) < ($1.key.step, $1.value[0]) }
      .map { ($0.key.step, $0.key.rateFactor, $0.value) }
  }
}
