import Balancing
import Datasets
import Evaluation
import Multimodal
import Records
import Torch
import TorchNN

/// What each modality of a model adds to its test score: Shapley values over all sets of modalities that may be there.
///
/// v(S) is the score with the modalities outside S missing, as in their `missing` conditions; v(∅) is the best constant
/// prediction's (``ConstantPrediction``), not what a model says to an empty input. The values are exact; 2ᴹ scores are needed for them, of which the evaluation knows most already for M = 2.
struct ModalityValues {
  /// By modality; nil where there are too many.
  private(set) var shapley: [String: Double]?
  /// The `missing` conditions in which zeros stand for features.
  private(set) var zeroFeatures: [String] = []
  /// Why there are none.
  private(set) var note: String?

  static let mostModalities = 6

  /// - Parameter known: scores by condition that need not be measured again.
  init(_ trial: ModelEvaluation, known: [String: Double]) throws {
    let modalities = trial.modalities
    guard modalities.count <= Self.mostModalities else {
      note =
        "what each modality adds was not measured: with \(modalities.count) of them there are too many sets to try, "
        + "\(Self.mostModalities) is the most"
      return
    }
    let worths = try Shapley.coalitions(of: modalities).enumerated().map { number, present in
      let absent = modalities.filter { !present.contains($0) }
      let condition = absent.isEmpty ? Condition.full : absent.count == 1 ? "\(absent[0].name)-missing" : ""
      return try known[condition] ?? trial.score(present: UInt64(number))
    }
    let zeros = trial.zeroFeatures
    let values = try Shapley.values(worths)
    shapley = Dictionary(uniqueKeysWithValues: zip(modalities.map(\.name), values))
    zeroFeatures = modalities.filter(zeros.contains).map { "\($0.name)-missing" }
  }
}
