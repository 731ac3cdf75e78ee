/// How a run's probabilities are to be read under a condition: logits are divided by a temperature.
///
/// One number, fitted on the validation split, so that no prediction changes but how sure it is. Source: Guo et al., "On
/// Calibration of Modern Neural Networks", ICML 2017.
public struct Calibration: Codable, Equatable, Sendable {
  /// Above 1 the model was too sure, below 1 too modest.
  public var temperature: Double
  /// How many validation samples it was fitted on.
  public var samples: Int
  /// The expected calibration error (``Reliability/error``) on the test split as the model was; nil where there is none.
  public var error: Double?
  /// The same of calibrated probabilities.
  public var calibratedError: Double?

  public init(temperature: Double, samples: Int, error: Double? = nil, calibratedError: Double? = nil) {
    self.temperature = temperature
    self.samples = samples
    self.error = error
    self.calibratedError = calibratedError
  }
}
