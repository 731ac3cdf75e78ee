import Foundation
import Records
import Testing

struct RecipeTests {
  private func recipe(_ text: String) throws -> Recipe {
    try Recipe(reading: ConfigurationFile(name: "my.yaml", text: text))
  }

  private func refusal(_ text: String) throws -> Diagnosis {
    let error = #expect(throws: (any Error).self) { try recipe(text) }
    return Diagnosis(describing: try #require(error))
  }

  static let files: [URL] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let folder = root.appending(path: "Recipes")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().filter { $0.hasSuffix(".yaml") }.map { folder.appending(path: $0) }
  }()

  @Test("the recipes of this project are found")
  func found() {
    let names = Self.files.map { $0.deletingPathExtension().lastPathComponent }
    #expect(Set(names).isSuperset(of: ["ablation", "balance", "food-101", "more-modalities", "sensitivity"]))
  }

  @Test("every recipe of this project is read, and tells what it shows", arguments: files)
  func project(file: URL) throws {
    let recipe = try Recipe(reading: ConfigurationFile(reading: file))
    #expect(!recipe.title.isEmpty)
    #expect(!recipe.summary.isEmpty)
    #expect(Set(recipe.rows.map(\.label)).count == recipe.rows.count)
    let printed = recipe.expected.tableValue ?? [:]
    #expect(printed.isEmpty == recipe.source.isEmpty)
    for (label, quantities) in printed {
      let row = recipe.rows.first { $0.label == label }
      #expect(row != nil, "\(label) is no row")
      for (quantity, value) in quantities.tableValue ?? [:] {
        #expect((0...100).contains(value.numberValue ?? -1), "\(label) \(quantity)")
      }
    }
  }

  @Test("printed averages and gaps are those of the printed scores", arguments: files)
  func printed(file: URL) throws {
    let recipe = try Recipe(reading: ConfigurationFile(reading: file))
    for (label, quantities) in recipe.expected.tableValue ?? [:] {
      let numbers = (quantities.tableValue ?? [:]).compactMapValues(\.numberValue)
      for kind in ["missing", "noisy"] {
        guard let image = numbers["image-\(kind)"], let text = numbers["text-\(kind)"] else { continue }
        #expect(abs((numbers["average.\(kind)"] ?? 0) - (image + text) / 2) < 0.0151, "\(label) \(kind)")
        #expect(abs((numbers["gap.\(kind)"] ?? -1) - abs(image - text)) < 0.0151, "\(label) \(kind)")
      }
    }
  }

  @Test("everything that a recipe can hold")
  func whole() throws {
    let recipe = try recipe(
      """
      title: a title
      summary: >-
        two
        lines
      seeds: 3
      settings: {optimizer.name: sgd, training: {epochs: 2}}
      rows:
        - method: joint
        - {label: "balgrad, strong", method: balgrad, set: {ramp.form: constant, kl: {stop_grad: false}}}
      sweep: [0, 0.5, 1]
      source: somewhere
      expected:
        joint: {full: 76.01, gap.missing: 50.53}
      """)
    #expect(recipe.title == "a title")
    #expect(recipe.summary == "two lines")
    #expect(recipe.seeds == 3)
    #expect(recipe.sweep == [0, 0.5, 1])
    #expect(recipe.source == "somewhere")
    // A row without a label has its method's.
    #expect(recipe.rows.map(\.label) == ["joint", "balgrad, strong"])
    #expect(recipe.rows.map(\.method) == ["joint", "balgrad"])
    #expect(Recipe.words(recipe.settings) == ["optimizer.name=sgd", "training.epochs=2"])
    #expect(Recipe.words(recipe.rows[1].set) == ["kl.stop_grad=false", "ramp.form=constant"])
    #expect(recipe.expected.tableValue?["joint"]?.tableValue?["gap.missing"]?.numberValue == 50.53)
  }

  @Test("what is left out has its default")
  func defaults() throws {
    let recipe = try recipe("rows: [{method: joint}]")
    #expect(recipe.seeds == 5)
    #expect(recipe.sweep.isEmpty)
    #expect(recipe.rows == [Recipe.Row(label: "joint", method: "joint")])
  }

