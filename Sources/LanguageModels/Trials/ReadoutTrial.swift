import Foundation
import Multimodal
import Torch
public import TorchNN

/// A see-saw in minutes, from nothing: a small language model learns to read digits from text, is frozen, and is then shown
/// the same digits as pictures too.
///
/// Four cells hold digits. The picture has a patch of 8 × 8 for each: the digit's glyph of ±1, and Gaussian noise of
/// standard deviation 1. The text has a token for each, unreadable with probability 0.1. The question names a cell, and the
/// answer is its digit. What is hidden is hidden by an attention mask; positions stay.
public struct ReadoutTrial: Sendable {
  /// A row of the table.
  public struct Method: Sendable, Equatable {
    public let title: String
    public let adapter: AdapterSettings
    /// The shares of rows without their picture and without their text, each.
    public let dropout: Double

    init(_ title: String, _ kind: AdapterSettings.Kind, rank: Int = 4, lambda: Double = 1, dropout: Double = 0) {
      var adapter = AdapterSettings()
      (adapter.kind, adapter.rank, adapter.lambda, adapter.dropout) = (kind, rank, lambda, 0)
      (self.title, self.adapter, self.dropout) = (title, adapter, dropout)
    }
  }

  /// Accuracies on fresh samples.
  public struct Scores: Sendable, Equatable, Codable {
    public var full: Double
    public var withoutImage: Double
    public var withoutText: Double
  }

  public static let methods = [
    Method("LoRA r4", .lora), Method("MokA λ 1", .moka), Method("LoRA r4 + dropout", .lora, dropout: 0.25),
    Method("LoRA r8 + dropout", .lora, rank: 8, dropout: 0.25),
    Method("MokA λ 0 + dropout", .moka, lambda: 0, dropout: 0.25), Method("MokA λ 1 + dropout", .moka, dropout: 0.25),
  ]

  public var steps = 800
  public var batchSize = 64
  public var learningRate = 3e-3
  public var warmup = 50
  /// Fresh samples of a test.
  public var testSamples = 2000
  /// How often the language model is trained on until it answers 99 %.
  public var mostRounds = 6

  public init() {}

  private static let noImage = AttentionView(hidden: [.image])
  private static let noText = AttentionView(hidden: [.sampleText])

  // MARK: Samples

  private struct Samples {
    let patches: Tensor
    let words: [[Int]]
    let answers: [Int]

    func rows(_ rows: [Int]) throws -> Samples {
      Samples(
        patches: try patches.indexed(0, by: Tensor(rows)), words: rows.map { words[$0] },
        answers: rows.map { answers[$0] })
    }
  }

  /// The glyphs of ten digits, [10, 64] of ±1.
  private func glyphs(_ random: RandomSource) throws -> Tensor {
    try random.generator("readout/glyphs").bernoulli([10, ReadoutModel.patch], probability: 0.5).to(.float32) * 2 - 1
  }

  private func samples(
    _ count: Int, _ random: RandomSource, _ stream: String, _ glyphs: Tensor, unreadable: Double
  ) throws -> Samples {
    var numbers = SeededNumbers(seed: random.seed, stream: "readout/\(stream)")
    var (digits, words, answers): ([Int], [[Int]], [Int]) = ([], [], [])
    for _ in 0..<count {
      let own = (0..<ReadoutModel.cells).map { _ in numbers.uniform(below: 10) }
      let cell = numbers.uniform(below: ReadoutModel.cells)
      let seen = own.map { numbers.chance(unreadable) ? ReadoutModel.unreadable : $0 }
      digits += own
      words.append(seen + [ReadoutModel.question, ReadoutModel.firstCell + cell])
      answers.append(own[cell])
    }
    let shape = [count, ReadoutModel.cells, ReadoutModel.patch]
    let noise = try random.generator("readout/\(stream)/noise").normal(shape)
    return Samples(
      patches: try glyphs.indexed(0, by: Tensor(digits)).reshaped(shape) + noise, words: words, answers: answers)
  }

