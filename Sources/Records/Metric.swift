/// What a prediction is scored by.
public enum Metric: String, SettingChoice {
  case accuracy
  /// Of two classes.
  case auroc
  case macroF1 = "macro-f1"
  case weightedF1 = "weighted-f1"
  /// The coefficient of determination of a regression: 1 − Σ(y − ŷ)² / Σ(y − ȳ)².
  case r2

  /// Those that a task with classes can be scored by.
  public static let ofClasses = allCases.filter { $0 != .r2 }

  /// The heading of a table's column.
  public var title: String {
    switch self {
    case .accuracy: "accuracy"
    case .auroc: "AUROC"
    case .macroF1: "macro-F1"
    case .weightedF1: "weighted-F1"
    case .r2: "R²"
    }
  }
}
