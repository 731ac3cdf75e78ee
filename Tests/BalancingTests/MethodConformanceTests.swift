import Balancing
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

/// A method as the registry lists it, shown in tests by its name.
struct Candidate: Sendable, CustomTestStringConvertible {
  let entry: MethodRegistry.Entry

  var card: MethodCard { entry.card }
  var defaults: Tree { entry.defaults }
  var testDescription: String { card.name }

  static let all = MethodRegistry.entries.map(Candidate.init)

  /// Whether it means something for a task.
  func predicts(_ task: PredictionTask) -> Bool { task.hasClasses || entry.requirements.needsClasses == nil }
  func can(_ capability: String) -> Bool { entry.capabilities.contains(capability) }
  func callAsFunction(_ settings: Tree) throws -> any BalancingMethod { try entry(settings) }
}

/// One data set to try every method on.
enum Setting: String, CaseIterable, Sendable {
  case one, two, three, severalLabels, binary, regression

  /// Those with classes, which tests of a method's own formulas are about.
  static let allCases: [Setting] = [.one, .two, .three, .severalLabels, .binary]
  /// Those with more than one modality.
  static let several = allCases.filter { $0 != .one }

  var data: SyntheticData {
    switch self {
    case .one: SyntheticData(modalities: ["image"])
    case .two: SyntheticData()
    case .three: SyntheticData(modalities: ["image", "text", "audio"])
    case .severalLabels: SyntheticData(task: .multiLabel, classes: 4)
    case .binary: SyntheticData(task: .binary, classes: 2)
    case .regression: SyntheticData(task: .regression)
    }
  }
}

/// What every method in the registry must do, whatever it does.
@Suite("Every method")
struct MethodConformanceTests {
  private static let entries = Candidate.all
  private static let everywhere = (Setting.allCases + [.regression]).flatMap { setting in
    entries.filter { $0.card.modalities.admits(setting.data.modalities.count) && $0.predicts(setting.data.task) }
      .map { ($0, setting) }
  }

  private func bench(_ entry: Candidate, _ setting: Setting = .two) throws -> Bench {
    try Bench(entry.card.name, data: setting.data)
  }

  // MARK: Training

