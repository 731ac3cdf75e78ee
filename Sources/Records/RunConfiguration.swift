/// Everything that determines a run.
public struct RunConfiguration: Settings {
  /// A folder, or the name of a data set.
  public var dataset = ""
  public var seed = 0
  public var data = DataSettings()
  /// A table: `name`, and the method's own settings beside it.
  public var method: Tree = ["name": "balgrad"]
  public var model = ModelSettings()
  public var optimizer = OptimizerSettings()
  public var training = TrainingSettings()
  public var evaluation = EvaluationSettings()

  public init() {}

  /// The method's name; empty where the table has none.
  public var methodName: String { method[path: "name"]?.stringValue ?? "" }

  /// The method's own settings, without its name; what `Tree.decode` makes its configuration of.
  public var methodSettings: Tree {
    var settings = method
    settings[path: "name"] = nil
    return settings
  }
}

/// What of a data set a run is shown; in training, selection and test alike.
public struct DataSettings: Settings, Hashable {
  /// The modalities that there are for it; empty is all of them.
  public var modalities: [String] = []
  /// `<modality>-<impairment>`: that view of the three splits stands for the plain one; empty is plain.
  public var view = ""
  /// What features are multiplied by: `auto` chooses the power of two for each modality that brings the mean square of the
  /// training rows nearest to 1, `none` leaves them as they are; or factors such as `image=2,text=16`.
  public var scale = Self.ownScale
  public init() {}

  package static let ownScale = "auto"
  package static let noScale = "none"
}

/// How modalities come together, by name: one of these, or one that another package registers (`FusionRegistry`).
public struct FusionForm: SettingChoice, Hashable {
  public let rawValue: String

  private init(known name: String) { rawValue = name }

  /// Nil where no fusion has exactly that name.
  public init?(rawValue: String) {
    guard Self.names.all.contains(rawValue) else { return nil }
    self.rawValue = rawValue
  }

  /// One linear classifier over the features side by side.
  public static let concatenation = FusionForm(known: "concatenation")
  /// One linear classifier over the sum of the features.
  public static let addition = FusionForm(known: "addition")
  /// As concatenation, each feature times a weight that the others give it.
  public static let attention = FusionForm(known: "attention")
  /// One linear classifier over the mean of features that attend to each other.
  public static let crossAttention = FusionForm(known: "cross_attention")
  /// One feature opens and closes the elements of another.
  public static let gated = FusionForm(known: "gated")
  /// As concatenation, with a low-rank product of all features beside them: it can combine modalities.
  public static let bilinear = FusionForm(known: "bilinear")

  /// Those that come with Seesaw.
  package static let builtIn = [concatenation, addition, attention, crossAttention, gated, bilinear]
  package static let names = Registry(of: "a fusion", builtIn.map(\.rawValue)) { $0 }

  public static var allCases: [FusionForm] { names.all.map(FusionForm.init(known:)) }
}

/// The model over the features, or over pixels and tokens.
public struct ModelSettings: Settings {

  /// Of every modality's embedding.
  public var embeddingWidth = 256
  public var fusion = FusionForm.concatenation
  /// Of `bilinear`: how many products of the features there are.
  public var fusionRank = 32
  /// Encoders that are trained with the model, by modality: the name of an architecture or a checkpoint's folder, or a
  /// table of `name` and `pooling`.
  public var encoders: Tree = [:]
  public init() {}
}

public enum OptimizerName: String, SettingChoice {
  case sgd
  case adam
  case adamw
}

public enum ScheduleForm: String, SettingChoice {
  case constant
  /// Times `gamma` every `stepSize` epochs.
  case step
  /// Half a cosine down to 0.
  case cosine
  /// A straight line down to 0.
  case linear
}

/// How the learning rate moves.
public struct ScheduleSettings: Settings {
  public var form = ScheduleForm.constant
  /// In epochs.
  public var stepSize = 10
  public var gamma = 0.1
  /// Steps of a straight rise from 0 before the rest.
  public var warmupSteps = 0
  public init() {}
}

/// How directions become moves.
public struct OptimizerSettings: Settings {
  public var name = OptimizerName.adam
  public var learningRate = 1e-3
  /// `path=rate` for parameters at or below a path: `encoder=1e-5`, `encoder.image=1e-4`; the longer path holds.
  public var learningRates: [String] = []
  public var weightDecay = 0.0
  /// Of `sgd`.
  public var momentum = 0.9
  /// Of `sgd`.
  public var nesterov = false
  /// Of `adam` and `adamw`.
  public var beta1 = 0.9
  /// Of `adam` and `adamw`.
  public var beta2 = 0.999
  /// Of `adam` and `adamw`.
  public var epsilon = 1e-8
  public var schedule = ScheduleSettings()
  /// The largest norm of a direction; 0 leaves it as it is.
  public var gradientClip = 0.0
  public init() {}
}

