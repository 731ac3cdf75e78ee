import TestSupport
import Testing
import Torch

@testable import TorchNN

@Suite("What an optimizer remembers, where several processes divide its steps")
struct OptimizerMemoryTests {
  enum Kind: CaseIterable { case adam, sgd, plain }

  /// Some steps of a linear layer over a constant input, whose second loss makes its gradient numbers instead of a product; what the
  /// parameters and the optimizer's state are afterwards.
  private static func trained(
    _ kind: Kind, _ group: ProcessGroup?, restoringAt broken: Int? = nil
  ) throws -> [String: [Double]] {
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    store.group = group
    let layer = try Linear(store.root / "layer", in: 5, out: 7)
    func optimizer() throws -> any Optimizer {
      switch kind {
      case .adam: try Adam(store, weightDecay: 0.1)
      case .sgd: try SGD(store, momentum: 0.9)
      case .plain: try SGD(store)
      }
    }
    var own = try optimizer()
    let graph = FactoredGraph(sharedBy: group)
    let inputs = try Tensor(numbers(6 * 5), shape: [6, 5])
    for step in 0..<4 {
      if step == broken {
        let state = try own.state().map { ($0.0, try $0.1.cloned()) }
        own = try optimizer()
        try own.restore { name in try #require(state.first { $0.0 == name }).1 }
      }
      try graph.recording { () throws(TorchError) in
        let output = try graph(layer, inputs).tensor()
        var gradients = try Gradients(of: output.square().sum(), store, keepingGraph: true)
        if step == 2 {
          let other = try Gradients(of: output.sum(), store)
          gradients =
            try other.mapping(Array(0..<store.parameters.count)) { (tensor) throws(TorchError) in
              try tensor * 0.5
            } + gradients
        }
        try own.step(gradients, learningRate: 0.01)
      }
      graph.clear()
    }
    let state = try own.state().map { ("state.\($0.0)", try $0.1.to(.float64)) }
    return try Dictionary(uniqueKeysWithValues: (store.named() + state).map { ($0, try values($1)) })
  }

  @Test("steps and state are those of one process, and the same bits in each", arguments: Kind.allCases, [2, 3])
  func divided(_ kind: Kind, _ count: Int) throws {
    let alone = try Self.trained(kind, nil)
    let all = try together(count) { try Self.trained(kind, $0) }
    for found in all {
      #expect(found == all[0])
      #expect(found.keys == alone.keys)
      for (name, numbers) in alone {
        #expect(allClose(found[name] ?? [], numbers, relative: 1e-9, absolute: 1e-12), "\(name)")
      }
    }
  }

  @Test("what one of them writes down goes on with the same bits", arguments: Kind.allCases)
  func restored(_ kind: Kind) throws {
    let whole = try together(2) { try Self.trained(kind, $0) }
    #expect(try together(2) { try Self.trained(kind, $0, restoringAt: 3) } == whole)
  }
}
