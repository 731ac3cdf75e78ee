import Records
import Testing

@Suite("Tables of trials")
struct TuningTableTests {
  private func row(_ scores: [Double?]) -> TuningTable.Row {
    TuningTable.Row(
      name: "balgrad",
      trials: scores.enumerated().map { number, score in
        TuningTable.Trial(
          number: number,
          settings: number == 0 ? [:] : ["optimizer.learning_rate": 0.0512345, "method.ramp.lambda0": .int(number)],
          validation: score)
      })
  }

  @Test("the best validation score is chosen, the earlier of two alike, and never a run that diverged")
  func chosen() {
    #expect(row([0.5, 0.7, 0.7]).chosen?.number == 1)
    #expect(row([0.5, nil, 0.4]).chosen?.number == 0)
    #expect(row([nil, .nan, 0.1]).chosen?.number == 2)
    #expect(row([nil, nil]).chosen == nil)
    #expect(row([0.5, 0.7, 0.7]).trials.map(\.chosen) == [false, true, false])
  }

  @Test("what was chosen stands in the notes and in the row's settings")
  func entered() {
    var results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["a"], conditions: ["full"],
      methods: [
        MethodRuns(
          name: "balgrad", settings: ["name": "balgrad", "ramp": ["lambda0": 0, "form": "linear"]],
          runs: [MeasuredRun(seed: 0, scores: ["full": 0.5])])
      ])
    let table = TuningTable(dataset: "d", metric: "accuracy", trials: 3, rows: [row([0.5, 0.6, 0.7])])
    table.enter(&results)
    let settings = results.methods[0].settings
    #expect(settings[path: "ramp.lambda0"] == 2)
    #expect(settings[path: "ramp.form"] == "linear")
    #expect(settings[path: "optimizer.learning_rate"] == 0.0512345)
    #expect(
      results.notes.suffix(2) == [
        "tuned: every row had 3 trials with seed 0, chosen by validation accuracy",
        "tuned: balgrad is trial 2, method.ramp.lambda0=2, optimizer.learning_rate=0.05123",
      ])
    var asItIs = results
    TuningTable(dataset: "d", metric: "accuracy", trials: 1, rows: [row([0.5])]).enter(&asItIs)
    #expect(asItIs.notes.last == "tuned: balgrad is trial 0, as it is")
    #expect(asItIs.methods == results.methods)
  }

  @Test("the table survives its file")
  func file() throws {
    let table = TuningTable(dataset: "d", metric: "accuracy", trials: 2, rows: [row([nil, 0.25])])
    #expect(try Tree(json: table.json()).decode(TuningTable.self, keys: .asNamed) == table)
  }
}
