/// What a prediction is scored by.
public enum Metric: String, Choice {
  case accuracy
  /// Of two classes.
  case auroc
  case macroF1 = "macro-f1"
  case weightedF1 = "weighted-f1"

  /// The heading of a table's column.
  public var title: String {
    switch self {
    case .accuracy: "accuracy"
    case .auroc: "AUROC"
    case .macroF1: "macro-F1"
    case .weightedF1: "weighted-F1"
    }
  }
}
