import Foundation
public import Multimodal
public import Records
public import Torch

/// UME: each modality is trained alone, and their predictions are averaged.
///
///     θₘ, fₘ ← descend Lₘ = loss(fₘ(eₘ), y),   p = 1/M Σₘ pₘ   or   z = 1/M Σₘ zₘ
///
/// The training is ``UnimodalTraining``; ``Configuration/average`` says what is averaged. Modalities that are known to be
/// absent are left out. The authors recommend it where each modality's own features are enough, and `umt` where only
/// several together tell.
public struct UME: ObjectiveMethod, AnswersAbsence, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var average = Average.probabilities
    public init() {}
  }
  public enum Average: String, SettingChoice { case probabilities, logits }

  static let paper = Citation(
    authors: [
      "Chenzhuang Du", "Jiaye Teng", "Tingle Li", "Yichen Liu", "Tianyuan Yuan", "Yue Wang", "Yang Yuan", "Hang Zhao",
    ],
    title: "On Uni-Modal Feature Learning in Supervised Multi-Modal Learning", venue: "ICML", year: 2023,
    url: "https://arxiv.org/abs/2305.01233")

  public static let card = MethodCard(
    name: "ume", title: "UME", citation: paper, stage: .objective,
    summary: "Trains each modality alone and averages their predictions, leaving out what is absent.",
    needs: ["unimodal classifiers"],
    settings: settings([SettingNote("average", "What is averaged", allowed: Average.allowed)]))

  private let configuration: Configuration
  private var training = UnimodalTraining(.init())

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try training.objective(outputs, batch, session, &report)
    report.losses["fused"] = try withoutGradients { try session.loss(logits(outputs, absent: []), batch).scalar() }
    return loss
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    guard configuration.average == .probabilities, outputs.model.task.hasClasses else {
      return try training.logits(outputs, absent: absent)
    }
    let task = outputs.model.task
    let all = Array(try outputs.unimodal())
    let present = all.filter { !absent.contains($0.0) }
    let logarithms = try (present.isEmpty ? all : present).map { try task.logProbabilities($0.1) }
    // log p, whose softmax is p; of yes and no for each label, their difference, whose sigmoid is p.
    let mean = try Tensor.stack(logarithms).logSumExp(0) - log(Double(logarithms.count))
    return task == .multiLabel ? try mean.selected(2, 0) - mean.selected(2, 1) : mean
  }
}
