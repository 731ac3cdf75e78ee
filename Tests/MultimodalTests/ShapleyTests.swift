import Multimodal
import TestSupport
import Testing
import Torch

@Suite("Shapley values")
struct ShapleyTests {
  /// The mean, over all orders in which players may join, of what each adds.
  private func byOrders(_ worths: [Double]) -> [Double] {
    let players = worths.count.trailingZeroBitCount
    var sums = [Double](repeating: 0, count: players)
    var orders = 0.0
    func join(_ coalition: Int, _ added: [Double]) {
      if coalition == worths.count - 1 {
        for (player, value) in added.enumerated() { sums[player] += value }
        orders += 1
      }
      for player in 0..<players where coalition >> player & 1 == 0 {
        var more = added
        more[player] = worths[coalition | 1 << player] - worths[coalition]
        join(coalition | 1 << player, more)
      }
    }
    join(0, sums)
    return sums.map { $0 / orders }
  }

  @Test("the known example of two players")
  func known() throws {
    let values = try Shapley.values([0.1, 0.5, 0.6, 0.8])
    #expect(allClose(values, [0.3, 0.4], relative: 1e-12))
    #expect(allClose([values.reduce(0, +)], [0.7], relative: 1e-12))
  }

  @Test("three players, written out")
  func three() throws {
    let v = numbers(8, seed: 3)
    let a = (v[1] - v[0]) / 3 + (v[3] - v[2]) / 6 + (v[5] - v[4]) / 6 + (v[7] - v[6]) / 3
    let b = (v[2] - v[0]) / 3 + (v[3] - v[1]) / 6 + (v[6] - v[4]) / 6 + (v[7] - v[5]) / 3
    let c = (v[4] - v[0]) / 3 + (v[5] - v[1]) / 6 + (v[6] - v[2]) / 6 + (v[7] - v[3]) / 3
    #expect(try allClose(Shapley.values(v), [a, b, c], relative: 1e-12))
  }

  @Test("the mean over all orders of joining, up to six players", arguments: 1...6)
  func orders(_ players: Int) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let worths = numbers(1 << players, seed: seed)
      let values = try Shapley.values(worths)
      #expect(allClose(values, byOrders(worths), relative: 1e-10, absolute: 1e-12))
      // What everybody is worth is given away, and no more.
      #expect(allClose([values.reduce(0, +)], [worths[worths.count - 1] - worths[0]], relative: 1e-10))
    }
  }

  @Test("who adds nothing is worth nothing, and who adds the same is worth the same")
  func axioms() throws {
    // Player 1 adds nothing; 0 and 2 are alike.
    let alike = [0.0, 2, 5]
    let worths = (0..<8).map { alike[($0 & 1) + ($0 >> 2 & 1)] }
    let values = try Shapley.values(worths)
    #expect(values[1] == 0)
    #expect(values[0] == values[2])
    // The values of a sum of games are the sums of the values.
    let other = numbers(8)
    let sum = try Shapley.values(zip(worths, other).map(+))
    #expect(try allClose(sum, zip(values, Shapley.values(other)).map(+), relative: 1e-12))
  }

  @Test("ten players, each of whom adds its own number")
  func ten() throws {
    let own = (0..<10).map { Double($0) - 4.5 }
    let worths = (0..<1024).map { coalition in total(10) { coalition >> $0 & 1 == 1 ? own[$0] : 0 } }
    #expect(try allClose(Shapley.values(worths), own, relative: 1e-10, absolute: 1e-12))
  }

  @Test("tensors: element by element, in their shape, and with a gradient", arguments: 1...4)
  func tensors(_ players: Int) throws {
    Conditions.prepare()
    let games = (0..<6).map { numbers(1 << players, seed: UInt64($0 + 1)) }
    let worths = try (0..<(1 << players)).map { coalition in
      try Tensor(games.map { $0[coalition] }, shape: [2, 3]).requiringGradient()
    }
    let values = try Shapley.values(worths)
    #expect(values.count == players)
    for (player, value) in values.enumerated() {
      #expect(value.shape == [2, 3])
      #expect(try allClose(value.array(), games.map { try Shapley.values($0)[player] }, relative: 1e-10))
    }
    // Of all values together, only everybody's and nobody's worth is left.
    let slopes = try gradients(of: Tensor.stack(values).sum(), withRespectTo: worths).map {
      try TestSupport.values($0).first ?? 0
    }
    let expected: [Double] = (0..<(1 << players)).map { $0 == 0 ? -1 : $0 == (1 << players) - 1 ? 1 : 0 }
    #expect(allClose(slopes, expected, relative: 1e-12, absolute: 1e-12))
  }

  @Test("coalitions are numbered by their members' bits")
  func coalitions() throws {
    #expect(
      try Shapley.coalitions(of: ["image", "text", "audio"]) == [
        [], ["image"], ["text"], ["image", "text"], ["audio"], ["image", "audio"], ["text", "audio"],
        ["image", "text", "audio"],
      ])
  }

  @Test("a game of the wrong size is refused", arguments: [0, 1, 3, 12, 2048])
  func sizes(_ count: Int) {
    #expect(throws: GameSizeError.self) { try Shapley.values([Double](repeating: 0, count: count)) }
  }

  @Test("no players and too many have no coalitions")
  func players() throws {
    #expect(throws: GameSizeError.self) { try Shapley.coalitions(of: []) }
    let error = try #require(throws: GameSizeError.self) {
      try Shapley.coalitions(of: (0..<11).map { Modality("m\($0)") })
    }
    #expect("\(error)" == "Shapley values need 1 to 10 players and 2ᴹ coalitions; there are 11 players")
  }

  @Test("many games at once have the values that each has by itself")
  func many() throws {
    let games = (0..<5).map { numbers(16, seed: UInt64($0 + 1)) }
    let together = try Shapley.values((0..<16).map { coalition in games.map { $0[coalition] } })
    for (game, worths) in games.enumerated() {
      #expect(try allClose(together.map { $0[game] }, Shapley.values(worths), relative: 1e-12))
    }
    #expect(throws: GameSizeError.self) { try Shapley.values([[1.0], [2.0], [3.0]]) }
  }

  @Test("values from random orders lie within their error bars of the exact ones, about as often as they should")
  func sampled() throws {
    let players = 5
    var (inside, all) = (0, 0)
    for seed in 1...40 as ClosedRange<UInt64> {
      let worths = numbers(1 << players, seed: seed)
      let exact = try Shapley.values(worths)
      var random = SeededNumbers(seed: seed, stream: "orders")
      let found = try Shapley.sampled(players: players, permutations: 60, using: &random) { [worths[Int($0)], 1] }
      for player in 0..<players {
        all += 1
        if abs(found.values[player][0] - exact[player]) <= 2 * found.standardErrors[player][0] { inside += 1 }
        // In a game that is worth the same to everybody nobody adds anything, and that is certain.
        #expect(found.values[player][1] == 0 && found.standardErrors[player][1] == 0)
      }
      // Every order gives all away, so that the sum is exact.
      #expect(allClose([found.values.map { $0[0] }.reduce(0, +)], [worths[31] - worths[0]], relative: 1e-9))
    }
    #expect((180...199).contains(inside), "\(inside) of \(all)")
  }

  @Test("a coalition is asked for once, however many orders pass through it")
  func once() throws {
    var asked: [UInt64] = []
    var random = SeededNumbers(seed: 1, stream: "orders")
    _ = try Shapley.sampled(players: 4, permutations: 50, using: &random) {
      asked.append($0)
      return [0]
    }
    #expect(asked.count == Set(asked).count && asked.count <= 16)
  }
}