/// Which weights are kept.
public enum Selection: String, SettingChoice {
  /// Of the epoch with the best mean validation score over the conditions that matter: everything there, each modality
  /// missing, each impaired as far as there are validation views. The score of an epoch is the mean over it and the two
  /// before, so that one lucky epoch is not chosen; of equal ones the smaller loss decides.
  case standing
  /// The same by the score with everything there alone.
  case full
  /// Of the epoch with the best validation score with everything there.
  case best
  /// Of the last epoch.
  case last
}

/// In what numbers a model is trained.
public enum Precision: String, SettingChoice {
  case float32
  case float64
  /// float32 with the layers' matrix products in bfloat16 while training; weights, sums, losses and the optimizer keep
  /// float32, and so does everything that is evaluated.
  case bfloat16
}

/// How gradients are taken; both ways give the same numbers, to rounding.
public enum GradientPath: String, SettingChoice {
  /// Graphs end at layers over frozen features, whose gradients stay products of two matrices as long as that pays.
  case factored
  /// Through the whole graph: the reference that the other is held against.
  case autograd
}

/// How the order of an epoch's samples is made.
public enum Shuffling: String, SettingChoice {
  /// Blocks where the training features are larger than half of the memory, full otherwise; records say which it was.
  case auto
  /// Each order of all samples is equally likely.
  case full
  /// Blocks of neighbours are shuffled, and then the samples of 64 blocks at a time, so that features are read from the
  /// disk in large pieces. Samples that lie far apart in the file meet in a batch only if their blocks fall together.
  case blocks
}

/// Whether pictures are seen flipped while training.
public enum Flipping: String, SettingChoice {
  /// Where the features have a flipped view; records say whether it was so.
  case auto
  /// Each visit is to the plain or to the flipped view, equally likely.
  case on
  case off
}

/// Whether rare classes count more in losses.
public enum ClassWeights: String, SettingChoice {
  case none
  /// Each class by the inverse of its frequency in training, with mean 1.
  case balanced
}

/// What training descends.
public enum LossForm: String, SettingChoice {
  /// Of softmax, or of a sigmoid for each of several labels.
  case crossEntropy = "cross_entropy"
  /// The same times (1 − p)^γ, where p is what the truth is given: what is right already counts less.
  case focal
  /// Of a regression, whatever is set: (z − y)² of the standardized target.
  case squaredError = "squared_error"
}

/// What is looked at while training, without taking part in it.
public enum ProbeForm: String, SettingChoice {
  case none
  /// The angle between the gradients of the fused loss and of the divergence.
  case conflicts
  /// That, and how well the loss's change is predicted to first order (BalGrad paper, eq. 1 and 5).
  case firstOrder = "first_order"
}

/// Which steps are looked at, and how closely.
public struct ProbeSettings: Settings {
  public var form = ProbeForm.none
  /// One step in so many.
  public var every = 10
  public init() {}
}

/// How long, in what portions and on what.
public struct TrainingSettings: Settings {
  public var epochs = 20
  public var batchSize = 128
  public var selection = Selection.standing
  public var precision = Precision.float32
  public var gradients = GradientPath.factored
  /// `cpu`, `cuda`, `cuda:1`, `mps`.
  public var device = "cpu"
  /// 0 is one for small models, and as many as there are cores for larger ones.
  public var threads = 0
  /// A checkpoint is written where the last is older than this; it changes no result.
  public var checkpointSeconds = 10.0
  /// Whether a last, smaller batch is left out.
  public var dropLast = false
  public var shuffle = Shuffling.auto
  public var flip = Flipping.auto
  /// The least share of a picture's area that is seen of it while an encoder over pixels is trained; 1 is all of it.
  public var crop = 1.0
  /// What trained encoders leave out: `checkpoint`, as each one's `config.json` says, or a share for all their places.
  public var dropout = Self.checkpoint
  public var classWeights = ClassWeights.none
  public var loss = LossForm.crossEntropy
  /// γ, of the focal loss; 0 is cross-entropy.
  public var focalGamma = 2.0
  /// Paths of parameters that stay as they begin: `encoder.image`, `encoder.text.embeddings`.
  public var frozen: [String] = []
  public var probe = ProbeSettings()
  public init() {}
}

