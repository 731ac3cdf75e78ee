import Balancing
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Experiments

@Suite("Tuning")
struct TuningTests {
  // MARK: What a trial sets

  static let cards = MethodRegistry.entries.map(\.card)

  @Test("every trial of every method is within the method's ranges, and can be made", arguments: cards)
  func ranges(card: MethodCard) throws {
    let entry = try MethodRegistry.entry(card.name)
    let row = try Experiment.resolve(method: card.name).resolved.tree
    for trial in 1...12 {
      let settings = Experiment.trialSettings(trial, of: card, row)
      let rate = try #require(settings["optimizer.learning_rate"]?.numberValue)
      #expect(rate >= 1e-4 && rate < 1e-2)
      for (path, value) in settings where path != "optimizer.learning_rate" {
        let setting = try #require(card.settings.first { "method.\($0.key)" == path })
        let before = try #require(row[path: path]?.numberValue)
        let after = try #require(value.numberValue)
        #expect(try #require(setting.range).contains(after), "\(path)=\(after)")
        #expect(after <= 4 * abs(before) + 1 && abs(after) >= 0, "\(path)=\(after)")
        if case .int = setting.default { #expect(value.intValue != nil) }
      }
      let words = settings.map { "\($0.key)=\($0.value.description)" }
      let (configuration, resolved) = try Experiment.resolve(method: card.name, settings: words)
      for (path, value) in settings { #expect(resolved.tree[path: path]?.numberValue == value.numberValue, "\(path)") }
      _ = try entry(configuration.methodSettings)
    }
  }

  private static let card = MethodCard(
    name: "m", title: "M", stage: .objective, summary: "",
    settings: [
      SettingDescription("factor", "", default: 1.5, range: .positive),
      SettingDescription("share", "", default: 0.9, range: .fraction),
      SettingDescription("count", "", default: 4, range: .atLeast(3)),
      SettingDescription("growth", "", default: 1.1, range: SettingRange(minimum: 1, aboveMinimum: true)),
      SettingDescription("zero", "", default: 0.0, range: .nonNegative),
      SettingDescription("free", "", default: 2.0),
      SettingDescription("word", "", default: "a", allowed: ["a", "b"]),
    ])
  private static let row: Tree = [
    "method": ["factor": 3.0, "share": 0.9, "count": 4, "growth": 1.1, "zero": 0.0, "free": 2.0, "word": "a"]
  ]

  @Test("numbers are drawn as written down: 10^(−4…−2), and the row's value times 2^(−2…2) within its range")
  func draws() throws {
    var counts: Set<Int> = []
    var rates: [Double] = []
    var clamped = 0
    for trial in 1...200 {
      let settings = Experiment.trialSettings(trial, of: Self.card, Self.row)
      var common = SeededNumbers(seed: 0, stream: "tune/common/\(trial)")
      var numbers = SeededNumbers(seed: 0, stream: "tune/method/m/\(trial)")
      let rate = pow(10, -4 + 2 * common.uniform())
      #expect(settings["optimizer.learning_rate"] == .number(rate))
      rates.append(log10(rate))
      // The row's own value is stretched, not the card's default.
      #expect(settings["method.factor"] == .number(3 * exp2(-2 + 4 * numbers.uniform())))
      let share = min(1, 0.9 * exp2(-2 + 4 * numbers.uniform()))
      #expect(settings["method.share"] == .number(share))
      if share == 1 { clamped += 1 }
      let count = max(3, Int((4 * exp2(-2 + 4 * numbers.uniform())).rounded()))
      #expect(settings["method.count"] == (count == 4 ? nil : .int(count)))
      counts.insert(count)
      let growth = 1.1 * exp2(-2 + 4 * numbers.uniform())
      #expect(settings["method.growth"] == .number(growth <= 1 ? (1 + 1.1) / 2 : growth))
      #expect(settings["method.zero"] == nil && settings["method.free"] == nil && settings["method.word"] == nil)
    }
    #expect(counts.min() == 3 && (counts.max() ?? 0) > 12)
    #expect(clamped > 0 && clamped < 200)
    #expect(abs(rates.reduce(0, +) / 200 + 3) < 0.15)
  }

  @Test("every method tries the same learning rates, and its own settings depend on its name and the trial alone")
  func streams() throws {
    let rows = try Self.cards.map { ($0, try Experiment.resolve(method: $0.name).resolved.tree) }
    var rates: [Tree] = []
    for trial in 1...4 {
      let drawn = rows.map { Experiment.trialSettings(trial, of: $0, $1)["optimizer.learning_rate"] }
      #expect(Set(drawn.map { $0?.numberValue }).count == 1)
      rates.append(try #require(drawn[0]))
    }
    #expect(Set(rates.map(\.numberValue)).count == 4)
    func draw(_ trial: Int, _ card: MethodCard) -> [String: Tree] {
      Experiment.trialSettings(trial, of: card, Self.row)
    }
    let other = MethodCard(name: "n", title: "N", stage: .objective, summary: "", settings: Self.card.settings)
    #expect(draw(1, Self.card) == draw(1, Self.card))
    #expect(draw(1, Self.card)["method.factor"] != draw(2, Self.card)["method.factor"])
    #expect(draw(1, Self.card)["method.factor"] != draw(1, other)["method.factor"])
  }

  // MARK: The search

  private func request(_ data: URL, _ out: URL, tuning: Int) -> CompareRequest {
    var request = CompareRequest(
      data: data,
      rows: [
        ComparisonRow(label: "joint", method: "joint"),
        ComparisonRow(label: "strong one", method: "balgrad", settings: ["ramp.form=constant", "ramp.lambda0=0.5"]),
      ], seeds: 2, out: out)
    request.settings = ["training.epochs=2", "training.batch_size=16", "optimizer.learning_rate=0.00002"]
    request.tuning = tuning
    return request
  }

  private func readTable(_ out: URL) throws -> TuningTable {
    try Tree.read(TuningTable.self, from: out.appending(path: "tuning.json"))
  }

  @Test("the best trial by validation score is run with every seed, and what it set is written down")
  func whole() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let out = folder.appending(path: "out")
      let results = try Experiment.compare(request(data, out, tuning: 4))
      let table = try readTable(out)
      #expect(table.rows.map(\.name) == ["joint", "strong one"])
      #expect(table.trials == 4)
      for (row, name) in zip(table.rows, ["joint", "strong-one"]) {
        #expect(row.trials.map(\.number) == [0, 1, 2, 3])
        #expect(row.trials[0].settings.isEmpty)
        for trial in row.trials {
          let run = RunFolder(out.appending(path: "\(name)/trials/trial-\(trial.number)"))
          let record = try run.readRecord()
          let epoch = try run.readEpochs().first { $0.epoch == record.selectedEpoch }
          #expect(trial.validation == epoch?.validation["accuracy"])
          #expect(record.configuration[path: "seed"] == 0)
          for (path, value) in trial.settings { #expect(record.configuration[path: path] == value, "\(path)") }
        }
        let chosen = try #require(row.chosen)
        // With the row's own small rate nothing is learned; some trial must do better.
        #expect(chosen.number > 0)
        #expect(row.trials.allSatisfy { ($0.validation ?? -1) <= (chosen.validation ?? -1) })
        for seed in 0..<2 {
          let record = try RunFolder(out.appending(path: "\(name)/seed-\(seed)")).readRecord()
          for (path, value) in chosen.settings { #expect(record.configuration[path: path] == value, "\(path)") }
          #expect(record.configuration[path: "seed"] == .int(seed))
        }
        let method = try #require(results.method(row.name))
        #expect(method.settings[path: "optimizer.learning_rate"] == chosen.settings["optimizer.learning_rate"])
        #expect(results.notes.contains { $0.hasPrefix("tuned: \(row.name) is trial \(chosen.number), ") })
        let trial = try RunFolder(out.appending(path: "\(name)/trials/trial-\(chosen.number)")).readEvaluation()
        #expect(method.runs[0].quantities.scores == trial.scores)
      }
      #expect(results.method("strong one")?.settings[path: "ramp.form"] == "constant")

      // What is finished is not done again, and more trials leave the first as they were.
      let file = RunFolder(out.appending(path: "joint/trials/trial-1")).weights
      let before = try FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate] as? Date
      #expect(try Experiment.compare(request(data, out, tuning: 4)) == results)
      let after = try FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate] as? Date
      #expect(before != nil && before == after)
      let another = folder.appending(path: "other")
      _ = try Experiment.compare(request(data, another, tuning: 2))
      #expect(
        try readTable(another).rows.map { $0.trials.map(\.settings) }
          == table.rows.map { $0.trials.prefix(2).map(\.settings) })
    }
  }

