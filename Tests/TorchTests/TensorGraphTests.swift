import Foundation
import TestSupport
import Testing
import Torch

@Suite("Computations as graphs")
struct TensorGraphTests {
  private func inputs(_ rows: Int) throws -> [(name: String, tensor: Tensor)] {
    let values = (0..<(2 * rows)).map { Float($0) * 0.37 - Float(rows) }
    return [("x", try Tensor(values, shape: [rows, 2])), ("seen", try .ones([rows, 2], .bool))]
  }

  private func graph(_ body: @escaping ([Tensor]) throws -> Tensor) throws -> TensorGraph {
    try TensorGraph(inputs: inputs, outputs: ["y"]) { [try body($0)] }
  }

  @Test("a graph says what the computation does with any number of rows, and computes what is the same in it once")
  func rows() throws {
    Conditions.prepare()
    let weight = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2])
    let bias = try Tensor([1, 1, 1] as [Float])
    func compute(_ x: [Tensor]) throws -> Tensor {
      let rows = x[0].shape[0]
      let wide = try x[0].linear(weight, bias * 2)
      let again = try x[0].linear(weight, bias * 2)
      let spread = try Tensor.full([1, 3], 7).expanded([rows, 3])
      let flat = try Tensor.cat([wide, again, spread], 0).reshaped([3, rows * 3]).sum(0).reshaped([rows, 3])
      return try x[1].narrowed(1, from: 0, length: 1).choose(flat, wide)
    }
    let graph = try graph(compute)
    #expect(graph.nodes.map(\.operation).filter { $0 == "linear" }.count == 1)
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "graph.pt").path
      try graph.writeScript(to: path, leavingOut: ["seen"], about: "{}")
      let module = try ScriptModule(reading: path)
      #expect(module.arguments == ["x", "seen"] && module.required == 1)
      for rows in [1, 3, 4, 11] {
        let given = try inputs(rows).map(\.tensor)
        let expected: [Float] = try compute(given).array()
        #expect(try module(given)[0].tensor.array() == expected)
        #expect(try module([given[0]])[0].tensor.array() == expected)
        let none = try compute([given[0], .zeros([rows, 2], .bool)])
        #expect(try module([given[0], .zeros([rows, 2], .bool)])[0].tensor.array() == none.array() as [Float])
      }
    }
  }

  @Test("the names of inputs are Python's, whatever they were, and no two are the same")
  func names() throws {
    Conditions.prepare()
    let names = ["self", "a-b", "a_b", "7", "v7", "é"]
    let graph = try TensorGraph(
      inputs: { rows in try names.map { ($0, try .full([rows, 2], Double(rows))) } }, outputs: ["y"]
    ) { [try Tensor.stack($0).sum(0)] }
    #expect(graph.argumentNames == ["self_", "a_b", "a_b_", "_7", "_v7", "_"])
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "graph.pt").path
      try graph.writeScript(to: path, about: "{}")
      let made = try ScriptModule(reading: path)(names.map { _ in try .ones([2, 2]) })
      #expect(try made[0].tensor.array() == [6, 6, 6, 6] as [Float])
    }
  }

  @Test("what depends on numbers in a way that no graph says is refused")
  func refused() throws {
    Conditions.prepare()
    let bodies: [([Tensor]) throws -> Tensor] = [
      // A number that was read.
      { try $0[0] * $0[0].sum().scalar() },
      // Numbers that were made of what was read.
      { x in try x[0] + Tensor((x[0].array() as [Float]).map { $0 * 2 }, shape: x[0].shape) },
      // Another way for some numbers.
      { x in try x[0].sum().scalar() < -20 ? x[0].relu() : x[0].tanh() },
    ]
    for (place, body) in bodies.enumerated() {
      #expect(throws: TorchError.self, "\(place)") { try graph(body) }
    }
  }

  @Test("a computation that fails leaves no recording behind")
  func failing() throws {
    Conditions.prepare()
    #expect(throws: TorchError.self) { try graph { try $0[0].matmul($0[0]) } }
    #expect(try graph { try $0[0].relu() }.nodes.map(\.operation) == ["relu"])
  }
}
