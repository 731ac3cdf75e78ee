import Foundation
import Multimodal
import Records
import Torch
import TorchNN

extension MSLR {
  /// The split that rates are judged on.
  func validation(_ context: TrainingContext) throws -> any BatchSource {
    guard let validation = context.validation, validation.count > 0 else {
      throw Diagnosis(
        "'mslr' finds its rates on a validation split, and there is none",
        remedy:
          "--set method.strategy=keep --set method.rates=\(context.model.modalities.map { "\($0)=1" }.joined(separator: ","))",
        exitStatus: .usage)
    }
    return validation
  }

  /// cₘ: the factor on the learning rate at which each modality, trained alone, is most accurate.
  func search(_ context: TrainingContext) throws -> [Double] {
    let validation = try validation(context)
    let reach = configuration.search.reach
    // The nearest to 1 first: of several that are equally good it wins.
    let candidates = (-reach...reach).sorted { abs($0) < abs($1) }.map { pow(configuration.search.ratio, Double($0)) }
    var best = context.model.modalities.map { _ in (rate: 1.0, accuracy: -Double.infinity) }
    for rate in candidates {
      let trial = try context.fresh()
      try train(trial, at: rate, context)
      let accuracies = try ModalityScores.accuracies(trial, context, validation) { outputs, _ in try outputs.unimodal()
      }
      for (m, accuracy) in accuracies.enumerated() where accuracy > best[m].accuracy { best[m] = (rate, accuracy) }
    }
    return best.map(\.rate)
  }

  /// Trains every modality alone; they have no parameters in common.
  private func train(_ trial: TrainingSession, at rate: Double, _ context: TrainingContext) throws {
    try context.train(trial, epochs: 0..<min(configuration.search.epochs, max(trial.clock.epochs, 1))) { batch in
      let losses = try trial.forward(batch).unimodal().map { try trial.loss($1, batch) }
      let direction = try trial.gradients(of: Tensor.stack(losses.values).sum())
      try trial.update(along: direction, scalingSteps: rate == 1 ? [] : [(direction.presentIndices, rate)])
    }
  }
}
