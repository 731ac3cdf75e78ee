import Multimodal
import TestSupport
import Testing
import Torch
import TorchNN

/// One linear layer, of whose outputs half are left out.
private struct HalvedEncoder: TrainedEncoder {
  let width = 3

  private struct Network: EncoderNetwork {
    let weight: Parameter

    func callAsFunction(_ inputs: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
      let weight = try pass[weight]
      return try pass.dropping(0.5, of: inputs.to(weight.elementType).matmul(weight.transposed()))
    }
  }

  func makeNetwork(_ scope: Scope) throws(TorchError) -> any EncoderNetwork {
    Network(weight: try scope.parameter("weight", [width, 2], .uniform(fanIn: 2)))
  }
}

@Suite("An encoder whose rows several processes share")
struct SharedRowsTests {
  /// The features of some rows and the gradient of the encoder's weight; rows of zeros are not there.
  private static func pass(_ rows: [Double], _ group: ProcessGroup?) throws -> [[Double]] {
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    store.group = group
    let model = try MultimodalModel(
      modalities: ["image"], inputWidths: [2], embeddingWidths: [4], classes: 2, task: .singleLabel, store: store,
      encoders: ["image": HalvedEncoder()])
    let dropout = EncoderDropout(share: nil, RandomSource(seed: 1), pass: "0/1")
    let inputs = try PerModality(["image"], [Tensor(rows, shape: [rows.count / 2, 2])])
    let outputs = try model(inputs, dropping: dropout)
    let gradients = try Gradients(of: outputs.logits.square().sum(), store)
    return [try values(outputs.features["image"]), try values(gradients["encoder.image.weight"])]
  }

  @Test(
    "gives what one process gives, whatever is left out and whichever rows are not there",
    arguments: [
      numbers(14), numbers(4) + [0, 0, 0, 0] + numbers(6, seed: 2), [0, 0] + numbers(2) + [0, 0], [0, 0, 0, 0],
    ], [2, 3])
  func same(_ rows: [Double], _ count: Int) throws {
    let alone = try Self.pass(rows, nil)
    for found in try together(count, { try Self.pass(rows, $0) }) {
      for (own, expected) in zip(found, alone) { #expect(allClose(own, expected, relative: 1e-9, absolute: 1e-12)) }
    }
  }
}