  @Test("runs, with finite losses, and moves some parameter and no frozen one", arguments: everywhere)
  func runs(_ entry: Candidate, _ setting: Setting) throws {
    var bench = try bench(entry, setting)
    bench.frozen = ["text.embedding"]
    let outcome = try bench.run()
    #expect(outcome.finished)
    if !entry.can("plans sampling") {
      #expect(outcome.reports.count == bench.trainer.steps(over: bench.data.count))
    }
    for report in outcome.reports {
      #expect(!report.losses.isEmpty)
      for (name, value) in report.losses.merging(report.scalars, uniquingKeysWith: { $1 }) {
        #expect(value.isFinite, "\(name)")
      }
    }
    #expect(outcome.last.values.allSatisfy { $0.allFinite })
    #expect(outcome.first != outcome.last)
    for (name, values) in outcome.first where name.hasPrefix("text.embedding") { #expect(outcome.last[name] == values) }
  }

  @Test("learns: the losses it reports fall", arguments: entries)
  func learns(_ entry: Candidate) throws {
    var bench = try bench(entry)
    bench.epochs = 12
    let means = try bench.run().means
    let losses = try #require(means.first).keys.filter {
      $0 == "fused" || bench.data.modalities.map(\.name).contains($0)
    }
    #expect(!losses.isEmpty)
    func sum(_ epoch: [String: Double]) -> Double { losses.compactMap { epoch[$0] }.reduce(0, +) }
    let (first, last) = (sum(try #require(means.first)), sum(try #require(means.last)))
    guard entry.can("fits before training") else {
      #expect(last < first)
      return
    }
    // Everything is learned before the first step, and no step forgets it. In one batch, whose order decides nothing.
    bench.batchSize = bench.data.count
    let whole = try bench.run().means.compactMap { $0["fused"] }
    let joint = try #require(Bench("joint", data: bench.data).run().means.first?["fused"])
    #expect(whole.count == 12 && whole.allSatisfy { abs($0 - whole[0]) <= 1e-5 * whole[0] && $0 < joint })
  }

  @Test("twice with one seed is bit for bit the same, and another seed is another run", arguments: entries)
  func reproducible(_ entry: Candidate) throws {
    var bench = try bench(entry)
    let (one, other) = (try bench.run(), try bench.run())
    #expect(one.last == other.last)
    #expect(one.reports == other.reports)
    #expect(one.orders == other.orders)
    bench.seed = 2
    #expect(try bench.run().last != one.last)
  }

  @Test("sees the data in joint training's order and begins with its weights", arguments: entries)
  func streams(_ entry: Candidate) throws {
    var plain = try Bench("joint")
    plain.fusesByAttention = entry.entry.requirements.attentionFusion
    let (own, joint) = (try bench(entry).run(), try plain.run())
    for (name, values) in joint.first { #expect(own.first[name] == values, "\(name)") }
    #expect(own.first.keys.allSatisfy { joint.first[$0] != nil || $0.hasPrefix("method.") })
    if !entry.can("plans sampling") { #expect(own.orders == joint.orders) }
  }

  @Test("stopped after some steps and gone on with is bit for bit a run that was not stopped", arguments: entries)
  func resumes(_ entry: Candidate) throws {
    let bench = try bench(entry)
    let whole = try bench.run()
    // After the first step, at the end of an epoch, and before the last step.
    for stop in [1, 4, 11] {
      let half = try bench.run(stopAfter: stop)
      #expect(!half.finished)
      #expect(half.reports.count == stop)
      let rest = try bench.run(from: half.kept)
      #expect(rest.finished)
      #expect(half.reports + rest.reports == whole.reports, "after step \(stop)")
      #expect(rest.last == whole.last, "after step \(stop)")
      #expect(rest.means == Array(whole.means.dropFirst(half.means.count)), "after step \(stop)")
    }
  }

  @Test("trains with every choice and every end of a range, and goes on there bit for bit", arguments: entries)
  func variationsTrain(_ entry: Candidate) throws {
    for settings in Self.variations(entry) {
      var bench = try bench(entry)
      bench.settings = settings
      bench.epochs = 2
      let whole = try bench.run()
      let numbers = whole.reports.flatMap { Array($0.losses.values) + Array($0.scalars.values) }
      #expect(numbers.allFinite, "\(settings)")
      #expect(whole.last.values.allSatisfy { $0.allFinite }, "\(settings)")
      let half = try bench.run(stopAfter: 6)
      let rest = try bench.run(from: half.kept)
      #expect(half.reports + rest.reports == whole.reports, "\(settings)")
      #expect(rest.last == whole.last, "\(settings)")
    }
  }

  @Test("the order of the modalities changes nothing", arguments: everywhere.filter { [.two, .three].contains($0.1) })
  func order(_ entry: Candidate, _ setting: Setting) throws {
    // Sums come out in another order: so float32 is let off lightly.
    let tolerance = Conditions.elementType == .float64 ? 1e-8 : 2e-2
    var bench = try bench(entry, setting)
    bench.plainDescent = true
    // Not by way of the bench, which holds what captures this.
    let (width, fusesByAttention) = (bench.embeddingWidth, bench.fusesByAttention)
    let (modalities, otherOrder) = (bench.data.modalities, Array(bench.data.modalities.reversed()))

    /// The columns of a fused classifier over features side by side belong to the modalities in order.
    func reversed(_ weights: [Double], count: Int) -> [Double] {
      if fusesByAttention { return weights }
      let row = width * count
      var result: [Double] = []
      for start in stride(from: 0, to: weights.count, by: row) {
        for block in (0..<count).reversed() {
          let first = start + block * width
          result += weights[first..<(first + width)]
        }
      }
      return result
    }
    /// What depends on the order of the modalities, in the other order.
    func turned(_ name: String, _ weights: [Double]) -> [Double] {
      let count = modalities.count
      switch name {
      case "fusion.classifier.weight": return reversed(weights, count: count)
      case "method.gate.bias" where weights.count == count: return weights.reversed()
      case "method.gate.weight" where weights.count == count * count * width:
        let columns = reversed(weights, count: count)
        return (0..<count).reversed().flatMap { columns[($0 * count * width)..<(($0 + 1) * count * width)] }
      default: return weights
      }
    }
    let straight = try bench.run()
    bench.data = bench.data.reordered(otherOrder)
    bench.changing = { model in
      for parameter in model.store.parameters {
        let name = parameter.path.description
        let start = turned(name, try #require(straight.first[name]))
        try parameter.tensor.copy(from: .of(start, parameter.shape))
      }
    }
    let other = try bench.run()
    for (one, two) in zip(straight.reports, other.reports) {
      #expect(one.losses.keys == two.losses.keys)
      for (name, loss) in one.losses {
        #expect(allClose([try #require(two.losses[name])], [loss], relative: tolerance, absolute: tolerance), "\(name)")
      }
    }
    for (name, weights) in straight.last {
      let found = turned(name, try #require(other.last[name]))
      #expect(allClose(found, weights, relative: tolerance, absolute: tolerance), "\(name)")
    }
  }

  @Test("trains the unimodal classifiers if it says so, and leaves them alone if not", arguments: entries)
  func unimodalClassifiers(_ entry: Candidate) throws {
    let outcome = try bench(entry).run()
    for modality in ["image", "text"] {
      let name = "\(modality).head.weight"
      #expect((outcome.first[name] != outcome.last[name]) == entry.can("trains unimodal classifiers"), "\(name)")
    }
  }

  @Test("a step that is looked at moves nothing and shows where it would go", arguments: entries)
  func inspection(_ entry: Candidate) throws {
    let bench = try bench(entry)
    let session = try bench.session()
    var method = try bench.method()
    if var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(bench.lab(session))
      method = preparing
    }
    let before = try Bench.weights(session.model)
    let (report, inspection) = try session.inspecting { try method.step(bench.data.whole(), session) }
    #expect(try Bench.weights(session.model) == before)
    #expect(!report.losses.isEmpty)
    #expect(inspection.updates.isEmpty == entry.can("fits before training"))
    for update in inspection.updates {
      #expect(try update.isFinite())
      #expect(try update.norm() > 0)
    }
  }

  @Test("predicts finite logits of the right shape, whichever modality is absent", arguments: everywhere)
  func predicts(_ entry: Candidate, _ setting: Setting) throws {
    var bench = try bench(entry, setting)
    bench.epochs = 1
    let outcome = try bench.run()
    let batch = try bench.data.whole()
    let modalities = bench.data.modalities
    for absent in [[]] + modalities.map({ [$0] }) + [modalities] as [[Modality]] {
      let outputs = try outcome.session.forward(batch, without: Set(absent))
      let logits =
        try (outcome.method as? any PredictsItsOwnWay)?.logits(outputs, absent: Set(absent)) ?? outputs.logits
      #expect(logits.shape == [bench.data.count, bench.data.classes])
      #expect(try values(logits).allFinite)
    }
  }

  @Test("no tensor is left when a run is over")
  func lifetimes() async {
    await #expect(processExitsWith: .success) {
      for entry in MethodRegistry.entries {
        let before = Tensor.liveCount
        do {
          let outcome = try Bench(entry.card.name).run(stopAfter: 6)
          #expect(Tensor.liveCount > before)
          _ = outcome
        }
        #expect(Tensor.liveCount == before, "\(entry.card.name)")
      }
    }
  }

  // MARK: Settings

  @Test("every setting is on the card, and everything on the card is a setting", arguments: entries)
  func settingsOnCard(_ entry: Candidate) {
    let keys = entry.card.settings.map(\.key)
    #expect(keys.sorted() == entry.defaults.leafPaths)
    #expect(Set(keys).count == keys.count)
    for setting in entry.card.settings {
      #expect(setting.default == entry.defaults[path: setting.key], "\(setting.key)")
      #expect(setting.default != .null, "\(setting.key)")
    }
  }

  @Test("configuration, tree and configuration again are one", arguments: entries)
  func configurationRoundTrip(_ entry: Candidate) throws {
    func check<Method: BalancingMethod>(_ method: Method, _ tree: Tree) throws {
      let configuration = try tree.decode(Method.Configuration.self)
      #expect(try Tree(encoding: configuration) == tree)
      let text = try Tree(json: tree.json(), place: "a file")
      #expect(try text.decode(Method.Configuration.self) == configuration)
    }
    let method = try entry(entry.defaults)
    try check(method, entry.defaults)
    for tree in Self.variations(entry) { try check(method, tree) }
    #expect(try entry.defaults == Tree(encoding: Self.defaults(method)))
  }

  private static func defaults<Method: BalancingMethod>(_ method: Method) -> any Settings { Method.Configuration() }

  /// The defaults with one setting at each of its words, switched over, or at an end of its range.
  static func variations(_ entry: Candidate) -> [Tree] {
    entry.card.settings.flatMap { setting -> [Tree] in
      var values: [Tree] = setting.allowed.map { .string($0) }
      if let flag = setting.default.boolValue { values.append(.bool(!flag)) }
      if let range = setting.range {
        let ends = [range.aboveMinimum ? nil : range.minimum, range.belowMaximum ? nil : range.maximum].compactMap {
          $0
        }
        values += ends.map { if case .int = setting.default { .int(Int($0)) } else { .number($0) } }
      }
      return values.filter { $0 != setting.default }.map { value in
        var tree = entry.defaults
        tree[path: setting.key] = value
        return tree
      }
    }
  }

  @Test("a word that is no choice is refused", arguments: entries)
  func unknownChoice(_ entry: Candidate) {
    for setting in entry.card.settings where !setting.allowed.isEmpty {
      var tree = entry.defaults
      tree[path: setting.key] = "no-such-word"
      #expect(throws: (any Error).self, "\(setting.key)") { try entry(tree) }
    }
  }

  // MARK: The card

  @Test("the card says all that a reader wants to know", arguments: entries)
  func card(_ entry: Candidate) throws {
    let card = entry.card
    #expect(card.name.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z0-9]+)*/) != nil)
    #expect(!card.title.isEmpty)
    #expect(card.summary.hasSuffix("."))
    #expect(card.summary.count > 30)
    for departure in card.departures { #expect(departure.hasSuffix(".")) }
    for need in card.needs { #expect(!need.hasSuffix(".") && !need.isEmpty) }
    // Ours is published nowhere else.
    if card.stage != .baseline, card.name != "fulcrum" { #expect(card.citation != nil) }
    if let citation = card.citation {
      #expect(!citation.authors.isEmpty && citation.authors.allSatisfy { $0.contains(" ") })
      #expect(!citation.title.isEmpty && !citation.venue.isEmpty)
      #expect((2010...2030).contains(citation.year))
      if let url = citation.url { #expect(url.hasPrefix("https://")) }
    }
    for setting in card.settings {
      #expect(setting.summary.count > 5 && !setting.summary.hasSuffix("."), "\(setting.key)")
      #expect(setting.key.wholeMatch(of: /[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*/) != nil)
      if !setting.allowed.isEmpty {
        #expect(setting.allowed.contains(setting.default.stringValue ?? ""), "\(setting.key)")
      }
      if let range = setting.range {
        #expect(range.contains(try #require(setting.default.numberValue)), "\(setting.key)")
      }
    }
  }
}

@Suite("The registry of methods")
struct MethodRegistryTests {
  @Test("names are different, also to a careless typist")
  func names() {
    #expect(Set(MethodRegistry.names.map(\.tolerantKey)).count == MethodRegistry.names.count)
    #expect(MethodRegistry.names.contains("joint") && MethodRegistry.names.contains("balgrad"))
  }

  @Test("a method is found however its name is spelt")
  func finding() throws {
    #expect(try MethodRegistry.entry("BalGrad").card.name == "balgrad")
    #expect(try MethodRegistry.entry("bal-grad").card.name == "balgrad")
    for entry in MethodRegistry.entries { #expect(try MethodRegistry.entry(entry.card.name).card == entry.card) }
  }

  @Test(
    "a published method that is left out is answered with the reason, however it is spelt", arguments: ["arl", "ARL"])
  func leftOut(_ name: String) throws {
    let error = try #require(throws: UnknownMethod.self) { try MethodRegistry.entry(name) }
    #expect(error.diagnosis.what == "no method is called '\(name)'")
    #expect(error.diagnosis.found.contains { $0.contains("never assigns the weights") })
    #expect(error.diagnosis.exitStatus == .usage)
  }

  @Test("a name that nobody has gets the nearest")
  func unknown() throws {
    let error = try #require(throws: UnknownMethod.self) { try MethodRegistry.entry("balgard") }
    let text = "\(error.diagnosis)"
    #expect(error.diagnosis.what == "no method is called 'balgard'")
    #expect(error.diagnosis.exitStatus == .usage)
    #expect(text.contains("did you mean 'balgrad'?"))
    let lost = try #require(throws: UnknownMethod.self) { try MethodRegistry.entry("xyzzy") }
    #expect(!"\(lost.diagnosis)".contains("did you mean"))
  }
}
