import Foundation
import Records
import Synchronization
import TestSupport
import Testing

@testable import Experiments
@testable import SeesawPredict

@Suite("A model that many ask at once")
struct BatchingPredictorTests {
  private func withPredictor(_ body: (URL, Predictor) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "seesaw-test-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try SmallFeatureSet().write(to: folder.appending(path: "data"))
    _ = try SmallFeatureSet.train("joint", folder.appending(path: "data"), to: folder.appending(path: "run"))
    try await body(folder.appending(path: "run"), Predictor(run: folder.appending(path: "run")))
  }

  private static func sample(_ number: Int) -> PredictionInput {
    let values = numbers(8, seed: UInt64(number + 1)).map { Float($0) }
    return PredictionInput(
      id: "\(number)", features: ["image": Array(values[..<4]), "text": Array(values[4...])])
  }

  @Test("each has its own answers, in order, and no batch is larger than allowed")
  func many() async throws {
    try await withPredictor { _, predictor in
      let sizes = Mutex<[Int]>([])
      var limits = BatchingPredictor.Limits()
      limits.batch = 5
      let batching = BatchingPredictor(predictor, limits: limits) { count, _ in sizes.withLock { $0.append(count) } }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for start in stride(from: 0, to: 60, by: 3) {
          group.addTask {
            let samples = (start..<start + 3).map(Self.sample)
            let answers = try await batching.predict(samples)
            #expect(answers.map(\.id) == samples.map(\.id))
            for (answer, alone) in zip(answers, try samples.flatMap { try predictor.predict([$0]) }) {
              for (name, value) in alone.probabilities {
                #expect(abs((answer.probabilities[name] ?? 2) - value) < 1e-5)
              }
            }
          }
        }
        try await group.waitForAll()
      }
      // The last batch is told of after its answers are.
      #expect(sizes.withLock { $0.allSatisfy { (1...5).contains($0) } })
    }
  }

  private final class Batches: Sendable {
    private let state = Mutex<[(samples: Int, thread: String)]>([])
    func add(_ samples: Int, _ thread: String) { state.withLock { $0.append((samples, thread)) } }
    var all: [(samples: Int, thread: String)] { state.withLock { $0 } }
    func removeAll() { state.withLock { $0 = [] } }
  }

  /// How many of so many batches the thread computed that computed the one of two samples; they are told of after their
  /// answers.
  private static func byWorker(_ count: Int, _ batches: Batches) async -> Int {
    while batches.all.count < count { await Task.yield() }
    let all = batches.all
    batches.removeAll()
    let worker = all.first { $0.samples == 2 }?.thread
    return all.count { $0.thread == worker }
  }

  @Test(
    "features are computed on the thread that asks once it is known that this is quick, and never while others wait")
  func atOnce() async throws {
    try await withPredictor { _, predictor in
      let batches = Batches()
      let observe = { @Sendable (samples: Int, _: Double) in batches.add(samples, "\(pthread_self())") }
      var limits = BatchingPredictor.Limits()
      limits.atOnce = 3600
      let quick = BatchingPredictor(predictor, limits: limits, observe: observe)
      var answers: [Prediction] = []
      for _ in 0..<3 { answers += try await quick.predict([Self.sample(1)]) }
      #expect(answers == Array(repeating: answers[0], count: 3))
      // Two were never computed together before.
      _ = try await quick.predict([Self.sample(1), Self.sample(2)])
      #expect(await Self.byWorker(4, batches) == 2)
      limits.atOnce = 0
      let slow = BatchingPredictor(predictor, limits: limits, observe: observe)
      for count in [1, 1, 2] { _ = try await slow.predict((0..<count).map(Self.sample)) }
      #expect(await Self.byWorker(3, batches) == 3)
    }
  }

  @Test("one bad sample fails by itself")
  func bad() async throws {
    try await withPredictor { _, predictor in
      let batching = BatchingPredictor(predictor)
      let results = try await batching.results(for: [
        Self.sample(1), PredictionInput(features: ["image": [1]]), Self.sample(2),
      ])
      #expect(results.map { (try? $0.get()) != nil } == [true, false, true])
      let none = try await batching.results(for: [])
      #expect(none.isEmpty)
    }
  }

  @Test("beyond what may wait samples are refused, and those that wait are answered when it is closed")
  func full() async throws {
    try await withPredictor { _, predictor in
      var limits = BatchingPredictor.Limits()
      limits.batch = 10
      limits.queue = 2
      // Others are waited for, and none come.
      limits.wait = 3600
      let batching = BatchingPredictor(predictor, limits: limits)
      async let first = batching.predict([Self.sample(1), Self.sample(2)])
      while batching.waiting < 2 { await Task.yield() }
      await #expect(throws: BatchingPredictor.Refusal.full(2)) { try await batching.predict([Self.sample(3)]) }
      await #expect(throws: BatchingPredictor.Refusal.tooMany(3, most: 2)) {
        try await batching.predict((0..<3).map(Self.sample))
      }
      batching.close()
      let answers = try await first
      #expect(answers.count == 2)
      await #expect(throws: BatchingPredictor.Refusal.closed) { try await batching.predict([Self.sample(3)]) }
    }
  }

  @Test("the digest is of the model's files by name, is in every prediction, and is another where a weight is")
  func digest() async throws {
    try await withPredictor { run, predictor in
      let names = ["absence", "missing", "weights"].map { "\($0).safetensors" }
      let lines = try names.map { "\(try FileDigest.sha256(of: run.appending(path: $0)))  \($0)\n" }
      #expect(predictor.digest == FileDigest.sha256(of: lines.joined()))
      let answer = try predictor.predict([Self.sample(1)])[0]
      #expect(answer.model == predictor.digest)
      var bytes = try Data(contentsOf: run.appending(path: "weights.safetensors"))
      bytes[bytes.count - 4] ^= 1
      try bytes.write(to: run.appending(path: "weights.safetensors"))
      let other = try Predictor(run: run)
      #expect(other.digest != predictor.digest)
    }
  }
}
