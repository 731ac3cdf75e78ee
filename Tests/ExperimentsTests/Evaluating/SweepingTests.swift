import Experiments
import Foundation
import Records
import TestSupport
import Testing

@Suite("Sweeps")
struct SweepingTests {
  /// A run on data with every usual condition.
  private func withRun(
    _ method: String, seed: Int = 0, _ body: (_ run: URL, _ data: URL, RunSummary) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      let set = SmallFeatureSet()
      try set.write(to: data)
      let labels = try #require(set.test)
      let missing = [Float](repeating: 0.1, count: SmallFeatureSet.width)
      try SmallFeatureSet.write("image-missing", "image", missing, to: data)
      try SmallFeatureSet.write("text-missing", "text", missing, to: data)
      for (position, modality) in ["image", "text"].enumerated() {
        // Noise that speaks for another class.
        let rows = SmallFeatureSet.rows(labels.map { ($0 + 1) % 3 }, seed: 77 + UInt64(position), signal: 2.5)
        try SmallFeatureSet.write("\(modality)-noisy", modality, rows, to: data)
      }
      let run = folder.appending(path: "run")
      try body(run, data, SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: run, seed: seed)))
    }
  }

  @Test(
    "at ratio 0 stands the full score, at ratio 1 the condition's", arguments: ["joint", "balgrad", "unimodal"])
  func ends(method: String) throws {
    try withRun(method) { run, _, summary in
      let table = try Experiment.sweep(run: run, ratios: [0, 0.5, 1])
      #expect(
        table.conditions == [
          "image-missing", "text-missing", "image-absent", "text-absent", "image-noisy", "text-noisy", "image-swapped",
          "text-swapped",
        ])
      #expect(table.curves.map(\.name) == [method])
      for condition in table.conditions {
        let scores = try #require(table.curves[0].scores[condition])
        #expect(scores[0] == summary.evaluation.scores["full"])
        #expect(scores[2] == summary.evaluation.scores[condition])
      }
      #expect(table.curves[0].gap["missing"]?[2] == summary.evaluation.gap["missing"])
      // A sweep between equal ends would show nothing.
      #expect(summary.evaluation.scores["text-noisy"] != summary.evaluation.scores["full"])
    }
  }

  @Test("the usual ratios go from 0 to 1 by tenths, and the table is kept in the run's folder")
  func file() throws {
    try withRun("joint") { run, _, _ in
      let table = try Experiment.sweep(run: run)
      #expect(table.ratios == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
      #expect(table.dataset == "small")
      #expect(table.metric == "accuracy")
      #expect(table.modalities == ["image", "text"])
      let kept = try Data(contentsOf: run.appending(path: "sweep.json"))
      #expect(try JSONDecoder().decode(SweepTable.self, from: kept) == table)
    }
  }

  @Test("a sweep made again is the same, with another seed other samples are chosen")
  func again() throws {
    try withRun("joint") { run, _, _ in
      let first = try Experiment.sweep(run: run)
      #expect(try Experiment.sweep(run: run) == first)
      #expect(try Experiment.sweep(run: run, seed: 1) != first)
    }
  }

  // MARK: Which samples

  /// Text that speaks for another class so loudly that nobody can be right.
  private func misleading(_ labels: [Int], at wrong: Set<Int>) -> [Float] {
    var rows = SmallFeatureSet.rows(labels, seed: 31)
    for sample in wrong {
      for column in 0..<SmallFeatureSet.width {
        rows[sample * SmallFeatureSet.width + column] = column == (labels[sample] + 1) % 3 ? 100 : 0
      }
    }
    return rows
  }

  @Test("of N samples ⌊rN⌋ are impaired, whatever the rounding of r")
  func counts() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      let labels = (0..<100).map { $0 % 3 }
      set.test = labels
      try set.write(to: data)
      try SmallFeatureSet.write("text-noisy", "text", misleading(labels, at: Set(0..<100)), to: data)
      let run = folder.appending(path: "run")
      let full = try #require(
        SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: run)).evaluation.scores["full"])
      #expect(full == 1)
      // In binary 0.29 · 100 is a little less than 29, and 0.57 · 100 than 57.
      let ratios = [0, 0.001, 0.0199, 0.29, 0.3, 0.57, 0.999, 1]
      let scores = try Experiment.sweep(run: run, ratios: ratios).curves[0].scores["text-noisy"] ?? []
      #expect(allClose(scores, [1, 1, 0.99, 0.71, 0.7, 0.43, 0.01, 0], relative: 1e-12, absolute: 1e-12))
    }
  }

  @Test("what is impaired at a ratio is so at every larger one, in an order that is the same for every run")
  func order() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      let labels = (0..<8).map { $0 % 3 }
      set.test = labels
      try set.write(to: data)
      let runs = [("joint", 0), ("balgrad", 5)].map { ($0, $1, folder.appending(path: $0)) }
      for (method, seed, run) in runs {
        let summary = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: run, seed: seed))
        #expect(summary.evaluation.scores["full"] == 1)
      }
      let ratios = (0...8).map { Double($0) / 8 }
      var orders: [[Int]] = []
      for (_, _, run) in runs {
        var order: [Int] = []
        for sample in labels.indices {
          // With one sample alone misled, the score falls where that sample is chosen, and stays down.
          try SmallFeatureSet.write("text-noisy", "text", misleading(labels, at: [sample]), to: data)
          let scores = try Experiment.sweep(run: run, ratios: ratios).curves[0].scores["text-noisy"] ?? []
          let falls = try #require(scores.firstIndex { $0 < 1 })
          #expect(scores == ratios.indices.map { $0 < falls ? 1 : 7.0 / 8 })
          order.append(falls)
        }
        #expect(order.sorted() == Array(1...8))
        orders.append(order)
      }
      #expect(orders[0] == orders[1])
    }
  }

  // MARK: Refusals

  @Test("ratios outside 0 to 1 are refused", arguments: [[-0.1], [0, 1.5], [.nan]] as [[Double]])
  func outside(ratios: [Double]) throws {
    let error = #expect(throws: Diagnosis.self) {
      try Experiment.sweep(run: URL(filePath: "/nowhere"), ratios: ratios)
    }
    #expect(error?.what == "the ratio \(ratios[ratios.count - 1]) is not from 0 to 1")
    #expect(error?.exitStatus == .usage)
  }

  @Test("a run that is not there, or on data without a test split, is refused")
  func nothingToTry() throws {
    try withTemporaryFolder { folder in
      let run = folder.appending(path: "run")
      let absent = #expect(throws: Diagnosis.self) { try Experiment.sweep(run: run) }
      #expect(absent?.what == "there is no run here")
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      set.test = nil
      try set.write(to: data)
      _ = try SmallFeatureSet.train("joint", data, to: run)
      let untested = #expect(throws: Diagnosis.self) { try Experiment.sweep(run: run) }
      #expect(untested?.what == "the data set has no test split")
      #expect(untested?.exitStatus == .input)
    }
  }
}
