import TestSupport
import SeesawConformance
import Testing
import Torch

@testable import Balancing

@Suite("The modulation that OGM and OGM-GE share")
struct GradientModulationTests {
  @Test("the known example: scores 3.2 and 1.6, α = 0.3")
  func known() {
    let ratios = GradientModulation.ratios([3.2, 1.6], .mean)
    #expect(allClose(ratios, [2, 0.5]))
    #expect(allClose(ratios.map { GradientModulation.factor($0, alpha: 0.3) }, [0.462950, 1], absolute: 1e-6))
  }

  @Test("for two modalities all comparisons slow the same one alike", arguments: [(3.2, 1.6), (0.1, 7), (2, 2)])
  func two(_ scores: (Double, Double)) {
    let factors = ScoreComparison.allCases.map { comparison in
      GradientModulation.ratios([scores.0, scores.1], comparison).map { GradientModulation.factor($0, alpha: 0.4) }
    }
    #expect(factors.allSatisfy { allClose($0, factors[0]) })
  }

  @Test("for three, each score is compared with the mean, the least, the sum", arguments: 1...5)
  func three(_ seed: Int) {
    let scores = numbers(3, seed: UInt64(seed), in: 0.01...9)
    let means = GradientModulation.ratios(scores, .mean)
    let least = GradientModulation.ratios(scores, .minimum)
    let sums = GradientModulation.ratios(scores, .sum)
    for m in 0..<3 {
      var others = 0.0
      for j in 0..<3 where j != m { others += scores[j] }
      // Every modality's divisor is a mean, not the last one's only.
      #expect(allClose([means[m]], [scores[m] / (others / 2)]))
      #expect(allClose([sums[m]], [scores[m] / others]))
      #expect(allClose([least[m]], [scores[m] / min(scores[0], scores[1], scores[2])]))
    }
  }

  @Test(
    "nobody is ever sped up, of two at most one is slowed, and every factor is a number",
    arguments: [[0.0, 0], [0, 5], [1e-10, 1e-10], [1e-10, 1], [1e15, 1], [1e15, 1e15], [3, 3.0001]], [0, 0.3, 1, 1e6])
  func bounds(_ scores: [Double], _ alpha: Double) {
    for comparison in ScoreComparison.allCases {
      let factors = GradientModulation.ratios(scores, comparison).map { GradientModulation.factor($0, alpha: alpha) }
      #expect(factors.allSatisfy { (0...1).contains($0) })
      #expect(factors.filter { $0 < 1 }.count <= 1)
      if alpha == 0 { #expect(factors == [1, 1]) }
    }
  }

  @Test("a window holds both of its ends, and the one by default all of training")
  func window() {
    var window = ModulationWindow()
    var clock = TrainingClock(steps: 11, epochs: 1)
    #expect(
      (0...10).allSatisfy { step in
        clock.step = step; return window.contains(clock)
      })
    window.begin = 0.2
    window.end = 0.5
    #expect(
      (0...10).filter { step in
        clock.step = step; return window.contains(clock)
      } == [2, 3, 4, 5])
    window.end = 0.1
    #expect(
      !(0...10).contains { step in
        clock.step = step; return window.contains(clock)
      })
  }
}
