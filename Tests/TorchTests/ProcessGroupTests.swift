import TestSupport
import Testing
import Torch

@Suite("Processes that compute together")
struct ProcessGroupTests {
  @Test("a sum is of all members, and the same bits in each", arguments: [1, 2, 3, 4])
  func sums(_ count: Int) throws {
    let found = try together(count) { group -> [Float] in
      let tensor = try Tensor([Float(group.rank) + 0.25, 1])
      try group.sum(tensor)
      return try tensor.array()
    }
    let expected = (0..<count).reduce(Float(0)) { $0 + Float($1) + 0.25 }
    #expect(found == [[Float]](repeating: [expected, Float(count)], count: count))
  }

  @Test("a sum is put in the place of a tensor that is no row of memory")
  func sumsInPlace() throws {
    let found = try together(2) { group -> [Float] in
      let whole = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2])
      try group.sum(whole.narrowed(1, from: 0, length: 1))
      return try whole.array()
    }
    #expect(found == [[2, 2, 6, 4, 10, 6], [2, 2, 6, 4, 10, 6]])
  }

  @Test("each has its share of any number of rows, and all get the rows in order", arguments: [3, 4, 7, 12])
  func gathers(_ rows: Int) throws {
    let found = try together(3) { group -> [Int] in
      let own = group.share(of: rows)
      return try group.gathered(Tensor(Array(own.map { $0 * 10 })), of: rows).array()
    }
    #expect(found == [[Int]](repeating: (0..<rows).map { $0 * 10 }, count: 3))
  }

  @Test("what one has, all get; what each says, all hear; and all stop where one wants to")
  func tells() throws {
    let found = try together(3) { group -> [String] in
      let tensor = try Tensor([Float(group.rank)])
      try group.broadcast(tensor, from: 2)
      let words = try group.told(Array(String(repeating: "x", count: group.rank).utf8))
      return [
        "\(try tensor.scalar())", "\(words.map(\.count))", "\(try group.any(group.rank == 1))",
        "\(try group.any(false))",
      ]
    }
    #expect(found == [[String]](repeating: ["2.0", "[0, 1, 2]", "true", "false"], count: 3))
  }

  @Test("products that are shared out are those of one process")
  func products() throws {
    let (a, b, c) = (numbers(7 * 5), numbers(5 * 6, seed: 2), numbers(6, seed: 3))
    @Sendable func product() throws -> MatrixProduct {
      MatrixProduct([(try .of(a, [7, 5]), try .of(b, [5, 6]))], bias: try .of(c))
    }
    let alone: [Double] = try MatrixProduct.results([product()])[0].array()
    for found in try together(3, { try values(MatrixProduct.results([product()], sharedBy: $0)[0]) }) {
      #expect(allClose(found, alone))
    }
  }

  @Test("batch normalization over members is that of all rows, with its gradients")
  func batchNormalization() throws {
    let (x, gain, shift, outer) = (numbers(6 * 2 * 3), [0.5, -1.5], [0.1, 0.2], numbers(6 * 2 * 3, seed: 4))
    @Sendable func derived(_ rows: Range<Int>, _ group: ProcessGroup?) throws -> [[Double]] {
      let whole = try Tensor(x, shape: [6, 2, 3]).narrowed(0, from: rows.lowerBound, length: rows.count)
      let variables = try [whole.cloned(), Tensor(gain), Tensor(shift)]
      for variable in variables { try variable.requiringGradient() }
      let (y, mean, variance) =
        try group.map { try variables[0].batchNormalized(variables[1], variables[2], over: $0) }
        ?? variables[0].batchNormalized(variables[1], variables[2])
      let weights = try Tensor(outer, shape: [6, 2, 3]).narrowed(0, from: rows.lowerBound, length: rows.count)
      let slopes = try gradients(of: (y * weights).sum(), withRespectTo: variables)
      for slope in slopes.dropFirst() { if let slope { try group?.sum(slope) } }
      return try [y.detached(), mean, variance].map { try $0.array() } + slopes.map { try values($0) }
    }
    let alone = try derived(0..<6, nil)
    let found = try together(2) { try derived($0.share(of: 6), $0) }
    // Of y and the slope of x each has its own rows.
    for place in alone.indices {
      let all = [0, 3].contains(place) ? found.flatMap { $0[place] } : found[1][place]
      #expect(allClose(all, alone[place], relative: 1e-9, absolute: 1e-11), "\(place)")
    }
  }

  @Test("where one has gone, the others get an error that names the exchange")
  func losesOne() throws {
    let store = try ProcessStore.inMemory()
    let found = try threads(2) { rank -> String in
      let group = try ProcessGroup(
        store, name: "test", rank: rank, count: 2, address: "localhost", seconds: 60, leastSaving: 0)
      if rank == 1 { return "gone" }
      do {
        try group.meet()
        return "met"
      } catch let error as TorchError {
        return error.operation
      }
    }
    #expect(found == ["\(ProcessGroup.operation)", "gone"])
  }
}
