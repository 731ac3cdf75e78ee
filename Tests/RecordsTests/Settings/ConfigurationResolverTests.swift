import Foundation
import Records
import TestSupport
import Testing

struct ConfigurationResolverTests {
  /// A configuration as the method BalGrad would have it.
  static func overlay() throws -> ConfigurationResolver {
    var defaults = try Tree(encoding: RunConfiguration())
    defaults[path: "method"] = [
      "name": "balgrad",
      "kl": ["direction": "target_student", "stop_grad": true, "temperature": 1.0],
      "ramp": ["form": "linear_to_one", "lambda0": 0.1],
      "weight": ["form": "loss_ratio"],
      "projection": ["enabled": true, "scope": "global"],
      "widths": [1.0],
      "free": [:],
    ]
    var rules = RunConfiguration.rules
    rules["method.kl.direction"] = .oneOf(["target_student", "student_target", "js"])
    rules["method.ramp.lambda0"] = .range(.nonNegative)
    return ConfigurationResolver(defaults: defaults, rules: rules)
  }

  func resolve(_ text: String? = nil, _ settings: [String] = []) throws -> ResolvedConfiguration {
    let files = text.map { [ConfigurationFile(name: "hm.yaml", text: $0)] } ?? []
    return try Self.overlay().resolve(files: files, settings: settings)
  }

  func problems(_ text: String? = nil, _ settings: [String] = []) throws -> [ConfigurationProblem] {
    let error = #expect(throws: ConfigurationProblems.self) { try resolve(text, settings) }
    return try #require(error).problems
  }

  // MARK: What is understood

  @Test("nothing laid over gives the defaults, and says so")
  func defaultsAlone() throws {
    let resolved = try resolve()
    let overlay = try Self.overlay()
    #expect(resolved.tree == overlay.defaults)
    #expect(Set(resolved.provenance.values) == ["default"])
    #expect(resolved.provenance.keys.sorted() == resolved.tree.leafPaths)
  }

  @Test("a file, then settings, each remembered with its origin")
  func layers() throws {
    let resolved = try resolve(
      """
      training:
        epochs: 5
        batch_size: 32   # small
      optimizer: {learning_rate: 0.01}
      """, ["training.epochs=7", "model.embedding_width=64"])
    #expect(resolved.tree[path: "training.epochs"] == 7)
    #expect(resolved.tree[path: "training.batch_size"] == 32)
    #expect(resolved.tree[path: "optimizer.learning_rate"] == 0.01)
    #expect(resolved.tree[path: "model.embedding_width"] == 64)
    #expect(resolved.provenance["training.epochs"] == "--set")
    #expect(resolved.provenance["training.batch_size"] == "hm.yaml:3")
    #expect(resolved.provenance["optimizer.learning_rate"] == "hm.yaml:4")
    #expect(resolved.provenance["optimizer.beta1"] == "default")
  }

  @Test("a later file wins over an earlier one")
  func twoFiles() throws {
    let files = [
      ConfigurationFile(name: "a.yaml", text: "seed: 1\ndataset: x"),
      ConfigurationFile(name: "b.yaml", text: "seed: 2"),
    ]
    let resolved = try Self.overlay().resolve(files: files)
    #expect(resolved.tree[path: "seed"] == 2)
    #expect(resolved.tree[path: "dataset"] == "x")
    #expect(resolved.provenance["seed"] == "b.yaml:1")
  }

  @Test(
    "keys match ignoring case, dashes and underscores, and a method's settings need no prefix",
    arguments: [
      ("optimizer.learningRate=0.5", "optimizer.learning_rate", 0.5),
      ("Optimizer.Learning-Rate=0.5", "optimizer.learning_rate", 0.5),
      ("kl.direction=js", "method.kl.direction", "js"),
      ("kl.stopGrad=false", "method.kl.stop_grad", false),
      ("method.kl.direction=JS", "method.kl.direction", "js"),
      ("method.kl.direction=Student-Target", "method.kl.direction", "student_target"),
      ("lambda0=0.2", "method.ramp.lambda0", 0.2),
      ("method.lambda0=0.2", "method.ramp.lambda0", 0.2),
      ("scope=per_tensor", "method.projection.scope", "per_tensor"),
    ] as [(String, String, Tree)])
  func tolerantKeys(setting: String, path: String, value: Tree) throws {
    let resolved = try resolve(nil, [setting])
    #expect(resolved.tree[path: path] == value)
    #expect(resolved.provenance[path] == "--set")
    #expect(resolved.provenance.values.count { $0 != "default" } == 1)
  }

