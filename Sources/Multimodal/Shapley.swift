public import Torch

/// The Shapley value: what each player of a game adds, on average over all orders in which the players may join.
///
///     φₘ = Σ_S |S|! (M−|S|−1)! / M! · (v(S ∪ m) − v(S)),   S: the coalitions of the M − 1 others
///
/// Coalitions are numbered by their members: player m is in coalition s where bit m of s is set, so that 0 is nobody and
/// 2ᴹ − 1 is everybody. The values are exact and need the worth v of all 2ᴹ coalitions; they add up to what everybody is
/// worth above nobody. (L. S. Shapley, A value for n-person games, 1953.)
public enum Shapley {
  /// The most players that a game may have.
  public static let mostPlayers = 10

  /// The members of each coalition, by its number.
  public static func coalitions(of players: [Modality]) throws(GameSizeError) -> [Set<Modality>] {
    guard 1...mostPlayers ~= players.count else { throw GameSizeError(players: players.count) }
    return (0..<(1 << players.count)).map { coalition in
      Set(players.indices.filter { coalition >> $0 & 1 == 1 }.map { players[$0] })
    }
  }

  /// The value of each player, from the worth of each coalition.
  public static func values(_ worths: [Double]) throws(GameSizeError) -> [Double] {
    let players = try players(worths.count)
    return (0..<players).map { player in
      var value = 0.0
      for without in worths.indices where without >> player & 1 == 0 {
        value += weight(without.nonzeroBitCount, of: players) * (worths[without | 1 << player] - worths[without])
      }
      return value
    }
  }

  /// The value of each player in many games at once: element by element, from tensors of one shape.
  public static func values(_ worths: [Tensor]) throws -> [Tensor] {
    let players = try players(worths.count)
    let coefficients = (0..<players).flatMap { player in
      worths.indices.map { coalition in
        let size = coalition.nonzeroBitCount
        return coalition >> player & 1 == 1 ? weight(size - 1, of: players) : -weight(size, of: players)
      }
    }
    let stacked = try Tensor.stack(worths)
    let matrix = try Tensor(coefficients, shape: [players, worths.count]).to(stacked.elementType, on: stacked.device)
    let values = try matrix.matmul(stacked.reshaped([worths.count, worths[0].count]))
    return try (0..<players).map { try values.selected(0, $0).reshaped(worths[0].shape) }
  }

  /// The values of many games at once, from the worths of each coalition in all of them.
  ///
  /// - Returns: for each player its value in each game.
  public static func values(_ worths: [[Double]]) throws(GameSizeError) -> [[Double]] {
    let players = try players(worths.count)
    return (0..<players).map { player in
      var values = [Double](repeating: 0, count: worths.first?.count ?? 0)
      for without in worths.indices where without >> player & 1 == 0 {
        let weight = weight(without.nonzeroBitCount, of: players)
        let with = without | 1 << player
        for game in values.indices { values[game] += weight * (worths[with][game] - worths[without][game]) }
      }
      return values
    }
  }

  /// Values and their standard errors from random orders of joining, for games with too many players to try every coalition.
  ///
  /// Each order adds one unbiased estimate of every value; the standard error is that of their mean. A coalition is asked
  /// for once however many orders pass through it.
  ///
  /// - Parameters:
  ///   - permutations: at least two.
  ///   - worth: of a coalition, given by its members' bits, in each of many games.
  /// - Returns: for each player its value and standard error in each game.
  public static func sampled(
    players: Int, permutations: Int, using numbers: inout SeededNumbers, worth: (UInt64) throws -> [Double]
  ) throws -> (values: [[Double]], standardErrors: [[Double]]) {
    precondition(1...63 ~= players && permutations > 1, "sampling needs 1 to 63 players and two permutations or more")
    var known: [UInt64: [Double]] = [:]
    func value(_ coalition: UInt64) throws -> [Double] {
      if let found = known[coalition] { return found }
      let found = try worth(coalition)
      known[coalition] = found
      return found
    }
    let games = try value(0).count
    var sums = [[Double]](repeating: [Double](repeating: 0, count: games), count: players)
    var squares = sums
    for _ in 0..<permutations {
      var coalition: UInt64 = 0
      var before = try value(coalition)
      for player in numbers.permutation(players) {
        coalition |= 1 << UInt64(player)
        let after = try value(coalition)
        for game in 0..<games {
          let added = after[game] - before[game]
          sums[player][game] += added
          squares[player][game] += added * added
        }
        before = after
      }
    }
    let n = Double(permutations)
    let values = sums.map { $0.map { $0 / n } }
    let errors = zip(squares, values).map { squares, means in
      zip(squares, means).map { (max($0 / n - $1 * $1, 0) / (n - 1)).squareRoot() }
    }
    return (values, errors)
  }

  /// |S|! (M−|S|−1)! / M!, which is one over M times the number of ways to choose |S| of the M − 1 others.
  private static func weight(_ size: Int, of players: Int) -> Double {
    var ways = 1.0
    for chosen in 0..<size { ways *= Double(players - 1 - chosen) / Double(chosen + 1) }
    return 1 / (Double(players) * ways.rounded())
  }

  private static func players(_ coalitions: Int) throws(GameSizeError) -> Int {
    let players = coalitions > 0 ? coalitions.trailingZeroBitCount : 0
    guard 1...mostPlayers ~= players, coalitions == 1 << players else { throw GameSizeError(coalitions: coalitions) }
    return players
  }
}

/// A game with no players, with more than ``Shapley/mostPlayers``, or with a coalition too few or too many.
public struct GameSizeError: Error, Equatable, CustomStringConvertible {
  /// How many players there are; nil where the coalitions fit no number.
  public let players: Int?
  public let coalitions: Int?

  init(players: Int? = nil, coalitions: Int? = nil) {
    self.players = players
    self.coalitions = coalitions
  }

  public var description: String {
    let found = players.map { "\($0) players" } ?? "\(coalitions ?? 0) coalitions"
    return "Shapley values need 1 to \(Shapley.mostPlayers) players and 2ᴹ coalitions; there are \(found)"
  }
}
