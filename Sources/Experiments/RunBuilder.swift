import Balancing
import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// A configuration made flesh: data, model, method and optimizer of one run.
struct RunBuilder {
  let configuration: RunConfiguration
  let data: LoadedData
  let device: Device
  let elementType: ElementType
  let random: RandomSource
  let threads: Int
  /// `full` or `blocks`.
  let shuffling: Shuffling
  /// Whether training takes flipped views.
  let flips: Bool
  /// Those that are trained with the model.
  let encoders: [Modality: TrainedNetwork]
  /// The digests of the views that the run reads: of training where its method sees impaired inputs, of validation where
  /// they choose the epoch.
  let viewDigests: [String: String]
  /// The share of training rows that are views; 0 where there are none or the method wants none.
  let viewShare: Double
  /// Of several labels, the probability above which the finished model predicts each; nil: one half.
  var thresholds: [Double]?
  /// `training.dropout` as it is for these encoders: "0" where none leaves out anything.
  let dropout: String
  /// The processes that train the model together; nil where this one does alone.
  var group: ProcessGroup?

  /// - Parameter forms: of the encoders of a run that is trained already; nil makes them as the configuration says.
  init(_ configuration: RunConfiguration, _ data: LoadedData, encoders forms: [Modality: TrainedForm]? = nil) throws {
    let data = try data.shown(configuration.data)
    self.configuration = configuration
    self.data = data
    device = Device(configuration.training.device)
    elementType = configuration.training.precision == .float64 ? .float64 : .float32
    random = RandomSource(seed: configuration.seed)
    encoders = try forms?.mapValues(TrainedNetwork.init) ?? Self.encoders(configuration.model.encoders, data.set)
    dropout = try forms == nil ? Self.dropout(configuration.training, encoders) : configuration.training.dropout
    threads =
      configuration.training.threads > 0 ? configuration.training.threads : Self.usualThreads(configuration, data.set)
    shuffling = Self.shuffling(configuration.training.shuffle, data.set.train)
    let wanted = try MethodRegistry.entry(configuration.methodName)(configuration.methodSettings)
    let share = (wanted as? any SeesImpairedInputs)?.viewShare ?? 0
    viewShare = data.set.train.views.isEmpty ? 0 : share
    let selects = configuration.training.selection == .standing && data.set.validation != nil
    viewDigests = try data.digests(
      ofViews: (viewShare > 0 ? data.set.viewFiles(of: "train") : [])
        + (selects ? data.set.viewFiles(of: "validation") : []))
    let views = data.set.train.flippedModalities
    flips = configuration.training.flip != .off && !views.isEmpty
    let mayLackPictures = !data.set.leftOut.isEmpty
    guard configuration.training.flip != .on || flips || mayLackPictures else {
      throw Diagnosis(
        "there are no flipped pictures to train on", place: data.set.folder.relativePath,
        remedy: "seesaw encode --flip makes them; --set training.flip=off does without", exitStatus: .usage)
    }
    guard configuration.training.crop == 1 || !pictures.isEmpty || mayLackPictures else {
      throw Diagnosis(
        "there are no pixels to crop while training", place: data.set.folder.relativePath,
        remedy: "seesaw encode --image-encoder pixels:64 keeps them; --set training.crop=1 does without",
        exitStatus: .usage)
    }
    let kind = device.name.split(separator: ":").first.map(String.init) ?? device.name
    guard Runtime.devices.contains(where: { $0.name == kind }) else {
      throw Diagnosis(
        "the device '\(device)' is not available here",
        found: ["there are \(Runtime.devices.map(\.name).joined(separator: ", "))"],
        remedy: "--set training.device=cpu", exitStatus: .usage)
    }
    if configuration.training.precision == .bfloat16 {
      try Self.checkBFloat16(on: device, multiplies: Runtime.multipliesBFloat16(on: device))
    }
    let entry = try MethodRegistry.entry(configuration.methodName)
    let card = entry.card
    try entry.requirements.check(
      data.set.manifest.task, method: card.name, place: data.set.folder.relativePath)
    let count = data.set.manifest.modalities.count
    guard card.modalities.admits(count) else {
      throw Diagnosis(
        "'\(card.name)' needs \(card.modalities.words) modalities, the data has \(count)",
        place: data.set.folder.relativePath, exitStatus: .usage)
    }
    try Self.check(entry, configuration, data)
  }

