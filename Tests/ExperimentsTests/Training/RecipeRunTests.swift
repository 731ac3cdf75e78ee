import Experiments
import Foundation
import Records
import TestSupport
import Testing

@Suite("Comparisons by recipe")
struct RecipeRunTests {
  static let files: [URL] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.appending(path: "Recipes")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().filter { $0.hasSuffix(".yaml") }.map { folder.appending(path: $0) }
  }()

  private func recipe(_ text: String) throws -> Recipe {
    try Recipe(reading: ConfigurationFile(name: "my.yaml", text: text))
  }

  @Test("there are recipes")
  func some() { #expect(Self.files.count >= 9) }

  @Test("every row of this project's recipes can be run: its method and its settings are there", arguments: files)
  func rows(file: URL) throws {
    let recipe = try Recipe(reading: ConfigurationFile(reading: file))
    for row in recipe.rows {
      let words = Recipe.words(recipe.settings) + Recipe.words(row.set)
      let (configuration, resolved) = try Experiment.resolve(method: row.method, settings: words)
      #expect(configuration.methodName.tolerantly == row.method.tolerantly, "\(row.label)")
      let given = resolved.provenance.filter { $0.value == "--set" }
      #expect(given.count == words.count, "\(row.label): \(given.keys.sorted())")
      let plain = try Experiment.resolve(method: row.method, settings: Recipe.words(recipe.settings)).resolved.tree
      #expect((resolved.tree != plain) == !Recipe.words(row.set).isEmpty, "\(row.label) sets what is so already")
    }
  }

  @Test("a recipe becomes a comparison; seeds that are asked for go before its own")
  func request() throws {
    let recipe = try recipe(
      """
      seeds: 4
      settings: {training.epochs: 2}
      sweep: [0, 1]
      rows: [{method: joint}, {label: strong, method: balgrad, set: {ramp: constant}}]
      """)
    let data = URL(filePath: "/data")
    let request = CompareRequest(data: data, recipe: recipe, out: URL(filePath: "/out"))
    #expect(
      request.rows == [
        ComparisonRow(label: "joint", method: "joint"),
        ComparisonRow(label: "strong", method: "balgrad", settings: ["ramp=constant"]),
      ])
    #expect(request.settings == ["training.epochs=2"])
    #expect(request.sweepRatios == [0, 1])
    #expect(request.seeds == 4)
    #expect(CompareRequest(data: data, recipe: recipe, seeds: 9, out: data).seeds == 9)
  }

  private static let short = """
    seeds: 2
    settings: {training: {epochs: 3, batch_size: 16, probe: {form: conflicts, every: 1}}, optimizer.learning_rate: 0.02}
    sweep: [0, 0.5, 1]
    rows:
      - {label: base line, method: joint}
      - {label: OGM_GE, method: ogm-ge, set: {optimizer.name: sgd}}
      - {label: "balgrad, strong", method: balgrad, set: {ramp.form: constant, ramp.lambda0: 1.0}}
    """

  @Test("runs every row with its settings, and keeps results and sweep")
  func whole() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let out = folder.appending(path: "out")
      let request = CompareRequest(data: data, recipe: try recipe(Self.short), out: out)
      let results = try Experiment.compare(request)
      // A label that is its method's name is spelt as the method is.
      #expect(results.methods.map(\.name) == ["base line", "ogm-ge", "balgrad, strong"])
      #expect(results.methods.allSatisfy { $0.runs.map(\.seed) == [0, 1] })
      #expect(
        results.conditions == [
          "full", "image-missing", "text-missing", "image-absent", "text-absent", "image-swapped", "text-swapped",
        ])
      for row in results.methods {
        #expect(row.runs.allSatisfy { $0.training["probe.conflict"] != nil && $0.training["probe.cosine"] != nil })
      }
      #expect(results.methods.map { $0.runs[0].training["conflict"] != nil } == [false, false, true])

      func configuration(_ name: String) throws -> Tree {
        try RunFolder(out.appending(path: "\(name)/seed-1")).readRecord().configuration
      }
      #expect(try configuration("balgrad-strong")[path: "method.ramp.form"] == "constant")
      #expect(try configuration("balgrad-strong")[path: "optimizer.name"] == "adam")
      #expect(try configuration("ogm-ge")[path: "optimizer.name"] == "sgd")
      for name in ["base-line", "ogm-ge", "balgrad-strong"] {
        #expect(try configuration(name)[path: "training.epochs"] == 3)
        #expect(try configuration(name)[path: "seed"] == 1)
        #expect(try configuration(name)[path: "training.threads"] == 1)
      }

      let kept = try Data(contentsOf: out.appending(path: "sweep.json"))
      let sweep = try JSONDecoder().decode(SweepTable.self, from: kept)
      #expect(sweep.curves.map(\.name) == results.methods.map(\.name))
      #expect(sweep.curves.map(\.runs) == [2, 2, 2])
      for (curve, row) in zip(sweep.curves, results.methods) {
        for condition in ["image-missing", "text-missing"] {
          let scores = try #require(curve.scores[condition])
          let ends = [row.mean["full"] ?? -1, row.mean[condition] ?? -1]
          #expect(allClose([scores[0], scores[2]], ends, relative: 1e-12))
        }
        #expect(allClose([curve.gap["missing"]?[2] ?? -1], [row.mean["gap.missing"] ?? 0], relative: 1e-12))
      }

      // What is finished is taken as it is.
      let before = try RunFolder(out.appending(path: "base-line/seed-0")).readRecord().started
      #expect(try Experiment.compare(request) == results)
      #expect(try RunFolder(out.appending(path: "base-line/seed-0")).readRecord().started == before)
    }
  }

  // MARK: Refusals

  private func refusal(_ text: String, sweep: [Double] = []) throws -> Diagnosis {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let out = folder.appending(path: "out")
      var request = CompareRequest(data: data, recipe: try recipe(text), out: out)
      if !sweep.isEmpty { request.sweepRatios = sweep }
      let error = #expect(throws: (any Error).self) { try Experiment.compare(request) }
      #expect(!FileManager.default.fileExists(atPath: out.path), "something was trained")
      return Diagnosis(describing: try #require(error))
    }
  }

  @Test("a setting that a row's method has not is refused before anything is trained")
  func unknownSetting() throws {
    let diagnosis = try refusal("rows: [{method: joint}, {label: a, method: balgrad, set: {ramp.lamda0: 1}}]")
    #expect(diagnosis.description.contains("ramp.lamda0"))
    #expect(diagnosis.description.contains("did you mean 'method.ramp.lambda0'?"))
    #expect(diagnosis.exitStatus == .usage)
  }

  @Test("so is a method that nobody has")
  func unknownMethod() throws {
    let diagnosis = try refusal("rows: [{method: joint}, {method: balgrd}]")
    #expect(diagnosis.what == "no method is called 'balgrd'")
    #expect(diagnosis.description.contains("did you mean 'balgrad'?"))
  }

  @Test(
    "two rows of one name, or of names that would share a folder, are refused",
    arguments: [
      ("{method: joint}, {method: Joint}", "'joint' is named twice"),
      ("{label: a b, method: joint}, {label: A-b, method: joint}", "'a b' and 'A-b' would share the folder 'a-b'"),
    ])
  func sameNames(rows: String, what: String) throws {
    #expect(try refusal("rows: [\(rows)]").what == what)
  }

  @Test("ratios outside 0 to 1 are refused before anything is trained")
  func ratios() throws {
    #expect(try refusal("rows: [{method: joint}]", sweep: [0, 2]).what == "the ratio 2.0 is not from 0 to 1")
  }
}

extension String {
  fileprivate var tolerantly: String { lowercased().filter { $0 != "-" && $0 != "_" } }
}