  @Test("with one trial the rows are as they are")
  func one() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let tuned = try Experiment.compare(request(data, folder.appending(path: "a"), tuning: 1))
      let plain = try Experiment.compare(request(data, folder.appending(path: "b"), tuning: 0))
      #expect(tuned.methods.map { $0.runs.map(\.quantities) } == plain.methods.map { $0.runs.map(\.quantities) })
      #expect(tuned.methods.map(\.settings) == plain.methods.map(\.settings))
      #expect(tuned.notes.contains("tuned: joint is trial 0, as it is"))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "b/tuning.json").path))
    }
  }

  @Test("a trial that diverges is passed over; where every one does, that is the answer")
  func divergence() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let out = folder.appending(path: "out")
      var request = CompareRequest(
        data: data, rows: [ComparisonRow(label: "joint", method: "joint")], seeds: 1, out: out)
      request.settings = [
        "training.epochs=2", "training.batch_size=16", "optimizer.name=sgd", "optimizer.learning_rate=1e30",
      ]
      request.tuning = 2
      let results = try Experiment.compare(request)
      let row = try readTable(out).rows[0]
      #expect(row.trials[0].validation == nil)
      #expect(row.chosen?.number == 1)
      #expect(results.methods[0].runs.count == 1)
      #expect(try Experiment.compare(request) == results)

      request.out = folder.appending(path: "all")
      request.tuning = 1
      let error = #expect(throws: Diagnosis.self) { try Experiment.compare(request) }
      #expect(error?.what == "every trial of 'joint' diverged")
      #expect(try readTable(request.out).rows[0].chosen == nil)
    }
  }

  // MARK: Refusals

  @Test("without a validation split, or with less than one trial, nothing is trained")
  func refusals() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      set.hasValidation = false
      try set.write(to: data)
      let out = folder.appending(path: "out")
      let unsplit = #expect(throws: Diagnosis.self) { try Experiment.compare(request(data, out, tuning: 3)) }
      #expect(unsplit?.what == "tuning chooses by validation score, and there is no validation split")
      #expect(unsplit?.exitStatus == .usage)
      let few = #expect(throws: Diagnosis.self) { try Experiment.compare(request(data, out, tuning: -1)) }
      #expect(few?.what == "the number of trials is -1, must be at least 1")
      #expect(!FileManager.default.fileExists(atPath: out.path))
    }
  }
}
