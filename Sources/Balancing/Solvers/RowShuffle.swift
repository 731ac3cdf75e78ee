import Multimodal
public import Records
import Torch

/// How a batch's rows change places, where methods pair features of different samples.
public enum RowShuffle: String, SettingChoice {
  /// Permutations of the step's own random streams, `method/shuffle/<k>/<step>`, as `torch.randperm` draws them.
  case random
  /// i ↦ i + k mod B: as random as the order of the batch, and known to anybody who has it.
  case rotation

  static let note = SettingNote(
    "shuffle", "How rows change places: at random, or row i with row i + k, whose order is random already",
    allowed: allowed)

  /// The rows that take the places 0..<count, for each of some permutations.
  func permutations(_ number: Int, of count: Int, _ session: TrainingSession) throws -> [[Int]] {
    try (0..<number).map { k in
      switch self {
      case .random: return try session.random("shuffle/\(k)").permutation(count).array()
      case .rotation:
        // No row comes to its own place as long as there are others.
        let step = 1 + k % max(count - 1, 1)
        return (0..<count).map { ($0 + step) % count }
      }
    }
  }
}

extension Batch {
  /// Each sample's labels as one list: a class number, or 0 and 1 for each of several labels.
  func labelRows() throws -> [[Int]] {
    let numbers: [Int] = try labels.to(.int64).array()
    let width = count > 0 ? numbers.count / count : 1
    return (0..<count).map { Array(numbers[($0 * width)..<(($0 + 1) * width)]) }
  }
}
