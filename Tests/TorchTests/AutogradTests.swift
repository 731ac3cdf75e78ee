import Foundation
import TestSupport
import Testing
import Torch

@Suite("Gradients of tensors")
struct AutogradTests {
  private func variable(_ values: [Double], _ shape: [Int]? = nil) throws -> Tensor {
    try Tensor.of(values, shape).requiringGradient()
  }

  /// The gradient by central differences, in float64.
  private func differences(_ x: [Double], _ f: (Tensor) throws -> Tensor) throws -> [Double] {
    let step = 1e-5
    return try x.indices.map { i in
      var (low, high) = (x, x)
      low[i] -= step
      high[i] += step
      return try (f(Tensor(high)).scalar() - f(Tensor(low)).scalar()) / (2 * step)
    }
  }

  @Test("a gradient is what the calculus says")
  func calculus() throws {
    let (x, y) = (try variable([1, 2, 3]), try variable([4, 5, 6]))
    let loss = try (x * y + x.square()).sum()
    let found = try gradients(of: loss, withRespectTo: [x, y])
    #expect(try found[0]?.array() == [6.0, 9, 12])
    #expect(try found[1]?.array() == [1.0, 2, 3])
  }

  @Test(
    "the gradient of every function is that of small differences",
    arguments: UnaryCase.all.filter { $0.name != "sign" })
  func everyFunction(_ example: UnaryCase) throws {
    let x = numbers(6, seed: 11, in: example.range).map { Swift.abs($0) < 0.05 ? 0.25 : $0 }
    let tensor = try Tensor(x).requiringGradient()
    let found = try gradients(of: example.tensor(tensor).sum(), withRespectTo: [tensor])
    let expected = try differences(x) { try example.tensor($0).sum() }
    #expect(try allClose(values(found[0]), expected, relative: 1e-5, absolute: 1e-7))
  }

  @Test("the losses' gradients are those of small differences")
  func losses() throws {
    let x = numbers(6, seed: 12)
    let tensor = try Tensor(x).requiringGradient()
    func loss(_ x: Tensor) throws -> Tensor {
      let z = try x.reshaped([2, 3])
      let targets = try Tensor([1.0, 0, 0, 0.5, 1, 1], shape: [2, 3])
      return try z.crossEntropy(Tensor([2, 0])) + z.binaryCrossEntropy(targets) + z.softmax(1).norm() + z.logSumExp()
    }
    let found = try gradients(of: loss(tensor), withRespectTo: [tensor])
    #expect(try allClose(values(found[0]), differences(x, loss), relative: 1e-6, absolute: 1e-8))
  }

  @Test("a variable that the output does not depend on has none")
  func independent() throws {
    let (x, y) = (try variable([1]), try variable([2]))
    let found = try gradients(of: x.sum(), withRespectTo: [y, x, y])
    #expect(found[0] == nil)
    #expect(try found[1]?.array() == [1.0])
    #expect(found[2] == nil)
  }

  @Test("the gradient with respect to nothing is nothing")
  func noVariables() throws {
    #expect(try gradients(of: .of([1]).sum(), withRespectTo: []).isEmpty)
  }

  @Test("a graph is walked again only when it is kept")
  func keepingGraph() throws {
    let x = try variable([3])
    let loss = try x.square().sum()
    #expect(try gradients(of: loss, withRespectTo: [x], keepingGraph: true)[0]?.array() == [6.0])
    #expect(try gradients(of: loss, withRespectTo: [x])[0]?.array() == [6.0])
    let error = #expect(throws: TorchError.self) { try gradients(of: loss, withRespectTo: [x]) }
    #expect(error?.operation == "grad")
  }

  @Test("gradients of gradients are second derivatives")
  func secondDerivatives() throws {
    let x = try variable([2, 3])
    let first = try gradients(of: x.power(3).sum(), withRespectTo: [x], creatingGraph: true)
    let slope = try #require(first[0])
    #expect(slope.requiresGradient)
    #expect(try slope.array() == [12.0, 27])
    #expect(try gradients(of: slope.sum(), withRespectTo: [x])[0]?.array() == [12.0, 18])
  }

  @Test("gradients that are not to be differentiated carry no graph")
  func plainGradients() throws {
    let x = try variable([2])
    let found = try gradients(of: x.square().sum(), withRespectTo: [x])
    #expect(found[0]?.requiresGradient == false)
  }

  @Test("nothing is accumulated: the same gradient twice is the same")
  func noAccumulation() throws {
    let x = try variable([2])
    for _ in 0..<3 {
      #expect(try gradients(of: (x * 5).sum(), withRespectTo: [x])[0]?.array() == [5.0])
    }
  }

  @Test("without gradients no graph is recorded, and afterwards one is again")
  func withoutRecording() throws {
    let x = try variable([1])
    let quiet = try withoutGradients { try x * 2 }
    #expect(!quiet.requiresGradient)
    #expect(try (x * 2).requiresGradient)
    let nested = try withoutGradients {
      _ = try withoutGradients { try x * 2 }
      return try x * 3
    }
    #expect(!nested.requiresGradient)
  }

  @Test("recording comes back after an error too")
  func restoringAfterAnError() throws {
    struct Stop: Error {}
    let x = try variable([1])
    #expect(throws: Stop.self) { try withoutGradients { throw Stop() } }
    #expect(try (x * 2).requiresGradient)
  }

  @Test("a detached tensor shares its memory and not its graph, a clone the reverse")
  func detaching() throws {
    let x = try variable([1, 2])
    let cut = try x.detached()
    #expect(!cut.requiresGradient)
    #expect(cut.sharesStorage(with: x))
    let copy = try x.cloned()
    #expect(copy.requiresGradient)
    #expect(!copy.sharesStorage(with: x))
    #expect(try gradients(of: (x * cut).sum(), withRespectTo: [x])[0]?.array() == [1.0, 2])
  }

  @Test("a variable may stop being one")
  func stopping() throws {
    let x = try variable([1])
    try x.requiringGradient(false)
    #expect(!x.requiresGradient)
    #expect(try !(x * 2).requiresGradient)
  }
}
