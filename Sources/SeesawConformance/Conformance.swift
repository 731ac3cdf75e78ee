public import Balancing
package import ConformanceSupport
import Multimodal
public import Records

/// What every balancing method must do, whatever it does: the rules that the methods of Seesaw are tested by.
///
/// A package with a method of its own calls this from its tests:
///
///     @Test(arguments: Conformance.Rule.allCases)
///     func obeys(_ rule: Conformance.Rule) throws { try Conformance.check(Tilt.self, rule) }
///
/// A method trains on small made-up data sets (one to three modalities; single-label, multi-label, binary and regression, as
/// far as its card and requirements admit them), on the processor and on one thread. The method need not be registered.
public enum Conformance {
  /// Something that every method does; its description is a sentence about the method.
  public enum Rule: String, CaseIterable, Sendable, CustomStringConvertible {
    case trains
    case learns
    case isReproducible
    case beginsAsJointTraining
    case resumes
    case trainsWithEverySetting
    case ignoresOrderOfModalities
    case trainsUnimodalClassifiersAsDeclared
    case canBeInspected
    case predicts
    case describesItsSettings
    case keepsItsSettings
    case refusesUnknownChoices
    case hasACompleteCard

    public var description: String {
      switch self {
      case .trains: "runs, with finite losses, and moves some parameter and no frozen one"
      case .learns: "learns: the losses it reports fall"
      case .isReproducible: "twice with one seed is bit for bit the same, and another seed is another run"
      case .beginsAsJointTraining: "sees the data in joint training's order and begins with its weights"
      case .resumes: "stopped after some steps and gone on with is bit for bit a run that was not stopped"
      case .trainsWithEverySetting:
        "trains with every choice and every end of a range, and goes on there bit for bit"
      case .ignoresOrderOfModalities: "the order of the modalities changes nothing"
      case .trainsUnimodalClassifiersAsDeclared:
        "trains the unimodal classifiers if it says so, and leaves them alone if not"
      case .canBeInspected: "a step that is looked at moves nothing and shows where it would go"
      case .predicts: "predicts finite logits of the right shape, whichever modality is absent"
      case .describesItsSettings: "every setting is on the card, and everything on the card is a setting"
      case .keepsItsSettings: "configuration, tree and configuration again are one"
      case .refusesUnknownChoices: "a word that is no choice is refused"
      case .hasACompleteCard: "the card says all that a reader wants to know"
      }
    }
  }

  /// Checks a method against one rule.
  ///
  /// - Throws: ``Nonconformance``, which names the rule and what was found; or what the method itself throws.
  public static func check<Method: BalancingMethod>(_ type: Method.Type, _ rule: Rule) throws {
    try check(MethodRegistry.Entry(type), rule)
  }

  /// Checks a method against every rule; what one throws does not keep the others from being checked.
  ///
  /// - Throws: ``Nonconformance``, which names every broken rule and what was found.
  public static func check<Method: BalancingMethod>(_ type: Method.Type) throws {
    let entry = MethodRegistry.Entry(type)
    var broken: [Nonconformance.Break] = []
    for rule in Rule.allCases {
      do { try check(entry, rule) } catch let error as Nonconformance {
        broken += error.broken
      } catch {
        broken.append(.init(rule: rule, found: ["it throws: \(Diagnosis(describing: error))"]))
      }
    }
    if !broken.isEmpty { throw Nonconformance(method: entry.card.name, broken: broken) }
  }

  /// Checks that no tensor is left when a run of the method is over.
  ///
  /// It counts the tensors of the whole process: in Swift Testing, call it from an exit test.
  ///
  /// - Throws: ``Nonconformance``.
  public static func checkLifetimes<Method: BalancingMethod>(_ type: Method.Type) throws {
    try checkLifetimes(MethodRegistry.Entry(type))
  }

  /// - Parameter setting: the data to check it on; nil takes all that the method admits, as far as the rule asks for it.
  package static func check(_ entry: MethodRegistry.Entry, _ rule: Rule, on setting: Setting? = nil) throws {
    let settings = setting.map { [$0] } ?? Setting.admitted(by: entry)
    // A method for more than two modalities alone is not there: `ModalityCount`.
    let two = setting ?? .two
    var faults: [String] = []
    func each(_ settings: [Setting], _ body: (Setting) throws -> [String]) rethrows {
      for setting in settings { faults += try body(setting).map { "\(setting.rawValue): \($0)" } }
    }
    switch rule {
    case .trains: try each(settings) { try trains(entry, $0) }
    case .learns: faults = try learns(entry, two)
    case .isReproducible: faults = try isReproducible(entry, two)
    case .beginsAsJointTraining: faults = try beginsAsJointTraining(entry, two)
    case .resumes: faults = try resumes(entry, two)
    case .trainsWithEverySetting: faults = try trainsWithEverySetting(entry, two)
    case .ignoresOrderOfModalities:
      try each(settings.filter(\.isReordered)) { try ignoresOrder(entry, $0) }
    case .trainsUnimodalClassifiersAsDeclared: faults = try trainsUnimodalClassifiers(entry, two)
    case .canBeInspected: faults = try canBeInspected(entry, two)
    case .predicts: try each(settings) { try predicts(entry, $0) }
    case .describesItsSettings: faults = describesItsSettings(entry)
    case .keepsItsSettings: faults = try keepsItsSettings(entry)
    case .refusesUnknownChoices: faults = refusesUnknownChoices(entry)
    case .hasACompleteCard: faults = hasACompleteCard(entry)
    }
    guard faults.isEmpty else {
      throw Nonconformance(method: entry.card.name, broken: [.init(rule: rule, found: faults)])
    }
  }

  /// One data set to try every method on.
  package enum Setting: String, CaseIterable, Sendable {
    case one = "one modality"
    case two = "two modalities"
    case three = "three modalities"
    case severalLabels = "several labels"
    case binary
    case regression

    package var data: SyntheticData {
      switch self {
      case .one: SyntheticData(modalities: ["image"])
      case .two: SyntheticData()
      case .three: SyntheticData(modalities: ["image", "text", "audio"])
      case .severalLabels: SyntheticData(task: .multiLabel, classes: 4)
      case .binary: SyntheticData(task: .binary, classes: 2)
      case .regression: SyntheticData(task: .regression)
      }
    }

    /// Those on which the order of the modalities is tried.
    package var isReordered: Bool { self == .two || self == .three }

    /// Those whose modalities and task a method is for.
    package static func admitted(by entry: MethodRegistry.Entry) -> [Setting] {
      allCases.filter { setting in
        entry.card.modalities.admits(setting.data.modalities.count)
          && (setting.data.task.hasClasses || entry.requirements.needsClasses == nil)
      }
    }
  }
}

/// The rules of conformance that a method breaks.
public struct Nonconformance: Diagnosable, Equatable, CustomStringConvertible {
  /// A rule, and in what it is broken.
  public struct Break: Sendable, Equatable {
    public let rule: Conformance.Rule
    /// A sentence each.
    public let found: [String]
  }

  /// The method's name.
  public let method: String
  public let broken: [Break]

  public var diagnosis: Diagnosis {
    Diagnosis(
      "'\(method)' breaks \(broken.map { "'\($0.rule.rawValue)'" }.joined(separator: ", "))",
      found: broken.flatMap { part in
        // A fault in every step would be told a hundred times.
        ["\(part.rule.rawValue): \(part.rule)"] + part.found.prefix(5).map { "  \($0)" }
          + (part.found.count > 5 ? ["  and \(part.found.count - 5) more"] : [])
      })
  }

  public var description: String { diagnosis.description }
}
