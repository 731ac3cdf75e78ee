import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("PCGrad")
struct PCGradTests {
  private func products(_ vectors: [[Double]]) -> [[Double]] {
    vectors.map { a in vectors.map { b in total(a.count) { a[$0] * b[$0] } } }
  }

  private func sum(_ vectors: [[Double]], _ weights: [Double]) -> [Double] {
    vectors[0].indices.map { k in total(vectors.count) { weights[$0] * vectors[$0][k] } }
  }

  /// The published algorithm on the vectors themselves, the others in the order of the list.
  private func plain(_ vectors: [[Double]]) -> [Double] {
    var result = [Double](repeating: 0, count: vectors[0].count)
    for i in vectors.indices {
      var h = vectors[i]
      for j in vectors.indices where j != i {
        let dot = total(h.count) { h[$0] * vectors[j][$0] }
        let square = total(h.count) { vectors[j][$0] * vectors[j][$0] }
        if dot < 0, square > 0 { h = h.indices.map { h[$0] - dot / square * vectors[j][$0] } }
      }
      result = zip(result, h).map(+)
    }
    return result
  }

  @Test("the known example: (1, 0) and (−0.5, 1) become (0.8, 1.4)")
  func known() throws {
    let vectors = [[1, 0], [-0.5, 1]]
    let (weights, conflict) = try PCGrad.weights(products(vectors), nil)
    #expect(conflict)
    #expect(allClose(sum(vectors, weights), [0.8, 1.4]))
  }

  @Test(
    "weights of every kind of gradients give what the algorithm gives on the vectors",
    arguments: [
      [[1.0, 0], [0.0, 1]], [[1, 2], [1, 2]], [[1, 2], [-1, -2]], [[0, 0], [1, 1]], [[0, 0], [0, 0]],
      [[1e-10, 0], [-1, 1]], [[1e15, 0], [-1, 1]], [[1, 0], [-1, 1], [0, -1]], [[1, 1], [-1, 0.1], [0.1, -1]],
      [[1, 0], [0, 1], [-1, -1]], [[3]], [[1, 0], [-1e-10, 1e-10], [-2, 1]],
    ])
  func bestiary(_ vectors: [[Double]]) throws {
    let (weights, _) = try PCGrad.weights(products(vectors), nil)
    #expect(weights.allSatisfy { $0.isFinite })
    let scale = vectors.flatMap { $0 }.map(abs).max() ?? 1
    #expect(allClose(sum(vectors, weights), plain(vectors), relative: 1e-9, absolute: 1e-9 * scale))
  }

  @Test(
    "without conflict nothing changes; with it, of two, what is left of each works against neither", arguments: 1...20)
  func theorem(_ seed: Int) throws {
    let values = numbers(8, seed: UInt64(seed))
    let vectors = [Array(values.prefix(4)), Array(values.suffix(4))]
    let (weights, conflict) = try PCGrad.weights(products(vectors), nil)
    #expect(conflict == (products(vectors)[0][1] < 0))
    if !conflict { #expect(weights == [1, 1]) }
    for vector in vectors {
      let result = sum(vectors, weights)
      #expect(total(4) { result[$0] * vector[$0] } >= -1e-9)
    }
  }

  @Test("gradients are summed, not averaged, and the mean is there for who wants it")
  func reduction() throws {
    let (summed, mean) = (try StepTaken(Bench("pcgrad")), try StepTaken(Bench("pcgrad", ["reduction": "mean"])))
    for (name, value) in try summed.update.named() {
      let factor = name.contains("embedding") ? 0.5 : 1
      #expect(try allClose(mean.found(name), values(value).map { $0 * factor }, relative: 1e-4, absolute: 1e-8))
    }
  }

  @Test("the order is drawn anew each step where it can matter")
  func shuffled() throws {
    // Three gradients each of which conflicts with both others.
    let gram = products([[1, 0.1], [-0.6, 0.8], [-0.5, -0.9]])
    let fixed = try PCGrad.weights(gram, nil).0
    var seen: [[Double]] = []
    for seed in 0..<40 {
      let weights = try PCGrad.weights(gram, Generator(seed: UInt64(seed))).0
      if !seen.contains(where: { allClose($0, weights) }) { seen.append(weights) }
    }
    #expect(seen.count > 1)
    #expect(seen.contains { allClose($0, fixed) })
  }

  @Test("a step without conflict is that of the uniform baseline")
  func agreement() throws {
    let uniform = try StepTaken(Bench("uniform"))
    for scope in PCGrad.ProjectionScope.allowed {
      let step = try StepTaken(Bench("pcgrad", ["scope": .string(scope)]))
      for (name, value) in try uniform.update.named()
      where step.report.scalars["conflict"] == 0 || !name.contains("embedding") {
        #expect(try allClose(step.found(name), values(value), relative: 1e-4, absolute: 1e-8), "\(scope) \(name)")
      }
    }
  }

  @Test("agrees with PyTorch", arguments: ListedStep.all("pcgrad.json"))
  func golden(_ example: ListedStep) throws { try example.check() }

  @Test("PyTorch's steps are there, with conflicts and without")
  func goldenThere() {
    let conflicts = ListedStep.all("pcgrad.json").compactMap { $0.scalars["conflict"] }
    #expect(conflicts.contains(0) && conflicts.contains { $0 > 0 })
  }
}
