public import Records

/// Scores of predictions, on plain arrays.
///
/// Tables of samples × classes are flat, row by row.
public enum Metrics {
  /// The class of the largest value in each row; the first of equals.
  ///
  /// - Throws: ``MetricError``.
  public static func argmax(_ values: [Double], classes: Int) throws -> [Int] {
    let count = try rows(values.count, classes: classes)
    return try (0..<count).map { row in
      let base = row * classes
      var best = 0
      for column in 0..<classes {
        let value = values[base + column]
        if value.isNaN { throw MetricError.notANumber(row: row) }
        if value > values[base + best] { best = column }
      }
      return best
    }
  }

  /// How many rows a flat table has.
  static func rows(_ values: Int, classes: Int) throws -> Int {
    guard values > 0, classes > 0 else { throw MetricError.noSamples }
    guard values.isMultiple(of: classes) else { throw MetricError.ragged(values: values, classes: classes) }
    return values / classes
  }

  static func same(_ truth: Int, _ predictions: Int) throws {
    guard truth == predictions else { throw MetricError.countsDiffer(truth: truth, predictions: predictions) }
    guard truth > 0 else { throw MetricError.noSamples }
  }
}

/// Why a score cannot be computed.
public enum MetricError: Diagnosable, Equatable {
  case noSamples
  case countsDiffer(truth: Int, predictions: Int)
  case ragged(values: Int, classes: Int)
  case labelOutOfRange(row: Int, label: Int, classes: Int)
  case notANumber(row: Int)
  /// The area under the ROC curve has no meaning where all labels are the same.
  case oneClassOnly(label: Int)
  /// R² has no meaning where all targets are the same.
  case oneTargetOnly(Double)

  public var diagnosis: Diagnosis {
    switch self {
    case .noSamples: Diagnosis("nothing to score: there are no samples")
    case .countsDiffer(let truth, let predictions):
      Diagnosis("\(truth) labels and \(predictions) predictions", exitStatus: .defect)
    case .ragged(let values, let classes):
      Diagnosis("\(values) values are no table of \(classes) classes", exitStatus: .defect)
    case .labelOutOfRange(let row, let label, let classes):
      Diagnosis("label \(label) of sample \(row) is not among \(classes) classes", exitStatus: .input)
    case .notANumber(let row):
      Diagnosis(
        "the prediction for sample \(row) is not a number",
        found: ["features much larger than those of training overflow on their way through the model"],
        remedy: "look at that sample's features; seesaw import --standardize brings all to one scale")
    case .oneClassOnly(let label):
      Diagnosis("the AUROC needs both classes, and every label is \(label)", exitStatus: .input)
    case .oneTargetOnly(let target):
      Diagnosis("R² needs targets that differ, and every one is \(target)", exitStatus: .input)
    }
  }
}
