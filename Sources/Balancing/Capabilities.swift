public import Multimodal
public import Records
public import Torch
public import TorchNN

/// A method that works on copies or whole splits before the first step.
public protocol PreparesBeforeTraining: BalancingMethod {
  mutating func prepare(_ context: TrainingContext) throws
}

/// A method that is done when it is prepared: its steps measure, and move nothing.
public protocol FitsBeforeTraining: PreparesBeforeTraining {}

/// A method that acts before each epoch.
public protocol ActsBetweenEpochs: BalancingMethod {
  mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws
}

/// A method that chooses which samples an epoch visits.
public protocol PlansSampling: BalancingMethod {
  mutating func plan(forEpoch epoch: Int, _ context: TrainingContext) throws -> SamplingPlan
}

/// A method whose prediction is not simply the fused classifier's.
public protocol PredictsItsOwnWay: BalancingMethod {
  /// The logits [B, C] that are predicted from; `absent` are the modalities known not to be there.
  func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor
}

/// A method whose prediction makes use of knowing what is absent.
///
/// The others are shown what stands for a missing input, and may be answered for in other ways (`AbsenceAnswer`).
public protocol AnswersAbsence: PredictsItsOwnWay {}

/// A method that says, sample by sample, how much it trusts each modality.
public protocol TellsReliance: BalancingMethod {
  /// The share of each modality in a prediction, [B] each, with sum 1 and 0 for what is absent.
  ///
  /// - Parameter missing: a forward pass over one input of each modality that is missing.
  func reliance(_ outputs: Outputs, missing: Outputs, absent: Set<Modality>) throws -> PerModality<Tensor>
}

/// A method that trains on impaired inputs besides clean ones.
public protocol SeesImpairedInputs: BalancingMethod {
  /// The share of training rows of each modality that are taken from an impaired view, in 0…1.
  var viewShare: Double { get }
}

/// A method that remembers something from step to step, or for prediction.
public protocol Checkpointed: BalancingMethod {
  func state() throws -> MethodState
  mutating func restore(_ state: MethodState) throws
}

/// What a method remembers: numbers as a tree, tensors by name.
public struct MethodState {
  public var numbers: Tree
  public var tensors: [(name: String, tensor: Tensor)]

  public init(numbers: Tree = .table([:]), tensors: [(name: String, tensor: Tensor)] = []) {
    self.numbers = numbers
    self.tensors = tensors
  }

  public func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name }?.tensor }
}

/// A method with parameters of its own: gates, shared classifiers, scales.
public protocol AddsParameters: BalancingMethod {
  /// Makes them in `scope`, which is `method`; they are found again by path in the store of whichever model is at hand.
  func addParameters(_ scope: Scope, for model: MultimodalModel) throws
}

/// A method that trains the unimodal classifiers, so that their predictions mean something.
public protocol TrainsUnimodalClassifiers: BalancingMethod {}

extension MultimodalModel {
  /// Makes the parameters that a method adds to the model, where it adds any.
  package func addParameters(of method: any BalancingMethod) throws {
    guard let adding = method as? any AddsParameters else { return }
    try adding.addParameters(store.root / "method", for: self)
    _ = try store.flat()
  }
}
