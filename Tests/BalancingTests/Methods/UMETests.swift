import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("UME")
struct UMETests {
  /// The prediction of heads that give the logits that are given, [B, 3] each.
  private func predicted(
    _ logits: [[Double]], _ task: PredictionTask = .singleLabel, _ average: UME.Average = .probabilities,
    absent: Set<Modality> = []
  ) throws -> [Double] {
    let modalities = Array((["image", "text", "audio"] as [Modality]).prefix(logits.count))
    let widths = modalities.map { _ in 3 }
    let model = try MultimodalModel(
      modalities: modalities, inputWidths: widths, embeddingWidths: widths, classes: 3, task: task,
      store: ParameterStore(random: RandomSource(seed: 1), elementType: .float64))
    for modality in modalities {
      try model.heads[modality].weight.tensor.detached()
        .copy(from: Tensor(matrix(3, 3) { $0 == $1 ? 1 : 0 }, shape: [3, 3]))
      try model.heads[modality].bias.tensor.detached().copy(from: Tensor([0.0, 0, 0]))
    }
    let outputs = try model.outputs(
      ofFeatures: PerModality(modalities, logits.map { try Tensor($0, shape: [$0.count / 3, 3]) }))
    var configuration = UME.Configuration()
    configuration.average = average
    return try values(UME(configuration).logits(outputs, absent: absent))
  }

  private func softmax(_ z: [Double]) -> [Double] {
    let powers = z.map { exp($0 - (z.max() ?? 0)) }
    return powers.map { $0 / powers.reduce(0, +) }
  }
  private func sigmoid(_ z: [Double]) -> [Double] { z.map { 1 / (1 + exp(-$0)) } }

  @Test("trains exactly as unimodal training does", arguments: [2, 3])
  func training(_ count: Int) throws {
    let data = SyntheticData(modalities: Array((["image", "text", "audio"] as [Modality]).prefix(count)))
    let (own, unimodal) = (try Bench("ume", data: data).run(), try Bench("unimodal", data: data).run())
    #expect(own.last == unimodal.last)
    for modality in data.modalities.map(\.name) {
      #expect(own.reports.map { $0.losses[modality] } == unimodal.reports.map { $0.losses[modality] })
    }
    #expect(own.reports.allSatisfy { $0.losses["fused"] != nil })
  }

  @Test("the probabilities are the mean of the modalities' probabilities", arguments: [1, 2, 3], [0, 1e-10, 1, 15])
  func probabilities(_ count: Int, _ scale: Double) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let logits = (0..<count).map { numbers(3, seed: seed + 20 * UInt64($0)).map { $0 * scale } }
      func mean(_ parts: [[Double]]) -> [Double] { (0..<3).map { c in parts.reduce(0) { $0 + $1[c] } / Double(count) } }
      #expect(try allClose(softmax(predicted(logits)), mean(logits.map(softmax)), relative: 1e-9, absolute: 1e-12))
      #expect(
        try allClose(
          sigmoid(predicted(logits, .multiLabel)), mean(logits.map(sigmoid)), relative: 1e-9, absolute: 1e-12))
    }
  }

  @Test("logits beyond every probability stay finite")
  func extremes() throws {
    let huge = [[1e15, 0, -1e15], [-1e15, 1e15, 0]]
    for task in [PredictionTask.singleLabel, .multiLabel] { #expect(try predicted(huge, task).allFinite) }
    #expect(try allClose(softmax(predicted(huge)), [0.5, 0.5, 0], relative: 1e-12))
  }

  @Test("the mean of logits is another answer: one that is very sure outweighs the rest there alone")
  func logits() throws {
    let (image, text) = ([30.0, 0, 0], [0.0, 3, 0])
    #expect(try allClose(predicted([image, text], .singleLabel, .logits), [15, 1.5, 0], relative: 1e-12))
    let p = try softmax(predicted([image, text]))
    #expect(abs(p[0] - (1 + softmax(text)[0]) / 2) < 1e-9)
  }

  @Test("absent modalities are left out", arguments: [UME.Average.probabilities, .logits])
  func absent(_ average: UME.Average) throws {
    let (image, text) = ([2.0, 0, 0], [0.5, 0.4, 0])
    func p(_ absent: Set<Modality>) throws -> [Double] {
      try softmax(predicted([image, text], .singleLabel, average, absent: absent))
    }
    #expect(try allClose(p(["image"]), softmax(text), relative: 1e-12))
    #expect(try allClose(p(["text"]), softmax(image), relative: 1e-12))
    #expect(try p(["image", "text"]) == p([]))
  }
}
