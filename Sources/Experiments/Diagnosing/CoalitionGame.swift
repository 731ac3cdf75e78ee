import Evaluation
import Multimodal

/// The game of modalities: which sets are played, and what each player is worth.
struct CoalitionGame {
  let players: Int
  /// Orders of joining; nil where every set is played.
  private let orders: [[Int]]?
  let coalitions: [UInt64]

  init(modalities: Int, samples: Int) {
    players = modalities
    guard modalities > ModalityValues.mostModalities else {
      orders = nil
      coalitions = Array(0..<(1 << UInt64(modalities)))
      return
    }
    var numbers = SeededNumbers(seed: 0, stream: "shapley")
    let count = ModelEvaluation.permutations(samples: samples, modalities: modalities)
    let drawn = (0..<count).map { _ in numbers.permutation(modalities) }
    orders = drawn
    coalitions = Array(Swift.Set(drawn.flatMap(Self.path))).sorted()
  }

  /// The sets that an order passes through, from nobody to everybody.
  static func path(_ order: [Int]) -> [UInt64] {
    order.reduce(into: [0]) { $0.append(($0.last ?? 0) | 1 << UInt64($1)) }
  }

  /// What each player adds.
  func values(_ worth: (UInt64) throws -> Double) rethrows -> [Double] {
    guard let orders else {
      let worths = try coalitions.map(worth)
      return (try? Shapley.values(worths)) ?? []
    }
    var sums = [Double](repeating: 0, count: players)
    for order in orders {
      let worths = try Self.path(order).map(worth)
      for (place, player) in order.enumerated() { sums[player] += worths[place + 1] - worths[place] }
    }
    return sums.map { $0 / Double(orders.count) }
  }
}
