import Foundation
import TestSupport
import Testing

@testable import Experiments
@testable import LanguageModels

@Suite("The readout trial's table")
struct ReadoutTableTests {
  private func table(_ values: [String: Double]) -> ReadoutTable {
    let cells = ReadoutTrial.methods.flatMap { method in
      [0, 1].map { seed in
        ReadoutTable.Cell(
          method: method.title, seed: seed,
          scores: .init(full: 0.97, withoutImage: 0.9, withoutText: values[method.title] ?? 0.5), seconds: 1)
      }
    }
    return ReadoutTable(
      seeds: [0, 1], languages: [.init(seed: 0, accuracy: 1, rounds: 1), .init(seed: 1, accuracy: 0.99, rounds: 2)],
      cells: cells)
  }

  @Test func `claims are said as they come out`() {
    let found = table(["LoRA r4": 0.5, "LoRA r4 + dropout": 0.65, "MokA λ 1 + dropout": 0.8])
    #expect(found.claims.map(\.isFound) == [true, true, true])
    let other = table(["LoRA r4": 0.62, "LoRA r4 + dropout": 0.66, "MokA λ 1 + dropout": 0.6])
    #expect(other.claims.map(\.isFound) == [false, false, false])
    // Two at the ceiling are not one above the other.
    let even = table(["LoRA r4 + dropout": 0.9993, "MokA λ 1 + dropout": 0.9997])
    #expect(even.claims.map(\.isFound) == [true, true, false])
    #expect(other.markdown().contains("- **not found**: LoRA stays below 60 %: 62.0"))
    #expect(found.markdown().contains("| MokA λ 1 + dropout | 97.0 / 90.0 / 80.0 | 97.0 / 90.0 / 80.0 | 80.0 |"))
    #expect(found.markdown().contains("- Seed 1's language model reads 99.0 % from text alone, after 2 rounds"))
  }

  @Test func `what is done is kept and not done again`() throws {
    try withTemporaryFolder { folder in
      var trial = ReadoutTrial()
      (trial.steps, trial.warmup, trial.batchSize, trial.testSamples, trial.mostRounds) = (2, 1, 4, 8, 1)
      let stop = StopFlag()
      #expect(throws: CancellationError.self) {
        try Experiment.readout(trial, seeds: [0], out: folder, stop: stop) { event in
          if case .progress("Readout", 3, _, _) = event { stop.request() }
        }
      }
      let table = try Experiment.readout(trial, seeds: [0], out: folder)
      #expect(table.cells.count == ReadoutTrial.methods.count)
      let again = try Experiment.readout(trial, seeds: [0], out: folder)
      #expect(again.cells == table.cells)
    }
  }
}
