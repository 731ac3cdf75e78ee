import Testing
import Torch

@testable import TorchNN

@Suite("Scopes")
struct ScopeTests {
  private func store() -> ParameterStore { ParameterStore(random: RandomSource(seed: 3), elementType: .float64) }

  @Test("a scope that renames makes parameters under the other names, which they begin by")
  func renaming() throws {
    let (renamed, plain) = (store(), store())
    let scope = (renamed.root / "encoder").renamed { $0.replacing("own", with: "theirs.deep") }
    let layer = try Linear(scope / "own", in: 3, out: 2)
    #expect(layer.weight.path == "encoder.theirs.deep.weight" && (scope / "own").path == "encoder.theirs.deep")
    let same = try Linear(plain.root / "encoder" / "theirs" / "deep", in: 3, out: 2)
    #expect(try layer.weight.tensor.array(of: Double.self) == same.weight.tensor.array(of: Double.self))
  }

  @Test("what is made within is sorted by name, and statistics stay statistics")
  func sorting() throws {
    let store = store()
    _ = try Linear(store.root / "z", in: 1, out: 1)
    let (norm, layer) = try (store.root / "encoder").sorting {
      (
        try BatchNorm(store.root / "encoder" / "norm", channels: 2),
        try Linear(store.root / "encoder" / "layer", in: 2, out: 3)
      )
    }
    let names = [
      "z.weight", "z.bias", "encoder.layer.bias", "encoder.layer.weight", "encoder.norm.bias",
      "encoder.norm.running_mean", "encoder.norm.running_var", "encoder.norm.weight",
    ]
    #expect(store.parameters.map(\.path.description) == names)
    #expect(store.parameters.map(\.index) == Array(0..<8) && store.trainable == [0, 1, 2, 3, 4, 7])
    #expect(store.indices(within: "encoder") == [2, 3, 4, 7])
    let flat: [Double] = try store.flat().array()
    let parts = try store.parameters.flatMap { try $0.tensor.array(of: Double.self) }
    #expect(flat == parts && flat.count == 2 + 9 + 8)
    #expect(try norm.variance.tensor.array(of: Double.self) == [1, 1])
    #expect(layer.weight.tensor.requiresGradient && !norm.mean.tensor.requiresGradient)
    #expect(store["encoder.norm.weight"] === norm.weight)
  }

  @Test("parameters begin as the tensors of their names, and as zeros where there is none")
  func beginnings() throws {
    let store = store()
    let scope = (store.root / "a").beginning(as: ["b.bias": try Tensor([5.0, 6.0])])
    let layer = try Linear(scope / "b", in: 1, out: 2)
    #expect(try layer.bias.tensor.array(of: Double.self) == [5, 6])
    #expect(try layer.weight.tensor.array(of: Double.self) == [0, 0])
  }

  @Test("constants are tensors as they are, and what cannot be had is told")
  func constants() throws {
    let weight = try Tensor([1.0, 2, 3, 4], shape: [2, 2])
    let constants = ConstantParameters { (path, shape) throws(TorchError) in
      guard path == "layer.weight" else {
        throw TorchError(operation: "\(path)", shapes: [shape], message: "is not there")
      }
      return weight
    }
    let layer = try Linear(constants.root / "layer", in: 2, out: 2, hasBias: false)
    #expect(layer.weight.isConstant && layer.weight.tensor.sharesStorage(with: weight) && !layer.hasBias)
    #expect(try layer(Tensor([1.0, 1], shape: [1, 2])).array(of: Double.self) == [3, 7])
    #expect(constants.parameters.map(\.path) == ["layer.weight"])
    let error = #expect(throws: TorchError.self) { try Linear(constants.root / "layer", in: 2, out: 2) }
    #expect(error?.operation == "layer.bias")
  }

  @Test("a place is taken once")
  func twice() throws {
    let store = store()
    _ = try Linear(store.root / "a", in: 1, out: 1)
    #expect(throws: TorchError.self) { try Linear(store.root / "a", in: 1, out: 1) }
  }

  @Test("a pass with other weights in place of the parameters computes with them, and tells which are not among them")
  func others() throws {
    let store = store()
    let layer = try Linear(store.root / "a", in: 1, out: 1)
    let given: [ParameterPath: Tensor] = ["a.weight": try Tensor([2.0], shape: [1, 1]), "a.bias": try Tensor([0.5])]
    let x = try Tensor([3.0], shape: [1, 1])
    #expect(try layer(x, ForwardPass(noting: nil) { given[$0.path] }).scalar() == 6.5)
    let error = #expect(throws: TorchError.self) {
      try layer(x, ForwardPass(noting: nil) { $0.path == "a.weight" ? given[$0.path] : nil })
    }
    #expect(error?.operation == "parameter 'a.bias'")
  }
}
