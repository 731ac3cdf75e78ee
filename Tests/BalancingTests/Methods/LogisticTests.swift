import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Logistic regression")
struct LogisticTests {
  struct Golden: Decodable {
    struct Case: Decodable {
      let name, task: String
      let classes, width: Int
      let strength: Double
      let classWeights: [Double]?
      let inputs: [Double]
      let labels: [Int]
      let weight, intercept: [Double]
      let loss: Double
    }
    let cases: [Case]
  }

  @Test("weights are those of scikit-learn and of Newton's method in PyTorch")
  func golden() throws {
    Conditions.prepare()
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("logistic.json")))
    #expect(golden.cases.count >= 5)
    for c in golden.cases {
      let task = try #require(PredictionTask(rawValue: c.task))
      let count = c.inputs.count / c.width
      let labels = try Tensor(c.labels, shape: task == .multiLabel ? [count, c.classes] : [count])
      let regression = try LogisticRegression(
        task: task, classes: c.classes, inputs: try Tensor(c.inputs, shape: [count, c.width]), labels: labels,
        classWeights: try c.classWeights.map { try Tensor($0) })
      let found = try regression.fitted(strength: c.strength, from: regression.start())
      #expect(
        allClose(try values(regression.matrix(found)), c.weight, relative: 1e-5, absolute: 1e-7), "\(c.name)")
      #expect(
        allClose(try values(regression.intercept(found)), c.intercept, relative: 1e-5, absolute: 1e-7), "\(c.name)")
      // From other weights on it ends in the same place.
      let again = try regression.fitted(strength: c.strength, from: found * 3)
      #expect(allClose(try values(again), try values(found), relative: 1e-5, absolute: 1e-6), "\(c.name)")
    }
  }

  @Test("columns that say nearly the same, more of them than samples, still end at the bottom")
  func nearlyEqualColumns() throws {
    Conditions.prepare()
    let (count, width, classes, strength) = (50, 80, 3, 1e-6)
    let shared = numbers(count, seed: 4)
    let noise = numbers(count * width, seed: 5)
    let inputs = try Tensor(
      (0..<count * width).map { shared[$0 / width] + 0.01 * noise[$0] }, shape: [count, width])
    let labels = try Tensor((0..<count).map { ($0 * 7 + $0 / 3) % classes }, shape: [count])
    let regression = try LogisticRegression(
      task: .singleLabel, classes: classes, inputs: inputs, labels: labels, classWeights: nil)
    let found = try regression.fitted(strength: strength, from: regression.start()).requiringGradient()
    let loss = try PredictionTask.singleLabel.loss(regression.logits(inputs, found), labels)
    let total = try loss + regression.matrix(found).square().sum() * (strength / 2)
    let slope = try #require(try gradients(of: total, withRespectTo: [found])[0])
    #expect(try slope.abs().max().scalar() < 1e-8)
  }

  /// The value of the objective and its gradient at the weights that a run leaves, in plain loops over all samples.
  private func plain(
    _ bench: Bench, _ session: TrainingSession, strength: Double
  ) throws -> (loss: Double, slope: [Double], logits: [Double]) {
    let batch = try bench.data.whole()
    let (count, classes) = (bench.data.count, bench.data.classes)
    let labels: [Int] = try batch.labels.to(.int64).array()
    // Standardized columns of all modalities, by name.
    var columns: [[Double]] = []
    var weights: [[Double]] = Array(repeating: [], count: classes)
    for modality in bench.data.modalities.sorted(by: { $0.name < $1.name }) {
      let rows = try values(batch.inputs[modality])
      let width = rows.count / count
      let kernel = try values(session.model.embeddings[modality].weight.tensor)
      for column in 0..<width {
        let own = (0..<count).map { rows[$0 * width + column] }
        let mean = own.reduce(0, +) / Double(count)
        let spread = (own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
        columns.append(own.map { ($0 - mean) / spread })
        for c in 0..<classes { weights[c].append(kernel[c * width + column] * spread) }
      }
    }
    let intercept = try values(session.model.store["fusion.classifier.bias"]?.tensor)
    var logits = [Double](repeating: 0, count: count * classes)
    for i in 0..<count {
      for c in 0..<classes {
        logits[i * classes + c] = intercept[c] + columns.indices.reduce(0) { $0 + weights[c][$1] * columns[$1][i] }
      }
    }
    var loss = strength / 2 * weights.flatMap { $0 }.reduce(0) { $0 + $1 * $1 }
    var slopes = weights.map { $0.map { strength * $0 } + [0] }
    for i in 0..<count {
      let z = Array(logits[(i * classes)..<((i + 1) * classes)])
      for c in 0..<classes {
        let p: Double
        let y: Double
        let share: Double
        if bench.data.task == .multiLabel {
          (p, y) = (1 / (1 + exp(-z[c])), Double(labels[i * classes + c]))
          share = 1 / Double(count * classes)
          loss -= share * (y * log(p) + (1 - y) * log(1 - p))
        } else {
          (p, y) = (exp(z[c]) / z.reduce(0) { $0 + exp($1) }, labels[i] == c ? 1 : 0)
          share = 1 / Double(count)
          if y == 1 { loss -= share * log(p) }
        }
        for d in columns.indices { slopes[c][d] += share * (p - y) * columns[d][i] }
        slopes[c][columns.count] += share * (p - y)
      }
    }
    return (loss, slopes.flatMap { $0 }, logits)
  }

  @Test(
    "it is the bottom of the objective in plain loops, and the model says what the regression says",
    arguments: Setting.withClasses)
  func bottom(_ setting: Setting) throws {
    var bench = try Bench("logistic", ["strength": 0.02], data: setting.data)
    bench.epochs = 1
    let outcome = try bench.run()
    let (_, slope, logits) = try plain(bench, outcome.session, strength: 0.02)
    #expect(slope.allSatisfy { abs($0) < 1e-5 }, "\(slope.map(abs).max() ?? .nan)")
    let found = try values(outcome.session.forward(bench.data.whole()).logits)
    #expect(allClose(found, logits, relative: 1e-4, absolute: 1e-4))
  }

  @Test("a feature of zeros is the modality's mean: without it the logits are those of its mean input")
  func meanInput() throws {
    var bench = try Bench("logistic", ["strength": 0.02])
    bench.epochs = 1
    let session = try bench.run().session
    let batch = try bench.data.whole()
    let features = try session.forward(batch).features
    let silent = try session.model.outputs(ofFeatures: features.map { $0 == "text" ? try $1 * 0 : $1 }).logits
    let mean = try batch.inputs["text"].mean(0, keeping: true)
    let inputs = try batch.inputs.map { $0 == "text" ? try mean.expanded([bench.data.count, mean.shape[1]]) : $1 }
    #expect(try allClose(values(silent), values(session.model(inputs).logits), relative: 1e-4, absolute: 1e-4))
  }

  @Test("the strength is that of the least validation loss, and 1/N without a validation split")
  func strength() throws {
    let bench = try Bench("logistic")
    let session = try bench.session()
    let context = bench.context(session)
    let validation = try #require(context.validation)
    var method = try bench.method() as? Logistic
    try method?.prepare(context)
    let chosen = try Bench.weights(session.model)
    func loss(_ session: TrainingSession) throws -> Double {
      let batch = try validation.batch(SamplingPlan.inOrder(validation.count).visits[...])
      return try session.loss(session.forward(batch).logits, batch).scalar()
    }
    let best = try loss(session)
    var least = Double.infinity
    for strength in Logistic.strengths {
      let other = try Bench("logistic", ["strength": .number(strength)])
      let fixed = try other.session()
      var method = try other.method() as? Logistic
      try method?.prepare(other.context(fixed))
      least = min(least, try loss(fixed))
    }
    #expect(abs(best - least) < 1e-4 * least)
    let alone = try bench.session()
    let noValidation = TrainingContext(
      session: alone, training: bench.data, validation: nil, batchSize: 8, random: RandomSource(seed: 1),
      makeSession: { try bench.session() })
    var other = try bench.method() as? Logistic
    try other?.prepare(noValidation)
    #expect(try Bench.weights(alone.model) != chosen)
    let (_, slope, _) = try plain(bench, alone, strength: 1 / Double(bench.data.count))
    #expect(slope.allSatisfy { abs($0) < 1e-5 })
  }

  @Test("the seed and the order of an epoch decide nothing, and no step moves it")
  func deterministic() throws {
    var bench = try Bench("logistic")
    let one = try bench.run()
    bench.seed = 7
    bench.batchSize = 26
    let other = try bench.run()
    for name in ["image.embedding.weight", "text.embedding.bias", "fusion.classifier.weight", "fusion.classifier.bias"]
    {
      #expect(allClose(try #require(one.last[name]), try #require(other.last[name]), relative: 1e-4, absolute: 1e-5))
    }
    #expect(one.session.tally.work.updates == 0)
  }

  @Test("features that add up have one classifier for all")
  func addition() throws {
    let bench = try Bench("logistic", ["strength": 0.05])
    let reference = try bench.run()
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: Conditions.elementType)
    let model = try MultimodalModel(
      modalities: bench.data.modalities, inputWidths: bench.data.widths, embeddingWidths: [4, 4], classes: 3,
      task: .singleLabel, store: store
    ) { scope, widths, classes throws(TorchError) in try Addition(scope, widths: widths, classes: classes) }
    let session = TrainingSession(
      model, optimizer: try Adam(store), learningRate: LearningRate(0.1), clock: TrainingClock(steps: 4, epochs: 1),
      random: RandomSource(seed: 1))
    var method = try bench.method() as? Logistic
    try method?.prepare(bench.context(session))
    let batch = try bench.data.whole()
    #expect(
      try allClose(
        values(model(batch.inputs).logits), values(reference.session.forward(batch).logits), relative: 1e-4,
        absolute: 1e-4))
  }

  @Test("what it cannot be written into is refused")
  func refusals() throws {
    var narrow = try Bench("logistic")
    narrow.embeddingWidth = 2
    let error = try #require(throws: Diagnosis.self) { try narrow.run() }
    #expect(error.what == "'logistic' needs embeddings as wide as there are classes: 2 and 3")
    #expect(error.remedy == "--set model.embedding_width=3" && error.exitStatus == .usage)
    var frozen = try Bench("logistic")
    frozen.frozen = ["fusion.classifier"]
    let other = try #require(throws: Diagnosis.self) { try frozen.run() }
    #expect(other.what == "'logistic' writes the fused classifier, and that is frozen")
  }

  @Test("a column that never changes tells nothing and harms nothing")
  func still() throws {
    var bench = try Bench("logistic")
    let data = bench.data
    bench.showing = { _ in Stilled(data) }
    let outcome = try bench.run()
    #expect(outcome.last.values.allSatisfy { $0.allFinite })
  }

  /// The data with one column of text that is 3 for everybody.
  struct Stilled: BatchSource {
    let base: SyntheticData
    init(_ base: SyntheticData) { self.base = base }
    var count: Int { base.count }
    func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
      let batch = try base.batch(visits)
      return batch.replacing(
        try batch.inputs.map { modality, rows in
          guard modality == "text" else { return rows }
          let three = try Tensor.of([Double](repeating: 3, count: rows.shape[0]), [rows.shape[0], 1])
          return try .cat([three, rows.narrowed(1, from: 1, length: rows.shape[1] - 1)], 1)
        })
    }
  }
}
