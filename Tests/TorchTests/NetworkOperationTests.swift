import Testing

@testable import Torch

@Suite("Operations of networks")
struct NetworkOperationTests {
  @Test("attention is a softmax over scaled products, of what the mask lets through")
  func attention() throws {
    let numbers = RandomSource(seed: 3)
    func drawn(_ name: String) throws -> Tensor { try numbers.generator(name).normal([2, 3, 4, 5]) }
    let (query, key, value) = (try drawn("q"), try drawn("k"), try drawn("v"))
    let scores = try query.matmul(key.transposed()) / 5.0.squareRoot()
    let plain = try scores.softmax(-1).matmul(value)
    #expect(try (query.attention(key: key, value: value) - plain).abs().max().scalar() < 1e-5)
    let mask = try Tensor([true, true, false, true], shape: [1, 1, 1, 4])
    let masked = try scores.maskedFill(mask.logicalNot(), -1e9).softmax(-1).matmul(value)
    #expect(try (query.attention(key: key, value: value, mask: mask) - masked).abs().max().scalar() < 1e-5)
    let later = try Tensor((0..<16).map { $0 % 4 > $0 / 4 }, shape: [4, 4])
    let causal = try scores.maskedFill(later, -1e9).softmax(-1).matmul(value)
    #expect(try (query.attention(key: key, value: value, causal: true) - causal).abs().max().scalar() < 1e-5)
  }

  @Test("layer normalization, embedding, convolution and pooling by hand")
  func byHand() throws {
    let row = try Tensor([1, 3] as [Float], shape: [1, 2])
    let normal = try row.layerNorm(Tensor([2, 2] as [Float]), Tensor([1, 1] as [Float]), epsilon: 0)
    #expect(try normal.array(of: Float.self) == [-1, 3])
    let table = try Tensor([0, 1, 10, 11] as [Float], shape: [2, 2])
    #expect(try table.embedding(Tensor([1, 0])).array(of: Float.self) == [10, 11, 0, 1])
    let picture = try Tensor((0..<9).map(Float.init), shape: [1, 1, 3, 3])
    let kernel = try Tensor([1, 0, 0, 1] as [Float], shape: [1, 1, 2, 2])
    let plain = try picture.convolved(kernel, Tensor([100] as [Float]))
    #expect(try plain.array(of: Float.self) == [104, 106, 110, 112])
    let strided = try picture.convolved(kernel, stride: (2, 2), padding: (1, 1))
    #expect(try strided.array(of: Float.self) == [0, 2, 6, 12])
    #expect(try picture.maxPooled(size: 2, stride: 1).array(of: Float.self) == [4, 5, 7, 8])
    #expect(try picture.bicubic(height: 3, width: 3).array(of: Float.self) == picture.array(of: Float.self))
  }

  @Test(
    "a product of what is not trained, and GELU with it, is the plain one's",
    arguments: [ElementType.float32, .float64])
  func frozenLinear(_ type: ElementType) throws {
    let numbers = RandomSource(seed: 5)
    let x = try numbers.generator("x").normal([2, 7, 33]).to(type)
    let weight = try numbers.generator("w").normal([18, 33]).to(type)
    let bias = try numbers.generator("b").normal([18]).to(type)
    let plain = try x.linear(weight, bias)
    let bare = try x.linear(weight, nil)
    // Rows that do not lie side by side.
    let turned = try x.transposed(0, 1)
    let pairs = try withoutGradients { () throws(TorchError) -> [(Tensor, Tensor)] in
      [
        (try x.frozenLinear(weight, bias), plain), (try x.frozenLinear(weight, nil), bare),
        (try turned.frozenLinear(weight, bias), try plain.transposed(0, 1)),
        (try x.frozenLinear(weight, bias, then: .exact), try plain.gelu()),
        (try x.frozenLinear(weight, bias, then: .byTanh), try plain.gelu(tanhApproximation: true)),
      ]
    }
    for (found, wanted) in pairs { #expect(try (found - wanted).abs().max().scalar() < 1e-5) }
  }

  @Test("a convolution of pictures that lie place by place is the same")
  func channelsLast() throws {
    let numbers = RandomSource(seed: 6)
    let pictures = try numbers.generator("x").normal([2, 3, 9, 8])
    let kernel = try numbers.generator("w").normal([4, 3, 3, 3])
    #expect(try pictures.channelsLast().array(of: Float.self) == pictures.array(of: Float.self))
    let found = try pictures.channelsLast().convolved(kernel.channelsLast(), padding: (1, 1))
    #expect(try (found - pictures.convolved(kernel, padding: (1, 1))).abs().max().scalar() < 1e-4)
  }

  @Test("calls that threads take in turn come back in order, record no gradient, and the first failure is thrown")
  func parallelFor() throws {
    struct Refused: Error, Equatable { let index: Int }
    let squares = try Runtime.parallelFor(100) { index in
      #expect(!Autograd.isRecording)
      return try Int(Tensor([Float(index)]).square().sum().scalar())
    }
    #expect(squares == (0..<100).map { $0 * $0 })
    #expect(try Runtime.parallelFor(0) { $0 }.isEmpty)
    #expect(throws: Refused(index: 3)) {
      _ = try Runtime.parallelFor(10) { index in if index % 4 == 3 { throw Refused(index: index) } }
    }
    #expect(Autograd.isRecording)
  }

  @Test("a part of a picture is stretched to its size, and the whole of it is itself")
  func parts() throws {
    let picture = try Tensor((0..<16).map(Float.init), shape: [1, 1, 4, 4])
    let whole = try picture.stretchedParts([(left: 0, top: 0, width: 1, height: 1)])
    #expect(try (whole - picture).abs().max().scalar() < 1e-5)
    // The upper right quarter: half a pixel between those that are there.
    let quarter = try picture.to(.uint8).stretchedParts([(left: 0.5, top: 0, width: 0.5, height: 0.5)])
    let first: [Float] = try quarter.selected(2, 0).array()
    #expect(zip(first, [1.75, 2.25, 2.75, 3] as [Float]).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test("a failure names the operation and the shapes")
  func failures() throws {
    let error = #expect(throws: TorchError.self) {
      try Tensor.zeros([1, 2, 3, 3]).convolved(Tensor.zeros([1, 1, 2, 2]))
    }
    #expect(error?.operation == "conv2d" && error?.shapes == [[1, 2, 3, 3], [1, 1, 2, 2]])
  }
}
