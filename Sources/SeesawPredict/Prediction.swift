public import Records

/// A prediction, and how far it may be trusted.
public struct Prediction: Sendable, Codable, Equatable {
  public var id: String?
  /// Of a regression, the predicted number, in the target's own unit; nil of classes.
  public var value: Double?
  /// The most probable class; every class above its threshold where there may be several; empty of a regression.
  public var labels: [String]
  /// By class name; empty of a regression.
  public var probabilities: [String: Double]
  /// The same, calibrated on the run's validation split; nil where the run was not calibrated for what is present.
  public var calibrated: [String: Double]?
  /// The modalities that were there.
  public var present: [String]
  /// Those that were given and empty, and so taken as absent; nil where none was.
  public var empty: [String]?
  /// How far the prediction rests on each modality, shares with sum 1; nil where the method does not tell.
  public var reliance: [String: Double]?
  /// `full` or `<modality>-absent`; nil where the run was not tried so.
  public var condition: String?
  /// The run's score on the test split under that condition.
  public var score: Double?
  public var metric: String
  /// Of a regression, the run's mean absolute error on the test split under that condition, in the target's unit.
  public var mae: Double?
  /// The same, the root of the mean squared error.
  public var rmse: Double?
  /// What made the calibrated probabilities, and how far they were from the truth on the test split.
  public var calibration: Calibration?
  /// Which model answered: ``Predictor/digest``.
  public var model: String?
}
