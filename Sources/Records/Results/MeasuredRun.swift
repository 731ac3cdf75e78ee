/// One run of a method, as it enters a comparison.
public struct MeasuredRun: Equatable, Sendable {
  public var seed: Int
  /// 0…1, by condition.
  public var scores: [String: Double]
  /// Means over training of what its steps measured, such as `conflict` and `update.image`.
  public var training: [String: Double]
  /// What each modality adds to the score; empty where that was not measured.
  public var shapley: [String: Double]
  public var seconds: Double?
  /// What training took; `nil` where that was not counted.
  public var work: Work?
  /// What rows are chosen by; `nil` without a validation split.
  public var validation: ValidationScores?

  public init(
    seed: Int, scores: [String: Double], training: [String: Double] = [:], shapley: [String: Double] = [:],
    seconds: Double? = nil, work: Work? = nil, validation: ValidationScores? = nil
  ) {
    self.work = work
    self.validation = validation
    self.seed = seed
    self.scores = scores
    self.shapley = shapley
    self.training = training
    self.seconds = seconds
  }
}

/// All runs of a method, as they enter a comparison.
public struct MethodRuns: Equatable, Sendable {
  public var name: String
  public var settings: Tree
  /// What inputs it saw in training, as ``MethodCard/sees``.
  public var sees: [String]
  public var runs: [MeasuredRun]

  public init(name: String, settings: Tree = [:], sees: [String] = MethodCard.clean, runs: [MeasuredRun]) {
    self.name = name
    self.settings = settings
    self.sees = sees
    self.runs = runs
  }
}
