import Balancing
import Foundation
import Multimodal
import Records
import SeesawConformance
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
typealias Setting = Conformance.Setting

extension Setting {
  /// Those with classes, which tests of a method's own formulas are about.
  static let withClasses: [Setting] = [.one, .two, .three, .severalLabels, .binary]
  /// Those with more than one modality.
  static let several = withClasses.filter { $0 != .one }
}

/// What every method in the registry must do, whatever it does: the rules of `SeesawConformance`.
@Suite("Every method")
struct MethodConformanceTests {
  private static let entries = Candidate.all
  private static let everywhere = entries.flatMap { entry in Setting.admitted(by: entry.entry).map { (entry, $0) } }

  private func check(_ candidate: Candidate, _ rule: Conformance.Rule, on setting: Setting? = nil) throws {
    try Conformance.check(candidate.entry, rule, on: setting)
  }

  // MARK: Training

  @Test("runs, with finite losses, and moves some parameter and no frozen one", arguments: everywhere)
  func runs(_ entry: Candidate, _ setting: Setting) throws { try check(entry, .trains, on: setting) }

  @Test("learns: the losses it reports fall", arguments: entries)
  func learns(_ entry: Candidate) throws { try check(entry, .learns) }

  @Test("twice with one seed is bit for bit the same, and another seed is another run", arguments: entries)
  func reproducible(_ entry: Candidate) throws { try check(entry, .isReproducible) }

  @Test("sees the data in joint training's order and begins with its weights", arguments: entries)
  func streams(_ entry: Candidate) throws { try check(entry, .beginsAsJointTraining) }

  @Test("stopped after some steps and gone on with is bit for bit a run that was not stopped", arguments: entries)
  func resumes(_ entry: Candidate) throws { try check(entry, .resumes) }

  @Test("trains with every choice and every end of a range, and goes on there bit for bit", arguments: entries)
  func variationsTrain(_ entry: Candidate) throws { try check(entry, .trainsWithEverySetting) }

  @Test("the order of the modalities changes nothing", arguments: everywhere.filter { $0.1.isReordered })
  func order(_ entry: Candidate, _ setting: Setting) throws { try check(entry, .ignoresOrderOfModalities, on: setting) }

  @Test("trains the unimodal classifiers if it says so, and leaves them alone if not", arguments: entries)
  func unimodalClassifiers(_ entry: Candidate) throws { try check(entry, .trainsUnimodalClassifiersAsDeclared) }

  @Test("a step that is looked at moves nothing and shows where it would go", arguments: entries)
  func inspection(_ entry: Candidate) throws { try check(entry, .canBeInspected) }

  @Test("predicts finite logits of the right shape, whichever modality is absent", arguments: everywhere)
  func predicts(_ entry: Candidate, _ setting: Setting) throws { try check(entry, .predicts, on: setting) }

  @Test("no tensor is left when a run is over")
  func lifetimes() async {
    await #expect(processExitsWith: .success) {
      for entry in MethodRegistry.entries { try Conformance.checkLifetimes(entry) }
    }
  }

  // MARK: Settings

  @Test("every setting is on the card, and everything on the card is a setting", arguments: entries)
  func settingsOnCard(_ entry: Candidate) throws { try check(entry, .describesItsSettings) }

  @Test("configuration, tree and configuration again are one", arguments: entries)
  func configurationRoundTrip(_ entry: Candidate) throws { try check(entry, .keepsItsSettings) }

  @Test("a word that is no choice is refused", arguments: entries)
  func unknownChoice(_ entry: Candidate) throws { try check(entry, .refusesUnknownChoices) }

  // MARK: The card

  @Test("the card says all that a reader wants to know", arguments: entries)
  func card(_ entry: Candidate) throws {
    try check(entry, .hasACompleteCard)
    // Ours is published nowhere else.
    if entry.card.stage != .baseline, entry.card.name != "fulcrum" { #expect(entry.card.citation != nil) }
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
