import Foundation
import Seesaw

/// The size of a step: M modalities of D features, embeddings of H, C classes, B samples.
struct Shape: Codable {
  var modalities = 2
  var width = 768
  var hidden = 784
  var classes = 101
  var batch = 128

  /// The paper's.
  static let paper = Shape()
  static let small = Shape(width: 128, hidden: 128, classes: 2, batch: 32)
  static let wide = Shape(width: 4096)

  var words: String { "M = \(modalities), D = \(width), H = \(hidden), C = \(classes), B = \(batch)" }

  var names: [Modality] { (0..<modalities).map { Modality("m\($0)") } }

  /// As the reference reads it.
  var json: String {
    """
    {"modalities": \(modalities), "width": \(width), "hidden": \(hidden), "classes": \(classes), "batch": \(batch)}
    """
  }
}

/// The bare matrix products of a step, with nothing between them: what no step can be faster than.
///
/// Those of one stage are computed side by side and written to memory that is there, the fastest way we know.
struct Products {
  /// Where results go, by stage.
  private let targets: [[Tensor]]
  private let stages: [[MatrixProduct]]
  private let jointStages: Int

  init(_ shape: Shape, _ type: ElementType) throws {
    let generator = try RandomSource(seed: 1).generator("products")
    func matrix(_ rows: Int, _ columns: Int) throws -> Tensor { try generator.normal([rows, columns]).to(type) }
    let inputs = try shape.names.map { _ in try matrix(shape.batch, shape.width) }
    let embeddings = try shape.names.map { _ in try matrix(shape.hidden, shape.width) }
    let heads = try shape.names.map { _ in try matrix(shape.classes, shape.hidden) }
    let classifier = try matrix(shape.classes, shape.modalities * shape.hidden)
    let delta = try matrix(shape.batch, shape.classes)
    let features = try matrix(shape.batch, shape.modalities * shape.hidden)
    let feature = try matrix(shape.batch, shape.hidden)

    func product(_ a: Tensor, _ b: Tensor) -> MatrixProduct { MatrixProduct([(a, b)]) }
    let forward = try zip(inputs, embeddings).map { product($0, try $1.transposed()) }
    let logits = product(features, try classifier.transposed())
    let classifiers = [product(delta, classifier), product(try delta.transposed(), features)]
    let weights = try inputs.map { product(try feature.transposed(), $0) }
    let joint = [forward, [logits], classifiers, weights]
    // With a head for each modality, the derivatives of divergence and unimodal loss at each embedding, and the inner
    // products of the projection from Gram matrices: X Xᵀ, δ_T δ_Kᵀ and δ_K δ_Kᵀ.
    let unimodal = try heads.map { product(feature, try $0.transposed()) }
    let derivatives = try heads.flatMap {
      [product(delta, $0), product(delta, $0), product(try delta.transposed(), feature)]
    }
    let inner = try inputs.flatMap { x in
      [product(x, try x.transposed())] + (try (0..<2).map { _ in product(feature, try feature.transposed()) })
    }
    jointStages = joint.count
    stages = joint + [unimodal, derivatives, inner]
    targets = try stages.map { try MatrixProduct.results($0) }
  }

  /// Forward; then the gradients of the classifier, of its input, and of the embedding layers.
  func joint() throws { try run(stages.prefix(jointStages).indices) }

  /// The same, and what BalGrad needs besides.
  func balgrad() throws { try run(stages.indices) }

  private func run(_ range: Range<Int>) throws { for stage in range { try sideBySide(stage) } }

  static let names = [
    "forward", "logits", "classifier's gradients", "weight gradients", "unimodal logits", "heads' gradients",
    "inner products",
  ]

  func sideBySide(_ stage: Int) throws { try MatrixProduct.write(stages[stage], to: targets[stage]) }

  /// The same stage as anybody would: each product by itself, on all threads.
  func oneByOne(_ stage: Int) throws {
    for product in stages[stage] { for (left, right) in product.terms { _ = try left.matmul(right) } }
  }

  /// Floating-point operations of a stage.
  func operations(_ stage: Int) -> Double {
    stages[stage].flatMap(\.terms).reduce(0) {
      $0 + 2 * Double($1.left.shape[0] * $1.left.shape[1] * $1.right.shape[1])
    }
  }
}

/// The parts of a BalGrad step one after the other, each on the clock.
final class Stages {
  static let names = ["forward", "losses", "derivatives", "inner products", "weight gradients and Adam"]

  private let session: TrainingSession
  private let batch: Batch
  private var times: [Double]

  init(_ candidate: Candidate) {
    session = candidate.session
    batch = candidate.batch
    times = Self.names.map { _ in 0 }
  }

  /// Seconds of each part a step.
  func time(steps: Int) throws -> [Double] {
    times = Self.names.map { _ in 0 }
    for _ in 0..<steps { try step() }
    return times.map { $0 / Double(steps) }
  }

  private func on<Result>(_ stage: Int, _ body: () throws -> Result) rethrows -> Result {
    let clock = ContinuousClock()
    let begun = clock.now
    defer { times[stage] += (clock.now - begun) / .seconds(1) }
    return try body()
  }

