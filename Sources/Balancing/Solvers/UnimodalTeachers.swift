import Multimodal

/// A model whose modalities are trained each on its own loss, from the first weights and on the training split.
///
/// - Parameter epochs: how long; 0: as long as the run.
func trainedUnimodally(_ lab: Lab, epochs: Int = 0) throws -> MultimodalModel {
  let session = try lab.fresh()
  let epochs = epochs > 0 ? epochs : session.clock.epochs
  let trainer = Trainer(epochs: epochs, batchSize: lab.batchSize)
  session.clock = TrainingClock(steps: trainer.steps(over: lab.training.count), epochs: epochs)
  let apart = Lab(
    session: session, training: lab.training, validation: lab.validation, batchSize: lab.batchSize,
    random: lab.random, shuffle: lab.shuffle, makeSession: lab.fresh)
  var method: any BalancingMethod = UnimodalTraining(.init())
  var position = Trainer.Position()
  guard try trainer.train(&method, apart, from: &position, observer: Onlooker(lab)) else { throw TrainingStopped() }
  return session.model
}

/// Follows a training, and stops it where the one it belongs to is to stop.
private final class Onlooker: Trainer.Observer {
  private let lab: Lab
  init(_ lab: Lab) { self.lab = lab }
  var wantsStop: Bool { lab.wantsStop() }
  func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position) {}
  func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) {}
}