  @Test(
    "a plain value for a table goes to its form, name or switch",
    arguments: [
      ("ramp=constant", "method.ramp.form", "constant"),
      ("projection=false", "method.projection.enabled", false),
      ("projection=off", "method.projection.enabled", false),
      ("optimizer=sgd", "optimizer.name", "sgd"),
      ("optimizer.schedule=cosine", "optimizer.schedule.form", "cosine"),
      ("method=balgrad", "method.name", "balgrad"),
    ] as [(String, String, Tree)])
  func tableShorthand(setting: String, path: String, value: Tree) throws {
    #expect(try resolve(nil, [setting]).tree[path: path] == value)
  }

  @Test("shorthand works in a file too, and dotted keys are paths")
  func fileShorthand() throws {
    let resolved = try resolve("method: {ramp: constant, lambda0: 0.3}\ntraining.epochs: 3\nkl.direction: js")
    #expect(resolved.tree[path: "method.ramp"] == ["form": "constant", "lambda0": 0.3])
    #expect(resolved.tree[path: "training.epochs"] == 3)
    #expect(resolved.tree[path: "method.kl.direction"] == "js")
  }

  @Test("a table may be given on the command line")
  func flowTable() throws {
    let resolved = try resolve(nil, ["optimizer.schedule={form: step, gamma: 0.5}"])
    #expect(resolved.tree[path: "optimizer.schedule.form"] == "step")
    #expect(resolved.tree[path: "optimizer.schedule.gamma"] == 0.5)
    #expect(resolved.tree[path: "optimizer.schedule.step_size"] == 10)
  }

  @Test(
    "values are read as what the default is",
    arguments: [
      ("optimizer.weight_decay=1", "optimizer.weight_decay", 1.0),
      ("training.epochs=1e1", "training.epochs", 10),
      ("dataset=101", "dataset", "101"), ("dataset=no", "dataset", "no"), ("dataset=a=b: c", "dataset", "a=b: c"),
      ("dataset='quoted #1'", "dataset", "quoted #1"), ("dataset=", "dataset", ""),
      ("training.drop_last=yes", "training.drop_last", true),
      ("evaluation.conditions=full,image-missing", "evaluation.conditions", ["full", "image-missing"]),
      ("evaluation.conditions=[full]", "evaluation.conditions", ["full"]),
      ("evaluation.conditions=[]", "evaluation.conditions", []),
      ("widths=0.5,1", "method.widths", [0.5, 1.0]),
      ("free.anyKey=3", "method.free.anyKey", 3),
      ("free={a: {b: x}}", "method.free.a.b", "x"),
    ] as [(String, String, Tree)])
  func values(setting: String, path: String, value: Tree) throws {
    #expect(try resolve(nil, [setting]).tree[path: path] == value)
  }

  @Test("provenance always names exactly the leaves")
  func provenanceCovers() throws {
    let resolved = try resolve("free: {a: 1, b: {c: 2}}\nwidths: [2]", ["free.d=1", "free.b=3"])
    #expect(resolved.provenance.keys.sorted() == resolved.tree.leafPaths)
  }

