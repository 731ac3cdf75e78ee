import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

/// Data that nobody hopes for, and somebody has.
enum Oddity: String, CaseIterable, Sendable {
  case huge, tiny, constant, zero, oneSample, oneClass, largeBatch, lastOfOne, lacksModality, isNotANumber

  var samples: Int {
    switch self {
    case .oneSample: 1
    // Three batches of eight and one sample.
    case .lastOfOne: 25
    default: 16
    }
  }
}

/// A split with an oddity.
private struct OddSource: BatchSource {
  let plain: SyntheticData
  let oddity: Oddity

  var count: Int { plain.count }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let batch = try plain.batch(visits)
    let inputs = try batch.inputs.map { modality, features in
      switch oddity {
      case .huge: try features * 1e30
      case .tiny: try features * 1e-30
      case .constant: try features * 0 + 3
      case .zero: try features * 0
      case .lacksModality: modality == "text" ? try features * 0 : features
      case .isNotANumber: modality == "text" ? try features * .nan : features
      case .oneSample, .oneClass, .largeBatch, .lastOfOne: features
      }
    }
    return Batch(
      samples: batch.samples, inputs: inputs,
      labels: oddity == .oneClass ? try (batch.labels * 0).to(.int64) : batch.labels)
  }
}

@Suite("Every method on odd data")
struct OddDataTests {
  private static let all = Oddity.allCases.flatMap { oddity in
    Candidate.all.filter { $0.card.modalities.admits(2) }.map { ($0, oddity) }
  }

  /// What no method can make finite.
  private static let hopeless: Set<Oddity> = [.huge, .isNotANumber]

  @Test("trains to finite weights; where that cannot be it stops with a sentence", arguments: all)
  func trains(_ entry: Candidate, _ oddity: Oddity) throws {
    var bench = try Bench(entry.card.name, data: SyntheticData(count: oddity.samples))
    bench.batchSize = oddity == .largeBatch ? 1000 : 8
    let session = try bench.session()
    func odd(_ seed: UInt64) -> OddSource {
      OddSource(plain: SyntheticData(count: oddity.samples, seed: seed), oddity: oddity)
    }
    let context = TrainingContext(
      session: session, training: odd(1), validation: odd(2), batchSize: bench.batchSize,
      random: RandomSource(seed: 1), makeSession: { try bench.session() })
    var method = try bench.method()
    var position = Trainer.Position()
    let follower = Follower()
    do {
      #expect(try bench.trainer.train(&method, context, from: &position, observer: follower))
      #expect(try Bench.weights(session.model).values.allSatisfy(\.allFinite))
      #expect(follower.reports.flatMap { Array($0.losses.values) }.allFinite)
      #expect(oddity != .isNotANumber)
    } catch let error as any Diagnosable {
      #expect(Self.hopeless.contains(oddity), "\(error.diagnosis)")
      #expect(error.diagnosis.exitStatus == .failed && !error.diagnosis.what.isEmpty)
    }
  }
}
