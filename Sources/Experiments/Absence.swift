import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// A finished model's answers to declared absence: which it has, which was chosen, and what they need.
struct Absence {
  let model: MultimodalModel
  let method: any BalancingMethod
  /// The training means of the features eₘ, [1, H] each.
  let means: PerModality<Tensor>
  /// By which each unimodal classifier's logits are divided.
  let temperatures: PerModality<Double>
  /// By modality: what was chosen, and the validation scores that chose; no scores without a validation split.
  private(set) var chosen: [String: AbsenceAnswer] = [:]
  private(set) var scores: [String: [String: Double]] = [:]

  /// The answers that the model has, in the order that decides where nothing else does.
  var offered: [AbsenceAnswer] {
    AbsenceAnswer.allCases.filter { answer in
      switch answer {
      case .own: method is any AnswersAbsence
      case .unimodal: method is any TrainsUnimodalClassifiers
      case .meanContribution, .encodedEmpty: true
      }
    }
  }

  /// The answer to some modalities' absence: what was chosen for one; of several, what had the best validation scores with
  /// each of them absent.
  func answer(to absent: Set<Modality>) -> AbsenceAnswer {
    let names = absent.map(\.name).sorted()
    if names.count == 1, let one = chosen[names[0]] { return one }
    let found = offered
    let sums = found.map { answer in names.reduce(0.0) { $0 + (scores[$1]?[answer.rawValue] ?? 0) } }
    let best = sums.indices.max { (sums[$0], -$0) < (sums[$1], -$1) }
    return best.map { found[$0] } ?? .encodedEmpty
  }

  /// The logits [B, C] of a forward pass in which what stands for a missing input stood in place of `absent`.
  func logits(_ outputs: Outputs, absent: Set<Modality>, by answer: AbsenceAnswer? = nil) throws -> Tensor {
    if absent.isEmpty { return try prediction(of: method)(outputs) }
    switch answer ?? self.answer(to: absent) {
    case .own: return try prediction(of: method, absent: absent)(outputs)
    case .encodedEmpty: return try prediction(of: method)(outputs)
    case .meanContribution:
      let features = try outputs.features.map { modality, feature in
        absent.contains(modality) ? try means[modality].expanded(feature.shape) : feature
      }
      return try prediction(of: method)(outputs.model.outputs(ofFeatures: features))
    case .unimodal:
      let all = Array(try outputs.unimodal())
      let present = all.filter { !absent.contains($0.0) }
      let calibrated = try (present.isEmpty ? all : present).map { modality, logits in
        let logits = try logits / temperatures[modality]
        return model.task == .multiLabel || !model.task.hasClasses ? logits : try logits.logSoftmax(-1)
      }
      return try Tensor.stack(calibrated).mean(0)
    }
  }

  // MARK: Made

  /// Fits what the answers need and chooses among them: by the score on the validation split, then by its loss.
  init(fitting builder: RunBuilder, _ model: MultimodalModel, _ method: any BalancingMethod) throws {
    let set = builder.data.set
    let evaluator = builder.evaluator
    self.model = model
    self.method = method
    means = try Self.means(builder, model)
    var temperatures = model.modalities.map { _ in 1.0 }
    if method is any TrainsUnimodalClassifiers, set.manifest.task.hasClasses, let validation = set.validation {
      let (logits, labels) = try evaluator.allLogits(model, builder.prepared(validation)) {
        try $0.unimodal().values
      }
      temperatures = try logits.map { try Temperature.fitted($0, labels, task: set.manifest.task) }
    }
    self.temperatures = PerModality(model.modalities, temperatures)
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

  // MARK: Kept

  /// Writes the file beside a run's weights; what was chosen stands in its record.
  func write(to folder: RunFolder) throws {
    let tensors =
      means.map { ("\($0.0.name).mean", $0.1) }
      + (try temperatures.map { ("\($0.0.name).temperature", try Tensor([$0.1])) })
    try SafeTensors.write(tensors, metadata: ["format": "seesaw-absence/1"], to: folder.absence)
  }

  /// As a run has it; nil for a run of a version that knew only the method's own rule.
  init?(
    in folder: RunFolder, _ record: RunRecord, _ model: MultimodalModel, _ method: any BalancingMethod
  ) throws {
    guard let names = record.absence, FileManager.default.fileExists(atPath: folder.absence.path) else { return nil }
    let file = try SafeTensors(reading: folder.absence)
    self.model = model
    self.method = method
    means = try PerModality(model.modalities) { modality in
      let mean = try file.tensor("\(modality.name).mean")
      let width = model.embeddings[modality].weight.shape[0]
      guard mean.shape == [1, width] else {
        throw Diagnosis(
          "the mean feature of '\(modality.name)' has the shape \(mean.shape), expected [1, \(width)]",
          place: folder.absence.relativePath, exitStatus: .input)
      }
      return try mean.to(model.store.elementType, on: model.store.device)
    }
    temperatures = try PerModality(model.modalities) { modality in
      let numbers: [Double] = try file.tensor("\(modality.name).temperature").array()
      return numbers.first.map { $0.isFinite && $0 > 0 ? $0 : 1 } ?? 1
    }
    chosen = names
    scores = record.absenceScores ?? [:]
    let unknown = chosen.values.filter { !offered.contains($0) }
    guard unknown.isEmpty else {
      throw Diagnosis(
        "the record names an answer to absence that the method does not have: "
          + unknown.map(\.rawValue).sorted().joined(separator: ", "),
        place: folder.record.relativePath, exitStatus: .input)
    }
  }
}
