package import Balancing
import ConformanceSupport
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// What is wrong, a sentence each.
struct Faults {
  private(set) var all: [String] = []

  mutating func expect(_ holds: Bool, _ otherwise: @autoclosure () -> String) {
    if !holds { all.append(otherwise()) }
  }
}

extension MethodRegistry.Entry {
  func can(_ capability: String) -> Bool { capabilities.contains(capability) }
}

extension Conformance {
  static func trains(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    var bench = Bench(entry, data: setting.data)
    bench.frozen = ["text.embedding"]
    let outcome = try bench.run()
    var faults = Faults()
    faults.expect(outcome.finished, "the run does not end by itself")
    let steps = bench.trainer.steps(over: bench.data.count)
    if !entry.can("plans sampling") {
      faults.expect(outcome.reports.count == steps, "it takes \(outcome.reports.count) steps, expected \(steps)")
    }
    for (step, report) in outcome.reports.enumerated() {
      faults.expect(!report.losses.isEmpty, "step \(step) reports no loss")
      for (name, value) in report.losses.merging(report.scalars, uniquingKeysWith: { $1 }) {
        faults.expect(value.isFinite, "step \(step) reports '\(name)' as \(value)")
      }
    }
    for (name, weights) in outcome.last { faults.expect(weights.allFinite, "'\(name)' is not finite at the end") }
    faults.expect(outcome.first != outcome.last, "no parameter moves")
    for (name, weights) in outcome.first where name.hasPrefix("text.embedding") {
      faults.expect(outcome.last[name] == weights, "'\(name)' is frozen and moves")
    }
    return faults.all
  }

  static func learns(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    var bench = Bench(entry, data: setting.data)
    bench.epochs = 12
    let means = try bench.run().means
    let names = bench.data.modalities.map(\.name)
    guard let first = means.first, let last = means.last else { return ["no epoch ends"] }
    let losses = first.keys.filter { $0 == "fused" || names.contains($0) }.sorted()
    guard !losses.isEmpty else { return ["it reports neither a loss 'fused' nor one of a modality's name"] }
    func sum(_ epoch: [String: Double]) -> Double { losses.compactMap { epoch[$0] }.reduce(0, +) }
    var faults = Faults()
    guard entry.can("fits before training") else {
      faults.expect(
        sum(last) < sum(first),
        "the sum of \(losses.joined(separator: ", ")) is \(sum(first)) in the first epoch and \(sum(last)) in the last")
      return faults.all
    }
    // Everything is learned before the first step, and no step forgets it. In one batch, whose order decides nothing.
    bench.batchSize = bench.data.count
    let whole = try bench.run().means.compactMap { $0["fused"] }
    let joint = try Bench("joint", data: bench.data).run().means.first?["fused"] ?? .infinity
    faults.expect(
      whole.count == 12 && whole.allSatisfy { abs($0 - whole[0]) <= 1e-5 * whole[0] && $0 < joint },
      "it fits before training, and its loss is not at every epoch the same and below joint training's first")
    return faults.all
  }

  static func isReproducible(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    var bench = Bench(entry, data: setting.data)
    let (one, other) = (try bench.run(), try bench.run())
    var faults = Faults()
    faults.expect(one.last == other.last, "two runs of one seed end with different weights")
    faults.expect(one.reports == other.reports, "two runs of one seed report different numbers")
    faults.expect(one.orders == other.orders, "two runs of one seed visit the samples in different orders")
    bench.seed = 2
    faults.expect(try bench.run().last != one.last, "runs of different seeds end with the same weights")
    return faults.all
  }

  static func beginsAsJointTraining(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    var plain = try Bench("joint", data: setting.data)
    plain.fusesByAttention = entry.requirements.attentionFusion
    let (own, joint) = (try Bench(entry, data: setting.data).run(), try plain.run())
    var faults = Faults()
    for (name, weights) in joint.first {
      faults.expect(own.first[name] == weights, "'\(name)' begins with other weights")
    }
    for name in own.first.keys where joint.first[name] == nil {
      faults.expect(name.hasPrefix("method."), "it adds '\(name)' outside of its own scope")
    }
    if !entry.can("plans sampling") {
      faults.expect(own.orders == joint.orders, "it visits the samples in another order")
    }
    return faults.all
  }

