import Records
import Testing

struct RunConfigurationTests {
  func ready() -> RunConfiguration {
    var configuration = RunConfiguration()
    configuration.dataset = "emoji"
    return configuration
  }

  @Test("the defaults are the paper's, with a rate of our choice")
  func defaults() {
    let c = RunConfiguration()
    #expect(c.training.epochs == 20)
    #expect(c.training.batchSize == 128)
    #expect(c.optimizer.name == .adam)
    #expect(c.optimizer.learningRate == 1e-3)
    #expect(c.optimizer.beta1 == 0.9)
    #expect(c.methodName == "balgrad")
  }

  @Test("configuration to tree to configuration is the identity")
  func roundTrip() throws {
    var c = ready()
    c.method = ["name": "ogm-ge", "alpha": 0.5, "stop_grad": true]
    c.optimizer.schedule.form = .cosine
    c.evaluation.conditions = ["full"]
    let tree = try Tree(encoding: c)
    #expect(try tree.decode(RunConfiguration.self) == c)
    #expect(try Tree(json: tree.json(.pretty)).decode(RunConfiguration.self) == c)
  }

  @Test("every rule is about a setting that exists, and its defaults obey it")
  func rulesFit() throws {
    let tree = try Tree(encoding: ready())
    for path in RunConfiguration.rules.keys { #expect(tree[path: path] != nil, "\(path)") }
    #expect(throws: Never.self) { try ready().validate() }
  }

  @Test("every setting that is a choice has its words in the rules")
  func choicesHaveRules() throws {
    let free = ["dataset", "data.scale", "data.view", "training.device", "training.dropout", "method.name"]
    let tree = try Tree(encoding: ready())
    let words = tree.leafPaths.filter { tree[path: $0]?.stringValue != nil && !free.contains($0) }
    for path in words { #expect(RunConfiguration.rules[path]?.allowed.isEmpty == false, "\(path)") }
  }

  @Test("everything out of range is told at once")
  func validation() throws {
    var c = RunConfiguration()
    c.method = [:]
    c.training.epochs = 0
    c.training.batchSize = -1
    c.optimizer.learningRate = .nan
    c.optimizer.nesterov = true
    c.optimizer.momentum = 0
    let error = #expect(throws: ConfigurationProblems.self) { try c.validate() }
    #expect(
      error?.problems.map { "\($0.path) \($0.what)" } == [
        "dataset no data set is named", "method.name no method is named",
        "optimizer.learning_rate is nan, must be above 0", "training.batch_size is -1, must be at least 1",
        "training.epochs is 0, must be at least 1", "optimizer.nesterov needs a 'optimizer.momentum' above 0",
      ])
  }

  @Test("a method's own rules are checked with the rest")
  func methodRules() throws {
    var c = ready()
    c.method = ["name": "m", "alpha": 2.0, "form": "odd"]
    let rules: [String: SettingRule] = ["method.alpha": .range(.fraction), "method.form": .oneOf(["a", "b"])]
    let error = #expect(throws: ConfigurationProblems.self) { try c.validate(methodRules: rules) }
    #expect(error?.problems.map(\.what) == ["is 2, must be from 0 to 1", "'odd' is not one of a, b"])
  }

  @Test("the method's own settings stand beside its name")
  func methodTable() {
    var c = ready()
    c.method = ["name": "ogm-ge", "alpha": 0.5]
    #expect(c.methodName == "ogm-ge")
    #expect(c.methodSettings == ["alpha": 0.5])
  }
}
