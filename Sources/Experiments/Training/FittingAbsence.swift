import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

extension Absence {
  /// Fits what the answers need and chooses among them: by the score on the validation split, then by its loss.
  init(fitting builder: RunBuilder, _ model: MultimodalModel, _ method: any BalancingMethod) throws {
    let set = builder.data.set
    let evaluator = builder.evaluator
    var temperatures = model.modalities.map { _ in 1.0 }
    if method is any TrainsUnimodalClassifiers, set.manifest.task.hasClasses, let validation = set.validation {
      let (logits, labels) = try evaluator.allLogits(model, builder.prepared(validation)) {
        try $0.unimodal().values
      }
      temperatures = try logits.map { try Temperature.fitted($0, labels, task: set.manifest.task) }
    }
    self.init(
      model, method, means: try Self.means(builder, model),
      temperatures: PerModality(model.modalities, temperatures))
    guard model.modalities.count > 1 else { return }
    for modality in model.modalities {
      guard let split = try set.validation(without: [modality]) else {
        chosen[modality.name] = offered[0]
        continue
      }
      let answers = offered
      let (logits, labels) = try evaluator.allLogits(model, builder.prepared(split)) { outputs in
        try answers.map { try self.logits(outputs, absent: [modality], by: $0) }
      }
      var best: (score: Double, loss: Double, answer: AbsenceAnswer)?
      for (answer, logits) in zip(answers, logits) {
        let metrics = try Experiment.scoring("the validation split", of: set) { try evaluator.metrics(logits, labels) }
        let (score, loss) = (try evaluator.score(metrics), metrics["loss"] ?? .infinity)
        scores[modality.name, default: [:]][answer.rawValue] = score
        if best.map({ (score, -loss) > ($0.score, -$0.loss) }) ?? true { best = (score, loss, answer) }
      }
      chosen[modality.name] = best?.answer
    }
  }

  private static func means(_ builder: RunBuilder, _ model: MultimodalModel) throws -> PerModality<Tensor> {
    let split = builder.prepared(builder.data.set.train.withoutFlips())
    let visits = split.evenlySpaced().map { SamplingPlan.Visit($0) }
    return try withoutGradients {
      var sums: [Tensor] = []
      let size = builder.configuration.evaluation.batchSize
      let feed = try split.feed(SamplingPlan(visits).batches(of: size), from: 0)
      while let batch = try feed.next() {
        let parts = try model(batch.inputs).features.values.map { try $0.to(.float64).sum(0, keeping: true) }
        sums = sums.isEmpty ? parts : try zip(sums, parts).map { try $0 + $1 }
      }
      return PerModality(
        model.modalities, try sums.map { try ($0 / Double(max(visits.count, 1))).to(model.store.elementType) })
    }
  }

  /// Writes the file beside a run's weights; what was chosen stands in its record.
  func write(to folder: RunFolder) throws {
    let tensors =
      means.map { ("\($0.0.name).mean", $0.1) }
      + (try temperatures.map { ("\($0.0.name).temperature", try Tensor([$0.1])) })
    try SafeTensors.write(tensors, metadata: ["format": "seesaw-absence/1"], to: folder.absence)
  }
}
