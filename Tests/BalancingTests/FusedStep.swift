import Foundation
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A step over some fusion that PyTorch took, with what the method remembers of a step before it.
struct FusedStep: Decodable, Sendable, CustomTestStringConvertible {
  let step: ListedStep
  /// How far training has come.
  let progress: Double?

  var testDescription: String { step.name }

  private struct File: Decodable { let cases: [FusedStep] }
  private enum CodingKeys: String, CodingKey { case progress }

  init(from decoder: any Decoder) throws {
    step = try ListedStep(from: decoder)
    progress = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(Double.self, forKey: .progress)
  }

  /// The cases of a file in `Tests/Golden`; none where it cannot be read, which `complete` finds.
  static func all(_ file: String) -> [FusedStep] {
    (try? JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden(file))).cases) ?? []
  }

  /// That cases are there for two and three modalities and every task, and for as many fusions.
  static func complete(_ cases: [FusedStep], fusions: Int = 6) {
    #expect(Set(cases.map(\.step.fusion)).count == fusions)
    #expect(Set(cases.map(\.step.modalities.count)) == [2, 3])
    #expect(Set(cases.map(\.step.task)) == Set(PredictionTask.ofClasses))
  }

  /// Takes the step, and holds report and direction to nine digits of PyTorch's.
  func check(_ path: GradientPath) throws {
    var method = try MethodRegistry.entry(step.method)(step.tree())
    let session = try step.session(path)
    session.clock.exactProgress = progress
    let batch = try step.examples()
    if let labels = step.batch["before labels"] {
      let inputs = try batch.inputs.map { modality, _ in try #require(step.batch["before \(modality)"]).tensor() }
      let before = Batch(samples: batch.samples, inputs: inputs, labels: try labels.tensor().to(.int64))
      _ = try session.inspecting { try method.step(before, session) }
    }
    let weights = try session.model.store.snapshot()
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    #expect(try values(session.model.store.flat()) == values(weights))
    try step.check(report, try #require(inspection.updates.first), session.model)
  }
}
