import Foundation
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@testable import Balancing

/// The stages of a pretrained method as PyTorch descended them.
struct PretrainedStages: Decodable, Sendable, CustomTestStringConvertible {
  let step: ListedStep
  /// The weights when the method is prepared, by parameter.
  let prepared: [String: [Double]]

  var testDescription: String { step.name }

  private struct File: Decodable {
    let rate: Double
    let cases: [PretrainedStages]
  }
  private enum CodingKeys: String, CodingKey { case prepared }

  init(from decoder: any Decoder) throws {
    step = try ListedStep(from: decoder)
    prepared = try decoder.container(keyedBy: CodingKeys.self).decode([String: [Double]].self, forKey: .prepared)
  }

  private static let file = try? JSONDecoder().decode(
    File.self, from: Data(contentsOf: Conditions.golden("pretrained.json")))

  static func all(_ method: String) -> [PretrainedStages] { file?.cases.filter { $0.step.method == method } ?? [] }

  /// Prepares the method, and holds the weights and the first step to what PyTorch found.
  func check(_ path: GradientPath) throws {
    let rate = try #require(Self.file?.rate)
    var method = try MethodRegistry.entry(step.method)(step.tree())
    func session() throws -> TrainingSession {
      let made = try step.session(path)
      return TrainingSession(
        made.model, optimizer: try SGD(made.model.store, momentum: 0), learningRate: LearningRate(rate),
        clock: TrainingClock(steps: 1, epochs: 1), random: RandomSource(seed: 0), path: path)
    }
    let own = try session()
    let batch = try step.examples()
    let held = try step.batch["held labels"].map { labels in
      Batch(
        samples: batch.samples,
        inputs: try batch.inputs.map { modality, _ in try #require(step.batch["held \(modality)"]).tensor() },
        labels: try labels.tensor().to(.int64))
    }
    let context = TrainingContext(
      session: own, training: Whole(batch: batch), validation: held.map { Whole(batch: $0) }, batchSize: batch.count,
      random: RandomSource(seed: 0), makeSession: session)
    var preparing = try #require(method as? any PreparesBeforeTraining)
    try preparing.prepare(context)
    method = preparing
    for parameter in own.model.store.parameters {
      let name = parameter.path.description
      #expect(
        try allClose(values(parameter.tensor), #require(prepared[name]), relative: 1e-9, absolute: 1e-11), "\(name)")
    }
    let (report, inspection) = try own.inspecting { try method.step(batch, own) }
    try step.check(report, try #require(inspection.updates.first), own.model)
  }
}

/// A split that is one batch, in whatever order.
private struct Whole: BatchSource {
  let batch: Batch
  var count: Int { batch.count }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let index = try Tensor(visits.map(\.sample))
    return Batch(
      samples: visits.map(\.sample), inputs: try batch.inputs.map { try $1.indexed(0, by: index) },
      labels: try batch.labels.indexed(0, by: index))
  }
}
