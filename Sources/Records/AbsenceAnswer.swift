/// How a model answers where it is known that a modality is not there.
///
/// Chosen once for a run and modality by the validation score with that modality absent; `run.json` records it.
public enum AbsenceAnswer: String, SettingChoice {
  /// By the method's own rule.
  case own
  /// By the fused classifier, with the training mean in place of the absent modality's feature.
  case meanContribution = "mean-contribution"
  /// By the unimodal classifiers of what is there: the mean of their calibrated log probabilities.
  case unimodal
  /// By the fused classifier, as if nobody knew: on what an empty input encodes to.
  case encodedEmpty = "encoded-empty"

  /// As a sentence has it.
  public var words: String {
    switch self {
    case .own: "the method's own rule"
    case .unimodal: "the classifiers of what is there"
    case .meanContribution: "the fused classifier with the absent modality's mean contribution"
    case .encodedEmpty: "the fused classifier on an empty input"
    }
  }
}
