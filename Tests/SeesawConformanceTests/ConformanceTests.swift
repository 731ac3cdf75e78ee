import Balancing
import Multimodal
import Records
import SeesawConformance
import Testing

/// A method that breaks a rule.
private struct Culprit: Sendable, CustomTestStringConvertible {
  let type: any BalancingMethod.Type
  let rule: Conformance.Rule
  /// Part of what is said.
  let words: String

  init(_ type: any BalancingMethod.Type, _ rule: Conformance.Rule, _ words: String) {
    self.type = type
    self.rule = rule
    self.words = words
  }

  var testDescription: String { "\(type) breaks \(rule.rawValue)" }

  static let all = [
    Culprit(Still.self, .trains, "no parameter moves"),
    Culprit(Careless.self, .trains, "'text.embedding.weight' is frozen and moves"),
    Culprit(Careless.self, .trains, "reports 'weight' as nan"),
    Culprit(Uphill.self, .learns, "in the first epoch and"),
    Culprit(Chance.self, .isReproducible, "two runs of one seed end with different weights"),
    Culprit(OwnWeights.self, .beginsAsJointTraining, "'image.head.weight' begins with other weights"),
    Culprit(Forgetful.self, .resumes, "after step 1 it ends with other weights"),
    Culprit(Divided.self, .trainsWithEverySetting, "it throws with {\"share\":0"),
    Culprit(FirstFavoured.self, .ignoresOrderOfModalities, "two modalities: in step"),
    Culprit(Boastful.self, .trainsUnimodalClassifiersAsDeclared, "it declares TrainsUnimodalClassifiers, and"),
    Culprit(Direct.self, .canBeInspected, "a step that is only looked at moves the model"),
    Culprit(Still.self, .canBeInspected, "it hands no direction"),
    Culprit(Speechless.self, .predicts, "the logits without image are not finite"),
    Culprit(Secretive.self, .describesItsSettings, "the setting 'share' is not on the card"),
    Culprit(Rounding.self, .keepsItsSettings, "the configuration is another when it is written"),
    Culprit(Tolerant.self, .refusesUnknownChoices, "'way' takes the word 'no-such-word'"),
    Culprit(Wordless.self, .hasACompleteCard, "the name is 'Wordless 2'"),
    Culprit(Wordless.self, .hasACompleteCard, "the summary does not end with a full stop"),
  ]
}

@Suite("Conformance of a method")
struct ConformanceTests {
  @Test("a method that breaks a rule is told which and how", arguments: Culprit.all)
  fileprivate func caught(_ culprit: Culprit) throws {
    func check<Method: BalancingMethod>(_ type: Method.Type) throws { try Conformance.check(type, culprit.rule) }
    let error = try #require(throws: Nonconformance.self) { try check(culprit.type) }
    #expect(error.broken.map(\.rule) == [culprit.rule])
    let found: [String] = error.broken.flatMap { $0.found }
    #expect(found.contains { $0.contains(culprit.words) }, "\(found)")
  }

  @Test("for every rule there is a method that breaks it")
  func complete() { #expect(Set(Culprit.all.map(\.rule)) == Set(Conformance.Rule.allCases)) }

  @Test("joint training under another name breaks none, without being registered")
  func sound() throws {
    try Conformance.check(Sound.self)
    #expect(throws: UnknownMethod.self) { try MethodRegistry.entry(Sound.card.name) }
  }

  @Test("all broken rules are told together, and what a rule throws is told with the others")
  func together() throws {
    let error = try #require(throws: Nonconformance.self) { try Conformance.check(Forgetful.self) }
    #expect(error.method == "spoilt")
    #expect(error.broken.map(\.rule) == [.resumes])
    let text = "\(error)"
    #expect(text.contains("error: 'spoilt' breaks 'resumes'"))
    #expect(text.contains("resumes: stopped after some steps and gone on with is bit for bit"))
    let thrown = try #require(throws: Nonconformance.self) { try Conformance.check(Thrower.self) }
    #expect(thrown.broken.count == 9)
    #expect(thrown.broken.allSatisfy { $0.found == ["it throws: error: no step today"] })
  }

  @Test("a method that keeps tensors is caught, in a process of its own")
  func lifetimes() async {
    await #expect(processExitsWith: .success) {
      try Conformance.checkLifetimes(Sound.self)
      let error = try #require(throws: Diagnosis.self) { try Conformance.checkLifetimes(Hoarder.self) }
      #expect(error.what == "'spoilt' leaves 6 tensors when a run is over")
    }
  }
}

/// Takes no step.
private struct Thrower: Spoilt {
  mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    throw Diagnosis("no step today")
  }
}
