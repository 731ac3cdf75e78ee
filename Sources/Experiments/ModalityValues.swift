import Balancing
import Datasets
import Evaluation
import Multimodal
import Records
import Torch
import TorchNN

/// What each modality of a model adds to its test score: Shapley values over all sets of modalities that may be there.
///
/// v(S) is the score with the modalities outside S missing, as in their `missing` conditions; v(∅) has all of them
/// missing. The values are exact; 2ᴹ scores are needed for them, of which the evaluation knows most already for M = 2.
struct ModalityValues {
  /// By modality; nil where there are too many.
  private(set) var shapley: [String: Double]?
  /// The `missing` conditions in which zeros stand for features.
  private(set) var zeroFeatures: [String] = []
  /// Why there are none.
  private(set) var note: String?

  static let mostModalities = 6

  /// - Parameter known: scores by condition that need not be measured again.
  init(
    _ builder: RunBuilder, _ model: MultimodalModel, _ method: any BalancingMethod, known: [String: Double]
  ) throws {
    let set = builder.data.set
    let modalities = set.modalities
    guard modalities.count <= Self.mostModalities else {
      note =
        "what each modality adds was not measured: with \(modalities.count) of them there are too many sets to try, "
        + "\(Self.mostModalities) is the most"
      return
    }
    var zeros: Set<Modality> = []
    var worths: [Double] = []
    for present in try Shapley.coalitions(of: modalities) {
      let absent = Set(modalities).subtracting(present)
      let condition = absent.isEmpty ? Condition.full : absent.count == 1 ? "\(absent.first?.name ?? "")-missing" : ""
      if let score = known[condition] {
        worths.append(score)
        continue
      }
      let (split, zeroFeatures) = try set.test(without: absent)
      zeros.formUnion(zeroFeatures)
      let (logits, labels) = try builder.evaluator.logits(
        model, builder.prepared(split), prediction(of: method, absent: absent))
      worths.append(try builder.evaluator.score(builder.evaluator.metrics(logits, labels)))
    }
    let values = try Shapley.values(worths)
    shapley = Dictionary(uniqueKeysWithValues: zip(modalities.map(\.name), values))
    zeroFeatures = modalities.filter(zeros.contains).map { "\($0.name)-missing" }
  }
}
