package import Torch

/// What a layer makes of an input, whose numbers are computed when somebody asks for them.
package final class LazyOutput {
  /// The layer, and what it met.
  struct Origin {
    let layer: Linear
    let input: ConstantInput
    /// How often the weights had been written to.
    let changes: Int
    /// Whether the numbers are a variable, at which graphs end.
    var isVariable = true
  }

  /// nil of numbers that no graph remembers.
  let origin: Origin?
  /// The numbers, where they have been asked for: of what a graph remembers a variable, at which graphs end.
  private(set) var known: Tensor?
  /// What it adds to the outputs of classifiers that read it without its numbers, by the first column that meets it.
  var parts: [(classifier: Parameter, column: Int, numbers: Tensor)] = []

  init(_ origin: Origin) { self.origin = origin }

  /// Numbers that are there.
  package init(_ tensor: Tensor) {
    origin = nil
    known = tensor
  }

  /// The numbers, [B, out].
  ///
  /// Throws where the layer has been trained since and they can no longer be known.
  package func tensor() throws(TorchError) -> Tensor { try Self.tensors([self])[0] }

  /// The numbers of several, computed side by side.
  package static func tensors(_ outputs: [LazyOutput]) throws(TorchError) -> [Tensor] {
    var open: [(output: LazyOutput, origin: Origin)] = []
    for output in outputs where output.known == nil && !open.contains(where: { $0.output === output }) {
      if let origin = output.origin { open.append((output, origin)) }
    }
    for (_, origin) in open { try origin.checkWeights() }
    for (output, origin) in open where !origin.isVariable {
      output.known = try withoutGradients { () throws(TorchError) in try origin.layer(origin.input.values()) }
    }
    open.removeAll { !$0.origin.isVariable }
    for (entry, made) in zip(open, try FactoredGraph.variables(open.map { ($0.origin.layer, $0.origin.input) })) {
      entry.output.known = made
    }
    return outputs.compactMap(\.known)
  }

  /// The number of columns.
  var width: Int { origin?.layer.weight.shape[0] ?? known?.shape.last ?? 0 }
  var rows: Int { origin?.input.rows ?? known?.shape.first ?? 0 }

  func part(of classifier: Parameter, _ column: Int) -> Tensor? {
    parts.first { $0.classifier === classifier && $0.column == column }?.numbers
  }

  func isOf(_ layer: Linear, _ input: Tensor, _ changes: Int) -> Bool {
    guard let origin else { return false }
    return origin.layer.weight === layer.weight && origin.input.known === input && origin.changes == changes
  }
}

extension LazyOutput.Origin {
  func checkWeights() throws(TorchError) {
    guard try layer.weight.tensor.changes != changes else { return }
    throw TorchError(
      operation: "linear", shapes: [[input.rows, input.width], layer.weight.shape],
      message: "the output was asked for after its layer had been trained on")
  }
}