  private func step() throws {
    let task = session.model.task
    let (fused, unimodal) = try on(0) {
      let outputs = try session.forward(batch)
      return (outputs.logits, try outputs.unimodal())
    }
    let losses = try on(1) {
      let logs = try unimodal.values.map { try task.logProbabilities($0) }
      let divergences = try logs.indices.map { m in
        try Divergence.kullbackLeibler(logs[(m + 1) % logs.count].detached(), logs[m])
      }
      return [
        try session.loss(fused, batch), try Tensor.stack(divergences).sum(),
        try Tensor.stack(unimodal.values.map { try session.loss($0, batch) }).sum(),
      ]
    }
    let g = try on(2) { try losses.map { try session.gradients(of: $0, keepingGraph: true) } }
    try on(3) {
      let branches = session.model.branches
      for (a, b) in [(1, 1), (0, 1), (0, 0)] { _ = try g[a].dot(g[b], within: branches) }
    }
    try on(4) { try session.update(along: g[0] + g[1] + g[2]) }
  }
}

/// One of our methods on made-up features, ready to take steps or epochs.
final class Candidate {
  private var method: any BalancingMethod
  let session: TrainingSession
  let batch: Batch
  private let makeSession: () throws -> TrainingSession
  private let shape: Shape

  /// - Parameters:
  ///   - settings: the method's own, over its defaults.
  ///   - given: the batch to step on; made up where it is nil.
  ///   - descends: plainly along the gradient at rate 1, instead of by Adam.
  init(
    _ name: String, _ shape: Shape, settings: Tree = .table([:]), precision: Precision = .float32,
    steps: Int = 10_000, step: Int = 0, batch given: Batch? = nil, descends: Bool = false
  ) throws {
    self.shape = shape
    let entry = try MethodRegistry.entry(name)
    method = try entry(entry.defaults.overlaid(with: settings))
    let random = RandomSource(seed: 1)
    let generator = try random.generator("features")
    let batch =
      try given
      ?? Batch(
        samples: Array(0..<shape.batch),
        inputs: try PerModality(shape.names) { _ in try generator.normal([shape.batch, shape.width]) },
        labels: try Tensor((0..<shape.batch).map { $0 % shape.classes }))
    self.batch = batch
    let adding = method as? any AddsParameters
    let attends = entry.requirements.attentionFusion
    makeSession = {
      let store = ParameterStore(random: random, productType: precision == .bfloat16 ? .bfloat16 : nil)
      let model = try MultimodalModel(
        modalities: shape.names, inputWidths: shape.names.map { _ in shape.width },
        embeddingWidths: shape.names.map { _ in shape.hidden }, classes: shape.classes, task: .singleLabel,
        store: store,
        fusion: { (scope, widths, classes) throws(TorchError) in
          if attends { return try CrossAttentionFusion(scope, widths: widths, classes: classes) }
          return try Concatenation(scope, widths: widths, classes: classes)
        })
      try adding?.addParameters(store.root / "method", for: model)
      _ = try store.flat()
      var clock = TrainingClock(steps: steps, epochs: 10)
      clock.step = step
      let optimizer: any Optimizer = descends ? try SGD(store, momentum: 0) : try Adam(store)
      return TrainingSession(
        model, optimizer: optimizer, learningRate: LearningRate(descends ? 1 : 1e-3), clock: clock, random: random)
    }
    session = try makeSession()
  }

  /// Does what the method asks for before its first step.
  func prepare() throws {
    let context = context(over: OneBatch(whole: batch))
    if var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(context)
      method = preparing
    }
    if var acting = method as? any ActsBetweenEpochs {
      try acting.epochWillBegin(0, context)
      method = acting
    }
  }

  func step() throws { _ = try method.step(batch, session) }

  /// Seconds a step.
  func time(steps: Int) throws -> Double { try seconds { for _ in 0..<steps { try step() } } / Double(steps) }

  /// Seconds of one epoch through the trainer.
  func epoch(over source: any BatchSource, _ shuffle: SampleOrder.Shuffle = .full) throws -> Double {
    var method = method
    var position = Trainer.Position()
    let context = context(over: source, shuffle)
    let trainer = Trainer(epochs: 1, batchSize: shape.batch)
    return try seconds { _ = try trainer.train(&method, context, from: &position, observer: Nobody()) }
  }

  private func context(over source: any BatchSource, _ shuffle: SampleOrder.Shuffle = .full) -> TrainingContext {
    TrainingContext(
      session: session, training: source, validation: source, batchSize: shape.batch, random: RandomSource(seed: 1),
      shuffle: shuffle, makeSession: makeSession)
  }
}

/// Follows a training and never stops it.
private final class Nobody: Trainer.Observer {
  let wantsStop = false
  func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position) {}
  func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) {}
}

/// A split that is one batch.
private struct OneBatch: BatchSource {
  let whole: Batch
  var count: Int { whole.count }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let samples = visits.map(\.sample)
    let index = try Tensor(samples)
    return Batch(
      samples: samples, inputs: try whole.inputs.map { try $1.indexed(0, by: index) },
      labels: try whole.labels.indexed(0, by: index))
  }
}

/// The wall-clock seconds that something takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let begun = clock.now
  try body()
  return (clock.now - begun) / .seconds(1)
}