  @Test(
    "a setting becomes the word that is typed for it",
    arguments: [
      (["a": 1], ["a=1"]), (["a.b": 0.5], ["a.b=0.5"]), (["a": ["b": ["c": true]]], ["a.b.c=true"]),
      (["a.b": ["c.d": "x"]], ["a.b.c.d=x"]), (["a": ["full", "image-missing"]], ["a=[\"full\",\"image-missing\"]"]),
      (["a": "[x]"], ["a=\"[x]\""]), (["a": "x=y"], ["a=x=y"]), (["a": [:]], ["a={}"]), ([:], []),
      (["b": 1, "a": 2], ["a=2", "b=1"]),
    ] as [(Tree, [String])])
  func words(settings: Tree, words: [String]) { #expect(Recipe.words(settings) == words) }

  @Test("the words lay over a configuration what the recipe says")
  func wordsResolve() throws {
    let recipe = try recipe(
      "settings: {training: {epochs: 2, drop_last: true}, evaluation.conditions: [full, a-b]}\nrows: [{method: m}]")
    let overlay = ConfigurationResolver(defaults: try Tree(encoding: RunConfiguration()), rules: RunConfiguration.rules)
    let tree = try overlay.resolve(settings: Recipe.words(recipe.settings)).tree
    #expect(tree[path: "training.epochs"] == 2)
    #expect(tree[path: "training.drop_last"] == true)
    #expect(tree[path: "evaluation.conditions"] == ["full", "a-b"])
  }

  // MARK: Refusals

  @Test("an unknown key is told with its line and what may have been meant")
  func unknownKey() throws {
    let diagnosis = try refusal("seeds: 2\nrow:\n  - {method: joint}\n")
    #expect(diagnosis.what == "1 setting cannot be used")
    #expect(diagnosis.place == "my.yaml")
    #expect(diagnosis.found == ["  2:1  row  no such setting; did you mean 'rows'?"])
    #expect(diagnosis.exitStatus == .usage)
  }

  @Test("so is an unknown key of a row, and all of them at once")
  func unknownRowKey() throws {
    let diagnosis = try refusal(
      """
      rows:
        - {label: a, metod: joint}
        - label: b
          method: balgrad
          sets: {ramp.lambda0: 1}
        - joint
      """)
    #expect(diagnosis.what == "3 settings cannot be used")
    #expect(
      diagnosis.found == [
        "  2:16  rows[0].metod  no such setting; did you mean 'method'?",
        "  5:5   rows[1].sets   no such setting; did you mean 'set'?",
        "  6:5   rows[2]        a table (label, method, set) is needed",
      ])
    #expect(diagnosis.exitStatus == .usage)
  }

  @Test("a recipe without rows is refused", arguments: ["title: nothing", "rows: []", ""])
  func noRows(text: String) throws {
    let diagnosis = try refusal(text)
    #expect(diagnosis.what == "the recipe has no rows")
    #expect(diagnosis.place == "my.yaml")
    #expect(diagnosis.remedy == "rows: a list of {label, method, set}")
    #expect(diagnosis.exitStatus == .usage)
  }

  @Test("a row without a method is refused")
  func noMethod() throws {
    let diagnosis = try refusal("rows:\n  - {label: a}")
    #expect(diagnosis.description.contains("method"))
    #expect(diagnosis.description.contains("my.yaml"))
    #expect(diagnosis.exitStatus == .usage)
  }

  @Test(
    "numbers outside their range are refused with their line",
    arguments: [
      ("seeds: 0", "seeds", "is 0, must be at least 1"), ("sweep: [0.5, 1.5]", "sweep", "is 1.5, must be from 0 to 1"),
      ("sweep: [-0.1]", "sweep", "is -0.1, must be from 0 to 1"),
    ])
  func ranges(line: String, path: String, what: String) throws {
    let error = #expect(throws: ConfigurationProblems.self) { try recipe("rows: [{method: joint}]\n\(line)") }
    let problem = try #require(error?.problems.first)
    #expect(problem.path == path)
    #expect(problem.line == 2)
    #expect(problem.what == what)
  }
}
