import Balancing
import Datasets
import Evaluation
import Multimodal
import Records
import Torch

/// Which epoch's weights are kept.
struct EpochSelection {
  /// What an epoch is judged by; the larger score is better, of equal ones the smaller loss.
  struct Merit: Codable, Equatable {
    var score: Double
    var loss: Double

    func isBetter(than other: Merit?) -> Bool {
      guard let other else { return true }
      // Scores are means of shares of samples: what differs by less is equal but for rounding.
      if abs(score - other.score) > 1e-9 { return score > other.score }
      return loss < other.loss - 1e-12
    }
  }

  /// How many epochs an epoch's score is taken over.
  static let window = 3

  let form: Selection
  /// The merits of the last epochs, as they were measured.
  private(set) var recent: [Merit]

  init(_ form: Selection, recent: [Merit] = []) {
    self.form = form
    self.recent = recent
  }

  /// The conditions of the validation split that an epoch is judged by, the full one excepted.
  static func conditions(_ form: Selection, _ set: FeatureSet) throws -> [(name: String, split: FeatureSplit)] {
    guard form == .standing, set.validation != nil, set.modalities.count > 1 else { return [] }
    return try set.conditions().compactMap { name in
      let condition = Condition(name, modalities: set.manifest.modalities)
      guard name != Condition.full, condition.kind != Condition.absent, condition.kind != Condition.swapped else {
        return nil
      }
      return try set.validation(under: name).map { (name, $0) }
    }
  }

  /// Takes up what an epoch measured, and says what it is judged by; nil where nothing is selected.
  ///
  /// - Parameter measured: the full score and loss first, then those of the conditions.
  mutating func judge(_ measured: [Merit]) -> Merit? {
    guard let full = measured.first else { return nil }
    switch form {
    case .last: return nil
    // The first of equals is kept, whatever its loss.
    case .best: return Merit(score: full.score, loss: 0)
    case .standing, .full:
      recent = (recent + [Self.mean(measured)]).suffix(Self.window)
      return Self.mean(recent)
    }
  }

  private static func mean(_ merits: [Merit]) -> Merit {
    let count = Double(max(merits.count, 1))
    return Merit(
      score: merits.reduce(0) { $0 + $1.score } / count, loss: merits.reduce(0) { $0 + $1.loss } / count)
  }
}