  static func checkBFloat16(on device: Device, multiplies: Bool) throws {
    guard !multiplies else { return }
    throw Diagnosis(
      "bfloat16 would be slower than float32 here",
      found: ["'\(device)' does not multiply bfloat16 numbers in hardware, or libtorch was told not to use that"],
      remedy: "--set training.precision=float32", exitStatus: .usage)
  }

  /// One thread where a step is too small for several to pay, and every core otherwise.
  static func usualThreads(_ configuration: RunConfiguration, _ set: FeatureSet) -> Int {
    let products = configuration.training.batchSize * set.widths.reduce(0, +) * configuration.model.embeddingWidth
    return products < 40_000_000 && !set.forms.contains(where: \.needsEncoder)
      ? 1 : ProcessInfo.processInfo.activeProcessorCount
  }

  private static func shuffling(_ wanted: Shuffling, _ split: FeatureSplit) -> Shuffling {
    guard wanted == .auto else { return wanted }
    return split.byteCount > Machine.memory / 2 ? .blocks : .full
  }

  /// Refuses what cannot work, before training.
  private static func check(_ entry: MethodRegistry.Entry, _ configuration: RunConfiguration, _ data: LoadedData) throws
  {
    let fusion = configuration.model.fusion
    if entry.requirements.additiveFusion, try !FusionRegistry.entry(fusion).isAdditive {
      throw Diagnosis(
        "'\(entry.card.name)' needs fused logits that are a sum over modalities",
        found: ["the fusion is '\(fusion.rawValue)'"],
        remedy: "--set model.fusion=concatenation, or another method", exitStatus: .usage)
    }
    if entry.requirements.concatenation, fusion != .concatenation {
      throw Diagnosis(
        "'\(entry.card.name)' needs one linear classifier over the features side by side",
        found: ["the fusion is '\(fusion.rawValue)'"], remedy: "--set model.fusion=concatenation",
        exitStatus: .usage)
    }
    if entry.requirements.attentionFusion, fusion != .crossAttention {
      throw Diagnosis(
        "'\(entry.card.name)' turns the queries of a fusion by cross attention",
        found: ["the fusion is '\(fusion.rawValue)'"], remedy: "--set model.fusion=cross_attention", exitStatus: .usage)
    }
    try checkLoss(configuration.training, data.set.manifest.task, place: data.set.folder.relativePath)
    if entry.requirements.crossEntropy, data.set.manifest.task.hasClasses,
      configuration.training.loss != .crossEntropy
    {
      throw Diagnosis(
        "'\(entry.card.name)' has a loss of its own, which is built on cross-entropy",
        found: ["training.loss is '\(configuration.training.loss.rawValue)'"],
        remedy: "--set training.loss=cross_entropy, or another method", exitStatus: .usage)
    }
    if entry.requirements.validation, data.set.validation == nil {
      throw Diagnosis(
        "'\(entry.card.name)' measures on a validation split, and there is none",
        place: data.set.folder.relativePath, remedy: "add validation.safetensors, or use another method",
        exitStatus: .usage)
    }
  }

  /// Refuses a loss that does not go with the task.
  static func checkLoss(_ training: TrainingSettings, _ task: PredictionTask, place: String?) throws {
    if task.hasClasses {
      guard training.loss == .squaredError else { return }
      throw Diagnosis(
        "the loss 'squared_error' is of a regression, the task is \(task.rawValue)", place: place,
        remedy: "--set training.loss=cross_entropy", exitStatus: .usage)
    }
    if training.loss == .focal {
      throw Diagnosis(
        "the focal loss is of class probabilities, and the task is a regression", place: place,
        remedy: "leave training.loss out: a regression descends the squared error", exitStatus: .usage)
    }
    if training.classWeights != .none {
      throw Diagnosis(
        "a regression has no classes to weigh", place: place, remedy: "--set training.class_weights=none",
        exitStatus: .usage)
    }
  }

