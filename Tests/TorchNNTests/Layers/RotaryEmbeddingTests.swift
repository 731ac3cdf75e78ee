import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Rotary position embeddings")
struct RotaryEmbeddingTests {
  private func turned(_ values: [Double], _ embedding: RotaryEmbedding, _ positions: [Int]) throws -> [Double] {
    let x = try Tensor(values, shape: [1, 1, 1, values.count])
    return try embedding.table(positions.map { [[$0]] }, .float64)(x).array()
  }

  @Test("channels turn in pairs half a head apart")
  func pairs() throws {
    let embedding = RotaryEmbedding(width: 4, theta: 1e4)
    let once = try turned([1, 2, 3, 4], embedding, [1])
    #expect(allClose(once, [-1.984111, 1.959901, 2.462378, 4.019800], absolute: 1e-6))
    let later = try turned([1, 2, 3, 4], embedding, [5])
    #expect(allClose(later, [3.160435, 1.797584, -0.107938, 4.094959], absolute: 1e-6))
    #expect(try turned([1, 2, 3, 4], embedding, [0]) == [1, 2, 3, 4])
  }

  @Test("sections of frequencies follow rows of positions of their own")
  func sections() throws {
    let embedding = RotaryEmbedding(width: 8, theta: 1e4, sections: [1, 1, 2])
    let found = try turned([1, 2, 3, 4, 5, 6, 7, 8], embedding, [2, 3, 5])
    let expected = [-4.962634, 0.137552, 2.646397, 3.959950, -1.171437, 6.323059, 7.141189, 8.019900]
    #expect(allClose(found, expected, absolute: 1e-6))
  }

  @Test("Llama 3 slows long waves, leaves short ones, and passes smoothly between")
  func llama3() {
    let scaling = RotaryEmbedding.Scaling.llama3(factor: 8, low: 1, high: 4, original: 8192)
    let frequencies = RotaryEmbedding(width: 8, theta: 5e5, scaling: scaling).frequencies
    #expect(allClose(frequencies, [1, 0.03760603093, 5.248461610e-4, 6.647869871e-6], relative: 1e-9))
    let linear = RotaryEmbedding(width: 4, theta: 1e4, scaling: .linear(factor: 4)).frequencies
    #expect(allClose(linear, [0.25, 0.0025], relative: 1e-12))
  }

  @Test("float32 angles stay near float64's")
  func halves() throws {
    let embedding = RotaryEmbedding(width: 4, theta: 1e4)
    let exact = try turned([1, 2, 3, 4], embedding, [700])
    let x = try Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 1, 4])
    let rough = try embedding.table([[[700]]], .float32)(x)
    #expect(rough.elementType == .float32)
    #expect(allClose(try rough.array(), exact, absolute: 2e-3))
  }
}
