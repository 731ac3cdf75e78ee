import Foundation
import TestSupport
import Testing
import Torch

@testable import TorchNN

@Suite("Parameter stores")
struct ParameterStoreTests {
  private func store(_ type: ElementType = Conditions.elementType, seed: Int = 3) throws -> ParameterStore {
    let store = ParameterStore(random: RandomSource(seed: seed), elementType: type)
    _ = try Linear(store.root / "image" / "embedding", in: 3, out: 2)
    _ = try Linear(store.root / "imagery" / "embedding", in: 2, out: 2)
    _ = try (store.root / "image").parameter("scale", [], .constant(0.5))
    return store
  }

  @Test("a path is its components, and lies within its prefixes only")
  func paths() {
    let path: ParameterPath = "image.embedding.weight"
    #expect(path.components == ["image", "embedding", "weight"])
    #expect(path.description == "image.embedding.weight")
    #expect(path == ParameterPath(["image", "embedding"]) / "weight")
    #expect(path.isWithin("image"))
    #expect(path.isWithin("image.embedding"))
    #expect(path.isWithin(path))
    #expect(path.isWithin(ParameterPath([])))
    #expect(!path.isWithin("imag"))
    #expect(!path.isWithin("embedding"))
    #expect(!ParameterPath("image").isWithin(path))
  }

  @Test("parameters are kept in the order they were made, and found by path")
  func order() throws {
    let store = try store()
    let names = [
      "image.embedding.weight", "image.embedding.bias", "imagery.embedding.weight", "imagery.embedding.bias",
      "image.scale",
    ]
    #expect(store.parameters.map(\.path.description) == names)
    #expect(store.parameters.map(\.index) == [0, 1, 2, 3, 4])
    #expect(store.named().map(\.0) == names)
    #expect(store.count == 6 + 2 + 4 + 2 + 1)
    #expect(store["image.embedding.weight"]?.shape == [2, 3])
    #expect(store["image.scale"]?.shape == [])
    #expect(store["image"] == nil)
    #expect(store.indices(within: "image") == [0, 1, 4])
    #expect(store.indices(within: ParameterPath([])) == [0, 1, 2, 3, 4])
    #expect(store.indices(within: "text").isEmpty)
  }

  @Test("parameters are views of one flat buffer, both ways")
  func flat() throws {
    let store = try store()
    let before = try store.parameters.flatMap { try $0.tensor.array(of: Double.self) }
    let flat = try store.flat()
    #expect(try flat.array() == before)
    #expect(store.parameters.allSatisfy { $0.tensor.sharesStorage(with: flat) })
    #expect(store.parameters.allSatisfy { $0.tensor.requiresGradient })
    try flat.fill(2)
    #expect(try store["image.scale"]?.tensor.scalar() == 2)
    try store["image.scale"]?.tensor.fill(3)
    let last: [Double] = try flat.array()
    #expect(last.last == 3)
    #expect(try store.flat() === flat)
  }

  @Test("a parameter made later joins a new buffer and leaves the others as they were")
  func makingLater() throws {
    let store = try store()
    try store.flat().fill(7)
    try store.freeze("imagery")
    _ = try store.root.parameter("gate", [2], .ones)
    #expect(try store.flat().array() == [Double](repeating: 7, count: 15) + [1, 1])
    #expect(store["imagery.embedding.bias"]?.tensor.requiresGradient == false)
    #expect(store["gate"]?.tensor.requiresGradient == true)
  }

  @Test("neighbouring parameters make one range")
  func ranges() throws {
    let store = try store()
    #expect(store.ranges(of: [0, 1, 2, 3, 4]) == [0..<15])
    #expect(store.ranges(of: [4, 0, 1]) == [0..<8, 14..<15])
    #expect(store.ranges(of: [0, 2]) == [0..<6, 8..<12])
    #expect(store.ranges(of: []).isEmpty)
  }

  @Test("what is frozen is not trained, and only that")
  func freezing() throws {
    let store = try store()
    try store.freeze("image")
    #expect(store.trainable == [2, 3])
    #expect(store.parameters.map(\.tensor.requiresGradient) == [false, false, true, true, false])
  }

  @Test("a snapshot keeps the values, and restoring puts them back")
  func snapshot() throws {
    let store = try store()
    let kept = try store.snapshot()
    let values: [Double] = try kept.array()
    try store.flat().fill(0)
    #expect(try kept.array() == values)
    try store.restore(kept)
    #expect(try store.flat().array() == values)
    #expect(store.parameters.allSatisfy { $0.tensor.requiresGradient })
    #expect(throws: TorchError.self) { try store.restore(.zeros([3])) }
  }

  @Test("a move is stretched and measured for some parameters")
  func moves() throws {
    let store = try store(.float64)
    let before = try store.snapshot()
    try store.flat().add(.ones([15], .float64), scale: 0.5)
    let start: [Double] = try before.array()
    let measured = try store.distance(from: before.cloned(), within: [0, 4])
    let length = (start[0..<6] + start[14...]).map { $0 * $0 }.reduce(0, +).squareRoot()
    #expect(allClose([measured.move, measured.length], [0.5 * 7.0.squareRoot(), length], relative: 1e-12))
    try store.interpolate(from: before, factor: 3, within: [1, 2])
    let expected = start.enumerated().map { $1 + ((6..<12).contains($0) ? 1.5 : 0.5) }
    #expect(try allClose(store.flat().array(), expected, relative: 1e-12))
    try store.interpolate(from: before, factor: 0, within: [0, 1, 2, 3, 4])
    #expect(try allClose(store.flat().array(), start, relative: 1e-12))
  }