  /// Settings that defeat the method, a sentence each.
  func warnings() throws -> [String] {
    let entry = try MethodRegistry.entry(configuration.methodName)
    var warnings: [String] = []
    let optimizer = configuration.optimizer.name
    let modulatesSteps = configuration.methodSettings[path: "modulate"]?.stringValue == "step"
    if entry.requirements.scalesGradients, optimizer != .sgd, !modulatesSteps {
      warnings.append(
        "'\(entry.card.name)' rescales gradients, and \(optimizer.rawValue) cancels a constant rescaling: "
          + "--set optimizer.name=sgd or --set modulate=step lets it act")
    }
    if let seeing = try method() as? any SeesImpairedInputs, seeing.viewShare > 0, viewShare == 0 {
      warnings.append(
        "'\(entry.card.name)' trains on noisy inputs too, and the data has no training views: it is less robust to noise "
          + "than it can be (seesaw encode makes views; see --views)")
    }
    if entry.requirements.trainedEncoders, encoders.isEmpty {
      warnings.append(
        "'\(entry.card.name)' was made for encoders that are trained; on frozen features it acts on the embedding "
          + "layers alone")
    }
    return warnings
  }

  func method() throws -> any BalancingMethod {
    try MethodRegistry.entry(configuration.methodName)(configuration.methodSettings)
  }

  func model() throws -> MultimodalModel {
    let set = data.set
    let store = ParameterStore(
      random: random, elementType: elementType, device: device,
      productType: configuration.training.precision == .bfloat16 ? .bfloat16 : nil)
    store.group = group
    let model = try MultimodalModel(
      modalities: set.modalities, inputWidths: set.widths,
      embeddingWidths: set.widths.map { _ in configuration.model.embeddingWidth }, classes: set.manifest.outputs,
      task: set.manifest.task, store: store, encoders: encoders, fusion: FusionRegistry.maker(configuration.model))
    try model.addParameters(of: method())
    try freeze(in: store)
    try setLearningRates(in: store)
    return model
  }

  var trainer: Trainer {
    let training = configuration.training
    return Trainer(epochs: training.epochs, batchSize: training.batchSize, dropLast: training.dropLast)
  }

  func session() throws -> TrainingSession {
    let model = try model()
    let settings = configuration.optimizer
    let clock = TrainingClock(
      steps: trainer.steps(over: data.set.train.count), epochs: configuration.training.epochs)
    return TrainingSession(
      model, optimizer: try Self.optimizer(settings, model.store), learningRate: Self.learningRate(settings),
      clock: clock, random: random, classWeights: try classWeights(), gradientClip: settings.gradientClip,
      path: configuration.training.gradients, dropout: dropout == "0" ? 0 : configuration.training.dropoutShare,
      missing: try missingInputs(), focus: configuration.training.focus)
  }

  /// What is shown of each modality where it is missing, [1, …] each.
  func missingInputs() throws -> PerModality<Tensor> {
    try PerModality(data.set.modalities) { modality in
      try data.set.train.prepared(elementType, on: device).inBatches(data.set.missingFeatures(modality), modality)
        .to(on: device)
    }
  }

  /// `training.dropout` as it is for some encoders.
  private static func dropout(_ training: TrainingSettings, _ encoders: [Modality: TrainedNetwork]) throws -> String {
    guard training.dropoutShare != nil || training.dropout.tolerantKey == TrainingSettings.checkpoint else {
      throw Diagnosis(
        "'\(training.dropout)' is neither '\(TrainingSettings.checkpoint)' nor a share from 0 to below 1",
        place: "training.dropout", remedy: "--set training.dropout=0.1", exitStatus: .usage)
    }
    let places = encoders.values.flatMap(\.dropouts)
    guard let share = training.dropoutShare else {
      return places.contains { $0 > 0 } ? TrainingSettings.checkpoint : "0"
    }
    guard share == 0 || !places.isEmpty else {
      throw Diagnosis(
        "there is no encoder with dropout that is trained", place: "training.dropout",
        found: encoders.isEmpty
          ? ["the data is features"]
          : encoders.sorted { $0.key.name < $1.key.name }.map { "\($0.key): \($0.value.form.architecture) has none" },
        remedy: "--set training.dropout=0", exitStatus: .usage)
    }
    return share == 0 ? "0" : "\(share)"
  }

  /// The weight of each class, with mean 1; nil where all count alike.
  private func classWeights() throws -> Tensor? {
    guard configuration.training.classWeights == .balanced else { return nil }
    return try Self.balancedWeights(data.set).to(elementType, on: device)
  }

