import Foundation
import TestSupport
import Testing

@testable import Torch

@Suite("Noise")
struct NoiseTests {
  private let source = RandomSource(seed: 7)

  private func draw(_ count: Int, _ stream: String = "noise") throws -> Tensor {
    try source.generator(stream).disturb(.zeros([count], .float32), width: .full([], 1, .float32))
  }

  private static let many = 1 << 20

  @Test("has the moments and the tails of the standard normal distribution")
  func moments() throws {
    let numbers = try draw(Self.many).to(.float64)
    let n = Double(Self.many)
    // Moments, each with the variance of its estimate times n.
    for (power, wanted, variance) in [(1.0, 0.0, 1.0), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)] {
      let found = try numbers.power(power).mean().scalar()
      #expect(abs(found - wanted) < 4 * (variance / n).squareRoot(), "E x^\(power) = \(found)")
    }
    for bound in [0.001, 0.5, 2, 3, 4] {
      let share = erfc(bound / 2.0.squareRoot())
      let found = try numbers.abs().greater(than: bound).to(.float64).mean().scalar()
      #expect(abs(found - share) < 4 * (share * (1 - share) / n).squareRoot(), "P(|x| > \(bound)) = \(found)")
    }
    #expect(try numbers.abs().max().scalar() < 6.7)
  }

  @Test("is nowhere farther from Φ than Kolmogorov and Smirnov allow")
  func distribution() throws {
    let count = 1 << 18
    let drawn = try draw(count).to(.float64)
    let sorted: [Double] = try drawn.indexed(0, by: drawn.argsort(0)).array()
    var farthest = 0.0
    for (i, x) in sorted.enumerated() {
      let share = erfc(-x / 2.0.squareRoot()) / 2
      farthest = max(farthest, abs(share - Double(i) / Double(count)), abs(share - Double(i + 1) / Double(count)))
    }
    // Exceeded once in a hundred draws.
    #expect(farthest * Double(count).squareRoot() < 1.63)
  }

  @Test("numbers know nothing of their neighbours, of the other half of their pair, or of the block before")
  func independence() throws {
    let numbers = try draw(Self.many).to(.float64)
    let squares = try numbers.square() - 1
    for distance in [1, 2, 15, 16, 17, 32, 4096, 8192] {
      let length = Self.many - distance
      func product(_ a: Tensor, _ b: Tensor) throws -> Double {
        try a.narrowed(0, from: 0, length: length).dot(b.narrowed(0, from: distance, length: length)).scalar()
          / Double(length).squareRoot()
      }
      #expect(try abs(product(numbers, numbers)) < 4, "at distance \(distance)")
      #expect(try abs(product(squares, squares)) < 8, "squares at distance \(distance)")
      #expect(try abs(product(numbers, squares)) < 4 * 2.0.squareRoot(), "squares after it at distance \(distance)")
    }
  }

  @Test("belongs to its stream and to what was drawn from it before")
  func streams() throws {
    let first: [Float] = try draw(5000).array()
    #expect(try draw(5000).array() == first)
    let other = try draw(5000, "other")
    let sum = try other.dot(draw(5000)).scalar()
    #expect(abs(sum) < 4 * 5000.0.squareRoot())
    let generator = try source.generator("noise")
    func next() throws -> [Float] {
      try generator.disturb(.zeros([5000], .float32), width: .full([], 1, .float32)).array()
    }
    #expect(try next() == first)
    #expect(try next() != first)
  }

  @Test("has the same bits on one thread and on two, and in the first numbers of a larger draw")
  func threads() throws {
    let count = 100_003
    let alone: [Float] = try draw(count).array()
    #expect(try draw(2 * count).narrowed(0, from: 0, length: count).array(of: Float.self) == alone)
    let (drawn, done) = (Drawn(), DispatchSemaphore(value: 0))
    Thread {
      let before = Runtime.threads
      Runtime.setThreads(2)
      drawn.numbers = try? draw(count).array()
      Runtime.setThreads(before)
      done.signal()
    }.start()
    done.wait()
    #expect(drawn.numbers == alone)
  }

  private final class Drawn: @unchecked Sendable { var numbers: [Float]? }

  @Test("is added to a multiple of a tensor, in any type", arguments: [ElementType.float32, .float64])
  func sum(_ type: ElementType) throws {
    let base = try Tensor(numbers(6000)).to(type).reshaped([60, 100])
    let noisy = try source.generator("noise").disturb(base, scale: 0.5, width: .full([], 3, type))
    #expect(noisy.shape == [60, 100])
    #expect(noisy.elementType == type)
    let wanted = try base.to(.float64) * 0.5 + draw(6000).to(.float64).reshaped([60, 100]) * 3
    #expect(try allClose(noisy.to(.float64), wanted, relative: 1e-5, absolute: 1e-6))
    // What is not in a row is read by its places.
    let turned = try source.generator("noise").disturb(base.transposed(), width: .full([], 0, type))
    #expect(try allClose(turned, base.transposed()))
    #expect(try draw(0).count == 0)
  }
}