  @Test("weights come back from a file by name, whatever their order there")
  func loading() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "weights.safetensors")
      let (first, second) = (try store(), try store(seed: 4))
      try SafeTensors.write(first.named().reversed() + [("method.more", Tensor([1.0]))], to: url)
      #expect(try first.flat().array(of: Double.self) != second.flat().array())
      try second.load(SafeTensors(reading: url))
      #expect(try first.flat().array(of: Double.self) == second.flat().array())
    }
  }

  @Test("a weight of another shape is refused by name, and nothing is loaded")
  func wrongShape() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "weights.safetensors")
      let store = try store()
      let before: [Double] = try store.flat().array()
      try SafeTensors.write(
        store.named().map { ($0, $0 == "imagery.embedding.bias" ? try Tensor.zeros([3]) : try $1 * 2) }, to: url)
      let error = #expect(throws: WeightsMismatch.self) { try store.load(SafeTensors(reading: url)) }
      #expect(
        error
          == WeightsMismatch(path: url.path, parameter: "imagery.embedding.bias", expected: [2], found: [3]))
      #expect(try store.flat().array() == before)
    }
  }

  @Test("a weight that is missing is refused by name, and nothing is loaded")
  func missing() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "weights.safetensors")
      let store = try store()
      let before: [Double] = try store.flat().array()
      try SafeTensors.write(store.named().filter { $0.0 != "image.scale" }.map { ($0, try $1 * 2) }, to: url)
      let error = #expect(throws: SafeTensorsError.self) { try store.load(SafeTensors(reading: url)) }
      guard case .noTensor("image.scale", _)? = error?.problem else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try store.flat().array() == before)
    }
  }
}

@Suite("Initial values")
struct InitializerTests {
  private func value(
    _ initializer: Initializer, at path: ParameterPath = "a.weight", seed: Int = 1, _ type: ElementType = .float64
  ) throws -> [Double] {
    let store = ParameterStore(random: RandomSource(seed: seed), elementType: type)
    return try store.make(path, [40, 25], initializer).tensor.array()
  }

  @Test("constants are constant")
  func constants() throws {
    #expect(try Set(value(.zeros)) == [0])
    #expect(try Set(value(.ones)) == [1])
    #expect(try Set(value(.constant(-0.25))) == [-0.25])
  }

  @Test("uniform values fill ±1/√fan-in, normal ones have their deviation")
  func distributions() throws {
    let uniform = try value(.uniform(fanIn: 16))
    #expect(uniform.allSatisfy { abs($0) <= 0.25 })
    #expect((uniform.max() ?? 0) > 0.24)
    #expect((uniform.min() ?? 0) < -0.24)
    let normal = try value(.normal(standardDeviation: 3))
    let variance = normal.map { $0 * $0 }.reduce(0, +) / 1000
    #expect(abs(variance.squareRoot() - 3) < 0.3)
  }

  @Test("each path has a stream of its own, named by the path")
  func streams() throws {
    let random = Initializer.uniform(fanIn: 4)
    #expect(try value(random) == value(random))
    #expect(try value(random) != value(random, at: "b.weight"))
    #expect(try value(random) != value(random, seed: 2))

    let alone = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    let crowded = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    _ = try Linear(crowded.root / "other", in: 9, out: 9)
    let (one, other) = (try Linear(alone.root / "a", in: 3, out: 2), try Linear(crowded.root / "a", in: 3, out: 2))
    #expect(try one.weight.tensor.array(of: Double.self) == other.weight.tensor.array())
    #expect(try one.bias.tensor.array(of: Double.self) == other.bias.tensor.array())
  }

  @Test("in float32 a model begins with the float64 values, rounded")
  func rounding() throws {
    for initializer in [Initializer.uniform(fanIn: 5), .normal(standardDeviation: 2)] {
      let (exact, rounded) = (try value(initializer), try value(initializer, .float32))
      #expect(exact.map { Double(Float($0)) } == rounded)
    }
  }
}

@Suite("Linear layers")
struct LinearTests {
  @Test("y = x Wᵀ + b")
  func forward() throws {
    let store = ParameterStore(random: RandomSource(seed: 5), elementType: Conditions.elementType)
    let layer = try Linear(store.root / "layer", in: 3, out: 2)
    #expect(layer.weight.path == "layer.weight")
    #expect(layer.bias.path == "layer.bias")
    let (x, w, b) = (
      numbers(12), try layer.weight.tensor.array(of: Double.self), try layer.bias.tensor.array(of: Double.self)
    )
    #expect((w + b).allSatisfy { abs($0) <= 1 / 3.0.squareRoot() })
    let expected = matrix(4, 2) { i, o in b[o] + total(3) { x[i * 3 + $0] * w[o * 3 + $0] } }
    #expect(try allClose(layer(.of(x, [4, 3])).array(), expected, relative: Conditions.tolerance, absolute: 1e-6))
  }
}