  static func resumes(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    let bench = Bench(entry, data: setting.data)
    let whole = try bench.run()
    var faults = Faults()
    // After the first step, at the end of an epoch, and before the last step.
    for stop in [1, 4, 11] {
      let half = try bench.run(stopAfter: stop)
      faults.expect(!half.finished, "told to stop after step \(stop), it goes on")
      faults.expect(half.reports.count == stop, "told to stop after step \(stop), it takes \(half.reports.count)")
      let rest = try bench.run(from: half.kept)
      faults.expect(rest.finished, "gone on with after step \(stop), it does not end")
      faults.expect(half.reports + rest.reports == whole.reports, "after step \(stop) it reports other numbers")
      faults.expect(rest.last == whole.last, "after step \(stop) it ends with other weights")
      faults.expect(
        rest.means == Array(whole.means.dropFirst(half.means.count)), "after step \(stop) its means are others")
    }
    return faults.all
  }

  static func trainsWithEverySetting(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    var faults = Faults()
    for settings in variations(entry) {
      var bench = Bench(entry, data: setting.data)
      bench.settings = settings
      bench.epochs = 2
      let words = settings.json()
      do {
        let whole = try bench.run()
        let numbers = whole.reports.flatMap { Array($0.losses.values) + Array($0.scalars.values) }
        faults.expect(numbers.allFinite, "a reported number is not finite with \(words)")
        faults.expect(whole.last.values.allSatisfy(\.allFinite), "a weight is not finite with \(words)")
        let half = try bench.run(stopAfter: 6)
        let rest = try bench.run(from: half.kept)
        faults.expect(
          half.reports + rest.reports == whole.reports, "gone on with, it reports other numbers with \(words)")
        faults.expect(rest.last == whole.last, "gone on with, it ends with other weights with \(words)")
      } catch {
        faults.expect(false, "it throws with \(words): \(Diagnosis(describing: error).what)")
      }
    }
    return faults.all
  }

  static func ignoresOrder(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    // Sums come out in another order: so float32 is let off lightly.
    let tolerance = Conditions.elementType == .float64 ? 1e-8 : 2e-2
    var bench = Bench(entry, data: setting.data)
    bench.plainDescent = true
    let order = ColumnOrder(
      modalities: bench.data.modalities.count, width: bench.embeddingWidth, isSymmetric: bench.fusesByAttention)
    let otherOrder = Array(bench.data.modalities.reversed())
    let straight = try bench.run()
    bench.data = bench.data.reordered(otherOrder)
    bench.changing = { model in
      for parameter in model.store.parameters {
        guard let first = straight.first[parameter.path.description] else { continue }
        try parameter.tensor.copy(from: .of(order.turned(parameter.path.description, first), parameter.shape))
      }
    }
    let other = try bench.run()
    var faults = Faults()
    for (step, (one, two)) in zip(straight.reports, other.reports).enumerated() {
      faults.expect(one.losses.keys == two.losses.keys, "step \(step) reports other losses in the other order")
      for (name, loss) in one.losses {
        let found = two.losses[name] ?? .nan
        faults.expect(
          allClose([found], [loss], relative: tolerance, absolute: tolerance),
          "in step \(step) '\(name)' is \(loss), and \(found) in the other order")
      }
    }
    for (name, weights) in straight.last {
      let found = order.turned(name, other.last[name] ?? [])
      faults.expect(
        allClose(found, weights, relative: tolerance, absolute: tolerance),
        "'\(name)' ends otherwise in the other order")
    }
    return faults.all
  }

