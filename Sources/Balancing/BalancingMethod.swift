public import Multimodal
public import Records

/// A way of training a multimodal model.
///
/// One requirement does the work: read a batch, find a direction, move the model. What a method may ask for besides is
/// declared by conforming to a capability (`Capabilities.swift`).
public protocol BalancingMethod: SendableMetatype {
  associatedtype Configuration: Settings
  /// What the method is, said once; the command, the tables and the pages read it here.
  static var card: MethodCard { get }
  /// What must hold for the method to mean anything.
  static var requirements: MethodRequirements { get }
  init(_ configuration: Configuration)
  /// One step on one batch.
  mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport
}

/// What must hold for a method to mean anything; checked before training.
public struct MethodRequirements: Equatable, Sendable {
  /// The fused logits must be a sum of one part a modality.
  public var additiveFusion = false
  /// The fused classifier must be one linear layer over the features side by side.
  public var concatenation = false
  /// The fusion must let the modalities attend to each other with queries and keys: cross attention.
  public var attentionFusion = false
  /// The loss is the method's own and built on cross-entropy, so that no other can take its place.
  public var crossEntropy = false
  /// Scales gradients by a factor: an optimizer that divides by their size cancels what stays the same.
  public var scalesGradients = false
  /// The setting, `key=value`, with which it acts on the optimizer's step, where no optimizer cancels anything; nil where it
  /// has none.
  public var stepSetting: String?
  /// The paper trains the encoders; on frozen features only the embedding layers are left to act on.
  public var trainedEncoders = false
  /// Measures on a validation split.
  public var validation = false
  /// Why the method means nothing where a number is predicted, as the end of a sentence; nil where it means something.
  public var needsClasses: String?
  /// Why several processes cannot train it together, as the end of a sentence; nil where they can, which holds for every method
  /// that takes its sums of what `TrainingSession` gives: that is of all samples of the batch in each of them.
  public var oneProcess: String?
  /// Measures on a validation split unless its settings make that needless; the method itself refuses where there is none.
  public var validationByDefault = false

  public init(
    additiveFusion: Bool = false, concatenation: Bool = false, attentionFusion: Bool = false,
    crossEntropy: Bool = false, scalesGradients: Bool = false, stepSetting: String? = nil,
    trainedEncoders: Bool = false, validation: Bool = false, validationByDefault: Bool = false,
    needsClasses: String? = nil, oneProcess: String? = nil
  ) {
    self.oneProcess = oneProcess
    self.needsClasses = needsClasses
    self.additiveFusion = additiveFusion
    self.concatenation = concatenation
    self.attentionFusion = attentionFusion
    self.crossEntropy = crossEntropy
    self.scalesGradients = scalesGradients
    self.stepSetting = stepSetting
    self.trainedEncoders = trainedEncoders
    self.validation = validation
    self.validationByDefault = validationByDefault
  }
}

extension MethodRequirements {
  /// Refuses a task that the method means nothing for.
  ///
  /// - Throws: a `Diagnosis`.
  public func check(_ task: PredictionTask, method: String, place: String? = nil) throws {
    guard !task.hasClasses, let needsClasses else { return }
    throw Diagnosis(
      "'\(method)' means nothing for a regression: \(needsClasses)", place: place,
      remedy: "use another method; 'seesaw methods NAME' says of each what it predicts", exitStatus: .usage)
  }
}

/// What one step measured, by name.
public struct StepReport: Equatable, Sendable {
  /// `fused`, and a loss under the name of each modality.
  public var losses: [String: Double]
  /// Anything else: weights, cosine, norms.
  public var scalars: [String: Double]

  public init(losses: [String: Double], scalars: [String: Double] = [:]) {
    self.losses = losses
    self.scalars = scalars
  }
}

extension BalancingMethod {
  public static var requirements: MethodRequirements { MethodRequirements() }

  /// What `Configuration` says of each `Setting`, for the card.
  public static var settings: [SettingDescription] { SettingDescription.all(of: Configuration()) }
}
