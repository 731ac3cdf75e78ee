import Balancing
import Foundation
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

/// A step that PyTorch took, with all that it computed.
struct GoldenStep: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let method: String
  let task: PredictionTask
  let modalities: [String]
  let settings: [String: Tree]
  let progress: Double
  let steps: Int
  let weights: String
  let batch: String
  let expected: String
  let losses: [String: Double]
  let scalars: [String: Double]

  var testDescription: String { name }

  private struct File: Decodable { let cases: [GoldenStep] }

  static let all = Result {
    try JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden("balgrad/cases.json"))).cases
  }
}

@Suite("Steps as PyTorch takes them")
struct GoldenStepTests {
  @Test("the golden steps are there, for every baseline and every choice of BalGrad")
  func complete() throws {
    let cases = try GoldenStep.all.get()
    #expect(Set(cases.map(\.method)) == ["balgrad", "joint", "uniform", "unimodal"])
    #expect(Set(cases.map(\.modalities.count)) == [2, 3])
    #expect(Set(cases.map(\.task)) == [.singleLabel, .multiLabel])
    // What a single step cannot show is not among them, nor what the twin alone is compared with.
    let elsewhere: Set = ["weight.source", "ramp.unit", "weight.beta", "kl.partner"]
    for setting in try MethodRegistry.entry("balgrad").card.settings where !elsewhere.contains(setting.key) {
      let seen = cases.compactMap { $0.settings[setting.key] } + [setting.default]
      if setting.allowed.isEmpty { #expect(seen.contains { $0 != setting.default }, "\(setting.key)") }
      for word in setting.allowed { #expect(seen.contains(Tree.string(word)), "\(setting.key)=\(word)") }
    }
  }

  @Test("losses, scalars, parts and direction agree to 1e-9", arguments: (try? GoldenStep.all.get()) ?? [])
  func agrees(_ example: GoldenStep) throws {
    Conditions.prepare()
    let batchFile = try SafeTensors(reading: Conditions.golden("balgrad/\(example.batch)"))
    let weightsFile = try SafeTensors(reading: Conditions.golden("balgrad/\(example.weights)"))
    let expectedFile = try SafeTensors(reading: Conditions.golden("balgrad/\(example.expected)"))
    let modalities = example.modalities.map { Modality($0) }
    let inputs = PerModality(modalities, try modalities.map { try batchFile.tensor($0.name) })
    let labels = try batchFile.tensor("labels")
    let batch = Batch(samples: Array(0..<labels.shape[0]), inputs: inputs, labels: labels)

    func rows(_ name: String) throws -> Int { try #require(weightsFile.entry(name)).shape[0] }
    let model = try MultimodalModel(
      modalities: modalities, inputWidths: inputs.values.map { $0.shape[1] },
      embeddingWidths: try modalities.map { try rows("\($0).embedding.weight") },
      classes: try rows("fusion.classifier.weight"), task: example.task,
      store: ParameterStore(random: RandomSource(seed: 0), elementType: .float64))
    try model.store.load(weightsFile)

    var clock = TrainingClock(steps: example.steps, epochs: 1)
    clock.step = Int((example.progress * Double(example.steps - 1)).rounded())
    let session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1), clock: clock,
      random: RandomSource(seed: 0))
    let entry = try MethodRegistry.entry(example.method)
    var settings = entry.defaults
    for (path, value) in example.settings {
      #expect(settings[path: path] != nil, "\(path)")
      settings[path: path] = value
    }
    var method = try entry(settings)
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }

    #expect(report.losses.keys.sorted() == example.losses.keys.sorted())
    for (name, loss) in example.losses { expectClose([report.losses[name] ?? .nan], [loss], "\(name)") }
    let update = try #require(inspection.updates.first)
    #expect(inspection.updates.count == 1)
    var found = report.scalars
    found["norm.update"] = try update.norm()
    if let projected = inspection.parts.first(where: { $0.name == "projected" })?.gradients {
      found["norm.projected"] = try projected.norm(within: model.branches)
    }
    for (name, value) in example.scalars where !name.hasPrefix("factor.") {
      expectClose([found[name] ?? .nan], [value], "\(name)")
    }

    try expectDirection(update, "", expectedFile, model)
    for part in ["target", "balance", "unimodal", "projected"] {
      let gradients = inspection.parts.first { $0.name == part }?.gradients
      #expect((gradients != nil) == expectedFile.names.contains { $0.hasPrefix("\(part)/") })
      if let gradients { try expectDirection(gradients, "\(part)/", expectedFile, model) }
    }
  }

  /// A name that the file does not hold stands for zero.
  private func expectDirection(
    _ found: Gradients, _ prefix: String, _ file: SafeTensors, _ model: MultimodalModel
  ) throws {
    for parameter in model.store.parameters {
      let name = prefix + parameter.path.description
      let zeros = [Double](repeating: 0, count: parameter.count)
      let expected = file.names.contains(name) ? try values(file.tensor(name)) : zeros
      let direction = try found[parameter.path].map { try values($0) } ?? zeros
      expectClose(direction, expected, name)
    }
  }

  private func expectClose(_ found: [Double], _ expected: [Double], _ name: String) {
    // Relative to the largest number, as a difference of two that nearly cancel has no digits of its own.
    let scale = expected.map(abs).max() ?? 0
    #expect(allClose(found, expected, relative: 1e-9, absolute: 1e-9 * min(max(scale, 1e-3), 1)), "\(name)")
  }
}
