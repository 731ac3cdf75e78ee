import Records
import Reports
import Testing

@Suite("The table of paired tests")
struct TestsTextTests {
  private func results(seeds: Int) -> ComparisonResults {
    func runs(_ scores: [Double]) -> [MeasuredRun] {
      scores.prefix(seeds).enumerated().map { MeasuredRun(seed: $0, scores: ["full": $1]) }
    }
    return ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: ["full"],
      methods: [
        MethodRuns(name: "joint", runs: runs([0.5, 0.6, 0.7])),
        MethodRuns(name: "other", runs: runs([0.6, 0.71, 0.79])),
      ])
  }

  @Test("each row is set against the first, in points and with its p")
  func table() throws {
    let text = try #require(TestsText(results(seeds: 3), titles: ["joint": "Joint"])).markdown
    #expect(text.contains("against Joint"))
    #expect(text.contains("| other | +10.0 (p = 0.003) ▲ |"))
  }

  @Test("with one seed there is nothing to show")
  func single() { #expect(TestsText(results(seeds: 1)) == nil) }

  @Test("what the corrected test does not carry has no sign, however large")
  func corrected() throws {
    func runs(_ name: String, _ scores: [Double]) -> MethodRuns {
      MethodRuns(name: name, runs: scores.enumerated().map { MeasuredRun(seed: $0, scores: ["full": $1]) })
    }
    // By itself p is 0.03; as the best of three it is noise.
    let lucky = runs("lucky", [0.52, 0.53, 0.54])
    let plain = ["x", "y"].map { runs($0, [0.51, 0.49, 0.50]) }
    func text(_ methods: [MethodRuns]) throws -> String {
      try #require(
        TestsText(
          ComparisonResults(
            dataset: "d", metric: "accuracy", modalities: [], conditions: ["full"],
            methods: [runs("joint", [0.50, 0.50, 0.50])] + methods))
      ).text
    }
    #expect(try text([lucky]).contains("+3.0 (p = 0.035) ▲"))
    let several = try text([lucky] + plain)
    #expect(several.contains("+3.0 (p = 0.105)\n") && several.contains("corrected for 3 methods (Holm)"))
    #expect(!several.contains(") ▲") && !several.contains(") ▼"))
  }
}
