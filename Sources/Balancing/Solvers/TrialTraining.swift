import Multimodal

extension TrainingContext {
  /// Trains a model besides for some epochs, over the training samples in the order that all methods have.
  ///
  /// - Parameter step: moves the model along by a batch.
  func train(_ trial: TrainingSession, epochs: Range<Int>, _ step: (Batch) throws -> Void) throws {
    for epoch in epochs {
      trial.clock.epoch = epoch
      try forEachBatch(of: training, shuffled(epoch)) { batch in
        try step(batch)
        trial.clock.step += 1
      }
    }
  }
}
