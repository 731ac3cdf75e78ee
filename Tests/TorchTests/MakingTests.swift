import TestSupport
import Testing
import Torch

@Suite("Making and reading")
struct MakingTests {
  @Test("constants fill every element type", arguments: ElementType.allCases)
  func constants(_ type: ElementType) throws {
    let ones = try Tensor.ones([2, 3], type)
    #expect(ones.elementType == type)
    #expect(ones.shape == [2, 3])
    #expect(ones.rank == 2)
    #expect(ones.count == 6)
    #expect(try ones.array(of: Double.self) == [Double](repeating: 1, count: 6))
    #expect(try Tensor.zeros([4], type).array(of: Double.self) == [0, 0, 0, 0])
  }

  @Test("values are read as they were given")
  func roundTrip() throws {
    #expect(try Tensor([Float(1.5), -2]).array() == [Float(1.5), -2])
    #expect(try Tensor([0.1, 0.2]).array() == [0.1, 0.2])
    #expect(try Tensor([Int.max, .min]).array() == [Int.max, .min])
    #expect(try Tensor([Int32.max, .min]).array() == [Int32.max, .min])
    #expect(try Tensor([UInt8(0), 255]).array() == [UInt8(0), 255])
    #expect(try Tensor([true, false]).array() == [true, false])
    #expect(try Tensor([Double](), shape: [0, 3]).array(of: Double.self) == [])
    #expect(try Tensor([3.5], shape: []).scalar() == 3.5)
  }

  @Test("whole numbers of a range")
  func arange() throws {
    #expect(try Tensor.arange(2..<5).array() == [2, 3, 4])
    #expect(try Tensor.arange(0..<0).shape == [0])
  }

  @Test("a change of type converts the numbers, and no change copies nothing")
  func conversion() throws {
    let x = try Tensor([1.9, -1.9])
    #expect(try x.to(.int64).array() == [1, -1])
    #expect(try x.to(.float64) === x)
    #expect(try x.to(.bfloat16).byteWidth == 2)
    #expect(try x.to(.float16).to(.float64).array() == [1.900390625, -1.900390625])
    #expect(try Tensor([0.0, 2]).to(.bool).array() == [false, true])
  }

  @Test("a view that is not contiguous is read in row-major order")
  func strided() throws {
    let x = try Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
    #expect(try x.transposed().array() == [1.0, 4, 2, 5, 3, 6])
    #expect(try x.narrowed(1, from: 1, length: 1).bytes().count == 16)
  }

  @Test("a tensor says what it is")
  func description() throws {
    #expect("\(try Tensor([1.0], shape: [1, 1]))" == "Tensor([1, 1], float64, cpu)")
    #expect(try Tensor([1.0]).device == .cpu)
    #expect(Runtime.devices.first == .cpu)
    #expect(Runtime.version.split(separator: ".").count >= 3)
  }

  @Test("writing in place changes the memory and records nothing")
  func inPlace() throws {
    let x = try Tensor.of([1, 2, 3, 4], [2, 2]).requiringGradient()
    try x.add(.of([1, 1, 1, 1], [2, 2]), scale: 2)
    #expect(try x.array() == [3.0, 4, 5, 6])
    try x.scale(by: -1)
    #expect(try x.array() == [-3.0, -4, -5, -6])
    try x.fill(2)
    #expect(try x.array() == [2.0, 2, 2, 2])
    try x.copy(from: .of([1, 2, 3, 4], [2, 2]))
    #expect(try x.array() == [1.0, 2, 3, 4])
    let loss = try x.sum()
    let found = try gradients(of: loss, withRespectTo: [x])
    #expect(try found[0]?.array() == [1.0, 1, 1, 1])
  }
}

extension Tensor {
  fileprivate var byteWidth: Int { elementType.byteCount }
}