extension TrainingSettings {
  /// The word for what each encoder's checkpoint says.
  public static let checkpoint = "checkpoint"

  /// γ of the loss as it is; 0: cross-entropy.
  public var focus: Double { loss == .focal ? focalGamma : 0 }

  /// ``dropout`` as a number; nil: as each encoder says.
  public var dropoutShare: Double? { Double(dropout).flatMap { (0..<1).contains($0) ? $0 : nil } }
}

/// What is tried at the end.
public struct EvaluationSettings: Settings {
  public var batchSize = 1024
  /// Empty is every condition there is.
  public var conditions: [String] = []
  /// Whether predictions and what they show are kept: 4 bytes × samples × classes × conditions, and `evidence.json`.
  public var evidence = true
  public init() {}
}

extension RunConfiguration {
  /// The settings that determine no result: runs that differ in them alone are the same.
  public static let withoutEffect: Set<String> = ["dataset", "training.checkpoint_seconds"]

  /// What each setting may be, by path; a method's own rules are on its card.
  public static var rules: [String: SettingRule] {
    [
      "seed": .range(.nonNegative),
      "model.embedding_width": .range(.atLeast(1)),
      "model.fusion": .oneOf(FusionForm.allowed),
      "model.fusion_rank": .range(.atLeast(1)),
      "optimizer.name": .oneOf(OptimizerName.allowed),
      "optimizer.learning_rate": .range(.positive),
      "optimizer.weight_decay": .range(.nonNegative),
      "optimizer.momentum": .range(SettingRange(minimum: 0, maximum: 1, belowMaximum: true)),
      "optimizer.beta1": .range(SettingRange(minimum: 0, maximum: 1, belowMaximum: true)),
      "optimizer.beta2": .range(SettingRange(minimum: 0, maximum: 1, belowMaximum: true)),
      "optimizer.epsilon": .range(.positive),
      "optimizer.schedule.form": .oneOf(ScheduleForm.allowed),
      "optimizer.schedule.step_size": .range(.atLeast(1)),
      "optimizer.schedule.gamma": .range(.positive),
      "optimizer.schedule.warmup_steps": .range(.nonNegative),
      "optimizer.gradient_clip": .range(.nonNegative),
      "training.epochs": .range(.atLeast(1)),
      "training.batch_size": .range(.atLeast(1)),
      "training.selection": .oneOf(Selection.allowed),
      "training.precision": .oneOf(Precision.allowed),
      "training.gradients": .oneOf(GradientPath.allowed),
      "training.threads": .range(.nonNegative),
      "training.shuffle": .oneOf(Shuffling.allowed),
      "training.flip": .oneOf(Flipping.allowed),
      "training.crop": .range(SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)),
      "training.checkpoint_seconds": .range(.nonNegative),
      "training.class_weights": .oneOf(ClassWeights.allowed),
      "training.loss": .oneOf(LossForm.allowed),
      "training.focal_gamma": .range(.nonNegative),
      "training.probe.form": .oneOf(ProbeForm.allowed),
      "training.probe.every": .range(.atLeast(1)),
      "evaluation.batch_size": .range(.atLeast(1)),
    ]
  }

  /// Checks every range, and that data set and method are named.
  ///
  /// - Parameter methodRules: ``MethodCard/rules`` of the method.
  /// - Throws: ``ConfigurationProblems`` with all that is wrong.
  public func validate(methodRules: [String: SettingRule] = [:]) throws {
    let tree = try Tree(encoding: self)
    var problems: [ConfigurationProblem] = []
    if dataset.isEmpty { problems.append(ConfigurationProblem(path: "dataset", "no data set is named")) }
    if methodName.isEmpty { problems.append(ConfigurationProblem(path: "method.name", "no method is named")) }
    let rules = Self.rules.merging(methodRules) { $1 }
    for (path, rule) in rules.sorted(by: { $0.key < $1.key }) {
      guard let value = tree[path: path], let what = rule.objection(to: value) else { continue }
      problems.append(ConfigurationProblem(path: path, what))
    }
    if optimizer.nesterov, optimizer.momentum == 0 {
      problems.append(ConfigurationProblem(path: "optimizer.nesterov", "needs a 'optimizer.momentum' above 0"))
    }
    if !problems.isEmpty { throw ConfigurationProblems(problems) }
  }
}
