import Balancing
import Foundation
import TestSupport
import Testing

@testable import Experiments

@Suite("What is said before training")
struct RunBuilderTests {
  @Test(
    "who rescales gradients under Adam is told what lets that act, and of its own settings alone",
    arguments: MethodRegistry.entries.filter(\.requirements.scalesGradients).map(\.card.name))
  func rescaling(method: String) throws {
    let entry = try MethodRegistry.entry(method)
    try withTemporaryFolder { folder in
      try SmallFeatureSet().write(to: folder)
      func told(_ settings: [String]) throws -> [String] {
        let (configuration, _) = try Experiment.resolve(method: method, data: folder, settings: settings)
        return try RunBuilder(configuration, LoadedData(at: folder)).warnings().filter {
          $0.contains("rescales gradients")
        }
      }
      let words = try told([])
      #expect(words.count == 1)
      #expect(words[0].contains("--set optimizer.name=sgd"))
      #expect(words[0].contains("modulate=step") == (entry.requirements.stepSetting != nil))
      #expect(try told(["optimizer.name=sgd"]).isEmpty)
      if !entry.settingsUnderAdam.isEmpty { #expect(try told(entry.settingsUnderAdam).isEmpty) }
    }
  }
}