  @Test("an empty file, a comment and an empty heading change nothing", arguments: ["", "# nothing\n", "training:\n"])
  func emptyFile(text: String) throws { #expect(try resolve(text).tree == (try Self.overlay().defaults)) }

  @Test("anchors and aliases work")
  func aliases() throws {
    let resolved = try resolve("training: {batch_size: &n 64}\nevaluation: {batch_size: *n}")
    #expect(resolved.tree[path: "evaluation.batch_size"] == 64)
  }

  @Test("a run's record is a configuration")
  func record() throws {
    var configuration = try Self.overlay().defaults
    configuration[path: "training.epochs"] = 3
    configuration[path: "dataset"] = "emoji 🙂\tx"
    let record: Tree = ["format": "seesaw-run/1", "configuration": configuration, "status": "finished", "notes": ["…"]]
    for text in [record.json(), record.json(.pretty), record.json(.pretty).replacing("  ", with: "\t")] {
      let resolved = try resolve(text)
      #expect(resolved.tree == configuration)
      #expect(resolved.provenance["training.epochs"]?.hasPrefix("hm.yaml") == true)
    }
  }

  @Test("the method's name can be learnt before its settings are known")
  func peeking() throws {
    func peek(_ text: String?, _ settings: [String] = []) -> String? {
      ConfigurationResolver.peek(
        "method.name", files: text.map { [ConfigurationFile(name: "x", text: $0)] } ?? [], settings: settings)
    }
    #expect(peek("method: {Name: ogm-ge, alpha: 1}") == "ogm-ge")
    #expect(peek("method: agm") == "agm")
    #expect(peek("method.name: agm") == "agm")
    #expect(peek("seed: 1") == nil)
    #expect(peek("method: agm", ["method.name=joint"]) == "joint")
    #expect(peek(nil, ["method=joint", "alpha=1"]) == "joint")
    #expect(peek("[broken") == nil)
    #expect(peek(#"{"format":"seesaw-run/1","configuration":{"method":{"name":"mla"}}}"#) == "mla")
  }

  // MARK: What is refused

  @Test(
    "an unknown key is told with the nearest, or where it belongs",
    arguments: [
      ("method.wieght=1", "no such setting; did you mean 'weight'?"),
      ("optimizer.epochs=3", "no such setting here; it belongs to 'training.epochs'"),
      ("epochs=3", "no such setting here; it belongs to 'training.epochs'"),
      ("optimizer.learning_rte=1", "no such setting; did you mean 'learning_rate'?"),
      ("lerning_rate=1", "no such setting; did you mean 'optimizer.learning_rate'?"),
      ("optimzer.beta1=1", "no such setting here; it belongs to 'optimizer.beta1'"),
      ("batch_size=1", "no such setting here; there are 'evaluation.batch_size' and 'training.batch_size'"),
      ("trainign={}", "no such setting; did you mean 'training'?"),
      ("qwertz=1", "no such setting"), ("a..b=1", "no such setting"),
    ])
  func unknownKeys(setting: String, what: String) throws {
    let key = String(setting.prefix { $0 != "=" })
    #expect(try problems(nil, [setting]) == [ConfigurationProblem(source: "--set", path: key, what)])
  }

  @Test(
    "a value of the wrong kind is told with what is needed and what was found",
    arguments: [
      ("training.epochs=2.5", "a whole number is needed, found '2.5'"),
      ("training.epochs=many", "a whole number is needed, found 'many'"),
      ("training.epochs='3'", "a whole number is needed, found '3'"),
      ("training.epochs=", "a whole number is needed, found nothing"),
      ("optimizer.learning_rate=fast", "a number is needed, found 'fast'"),
      ("optimizer.learning_rate=0x10", "a number is needed, found '0x10'"),
      ("optimizer.learning_rate=nan", "a number is needed, found 'nan'"),
      ("optimizer.learning_rate=1e999", "a finite number is needed, found '1e999'"),
      ("optimizer.learning_rate=[1]", "a number is needed, found a list"),
      ("training.drop_last=1", "true or false is needed, found '1'"),
      ("dataset={a: 1}", "a text is needed, found a table"),
      ("model=big", "a table (embedding_width, encoders, fusion, fusion_rank) is needed, found 'big'"),
      (
        "optimizer=[1]",
        "a table (beta1, beta2, epsilon, gradient_clip, learning_rate, learning_rates, momentum, name, nesterov, "
          + "schedule, weight_decay) "
          + "is needed, found a list"
      ),
      ("widths=a", "a number is needed, found 'a'"),
      ("evaluation.conditions={}", "a list is needed, found a table"),
      ("optimizer.name=adma", "'adma' is not one of sgd, adam, adamw; did you mean 'adam'?"),
      ("optimizer=rmsprop", "'rmsprop' is not one of sgd, adam, adamw"),
      ("kl.direction=up", "'up' is not one of target_student, student_target, js"),
      ("training.epochs=0", "is 0, must be at least 1"),
      ("optimizer.beta1=1", "is 1, must be from 0 to below 1"),
      ("optimizer.learning_rate=-0.5", "is -0.5, must be above 0"),
    ])
  func wrongValues(setting: String, what: String) throws {
    let key = String(setting.prefix { $0 != "=" })
    #expect(try problems(nil, [setting]) == [ConfigurationProblem(source: "--set", path: key, what)])
  }

  @Test("a word without '=' is no setting", arguments: ["training.epochs", "=3", ""])
  func noEquals(setting: String) throws {
    #expect(try problems(nil, [setting]).map(\.what) == ["not of the form key=value"])
  }

  @Test("problems of a file carry line and column, of its value where the value is wrong")
  func positions() throws {
    let found = try problems(
      """
      training:
        epochs: soon
        batchsiz: 4
      optimiser: {name: adam}
      """)
    #expect(
      found == [
        ConfigurationProblem(
          source: "hm.yaml", line: 2, column: 11, path: "training.epochs", "a whole number is needed, found 'soon'"),
        ConfigurationProblem(
          source: "hm.yaml", line: 3, column: 3, path: "training.batchsiz",
          "no such setting; did you mean 'batch_size'?"),
        ConfigurationProblem(
          source: "hm.yaml", line: 4, column: 1, path: "optimiser", "no such setting; did you mean 'optimizer'?"),
      ])
  }