  static func trainsUnimodalClassifiers(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    let outcome = try Bench(entry, data: setting.data).run()
    let declared = entry.can("trains unimodal classifiers")
    var faults = Faults()
    for modality in setting.data.modalities {
      let name = "\(modality).head.weight"
      faults.expect(
        (outcome.first[name] != outcome.last[name]) == declared,
        declared
          ? "it declares TrainsUnimodalClassifiers, and '\(name)' does not move"
          : "'\(name)' moves, and it does not declare TrainsUnimodalClassifiers")
    }
    return faults.all
  }

  static func canBeInspected(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    let bench = Bench(entry, data: setting.data)
    let session = try bench.session()
    var method = try bench.method()
    if var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(bench.context(session))
      method = preparing
    }
    let before = try Bench.weights(session.model)
    let (report, inspection) = try session.inspecting { try method.step(bench.data.whole(), session) }
    var faults = Faults()
    faults.expect(try Bench.weights(session.model) == before, "a step that is only looked at moves the model")
    faults.expect(!report.losses.isEmpty, "it reports no loss")
    faults.expect(
      inspection.updates.isEmpty == entry.can("fits before training"),
      inspection.updates.isEmpty
        ? "it hands no direction to 'session.update'" : "it fits before training, and yet moves")
    for update in inspection.updates {
      faults.expect(try update.isFinite(), "a direction is not finite")
      faults.expect(try update.norm() > 0, "a direction is zero")
    }
    return faults.all
  }

  static func predicts(_ entry: MethodRegistry.Entry, _ setting: Setting) throws -> [String] {
    var bench = Bench(entry, data: setting.data)
    bench.epochs = 1
    let outcome = try bench.run()
    let batch = try bench.data.whole()
    let modalities = bench.data.modalities
    var faults = Faults()
    for absent in [[]] + modalities.map({ [$0] }) + [modalities] as [[Modality]] {
      let outputs = try outcome.session.forward(batch, without: Set(absent))
      let logits =
        try (outcome.method as? any PredictsItsOwnWay)?.logits(outputs, absent: Set(absent)) ?? outputs.logits
      let words = absent.isEmpty ? "" : " without \(absent.map(\.name).joined(separator: ", "))"
      let expected = [bench.data.count, bench.data.classes]
      faults.expect(logits.shape == expected, "the logits\(words) have the shape \(logits.shape), expected \(expected)")
      faults.expect(try values(logits).allFinite, "the logits\(words) are not finite")
    }
    return faults.all
  }

  package static func checkLifetimes(_ entry: MethodRegistry.Entry) throws {
    let before = Tensor.liveCount
    _ = try Bench(entry).run(stopAfter: 6)
    let left = Tensor.liveCount - before
    guard left == 0 else {
      throw Diagnosis("'\(entry.card.name)' leaves \(left) tensors when a run is over", exitStatus: .defect)
    }
  }
}

/// The weights of a model in the reverse order of its modalities.
private struct ColumnOrder {
  let modalities: Int
  /// Of an embedding.
  let width: Int
  /// Whether the fusion has no columns of a modality.
  let isSymmetric: Bool

  /// The columns of a fused classifier over features side by side belong to the modalities in order.
  private func reversed(_ weights: [Double]) -> [Double] {
    if isSymmetric { return weights }
    let row = width * modalities
    var result: [Double] = []
    for start in stride(from: 0, to: weights.count, by: row) {
      for block in (0..<modalities).reversed() {
        let first = start + block * width
        result += weights[first..<(first + width)]
      }
    }
    return result
  }

  /// What depends on the order of the modalities, in the other order.
  func turned(_ name: String, _ weights: [Double]) -> [Double] {
    switch name {
    case "fusion.classifier.weight": return reversed(weights)
    case "method.gate.bias" where weights.count == modalities: return weights.reversed()
    case "method.gate.weight" where weights.count == modalities * modalities * width:
      let columns = reversed(weights)
      return (0..<modalities).reversed().flatMap {
        columns[($0 * modalities * width)..<(($0 + 1) * modalities * width)]
      }
    default: return weights
    }
  }
}