  /// Each class by the inverse of its frequency in training, with mean 1; [C].
  static func balancedWeights(_ set: FeatureSet) throws -> Tensor {
    let counts: [Double]
    if set.manifest.task == .multiLabel {
      counts = try set.train.labels.to(.float64).sum(0).array()
    } else {
      let labels: [Int] = try set.train.labels.array()
      var found = [Double](repeating: 0, count: set.manifest.classes.count)
      for label in labels { found[label] += 1 }
      counts = found
    }
    // A class that nobody has gets the weight of one that a single sample has.
    let inverse = counts.map { 1 / max($0, 1) }
    let mean = inverse.reduce(0, +) / Double(inverse.count)
    return try Tensor(inverse.map { $0 / mean })
  }

  static func optimizer(_ settings: OptimizerSettings, _ store: ParameterStore) throws -> any Optimizer {
    switch settings.name {
    case .sgd:
      try SGD(
        store, momentum: settings.momentum, weightDecay: settings.weightDecay, nesterov: settings.nesterov)
    case .adam, .adamw:
      try Adam(
        store, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon,
        weightDecay: settings.weightDecay, decoupled: settings.name == .adamw)
    }
  }

  static func learningRate(_ settings: OptimizerSettings) -> LearningRate {
    let schedule: Schedule =
      switch settings.schedule.form {
      case .constant: .constant
      case .step: .step(size: settings.schedule.stepSize, gamma: settings.schedule.gamma)
      case .cosine: .cosine
      case .linear: .linear
      }
    return LearningRate(settings.learningRate, schedule, warmup: settings.schedule.warmupSteps)
  }

  /// The modalities that are pixels.
  private var pictures: [Modality] {
    zip(data.set.modalities, data.set.forms).compactMap { modality, form in
      if case .pixels = form { modality } else { nil }
    }
  }

  func context(_ session: TrainingSession) throws -> TrainingContext {
    let split = prepared(flips ? data.set.train : data.set.train.withoutFlips())
    let training: any BatchSource = viewShare > 0 ? try ViewedBatches(split, share: viewShare) : split
    let share = configuration.training.crop
    return TrainingContext(
      session: session,
      training: share < 1 && !pictures.isEmpty ? CroppedPictures(training, pictures, share: share) : training,
      validation: data.set.validation.map(prepared),
      batchSize: configuration.training.batchSize, random: random,
      shuffle: split.blockLayout.map { .blocks($0) } ?? .full, makeSession: { try self.session() })
  }

  /// A split whose batches the model can be given.
  func prepared(_ split: FeatureSplit) -> FeatureSplit {
    let prepared = split.prepared(elementType, on: device)
    return shuffling == .blocks ? prepared.streamed(memory: Machine.memory) : prepared
  }

  /// What looks at the steps, where that is asked for.
  func probe(_ session: TrainingSession, _ method: any BalancingMethod) throws -> StepProbe? {
    guard configuration.training.probe.form != .none else { return nil }
    return try StepProbe(
      configuration.training.probe, model: session.model, method: method,
      stepLength: configuration.optimizer.learningRate)
  }

  var evaluator: Evaluator {
    Evaluator(
      task: data.set.manifest.task, metric: data.set.manifest.metric, batchSize: configuration.evaluation.batchSize,
      targets: data.set.targets)
  }

  /// Names the run: everything that determines its outcome, and nothing that does not.
  func digest(of tree: Tree) throws -> String { Self.digest(of: chosen(tree), digests) }

  static func digest(of configuration: Tree, _ digests: [String: String]) -> String {
    let digests = digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return FileDigest.sha256(of: ([configuration.essence.json()] + digests).joined(separator: "\n"))
  }

  /// The configuration with what was left to us filled in.
  func chosen(_ tree: Tree) -> Tree {
    var chosen = tree
    chosen[path: "training.threads"] = .int(threads)
    chosen[path: "training.shuffle"] = .string(shuffling.rawValue)
    chosen[path: "training.dropout"] = .string(dropout)
    chosen[path: "data.scale"] = .string(data.set.scales.words(data.set.modalities))
    if !data.set.manifest.task.hasClasses {
      chosen[path: "training.loss"] = .string(LossForm.squaredError.rawValue)
    }
    chosen[path: "training.flip"] = .string((flips ? Flipping.on : .off).rawValue)
    return chosen
  }
}
