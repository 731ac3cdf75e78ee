import TestSupport
import Testing
import Torch

@testable import Multimodal

@Suite("Targets of a regression")
struct TargetScaleTests {
  @Test("standardized targets have mean 0 and deviation 1, and come back")
  func standardized() throws {
    let targets = [899, 1299.5, 149, 20_000, 12]
    let scale = try #require(TargetScale(of: targets))
    let found: [Double] = try scale.standardized(Tensor(targets)).array()
    #expect(allClose([found.reduce(0, +)], [0], absolute: 1e-12))
    #expect(allClose([found.reduce(0) { $0 + $1 * $1 } / 5], [1], relative: 1e-12))
    #expect(allClose(found.map(scale.original), targets, relative: 1e-12))
  }

  @Test(
    "targets that are all the same, or not finite, have no scale",
    arguments: [[], [3, 3, 3], [0.1, 0.1, 0.1], [1, .nan], [1, .infinity]])
  func refused(_ targets: [Double]) { #expect(TargetScale(of: targets) == nil) }

  @Test("the loss is the mean of the samples' squared errors, whatever weights of classes or focus are named")
  func loss() throws {
    let (outputs, labels) = (try Tensor([0.5, -1, 2], shape: [3, 1]), try Tensor([1.0, -1, 0]))
    let losses = try PredictionTask.regression.losses(outputs, labels)
    #expect(try losses.array(of: Double.self) == [0.25, 0, 4])
    #expect(allClose([try PredictionTask.regression.loss(outputs, labels).scalar()], [4.25 / 3]))
    #expect(allClose([try PredictionTask.regression.loss(outputs, labels, focus: 2).scalar()], [4.25 / 3]))
    #expect(try PredictionTask.regression.probabilities(outputs).array(of: Double.self) == [0.5, -1, 2])
    #expect(PredictionTask.allCases.filter { !$0.hasClasses } == [.regression])
  }
}
