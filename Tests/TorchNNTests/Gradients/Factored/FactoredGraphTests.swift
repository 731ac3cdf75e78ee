import TestSupport
import Testing
import Torch

@testable import TorchNN

/// Layers over constant inputs: outputs, products, and what is done with them.
@Suite("Layers over constant inputs")
struct FactoredGraphTests {
  private let store: ParameterStore
  private let layer: Linear
  private let head: Linear
  private let graph = FactoredGraph()

  /// - Returns: a store with a layer of 9 → 8, wide beside batches of 3, and one of 8 → 2 behind it.
  init() throws {
    Conditions.prepare()
    store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    layer = try Linear(store.root / "layer", in: 9, out: 8)
    head = try Linear(store.root / "head", in: 8, out: 2)
    _ = try store.flat()
  }

  private func input(_ rows: Int = 3, seed: UInt64 = 1) throws -> Tensor {
    try Tensor(numbers(rows * 9, seed: seed), shape: [rows, 9])
  }

  /// The gradient of a loss of the head's outputs, with the graph and through the whole graph.
  private func pair(_ input: Tensor, weight: Double = 1) throws -> (recorded: Gradients, whole: Gradients) {
    func loss(_ output: Tensor) throws -> Tensor { try (head(output) * weight).square().sum() }
    return (
      try FactoredGraphTests.gradients(of: loss(graph(layer, input).tensor()), store, recordedBy: graph),
      try Gradients(of: loss(layer(input)), store)
    )
  }

  /// The gradient of a loss with the graph that its pass was recorded by; nil: through the whole graph.
  private static func gradients(
    of loss: Tensor, _ store: ParameterStore, keepingGraph: Bool = false, recordedBy graph: FactoredGraph?
  ) throws -> Gradients {
    guard let graph else { return try Gradients(of: loss, store, keepingGraph: keepingGraph) }
    return try graph.recording { () throws(TorchError) in
      try Gradients(of: loss, store, keepingGraph: keepingGraph)
    }
  }

