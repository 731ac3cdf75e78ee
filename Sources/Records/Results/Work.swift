/// What a training took: rows of a table can be compared where they took alike.
public struct Work: Codable, Equatable, Sendable {
  /// Moves of the model by the optimizer.
  public var updates = 0
  /// Samples in the batches of all steps; one that is visited twice counts twice.
  public var samples = 0
  /// Models that were trained besides, such as teachers and trials.
  public var otherModels = 0
  /// Moves of those.
  public var otherUpdates = 0

  public init(updates: Int = 0, samples: Int = 0, otherModels: Int = 0, otherUpdates: Int = 0) {
    self.updates = updates
    self.samples = samples
    self.otherModels = otherModels
    self.otherUpdates = otherUpdates
  }
}
