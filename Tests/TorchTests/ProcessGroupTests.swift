import TestSupport
import Testing
import Torch

@Suite("Processes that compute together")
struct ProcessGroupTests {
  @Test("a sum is of all members, and the same bits in each", arguments: [1, 2, 3, 4], [true, false])
  func sums(_ count: Int, _ sharesMemory: Bool) throws {
    let found = try together(count, sharesMemory: sharesMemory) { group -> [Float] in
      let tensor = try Tensor([Float(group.rank) + 0.25, 1])
      try group.sum(tensor)
      return try tensor.array()
    }
    let expected = (0..<count).reduce(Float(0)) { $0 + Float($1) + 0.25 }
    #expect(found == [[Float]](repeating: [expected, Float(count)], count: count))
  }

  #if os(Linux)
    @Test("members on one machine share memory, unless they are not to")
    func memory() throws {
      #expect(try together(3) { $0.sharesMemory } == [true, true, true])
      #expect(try together(2, sharesMemory: false) { $0.sharesMemory } == [false, false])
    }

    @Test("what lies in common memory all see, and nothing is left when they have gone")
    func common() throws {
      let found = try together(2) { group -> [Float] in
        guard let zeros = try group.zeros(6, .float32) else { return [] }
        let own = group.share(of: 6)
        try zeros.narrowed(0, from: own.lowerBound, length: own.count).copy(
          from: .full([own.count], Double(group.rank + 1)))
        try group.meet()
        return try zeros.array()
      }
      #expect(found == [[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]])
    }
  #endif

  @Test("sums and rows larger than what is written at once are whole", arguments: [2, 3], [true, false])
  func large(_ count: Int, _ sharesMemory: Bool) throws {
    let length = 700_001
    let found = try together(count, sharesMemory: sharesMemory) { group -> [Double] in
      let numbers = try Tensor.arange(0..<length).to(.float64)
      let sum = try numbers * Double(group.rank + 1)
      try group.sum(sum)
      let own = group.share(of: length)
      let rows = try group.gathered(numbers.narrowed(0, from: own.lowerBound, length: own.count), of: length)
      let factor = Double(count * (count + 1) / 2)
      return try [(sum - numbers * factor).abs().max().scalar(), (rows - numbers).abs().max().scalar()]
    }
    #expect(found == [[Double]](repeating: [0, 0], count: count))
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

  @Test(
    "each has its share of any number of rows, and all get the rows in order", arguments: [2, 3, 4, 7, 12],
    [true, false])
  func gathers(_ rows: Int, _ sharesMemory: Bool) throws {
    let found = try together(3, sharesMemory: sharesMemory) { group -> [Int] in
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

  @Test("products that are shared out are those of one process", arguments: [true, false])
  func products(_ sharesMemory: Bool) throws {
    let (a, b, c) = (numbers(7 * 5), numbers(5 * 6, seed: 2), numbers(6, seed: 3))
    @Sendable func product() throws -> MatrixProduct {
      MatrixProduct([(try .of(a, [7, 5]), try .of(b, [5, 6]))], bias: try .of(c))
    }
    let alone: [Double] = try MatrixProduct.results([product()])[0].array()
    let found = try together(3, sharesMemory: sharesMemory) { group in
      try MatrixProduct.results([product(), product()], sharedBy: group).map { try values($0) }
    }
    for results in found { for own in results { #expect(allClose(own, alone)) } }
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

  @Test("where one has gone, the others get an error that names the exchange", arguments: [true, false])
  func losesOne(_ sharesMemory: Bool) throws {
    let store = try ProcessStore.inMemory()
    let found = try threads(2) { rank -> String in
      let group = try ProcessGroup(
        store, name: "test", rank: rank, count: 2, address: "localhost", seconds: 60, sharesMemory: sharesMemory,
        sharesAll: true)
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