  @Test("what runs inside a recording knows its graph, and nothing does before, after and outside")
  func scopes() throws {
    #expect(FactoredGraph.current == nil)
    let other = FactoredGraph()
    try graph.recording { () throws(TorchError) in
      #expect(FactoredGraph.current === graph)
      try other.recording { () throws(TorchError) in #expect(FactoredGraph.current === other) }
      #expect(FactoredGraph.current === graph)
    }
    let broken = TorchError(operation: "none", shapes: [], message: "broken off")
    #expect(throws: TorchError.self) { try graph.recording { () throws(TorchError) -> Void in throw broken } }
    #expect(FactoredGraph.current == nil)
  }

  @Test("outside its recording a loss of recorded outputs has no gradient for their layer")
  func outside() throws {
    let loss = try graph(layer, input()).tensor().square().sum()
    #expect(try Gradients(of: loss, store, keepingGraph: true).presentIndices.isEmpty)
    #expect(try Self.gradients(of: loss, store, recordedBy: graph).presentIndices == [0, 1])
  }

  private func agree(_ a: Gradients, _ b: Gradients) throws -> Bool {
    try a.presentIndices == b.presentIndices && allClose(a.flat().array(), b.flat().array(), relative: 1e-12)
  }

  @Test("have the gradients of the whole graph", arguments: [1, 3, 30])
  func gradients(_ rows: Int) throws {
    let (recorded, whole) = try pair(input(rows))
    #expect(recorded.presentIndices == [0, 1, 2, 3])
    #expect(try agree(recorded, whole))
  }

  @Test("have inner products of those numbers, by samples or not", arguments: [1, 3, 30])
  func products(_ rows: Int) throws {
    let x = try input(rows)
    let ((g, wholeG), (k, wholeK)) = (try pair(x), try pair(x, weight: -0.3))
    for indices in [[0], [1], [0, 1], [0, 1, 2, 3]] {
      #expect(try allClose([g.dot(k, within: indices)], [wholeG.dot(wholeK, within: indices)], relative: 1e-12))
      #expect(try allClose([g.norm(within: indices)], [wholeG.norm(within: indices)], relative: 1e-12))
    }
    #expect(try allClose([g.dot(wholeK)], [wholeG.dot(wholeK)], relative: 1e-12))
  }

  @Test("keep inner products between different inputs")
  func differentInputs() throws {
    let ((g, wholeG), (k, wholeK)) = (try pair(input(seed: 1)), try pair(input(2, seed: 2)))
    #expect(try allClose([g.dot(k), k.dot(g)], [wholeG.dot(wholeK), wholeK.dot(wholeG)], relative: 1e-12))
    let (sum, wholeSum) = (try g + k, try wholeG + wholeK)
    #expect(try allClose([sum.dot(g), sum.norm()], [wholeSum.dot(wholeG), wholeSum.norm()], relative: 1e-12))
    #expect(try agree(sum, wholeSum))
  }

  @Test("keep sums, multiples, parts and changes")
  func arithmetic() throws {
    let x = try input()
    let ((g, wholeG), (k, wholeK)) = (try pair(x), try pair(x, weight: 2))
    func combined(_ g: Gradients, _ k: Gradients) throws -> [Gradients] {
      [
        try g.adding(k, scale: -0.7, within: [0, 3]), try g.scaled(by: 3) + k, g.within([0]),
        try g.scaled(by: -1, within: [1, 0]), g.replacing([0], by: k),
        try g.mapping([0]) { numbers throws(TorchError) in try numbers + 1 } + k,
      ]
    }
    for (one, two) in zip(try combined(g, k), try combined(wholeG, wholeK)) { #expect(try agree(one, two)) }
    // A share whose numbers are known, and one with a tensor beside its product.
    _ = try g.named()
    for (one, two) in zip(try combined(g, k), try combined(wholeG, wholeK)) {
      #expect(try agree(one, two))
      #expect(try allClose([(one + k).dot(k)], [(two + wholeK).dot(wholeK)], relative: 1e-12))
    }
  }

  /// Two layers side by side or added, and a classifier of as many classes that reads them.
  private struct Readers {
    let store: ParameterStore
    let layers: [Linear]
    let classifier: Linear
    let combination: Combination
    let graph: FactoredGraph

    init(_ classes: Int, _ combination: Combination, leastWork: Int) throws {
      graph = FactoredGraph(leastWork: leastWork)
      let store = ParameterStore(random: RandomSource(seed: 2), elementType: .float64)
      self.store = store
      layers = try ["a", "b"].map { try Linear(store.root / $0, in: 30, out: 20) }
      classifier = try Linear(store.root / "classifier", in: combination == .sum ? 20 : 40, out: classes)
      self.combination = combination
      _ = try store.flat()
    }

    func inputs(_ rows: Int) throws -> [Tensor] {
      try (0..<2).map { try Tensor(numbers(rows * 30, seed: UInt64($0)), shape: [rows, 30]) }
    }

    /// What the layers give, and what the classifier makes of it without computing that.
    func read(_ inputs: [Tensor]) throws -> (outputs: [LazyOutput], logits: Tensor) {
      let outputs = try zip(layers, inputs).map { try graph($0, $1) }
      return (outputs, try #require(try graph.reading([(classifier, outputs)], combination))[0])
    }

    /// The gradient of a loss of the logits and of the outputs themselves, with the graph or through the whole graph.
    func gradient(_ inputs: [Tensor], weight: Double, recorded: Bool) throws -> Gradients {
      let outputs = try zip(layers, inputs).map { try recorded ? graph($0, $1) : LazyOutput($0($1)) }
      let read: Tensor
      if recorded {
        read = try #require(try graph.reading([(classifier, outputs)], combination))[0]
      } else {
        let features = try LazyOutput.tensors(outputs)
        read = try classifier(combination == .sum ? features[0] + features[1] : Tensor.cat(features, -1))
      }
      let direct = weight < 0 ? try outputs[0].tensor().square().sum() : try read.sum() * 0
      return try FactoredGraphTests.gradients(
        of: (read * weight).square().sum() + direct, store, recordedBy: recorded ? graph : nil)
    }
  }

  @Test(
    "that read outputs of others end the graph with the same gradients and inner products",
    arguments: [(2, 0), (2, .max), (7, .max), (30, .max)], [Combination.concatenated, .sum])
  func readings(_ size: (classes: Int, leastWork: Int), _ combination: Combination) throws {
    let readers = try Readers(size.classes, combination, leastWork: size.leastWork)
    for rows in [3, 12] {
      let inputs = try readers.inputs(rows)
      func pair(_ weight: Double) throws -> (Gradients, Gradients) {
        (
          try readers.gradient(inputs, weight: weight, recorded: true),
          try readers.gradient(inputs, weight: weight, recorded: false)
        )
      }
      let ((g, wholeG), (k, wholeK), (l, wholeL)) = (try pair(1), try pair(0.5), try pair(-0.7))
      let couples = [((g, k), (wholeG, wholeK)), ((k, g), (wholeK, wholeG)), ((g, g), (wholeG, wholeG))]
      for ((a, b), (wholeA, wholeB)) in couples + [((g, l), (wholeG, wholeL)), ((l, l), (wholeL, wholeL))] {
        for within in [nil, [0], [0, 2], [4, 5]] {
          #expect(try allClose([a.dot(b, within: within)], [wholeA.dot(wholeB, within: within)], relative: 1e-10))
        }
      }
      let sum = try g.adding(k, scale: -0.3, within: g.presentIndices) + l.scaled(by: 2)
      let wholeSum = try wholeG.adding(wholeK, scale: -0.3, within: wholeG.presentIndices) + wholeL.scaled(by: 2)
      #expect(try allClose([sum.dot(g)], [wholeSum.dot(wholeG)], relative: 1e-10))
      for (one, two) in [(g, wholeG), (k, wholeK), (l, wholeL), (sum, wholeSum)] { #expect(try agree(one, two)) }
    }
  }

  @Test("that read the same outputs again answer alike, and not at all where the outputs are nobody's")
  func readAgain() throws {
    let output = try graph(layer, input())
    let first = try #require(try graph.reading([(head, [output])]))[0]
    #expect(try allClose(first, head(output.tensor())))
    #expect(try graph.reading([(head, [output])])?[0] === first)
    try head.weight.tensor.scale(by: 2)
    #expect(try graph.reading([(head, [output])])?[0] !== first)
    #expect(try graph.reading([(head, [LazyOutput(layer(input()))])]) == nil)
    #expect(try withoutGradients { () throws(TorchError) in try graph.reading([(head, [output])]) } == nil)
    try store.freeze("head")
    #expect(try graph.reading([(head, [output])]) == nil)
  }

  @Test("keep their gradients' numbers when the model has moved before somebody asks for them")
  func movedBefore() throws {
    let x = try input()
    func gradient() throws -> Gradients {
      let output = try graph(layer, x)
      let logits = try #require(try graph.reading([(head, [output])]))[0]
      return try FactoredGraphTests.gradients(of: logits.square().sum(), store, recordedBy: graph)
    }
    let (asked, open) = (try gradient(), try gradient())
    let numbers: [Double] = try asked.flat().array()
    try store.flat().scale(by: 3)
    #expect(try allClose(open.flat().array(), numbers, relative: 1e-12))
  }

  @Test("whose outputs a classifier of few classes reads are not computed before somebody asks")
  func passedOver() throws {
    let readers = try Readers(2, .concatenated, leastWork: 0)
    let inputs = try readers.inputs(12)
    let (outputs, logits) = try readers.read(inputs)
    #expect(outputs.allSatisfy { $0.known == nil })
    let parts = try withoutGradients {
      try #require(try readers.graph.contributions(to: readers.classifier, outputs, .concatenated))
    }
    #expect(outputs.allSatisfy { $0.known == nil })
    #expect(try allClose(parts[0] + parts[1], logits, relative: 1e-12))
    #expect(try readers.graph.contributions(to: readers.classifier, outputs, .concatenated) == nil)

    let features = try LazyOutput.tensors(outputs)
    #expect(try zip(features, zip(readers.layers, inputs)).allSatisfy { try allClose($0, $1.0($1.1), relative: 1e-12) })
    #expect(try allClose(logits, readers.classifier(Tensor.cat(features, -1)), relative: 1e-12))
    let columns = try readers.classifier.weight.tensor.narrowed(1, from: 20, length: 20)
    let share = try readers.classifier.bias.tensor / 2
    #expect(try allClose(parts[1], features[1].linear(columns, share), relative: 1e-12))
  }

  @Test("that were passed over say so when they are asked for after the model has moved, unless they were settled")
  func passedOverAndMoved() throws {
    let readers = try Readers(2, .concatenated, leastWork: 0)
    let (outputs, logits) = try readers.read(readers.inputs(12))
    func gradient() throws -> Gradients {
      try FactoredGraphTests.gradients(
        of: logits.square().sum(), readers.store, keepingGraph: true, recordedBy: readers.graph)
    }
    let (open, asked, settled) = (try gradient(), try gradient(), try gradient())
    let wanted: [Double] = try asked.flat().array()
    try settled.settle()
    try readers.store.flat().scale(by: 3)
    #expect(try settled.flat().array() == wanted)
    for ask in [{ _ = try outputs[0].tensor() }, { _ = try open.flat() }] {
      let error = #expect(throws: TorchError.self) { try ask() }
      #expect(error?.message.contains("after its layer had been trained on") == true)
    }
  }

  @Test(
    "that are only predicted with are passed over where many samples are, and their parts add up",
    arguments: [Combination.concatenated, .sum])
  func predicting(_ combination: Combination) throws {
    let readers = try Readers(4, combination, leastWork: 0)
    let heads = try ["c", "d"].map { try Linear(readers.store.root / $0, in: 20, out: 4) }
    _ = try readers.store.flat()
    for (samples, passes) in [(5000, true), (2, false)] {
      let graph = FactoredGraph(leastWork: 0, predicting: samples)
      for turn in 0..<3 {
        let inputs = try (0..<2).map { try Tensor(numbers(90, seed: UInt64(turn + $0)), shape: [3, 30]) }
        try withoutGradients {
          let outputs = try zip(readers.layers, inputs).map { try graph($0, $1) }
          let logits = try graph.reading([(readers.classifier, outputs)], combination)
          let own = try graph.reading(zip(heads, outputs).map { ($0, [$1]) })
          let parts = try graph.contributions(to: readers.classifier, outputs, combination)
          #expect(outputs.allSatisfy { $0.known == nil })
          #expect((logits != nil) == passes && (own != nil) == passes && (parts != nil) == passes)
          let features = try zip(readers.layers, inputs).map { try $0($1) }
          #expect(try zip(LazyOutput.tensors(outputs), features).allSatisfy { try allClose($0, $1, relative: 0) })
          #expect(outputs.allSatisfy { $0.known?.requiresGradient == false })
          // What is known is not passed over.
          #expect(try graph.reading([(readers.classifier, outputs)], combination) == nil)
          guard passes else { return }
          let joined = try combination == .sum ? features[0] + features[1] : Tensor.cat(features, -1)
          #expect(try allClose(#require(logits)[0], readers.classifier(joined), relative: 1e-12))
          #expect(
            try allClose(
              #require(parts).reduce(Tensor.zeros([3, 4], .float64)) { try $0 + $1 }, #require(logits)[0],
              relative: 1e-12))
          for (position, head) in heads.enumerated() {
            #expect(try allClose(#require(own)[position], head(features[position]), relative: 1e-12))
          }
        }
        // The next is predicted with other weights.
        try readers.store.flat().scale(by: 1.5)
      }
    }
  }

  @Test("answer alike while neither input nor weights change")
  func remembering() throws {
    let x = try input()
    let first = try graph(layer, x)
    #expect(try graph(layer, x) === first)
    #expect(try graph(layer, input()) !== first)
    try layer.weight.tensor.scale(by: 2)
    let scaled = try graph(layer, x)
    #expect(scaled !== first)
    #expect(try allClose(scaled.tensor(), layer(x)))
    graph.clear()
    #expect(try graph(layer, x) !== scaled)
  }

  @Test("moving the model by an optimizer's step counts as a change")
  func steps() throws {
    let x = try input()
    let optimizers: [any Optimizer] = [try Adam(store), try SGD(store), try SGD(store, momentum: 0.9)]
    for optimizer in optimizers {
      let before = try graph(layer, x)
      try optimizer.step(pair(x).recorded, learningRate: 0.1)
      #expect(try graph(layer, x) !== before)
      #expect(try allClose(graph(layer, x).tensor(), layer(x)))
    }
  }

  @Test("are as ever where the layer is frozen, the input is differentiated or nothing is recorded")
  func notTaped() throws {
    let x = try input()
    let looked = try withoutGradients { () throws(TorchError) in try graph(layer, x).tensor() }
    #expect(!looked.requiresGradient)
    let variable = try input(seed: 2).requiringGradient()
    let slope = try Torch.gradients(of: graph(layer, variable).tensor().sum(), withRespectTo: [variable])[0]
    #expect(try #require(slope).shape == [3, 9])
    try store.freeze("layer")
    #expect(try !graph(layer, x).tensor().requiresGradient)
    #expect(try pair(x).recorded.presentIndices == [2, 3])
  }

  @Test("products in bfloat16 follow the weights, which keep float32, as does what is only looked at")
  func bfloat16() throws {
    let rounded = ParameterStore(random: RandomSource(seed: 1), productType: .bfloat16)
    let exact = ParameterStore(random: RandomSource(seed: 1))
    let layers = try [rounded, exact].map { try Linear($0.root / "layer", in: 9, out: 8) }
    let x = try input().to(.float32)
    for store in [rounded, exact] { _ = try store.flat() }
    let (optimizer, other) = (try SGD(rounded), try SGD(exact))
    for _ in 0..<3 {
      let (recorded, plain) = (try graph(layers[0], x).tensor(), try layers[1](x))
      #expect(recorded.elementType == .float32)
      #expect(try recorded.array(of: Float.self) == layers[0](x).array())
      #expect(try recorded.array(of: Float.self) != plain.array())
      #expect(try allClose(recorded, plain, relative: 0.02, absolute: 0.05))
      let looked = try withoutGradients { () throws(TorchError) in try layers[0](x) }
      #expect(try looked.array(of: Float.self) == x.linear(layers[0].weight.tensor, layers[0].bias.tensor).array())
      let g = try FactoredGraphTests.gradients(of: recorded.square().sum(), rounded, recordedBy: graph)
      let whole = try Gradients(of: plain.square().sum(), exact)
      #expect(try g.flat().elementType == .float32)
      #expect(try (g.flat() - whole.flat()).norm().scalar() < 0.02 * whole.norm())
      #expect(try abs(g.dot(g) / whole.dot(whole) - 1) < 0.04)
      try optimizer.step(g, learningRate: 0.01)
      try other.step(whole, learningRate: 0.01)
    }
    #expect(rounded.parameters.allSatisfy { $0.tensor.elementType == .float32 })
  }

  @Test("an optimizer moves by products as by numbers")
  func optimizers() throws {
    func trained(_ recorded: Bool, _ make: (ParameterStore) throws -> any Optimizer) throws -> [Double] {
      let bench = try FactoredGraphTests()
      let optimizer = try make(bench.store)
      for step in 0..<3 {
        let pair = try bench.pair(bench.input(seed: UInt64(step)))
        try optimizer.step(recorded ? pair.recorded : pair.whole, learningRate: 0.01)
        bench.graph.clear()
      }
      return try bench.store.flat().array()
    }
    for make in [
      { store in try Adam(store, weightDecay: 0.1) }, { store in try Adam(store, weightDecay: 0.1, decoupled: true) },
      { store in try SGD(store, momentum: 0.9, nesterov: true) },
    ] as [(ParameterStore) throws -> any Optimizer] {
      #expect(try allClose(trained(true, make), trained(false, make), relative: 1e-9))
    }
  }
}
