public import Records

/// Every method there is: those that come with Seesaw, and those that other packages register.
public enum MethodRegistry {
  /// A method and how it is made from its settings.
  public struct Entry: Sendable {
    public let card: MethodCard
    public let requirements: MethodRequirements
    /// The method's settings with their defaults.
    public let defaults: Tree
    /// What the method asks to do besides its step, by the names of its capabilities.
    public let capabilities: [String]
    private let make: @Sendable (Tree) throws -> any BalancingMethod

    public init<Method: BalancingMethod>(_ type: Method.Type) {
      var card = type.card
      card.cost = MethodCosts.measured[card.name]
      requirements = type.requirements
      card.needsClasses = requirements.needsClasses
      self.card = card
      defaults = (try? Tree(encoding: Method.Configuration())) ?? .table([:])
      capabilities = [
        type is any PreparesBeforeTraining.Type ? "prepares before training" : nil,
        type is any FitsBeforeTraining.Type ? "fits before training" : nil,
        type is any ActsBetweenEpochs.Type ? "acts between epochs" : nil,
        type is any PlansSampling.Type ? "plans sampling" : nil,
        type is any PredictsItsOwnWay.Type ? "predicts its own way" : nil,
        type is any AnswersAbsence.Type ? "answers absence" : nil,
        type is any TellsReliance.Type ? "tells reliance" : nil,
        type is any SeesImpairedInputs.Type ? "sees impaired inputs" : nil,
        type is any AddsParameters.Type ? "adds parameters" : nil,
        type is any Checkpointed.Type ? "keeps state" : nil,
        type is any TrainsUnimodalClassifiers.Type ? "trains unimodal classifiers" : nil,
      ].compactMap { $0 }
      make = { Method(try $0.decode(Method.Configuration.self)) }
    }

    /// The method with the given settings, complete and checked.
    public func callAsFunction(_ settings: Tree) throws -> any BalancingMethod { try make(settings) }
  }

  /// In the order in which they are listed.
  public static var entries: [Entry] { registry.all }

  /// Makes a method known by its card's name, to everything that takes the names of methods.
  ///
  /// Any thread may register, before anything is trained, read or listed.
  ///
  /// - Throws: a `Diagnosis` where the name is taken, or cannot be typed as one word.
  public static func register<Method: BalancingMethod>(_ type: Method.Type) throws {
    try registry.register(Entry(type))
  }

  private static let registry = Registry(of: "a method", builtIn) { $0.card.name }

  private static let builtIn: [Entry] = [
    .init(JointTraining.self),
    .init(UnimodalTraining.self),
    .init(UniformTraining.self),
    .init(Logistic.self),
    .init(PretrainedFrozen.self),
    .init(PretrainedFinetuned.self),
    .init(ModalityDropout.self),
    .init(Augmentation.self),
    .init(Fulcrum.self),
    .init(BalGrad.self),
    .init(OGM.self),
    .init(OGMGE.self),
    .init(OPM.self),
    .init(AGM.self),
    .init(MSLR.self),
    .init(Greedy.self),
    .init(GradientBlending.self),
    .init(MLA.self),
    .init(AMCo.self),
    .init(SMV.self),
    .init(MMPareto.self),
    .init(MMCosine.self),
    .init(MBSD.self),
    .init(CML.self),
    .init(LFM.self),
    .init(UMT.self),
    .init(UME.self),
    .init(PMR.self),
    .init(InfoReg.self),
    .init(ReconBoost.self),
    .init(Relearning.self),
    .init(RollingQ.self),
    .init(PCGrad.self),
    .init(TCMax.self),
    .init(DGL.self),
    .init(MIDAS.self),
    .init(MCR.self),
    .init(G2D.self),
    .init(AUG.self),
    .init(Remix.self),
    .init(CGGM.self),
    .init(MASAM.self),
    .init(IPRM.self),
    .init(CRMT.self),
  ]

  /// Published methods that are not here, by name, and why.
  static let leftOut: [String: String] = [
    "arl":
      "ARL (Wei et al., ICCV 2025) is left out: its public code never assigns the weights that it computes, and an "
      + "independent replication does not reach its results"
  ]

  public static var names: [String] { entries.map(\.card.name) }

  /// The method of that name; names match ignoring case, `-` and `_`.
  public static func entry(_ name: String) throws -> Entry {
    let key = name.tolerantKey
    guard let found = entries.first(where: { $0.card.name.tolerantKey == key }) else {
      throw UnknownMethod(name: name)
    }
    return found
  }
}

/// A method's name that nobody has.
public struct UnknownMethod: Diagnosable, Equatable {
  public let name: String

  public var diagnosis: Diagnosis {
    if let why = MethodRegistry.leftOut.first(where: { $0.key.tolerantKey == name.tolerantKey })?.value {
      return Diagnosis(
        "no method is called '\(name)'", found: [why],
        remedy:
          "'ogm' and 'agm' scale gradients of the modalities too (seesaw methods lists all \(MethodRegistry.names.count))",
        exitStatus: .usage)
    }
    let near = nearest(to: name, in: MethodRegistry.names).map { "did you mean '\($0)'?  " } ?? ""
    return Diagnosis(
      "no method is called '\(name)'",
      remedy: "\(near)(seesaw methods lists all \(MethodRegistry.names.count))", exitStatus: .usage)
  }
}

extension MethodRegistry {
  /// The method that a run's record names.
  ///
  /// - Parameter place: the record's file.
  /// - Throws: a `Diagnosis` where no method is registered under that name in this program.
  package static func entry(recorded name: String, in place: String) throws -> Entry {
    do { return try entry(name) } catch is UnknownMethod {
      throw Diagnosis(
        "the run was trained by the method '\(name.escapedForTerminal.clipped(100))', which is not registered in this program",
        place: place, remedy: "use the program that registers it: MethodRegistry.register", exitStatus: .input)
    }
  }
}
