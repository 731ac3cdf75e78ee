package import Torch

/// Remembers where linear layers met inputs that nothing is differentiated through, such as frozen features, and where
/// linear layers read what came out of those.
///
/// A layer's weight has the gradient δᵀX, where X [B, in] is its input and δ [B, out] the derivative at its output. So
/// the graph of a loss need not reach the weight: it ends at the output, and the product is left until somebody wants its
/// numbers. Inner products of such gradients need no product of that size at all (``Gradients/dot(_:within:)``).
///
/// A layer that reads such outputs, a classifier, ends the graph too: what is left of it then are the few operations
/// between logits and loss. Its input's derivative is ζR, with ζ [B, C] the derivative at the logits and R [C, out] its
/// weight, and is kept as these two.
///
/// Where classes are few, the outputs XWᵀ + b between need not be computed at all: the logits are X(RW)ᵀ + Rb, and the
/// gradient of R is (ζᵀX)Wᵀ + (ζᵀ1)b. They are made when somebody asks for them (``LazyOutput``).
///
/// A layer that meets the same input again, with weights that have not changed, answers with the same output.
///
/// One for predictions, ``init(predicting:)``, remembers nothing to differentiate and only passes over outputs.
package final class FactoredGraph {
  /// A layer that reads the outputs of others.
  struct Reading {
    let layer: Linear
    let combination: Combination
    /// What the layer was given.
    let input: ConstantInput
    let parts: [Part]
    /// Its own output: a variable, at which graphs end.
    let output: Tensor
    let changes: Int

    /// An output that it reads.
    struct Part {
      let feature: LazyOutput
      /// The part of the layer's weight that meets it.
      let readout: ClassifierWeight
      /// RW [C, in] and Rb [C], where the logits were taken from the feature's input; nil where from the feature.
      let passed: (weight: Tensor, bias: Tensor)?
    }
  }

  /// The graph whose ``recording(_:)`` is running; nil: gradients go through the whole graph.
  package static var current: FactoredGraph? { recorder?.graph }

  /// A graph for the code inside one call of ``recording(_:)``, which runs where it was called.
  private struct Recorder: @unchecked Sendable { let graph: FactoredGraph }
  @TaskLocal private static var recorder: Recorder?

  private(set) var meetings: [LazyOutput] = []
  private(set) var readings: [Reading] = []
  private var inputs: [ConstantInput] = []

  /// How many multiplications passing over features must save; fewer are not worth the calls that it takes.
  private let leastWork: Int
  /// Of a graph for predictions.
  private let folded: FoldedClassifiers?
  /// The processes that share out large products; nil where there is one.
  private let group: ProcessGroup?

  /// - Parameter group: processes that each remember the same and share out large products.
  package convenience init(sharedBy group: ProcessGroup? = nil) { self.init(leastWork: 4_000_000, sharedBy: group) }

  /// A graph for the predictions of so many samples by weights that stay as they are, with no graph recorded.
  ///
  /// Logits are taken from inputs by one linear map for each classifier and layer, where that is less work than the
  /// layers' outputs are.
  package convenience init(predicting samples: Int) { self.init(leastWork: 4_000_000, predicting: samples) }

  init(leastWork: Int, predicting samples: Int? = nil, sharedBy group: ProcessGroup? = nil) {
    self.leastWork = leastWork
    self.group = group
    folded = samples.map { FoldedClassifiers(samples: $0, leastWork: leastWork) }
  }

  /// Runs passes of a model, and gradients of what they give, with this graph for their layers over constant inputs.
  package func recording<Value>(_ body: () throws(TorchError) -> Value) throws(TorchError) -> Value {
    let result = Self.$recorder.withValue(Recorder(graph: self)) {
      Result { () throws(TorchError) in try body() }
    }
    return try result.get()
  }

  /// The layer's output; remembered where its weights are trained, the input is constant and a graph is recorded.
  package func callAsFunction(_ layer: Linear, _ input: Tensor) throws(TorchError) -> LazyOutput {
    let changes = try layer.weight.tensor.changes
    if folded != nil, !Autograd.isRecording {
      return LazyOutput(
        LazyOutput.Origin(layer: layer, input: ConstantInput(input), changes: changes, isVariable: false))
    }
    guard layer.isTrained, !input.requiresGradient else { return LazyOutput(try layer(input)) }
    if let known = meetings.last(where: { $0.isOf(layer, input, changes) }) { return known }
    guard Autograd.isRecording else { return LazyOutput(try layer(input)) }
    let made = LazyOutput(LazyOutput.Origin(layer: layer, input: frozen(input, layer), changes: changes))
    meetings.append(made)
    return made
  }

  /// The output that some numbers are of.
  package func output(of tensor: Tensor) -> LazyOutput {
    meetings.last { $0.known === tensor } ?? LazyOutput(tensor)
  }

  /// The outputs of layers that each read some features, remembered where a graph is recorded and the features are
  /// outputs that were; nil where they are not, for a layer that is to be called as ever.
  package func reading(
    _ layers: [(layer: Linear, features: [LazyOutput])], _ combination: Combination = .concatenated
  ) throws(TorchError) -> [Tensor]? {
    guard Autograd.isRecording else {
      return try folded?.logits(layers, combination)
    }
    for (layer, features) in layers {
      guard layer.isTrained, features.allSatisfy({ feature in meetings.contains { $0 === feature } }) else {
        return nil
      }
    }
    var outputs: [Tensor?] = []
    var new: [(position: Int, parts: [(feature: LazyOutput, readout: ClassifierWeight)], changes: Int)] = []
    for (position, (layer, features)) in layers.enumerated() {
      if let known = try known(layer, features, combination) {
        outputs.append(known.output)
      } else {
        outputs.append(nil)
        new.append((position, try combination.parts(of: layer, features), try layer.weight.tensor.changes))
      }
    }
    try decide(new.flatMap(\.parts))
    var parts = try parts(new.flatMap(\.parts))[...]
    var made: [(layer: Linear, input: ConstantInput, parts: [Reading.Part])] = []
    for entry in new {
      let own = Array(parts.prefix(entry.parts.count))
      parts = parts.dropFirst(own.count)
      let layer = layers[entry.position].layer
      let input = ConstantInput(
        own.map(\.feature), combination, productType: layer.weight.productType, sharedBy: group)
      made.append((layer, input, own))
    }
    for ((position, _, changes), (entry, output)) in zip(new, zip(made, try Self.outputs(made))) {
      readings.append(
        Reading(
          layer: entry.layer, combination: combination, input: entry.input, parts: entry.parts, output: output,
          changes: changes))
      outputs[position] = output
    }
    return outputs.compactMap { $0 }
  }

  /// What each feature adds to the output of a layer that has read them, the bias shared out evenly: where the features
  /// were passed over and no graph is recorded; nil otherwise, for somebody who then takes them from the features.
  package func contributions(
    to layer: Linear, _ features: [LazyOutput], _ combination: Combination
  ) throws(TorchError) -> [Tensor]? {
    if Autograd.isRecording { return nil }
    if let parts = try folded?.parts([(layer, features)], combination) { return parts[0] }
    guard let reading = try known(layer, features, combination) else { return nil }
    let share = try layer.bias.tensor / Double(features.count)
    var products: [MatrixProduct] = []
    for part in reading.parts {
      guard let input = part.feature.origin?.input, let passed = part.passed else { return nil }
      products.append(
        MatrixProduct([(try input.values(), try passed.weight.transposed())], bias: try passed.bias + share))
    }
    return try MatrixProduct.results(products)
  }

  private func known(
    _ layer: Linear, _ features: [LazyOutput], _ combination: Combination
  ) throws(TorchError) -> Reading? {
    let changes = try layer.weight.tensor.changes
    return readings.last {
      $0.layer.weight === layer.weight && $0.changes == changes && $0.combination == combination
        && $0.parts.elementsEqual(features) { $0.feature === $1 }
    }
  }

  private func frozen(_ input: Tensor, _ layer: Linear) -> ConstantInput {
    if let known = inputs.last(where: { $0.known === input }) { return known }
    let made = ConstantInput(input, productType: layer.weight.productType, sharedBy: group)
    inputs.append(made)
    return made
  }

  /// Computes the features of some that are about to be read, where passing over them would not pay.
  ///
  /// Passing over one costs C · in (B + 2 · out) multiplications, forward and for the readout's gradient; computing and
  /// reading it B · out (in + 2C). A modality is commonly read twice, by the fused classifier and by its own.
  private func decide(_ parts: [(feature: LazyOutput, readout: ClassifierWeight)]) throws(TorchError) {
    var saved = 0
    var dear: [LazyOutput] = []
    for (feature, readout) in parts where feature.known == nil {
      guard let origin = feature.origin, origin.input.productType == nil else {
        dear.append(feature)
        continue
      }
      let before = readings.flatMap(\.parts).filter { $0.feature === feature && $0.passed != nil }
      let classes = max(
        2 * readout.weight.shape[0], before.reduce(readout.weight.shape[0]) { $0 + $1.readout.weight.shape[0] })
      let (rows, inputs, outputs) = (origin.input.rows, origin.input.width, origin.layer.weight.shape[0])
      let saving = rows * outputs * (inputs + 2 * classes) - classes * inputs * (rows + 2 * outputs)
      if saving > 0 { saved += saving } else { dear.append(feature) }
    }
    _ = try LazyOutput.tensors(saved < leastWork ? parts.map(\.feature) : dear)
  }

  /// The parts of readings, with RW and Rb where the feature is passed over.
  private func parts(
    _ parts: [(feature: LazyOutput, readout: ClassifierWeight)]
  ) throws(TorchError) -> [Reading.Part] {
    try withoutGradients { () throws(TorchError) in
      let layers = parts.map { $0.feature.known == nil ? $0.feature.origin?.layer : nil }
      var products: [MatrixProduct] = []
      for (part, layer) in zip(parts, layers) {
        if let layer { products.append(MatrixProduct([(part.readout.weight, layer.weight.tensor)])) }
      }
      var weights = try MatrixProduct.results(products)[...]
      var made: [Reading.Part] = []
      for ((feature, readout), layer) in zip(parts, layers) {
        var passed: (weight: Tensor, bias: Tensor)?
        if let layer, let weight = weights.popFirst() {
          passed = (weight, try readout.weight.matmul(layer.bias.tensor))
        }
        made.append(Reading.Part(feature: feature, readout: readout, passed: passed))
      }
      return made
    }
  }

  /// The outputs of readings as variables.
  private static func outputs(
    _ readings: [(layer: Linear, input: ConstantInput, parts: [Reading.Part])]
  ) throws(TorchError) -> [Tensor] {
    if readings.contains(where: { $0.layer.weight.productType != nil }) || !readings.contains(where: \.input.isOpen) {
      return try variables(readings.map { ($0.layer, $0.input) })
    }
    return try withoutGradients { () throws(TorchError) in
      var products: [MatrixProduct] = []
      for (layer, _, parts) in readings {
        var terms: [(left: Tensor, right: Tensor)] = []
        var bias = layer.bias.tensor
        for part in parts {
          if let passed = part.passed, let input = part.feature.origin?.input {
            terms.append((try input.values(), try passed.weight.transposed()))
            bias = try bias + passed.bias
          } else {
            terms.append((try part.feature.tensor().detached(), try part.readout.weight.transposed()))
          }
        }
        products.append(MatrixProduct(terms, bias: bias))
      }
      let outputs = try MatrixProduct.results(products, sharedBy: readings.first?.input.group)
      for output in outputs { try output.requiringGradient() }
      return outputs
    }
  }

  /// The outputs of layers as variables.
  static func variables(_ pairs: [(layer: Linear, input: ConstantInput)]) throws(TorchError) -> [Tensor] {
    var outputs: [Tensor] = []
    if pairs.contains(where: { $0.layer.weight.productType != nil }) {
      for (layer, input) in pairs {
        outputs.append(
          try withoutGradients { () throws(TorchError) in
            try input.inProductType().linear(layer.weight.inProductType(), layer.bias.inProductType())
              .to(input.values().elementType)
          })
      }
    } else {
      var products: [MatrixProduct] = []
      for (layer, input) in pairs {
        products.append(
          MatrixProduct([(try input.values(), try layer.weight.tensor.transposed())], bias: layer.bias.tensor))
      }
      outputs = try MatrixProduct.results(products, sharedBy: pairs.first?.input.group)
    }
    for output in outputs { try output.requiringGradient() }
    return outputs
  }

  /// Forgets all, as after a step, when graphs over the old weights are done with.
  package func clear() {
    meetings.removeAll(keepingCapacity: true)
    readings.removeAll(keepingCapacity: true)
    inputs.removeAll(keepingCapacity: true)
  }
}

extension Linear {
  fileprivate var isTrained: Bool { weight.tensor.requiresGradient && bias.tensor.requiresGradient }
}
