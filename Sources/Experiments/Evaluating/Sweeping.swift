import Balancing
import Datasets
import Evaluation
public import Foundation
import Multimodal
public import Records
import Torch
import TorchNN

extension Experiment {
  /// The ratios that are tried where none are named: 0, 0.1, … 1.
  public static let usualRatios = (0...10).map { Double($0) / 10 }

  /// Scores of a finished run against the share of test samples with a modality missing or noisy.
  ///
  /// At ratio r, ⌊rN⌋ test samples are impaired; which ones is drawn from the sweep's own stream, the same for every run,
  /// and those at a smaller ratio are among those at a larger one. Nothing is encoded anew.
  public static func sweep(
    run: URL, ratios: [Double] = usualRatios, seed: Int = 0, events: EventSink = { _ in }
  ) throws -> SweepTable {
    try check(ratios)
    // The answer is kept in the run's folder.
    let folder = RunFolder(run)
    let lock = folder.exists ? try folder.lock() : nil
    defer { lock?.release() }
    return try sweep(run: run, on: nil, ratios: ratios, seed: seed, events: events)
  }

  /// The same, on data that is loaded already: a comparison reads and digests it once for all its runs.
  static func sweep(
    run: URL, on data: LoadedData?, ratios: [Double], seed: Int = 0, events: EventSink = { _ in }
  ) throws -> SweepTable {
    let trial = try finishedTrial(run, data: data, events: events)
    let builder = trial.builder
    let set = builder.data.set
    let evaluator = builder.evaluator
    func logits(_ condition: String) throws -> (Tensor, Tensor) {
      let (split, missing, _) = try set.test(under: condition)
      return try evaluator.logits(
        trial.model, builder.prepared(split), trial.rule(told: trial.told(condition, missing)))
    }
    let (clean, labels) = try logits(Condition.full)
    let count = labels.shape[0]
    let conditions = try set.conditions().filter { $0 != Condition.full }
    var scores: [String: [Double]] = [:]
    for condition in conditions {
      // A prediction depends on its own sample alone, so that mixing samples is mixing rows of logits.
      let (impaired, _) = try logits(condition)
      var numbers = SeededNumbers(seed: UInt64(bitPattern: Int64(seed)), stream: "sweep/\(condition)")
      let order = numbers.permutation(count)
      scores[condition] = try ratios.map { ratio in
        var chosen = [Bool](repeating: false, count: count)
        for sample in order.prefix(share(ratio, of: count)) { chosen[sample] = true }
        let mixed = try Tensor(chosen, shape: [count, 1]).choose(impaired, clean)
        return try evaluator.score(evaluator.metrics(mixed, labels, thresholds: builder.thresholds))
      }
    }
    let name = builder.configuration.methodName
    let table = SweepTable(
      dataset: set.manifest.name, metric: set.manifest.metric.rawValue, modalities: set.manifest.modalities,
      ratios: ratios, conditions: conditions,
      curves: [SweepTable.Curve(name: name, scores: scores, modalities: set.manifest.modalities)])
    try AtomicFile.write(Data((table.json() + "\n").utf8), to: run.appending(path: "sweep.json"))
    return table
  }
  /// Refuses ratios that are no shares.
  static func check(_ ratios: [Double]) throws {
    for ratio in ratios where !(0...1).contains(ratio) {
      throw Diagnosis("the ratio \(ratio) is not from 0 to 1", exitStatus: .usage)
    }
  }

  /// ⌊rN⌋, where 0.29 of 100 is 29 although the product falls short of it by rounding.
  private static func share(_ ratio: Double, of count: Int) -> Int { Int(ratio * Double(count) + 1e-9) }
}
