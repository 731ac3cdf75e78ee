import Balancing
import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

extension ListedStep {
  /// Takes the one step of a method that keeps nothing, and holds it to this case.
  func check(_ path: GradientPath, missing: Bool = false) throws {
    var made = try MethodRegistry.entry(method)(tree())
    let session = try session(path, missing: missing)
    let (report, inspection) = try session.inspecting { try made.step(examples(), session) }
    #expect(inspection.updates.count == 1)
    try check(report, try #require(inspection.updates.first), session.model)
  }

  /// Takes the step in float64 and compares direction and scalars to nine digits.
  func check() throws {
    var made = try MethodRegistry.entry(method)(tree())
    let session = try session()
    let (report, inspection) = try session.inspecting { try made.step(examples(), session) }
    let update = try #require(inspection.updates.first)
    #expect(inspection.updates.count == 1)
    for parameter in session.model.store.parameters {
      let zeros = [Double](repeating: 0, count: parameter.count)
      let wanted = expected[parameter.path.description] ?? zeros
      let found = try update[parameter.path].map { try values($0) } ?? zeros
      let scale = wanted.map(abs).max() ?? 0
      #expect(allClose(found, wanted, relative: 1e-9, absolute: 1e-9 * max(scale, 1e-3)), "\(parameter.path)")
    }
    for (name, value) in scalars {
      #expect(allClose([report.scalars[name] ?? .nan], [value], relative: 1e-9, absolute: 1e-12), "\(name)")
    }
  }
}

/// One step of a method on the whole synthetic data, taken apart.
struct StepTaken {
  let report: StepReport
  let update: Gradients
  /// The gradient of the fused loss alone.
  let joint: Gradients
  let session: TrainingSession
  let batch: Batch

  var model: MultimodalModel { session.model }

  /// - Parameter epoch: whether an epoch begins before the step.
  init(_ bench: Bench, beginningEpoch epoch: Bool = false, _ change: (TrainingSession) throws -> Void = { _ in }) throws
  {
    let session = try bench.session()
    let batch = try bench.data.whole()
    var method = try bench.method()
    if epoch, var acting = method as? any ActsBetweenEpochs {
      try acting.epochWillBegin(0, bench.context(session))
      method = acting
    }
    try change(session)
    try self.init(session, method, batch)
  }

  /// The method stays as it is.
  init(_ session: TrainingSession, _ method: any BalancingMethod, _ batch: Batch) throws {
    var method = method
    joint = try session.gradients(of: session.loss(session.forward(batch).logits, batch))
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    self.report = report
    update = try #require(inspection.updates.first)
    self.session = session
    self.batch = batch
  }

  func found(_ name: String) throws -> [Double] { try values(update[ParameterPath(name)]) }
  func plain(_ name: String) throws -> [Double] { try values(joint[ParameterPath(name)]) }
}

/// A forward pass in plain loops, written from the definition of the model.
struct PlainModel {
  typealias Rows = [[Double]]

  let modalities: [String]
  let weights: [String: [Double]]
  let inputs: [Rows]
  /// The class numbers of each sample, or its labels as 0 and 1.
  let labels: [[Int]]
  let task: PredictionTask

  init(_ session: TrainingSession, _ batch: Batch) throws {
    modalities = session.model.modalities.map(\.name)
    weights = try Bench.weights(session.model)
    inputs = try batch.inputs.values.map { try Self.rows(values($0), $0.shape[1]) }
    let numbers: [Int] = try batch.labels.array()
    labels = Self.rows(numbers, session.model.task == .multiLabel ? session.model.classes : 1)
    task = session.model.task
  }

  static func rows<Value>(_ numbers: [Value], _ width: Int) -> [[Value]] {
    stride(from: 0, to: numbers.count, by: width).map { Array(numbers[$0..<($0 + width)]) }
  }

  /// eₘ; of zero inputs where `blank`.
  func features(_ m: Int, blank: Bool = false) -> Rows {
    let bias = weights["\(modalities[m]).embedding.bias"] ?? []
    let weight = Self.rows(weights["\(modalities[m]).embedding.weight"] ?? [], inputs[m][0].count)
    return inputs[m].map { row in
      bias.indices.map { k in bias[k] + (blank ? 0 : total(row.count) { row[$0] * weight[k][$0] }) }
    }
  }

  /// The logits of its own classifier.
  func own(_ m: Int) -> Rows {
    let bias = weights["\(modalities[m]).head.bias"] ?? []
    let weight = Self.rows(weights["\(modalities[m]).head.weight"] ?? [], features(m)[0].count)
    return features(m).map { e in bias.indices.map { c in bias[c] + total(e.count) { e[$0] * weight[c][$0] } } }
  }

  /// The fused logits with the inputs outside `present` at zero.
  func fused(_ present: Set<Int>) -> Rows {
    let joined = modalities.indices.map { features($0, blank: !present.contains($0)) }
    let bias = weights["fusion.classifier.bias"] ?? []
    let width = joined.map { $0[0].count }.reduce(0, +)
    let weight = Self.rows(weights["fusion.classifier.weight"] ?? [], width)
    return inputs[0].indices.map { i in
      let row = joined.flatMap { $0[i] }
      return bias.indices.map { c in bias[c] + total(width) { row[$0] * weight[c][$0] } }
    }
  }

  /// Its part of the fused logits, with an equal share of the bias.
  func part(_ m: Int) -> Rows {
    let bias = weights["fusion.classifier.bias"] ?? []
    let widths = modalities.indices.map { features($0)[0].count }
    let weight = Self.rows(weights["fusion.classifier.weight"] ?? [], widths.reduce(0, +))
    let start = widths.prefix(m).reduce(0, +)
    return features(m).map { e in
      bias.indices.map { c in
        bias[c] / Double(modalities.count) + total(e.count) { e[$0] * weight[c][start + $0] }
      }
    }
  }

  /// The probability of the truth of each sample.
  func truth(_ logits: Rows) -> [Double] {
    logits.indices.map { i in
      if task == .multiLabel {
        let right = logits[i].indices.map { c in
          let p = 1 / (1 + exp(-logits[i][c]))
          return labels[i][c] == 1 ? p : 1 - p
        }
        return right.reduce(0, +) / Double(right.count)
      }
      let top = logits[i].max() ?? 0
      let powers = logits[i].map { exp($0 - top) }
      return powers[labels[i][0]] / powers.reduce(0, +)
    }
  }

  /// The loss of each sample.
  func losses(_ logits: Rows) -> [Double] {
    guard task == .multiLabel else { return truth(logits).map { -log($0) } }
    return logits.indices.map { i in
      total(logits[i].count) { c in log(1 + exp(labels[i][c] == 1 ? -logits[i][c] : logits[i][c])) }
        / Double(logits[i].count)
    }
  }
}
