import Foundation
import Seesaw
import Torch
import TorchNN

/// What a step of each method costs, against joint training on the same data in the same run.
///
/// Every round runs one block of steps of each candidate in turn, so that a machine whose speed drifts slows all of
/// them alike; what is printed is the median over rounds of the ratio to joint training in the same round.
@main
struct StepBenchmark {
  static func main() throws {
    Runtime.setThreads(Int(ProcessInfo.processInfo.environment["THREADS"] ?? "") ?? 2)
    let rounds = Int(ProcessInfo.processInfo.environment["ROUNDS"] ?? "") ?? 15
    print("step time against joint training with as many modalities · \(rounds) rounds · \(Runtime.threads) threads")

    try report("all methods, M = 2, B = 128, D = 256, H = 256, C = 32", rounds, candidates: MethodRegistry.names) {
      try Candidate($0, modalities: 2, settings: .table([:]))
    }
    for partner in ["others", "consensus"] {
      print("\nBalGrad with kl.partner = \(partner), time of a step against M = 2 (linear cost: M/2)")
      let counts = Array(2...8)
      let names = counts.map { "M = \($0)" }
      let candidates = try counts.map {
        try Candidate("balgrad", modalities: $0, settings: ["kl": ["partner": .string(partner)]])
      }
      let times = try measure(candidates, rounds)
      for (index, name) in names.enumerated() {
        let ratios = zip(times[index], times[0]).map { $0 / $1 }.sorted()
        print(row(name, ratios) + "   linear \(Double(counts[index]) / 2)")
      }
    }
  }

  static func report(
    _ title: String, _ rounds: Int, candidates names: [String], _ make: (String) throws -> Candidate
  ) throws {
    print("\n\(title)")
    var candidates: [Candidate] = []
    var kept: [String] = []
    for name in names {
      do {
        candidates.append(try make(name))
        kept.append(name)
      } catch {
        print("  \(name): left out: \(Diagnosis(describing: error).what)")
      }
    }
    let times = try measure(candidates, rounds)
    for (index, name) in kept.enumerated() { print(row(name, zip(times[index], times[0]).map { $0 / $1 }.sorted())) }
  }

  /// Seconds a step, by candidate, then round.
  static func measure(_ candidates: [Candidate], _ rounds: Int) throws -> [[Double]] {
    for candidate in candidates { _ = try candidate.time(steps: 3) }
    var times = [[Double]](repeating: [], count: candidates.count)
    for _ in 0..<rounds {
      for (index, candidate) in candidates.enumerated() { times[index].append(try candidate.time(steps: 10)) }
    }
    return times
  }

  static func row(_ name: String, _ ratios: [Double]) -> String {
    func words(_ value: Double) -> String { String(format: "%.2f", value) }
    let padded = name + String(repeating: " ", count: max(0, 20 - name.count))
    return
      "  \(padded) \(words(ratios[ratios.count / 2]))   (\(words(ratios[0])) to \(words(ratios[ratios.count - 1])))"
  }
}

/// A method on made-up features, prepared as before an epoch.
final class Candidate {
  private var method: any BalancingMethod
  private let session: TrainingSession
  private let batch: Batch

  init(_ name: String, modalities count: Int, settings: Tree) throws {
    let entry = try MethodRegistry.entry(name)
    method = try entry(entry.defaults.overlaid(with: settings))
    let modalities = (0..<count).map { Modality("m\($0)") }
    let random = RandomSource(seed: 1)
    let generator = try random.generator("features")
    batch = Batch(
      samples: Array(0..<128), inputs: try PerModality(modalities) { _ in try generator.normal([128, 256]) },
      labels: try Tensor((0..<128).map { $0 % 32 }))
    let adding = method as? any AddsParameters
    let attends = entry.requirements.attentionFusion
    let makeSession = { () throws -> TrainingSession in
      let store = ParameterStore(random: random)
      let widths = modalities.map { _ in 256 }
      let model = try MultimodalModel(
        modalities: modalities, inputWidths: widths, embeddingWidths: widths, classes: 32, task: .singleLabel,
        store: store,
        fusion: { (scope, widths, classes) throws(TorchError) in
          if attends { return try CrossAttentionFusion(scope, widths: widths, classes: classes) }
          return try Concatenation(scope, widths: widths, classes: classes)
        })
      try adding?.addParameters(store.root / "method", for: model)
      _ = try store.flat()
      return TrainingSession(
        model, optimizer: try Adam(store), learningRate: LearningRate(1e-3),
        clock: TrainingClock(steps: 1000, epochs: 10), random: random)
    }
    session = try makeSession()
    let lab = Lab(
      session: session, training: OneBatch(batch), validation: OneBatch(batch), batchSize: 128, random: random,
      makeSession: makeSession)
    if var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(lab)
      method = preparing
    }
    if var acting = method as? any ActsBetweenEpochs {
      try acting.epochWillBegin(0, lab)
      method = acting
    }
    _ = try method.step(batch, session)
  }

  /// Seconds a step.
  func time(steps: Int) throws -> Double {
    let clock = ContinuousClock()
    let begun = clock.now
    for _ in 0..<steps { _ = try method.step(batch, session) }
    return (clock.now - begun) / .seconds(1) / Double(steps)
  }
}

/// A split that is one batch.
struct OneBatch: BatchSource {
  let whole: Batch
  var count: Int { whole.count }

  init(_ whole: Batch) { self.whole = whole }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let samples = visits.map(\.sample)
    let index = try Tensor(samples)
    return Batch(
      samples: samples, inputs: try whole.inputs.map { try $1.indexed(0, by: index) },
      labels: try whole.labels.indexed(0, by: index))
  }
}
