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
    #expect(text.contains("| other | +10.0 (p = 0.003) |"))
  }

  @Test("with one seed there is nothing to show")
  func single() { #expect(TestsText(results(seeds: 1)) == nil) }
}