  @Test("all problems of all sources are told together")
  func together() throws {
    let error = #expect(throws: ConfigurationProblems.self) {
      try resolve("training: {epochs: soon}\n", ["wieght=1", "lambda0=-1"])
    }
    #expect(
      "\(try #require(error).diagnosis)" == """
        error: 3 settings cannot be used
            hm.yaml:1:20  training.epochs  a whole number is needed, found 'soon'
            --set         wieght           no such setting; did you mean 'weight'?
            --set         lambda0          is -1, must be at least 0
        """)
    #expect(error?.diagnosis.exitStatus == .usage)
  }

  @Test("problems of one file name it once")
  func onePlace() throws {
    let error = #expect(throws: ConfigurationProblems.self) { try resolve("seeed: 1\ntraining: {epochs: -1}") }
    #expect(
      "\(try #require(error).diagnosis)" == """
        error: 2 settings cannot be used
          in: hm.yaml
            1:1   seeed            no such setting; did you mean 'seed'?
            2:20  training.epochs  is -1, must be at least 1
        """)
  }

  @Test("one problem reads in the singular, without a position where there is none")
  func oneProblem() throws {
    let error = #expect(throws: ConfigurationProblems.self) { try resolve(nil, ["seeed=1"]) }
    #expect(
      "\(try #require(error).diagnosis)" == """
        error: 1 setting cannot be used
          in: --set
            seeed  no such setting; did you mean 'seed'?
        """)
  }

  @Test("a key given twice is refused, in one spelling or two")
  func duplicates() throws {
    let same = try problems("training:\n  epochs: 1\n  epochs: 2\n")
    #expect(same.count == 1)
    #expect(same.first?.what.contains("'epochs' is given twice") == true)
    #expect(same.first?.line != nil)
    let two = try problems("training:\n  batch_size: 1\n  batchSize: 2\n")
    #expect(
      two == [
        ConfigurationProblem(
          source: "hm.yaml", line: 3, column: 3, path: "training.batchSize",
          "is given twice, the other time as 'batch_size'")
      ])
  }

  @Test("what is no YAML is refused with its place")
  func noYAML() throws {
    let found = try problems("training:\n  epochs: [1\nseed: }\n")
    #expect(found.count == 1)
    #expect(found.first?.what.hasPrefix("this is not YAML: ") == true)
    #expect(found.first?.line != nil)
    #expect(try problems("a: \u{0}").first?.what.hasPrefix("this is not YAML") == true)
  }

  @Test("a file whose top is no table is refused", arguments: ["- 1\n- 2", "word", "3"])
  func noTable(text: String) throws {
    #expect(try problems(text).first?.what.hasPrefix("a table of settings is needed, found ") == true)
  }

  @Test("a second document, a key that is no word and a merge key are refused")
  func oddities() throws {
    #expect(try problems("seed: 1\n---\nseed: 2\n").count == 1)
    #expect(try problems("? [a]\n: 1\n").map(\.what) == ["a key must be a word"])
    #expect(try problems("training: {<<: {epochs: 1}}").map { $0.what.hasPrefix("no such setting") } == [true])
  }

  @Test("a run's record of an unknown form is refused")
  func unknownRecord() throws {
    let found = try problems(#"{"format": "seesaw-run/9", "configuration": {}}"#)
    #expect(found.map(\.what) == ["a run's record of a form that is not known: 'seesaw-run/9'"])
  }

  @Test("a small file that aliases itself huge is refused at once")
  func aliasBomb() throws {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...30 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    #expect(try problems(text).map(\.what) == ["more than 20000 values, with every alias written out"])
  }

  @Test("a file nested too deep is refused")
  func tooDeep() throws {
    let text = "free: " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
    #expect(try problems(text).map(\.what) == ["nested deeper than 32 levels"])
    #expect(try problems(String(repeating: "[", count: 20_000)).count == 1)
  }

  // MARK: Reading files

  @Test("a file is read under the name that was typed")
  func reading() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "c.yaml")
      try Data("seed: 4".utf8).write(to: url)
      let file = try ConfigurationFile(reading: url)
      #expect(try Self.overlay().resolve(files: [file]).tree[path: "seed"] == 4)
      let none = folder.appending(path: "none.yaml")
      let error = #expect(throws: Diagnosis.self) { try ConfigurationFile(reading: none) }
      #expect(error?.what == "no such file or folder")
      #expect(error?.exitStatus == .input)
      try Data([0x61, 0xFF, 0xFE]).write(to: url)
      let text = #expect(throws: Diagnosis.self) { try ConfigurationFile(reading: url) }
      #expect(text?.what == "the file is not UTF-8 text")
      try Data(repeating: 0x23, count: (1 << 20) + 1).write(to: url)
      let large = #expect(throws: Diagnosis.self) { try ConfigurationFile(reading: url) }
      #expect(large?.what == "a configuration of more than a mebibyte")
    }
  }
}