  private func accuracy(_ model: ReadoutModel, _ samples: Samples, _ view: AttentionView) throws -> Double {
    try withoutGradients {
      let logits = try model.logits(patches: samples.patches, words: samples.words, view)
      let found = try logits.argmax(1).array(of: Int.self)
      return Double(zip(found, samples.answers).count { $0 == $1 }) / Double(samples.answers.count)
    }
  }

  private func rate(_ step: Int) -> Double {
    learningRate * Schedule.cosine.factor(step: step, of: steps, epoch: 0, warmup: warmup)
  }

  // MARK: Training

  /// A language model that reads from text alone, trained on until it answers 99 % of fresh samples.
  public func languageModel(
    seed: Int, progress: (Int) throws -> Void = { _ in }
  ) throws -> (store: ParameterStore, accuracy: Double, rounds: Int) {
    let random = RandomSource(seed: seed)
    let store = try ReadoutModel.store(random)
    let model = try ReadoutModel(store, isFrozen: false, random: random)
    let glyphs = try glyphs(random)
    let fresh = try samples(testSamples, random, "language/test", glyphs, unreadable: 0)
    var (reached, rounds) = (0.0, 0)
    while rounds < mostRounds, reached < 0.99 {
      let optimizer = try Adam(store, weightDecay: 0, decoupled: true)
      for step in 0..<steps {
        let own = try samples(batchSize, random, "language/\(rounds)/\(step)", glyphs, unreadable: 0)
        let logits = try model.logits(patches: own.patches, words: own.words, Self.noImage)
        let loss = try logits.crossEntropy(Tensor(own.answers))
        try optimizer.step(Gradients(of: loss, store), learningRate: rate(step))
        try progress(1)
      }
      rounds += 1
      reached = try accuracy(model, fresh, Self.noImage)
    }
    return (store, reached, rounds)
  }

  /// An adapter and a projector on a frozen language model, trained on pairs.
  public func scores(
    _ method: Method, on language: ParameterStore, seed: Int, progress: (Int) throws -> Void = { _ in }
  ) throws -> Scores {
    let random = RandomSource(seed: seed)
    let model = try ReadoutModel(language, isFrozen: true, random: random)
    let adapter = try ModelAdapter(model, method.adapter, random: random)
    let optimizer = try Adam(adapter.store, weightDecay: 0, decoupled: true)
    let glyphs = try glyphs(random)
    for step in 0..<steps {
      let own = try samples(batchSize, random, "pairs/\(step)", glyphs, unreadable: 0.1)
      var draws = SeededNumbers(seed: random.seed, stream: "readout/dropout/\(step)")
      var groups: [[Int]] = [[], [], []]
      for row in 0..<batchSize {
        let draw = draws.uniform()
        groups[draw < method.dropout ? 1 : draw < 2 * method.dropout ? 2 : 0].append(row)
      }
      var loss: Tensor?
      for (rows, view) in zip(groups, [AttentionView(), Self.noImage, Self.noText]) where !rows.isEmpty {
        let part = rows.count == batchSize ? own : try own.rows(rows)
        let logits = try model.logits(patches: part.patches, words: part.words, view)
        let own = try logits.crossEntropy(Tensor(part.answers)) * (Double(rows.count) / Double(batchSize))
        loss = try loss.map { try $0 + own } ?? own
      }
      if let loss { try optimizer.step(Gradients(of: loss, adapter.store), learningRate: rate(step)) }
      try progress(1)
    }
    let fresh = try samples(testSamples, random, "pairs/test", glyphs, unreadable: 0.1)
    return Scores(
      full: try accuracy(model, fresh, AttentionView()), withoutImage: try accuracy(model, fresh, Self.noImage),
      withoutText: try accuracy(model, fresh, Self.noText))
  }
}
