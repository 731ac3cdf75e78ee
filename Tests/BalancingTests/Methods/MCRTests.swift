import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MCR")
struct MCRTests {
  private static let cases = ListedStep.all("mcr.json")

  @Test("golden steps are there for every fusion, task and strategy, two and three modalities")
  func complete() throws {
    #expect(Set(Self.cases.map(\.fusion)).count == 5)
    #expect(Set(Self.cases.map(\.task)).count == 3)
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Set(try Self.cases.map { try $0.tree()[path: "strategy"]?.stringValue }).count == 3)
  }

  @Test(
    "losses, divergences and direction are PyTorch's with two graphs for each divergence, to 1e-9", arguments: cases,
    [GradientPath.factored, .autograd])
  func golden(_ example: ListedStep, _ path: GradientPath) throws { try example.check(path) }

  private func divergences(
    _ session: TrainingSession, _ features: PerModality<Tensor>, others: [Int]
  ) throws -> (values: [Double], slopes: [[Double]]) {
    let copies = try features.map { try $1.detached().cloned().requiringGradient() }
    let found = try Influence.divergences(copies, session.model, rows: Array(others.indices), others: others)
    let sum = try Tensor.total(found.values)
    return (
      try found.values.map { try $0.scalar() },
      try gradients(of: sum, withRespectTo: copies.values).map { try values($0) }
    )
  }

  @Test("a modality's influence is what plain loops find")
  func loops() throws {
    let taken = try StepTaken(Bench("mcr", ["shuffle": "rotation", "permutations": 1]))
    /// The batch with the rows of one modality moved on by one.
    func moved(_ modality: Modality) throws -> Batch {
      let next = try Tensor((0..<26).map { ($0 + 1) % 26 })
      return Batch(
        samples: taken.batch.samples,
        inputs: try taken.batch.inputs.map { $0 == modality ? try $1.indexed(0, by: next) : $1 },
        labels: taken.batch.labels)
    }
    let before = try PlainModel(taken.session, taken.batch).fused([0, 1]).map(Loops.softmax)
    for modality in ["image", "text"] as [Modality] {
      let after = try PlainModel(taken.session, moved(modality)).fused([0, 1]).map(Loops.softmax)
      let divergences = zip(before, after).map { p, q in
        let middle = zip(p, q).map { ($0 + $1) / 2 }
        return (Loops.divergence(p, middle) + Loops.divergence(q, middle)) / 2
      }
      let found = try #require(taken.report.scalars["method.divergence.\(modality)"])
      #expect(allClose([found], [Loops.mean(divergences)], relative: 1e-3, absolute: 1e-6), "\(modality)")
    }
  }

  @Test("a modality whose features are all alike has no influence, and nothing to gain", arguments: [true, false])
  func constant(_ isSum: Bool) throws {
    let data = SyntheticData()
    let session = try isSum ? Bench("mcr").session() : FeatureProduct.session(data)
    let features = try session.forward(data.whole()).features
    let same = try features.map { $0 == "text" ? try $1.narrowed(0, from: 0, length: 1).expanded($1.shape) : $1 }
    let copies = try same.map { try $1.detached().cloned().requiringGradient() }
    let found = try Influence.divergences(
      copies, session.model, rows: Array(0..<26), others: (0..<26).map { ($0 + 5) % 26 })
    #expect(try abs(found["text"].scalar()) < 1e-6)
    #expect(try found["image"].scalar() > 1e-4)
    let slopes = try gradients(of: found["text"], withRespectTo: copies.values)
    #expect(try slopes.allSatisfy { try values($0).allSatisfy { abs($0) < 1e-6 } })
  }

  @Test("rows that stay where they are give no divergence and no slope", arguments: [true, false])
  func identity(_ isSum: Bool) throws {
    let data = SyntheticData()
    let session = try isSum ? Bench("mcr").session() : FeatureProduct.session(data)
    let found = try divergences(session, session.forward(data.whole()).features, others: Array(0..<26))
    #expect(found.values.allSatisfy { abs($0) < 1e-6 })
    #expect(found.slopes.joined().allSatisfy { abs($0) < 1e-6 })
  }

  @Test("divergences are at most log 2, however sure the fusion is")
  func bounded() throws {
    let session = try Bench("mcr").session()
    for parameter in session.model.store.parameters where parameter.path.isWithin("fusion") {
      try withoutGradients { try parameter.tensor.copy(from: parameter.tensor * 1e4) }
    }
    let features = try session.forward(SyntheticData().whole()).features
    let found = try divergences(session, features, others: (0..<26).map { ($0 + 1) % 26 })
    #expect(found.values.allSatisfy { $0 > -1e-6 && $0 < log(2) + 1e-5 } && found.slopes.joined().allFinite)
    // Every row whose prediction changes adds log 2 / B.
    let rows = found.values.map { $0 * 26 / log(2) }
    #expect(rows.allSatisfy { abs($0 - $0.rounded()) < 0.01 } && rows.contains { $0 > 0.99 })
  }

  @Test("the game moves branches and nothing else", arguments: ["greedy", "independent", "collaborative"])
  func branchesAlone(_ strategy: String) throws {
    func step(_ game: Double) throws -> StepTaken {
      try StepTaken(Bench("mcr", ["game": .number(game), "strategy": .string(strategy)]))
    }
    let (with, without) = (try step(3), try step(0))
    for parameter in with.model.store.parameters {
      let name = parameter.path.description
      let isBranch = name.contains("embedding")
      let same = allClose(try with.found(name), try without.found(name), relative: 1e-5, absolute: 1e-7)
      #expect(same == !isBranch, "\(name)")
    }
  }

  @Test("for two greedy players the game is that of the other graph too: what one gains the other loses")
  func zeroSum() throws {
    // R of the definition, with the fusion's gradient in both graphs, adds nothing to the fusion.
    let session = try Bench("mcr").session()
    let features = try session.forward(SyntheticData().whole()).features
    let others = (0..<26).map { ($0 + 1) % 26 }
    func divergence(_ player: Modality, cutting cut: (Modality) -> Bool) throws -> Tensor {
      let seen = try features.map { cut($0) ? try $1.detached() : $1 }
      return try Influence.divergences(seen, session.model, rows: Array(0..<26), others: others)[player]
    }
    var game = try features.values[0].sum() * 0
    for player in features.modalities {
      game = try game - divergence(player) { $0 != player } + divergence(player) { $0 == player }
    }
    #expect(abs(try game.scalar()) < 1e-6)
    let slopes = try session.gradients(of: game)
    #expect(try values(slopes["fusion.classifier.weight"]).allSatisfy { abs($0) < 1e-6 })
    let own = try StepTaken(Bench("mcr", ["game": 1.0, "shuffle": "rotation", "permutations": 1]))
    let without = try StepTaken(Bench("mcr", ["game": 0.0]))
    let path = "image.embedding.weight"
    let difference = try zip(own.found(path), without.found(path)).map { $0 - $1 }
    #expect(allClose(difference, try values(slopes[ParameterPath(path)]), relative: 1e-3, absolute: 1e-5))
  }

  @Test("features of one class lie nearer for every anchor's labels: the contrast by loops")
  func contrast() throws {
    let (a, b) = (Loops.rows(5, 3, seed: 7), Loops.rows(5, 3, seed: 8))
    let labels = [[0], [1], [0], [2], [1]]
    func cosine(_ x: [Double], _ y: [Double]) -> Double {
      func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
      return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
    }
    var sum = 0.0
    for (anchors, targets) in [(a, b), (b, a)] {
      for i in 0..<5 {
        let near = targets.map { cosine(anchors[i], $0) / 0.5 }
        let total = near.map { exp($0) }.reduce(0, +)
        sum += Loops.mean((0..<5).filter { labels[$0] == labels[i] }.map { log(total) - near[$0] }) / 10
      }
    }
    let features = PerModality(["image", "text"], [try Tensor.rows(a), try Tensor.rows(b)])
    #expect(allClose([try labelledContrast(features, labels, temperature: 0.5).scalar()], [sum]))
  }

  @Test("without its terms, from scratch, it is joint training bit for bit")
  func neutral() throws {
    let none: [String: Tree] = ["game": 0.0, "unimodal": 0.0, "contrast": 0.0, "start": "scratch"]
    #expect(try Bench("mcr", none).run().last == Bench("joint").run().last)
  }

  @Test("it begins with the branches of pretrained-frozen, and the fusion as it was")
  func pretrained() throws {
    let bench = try Bench("mcr")
    let (session, other) = (try bench.session(), try bench.session())
    let first = try Bench.weights(session.model)
    var (method, frozen) = (MCR(.init()), PretrainedFrozen(.init()))
    try method.prepare(bench.context(session))
    try frozen.prepare(bench.context(other))
    let (found, expected) = (try Bench.weights(session.model), try Bench.weights(other.model))
    for (name, values) in found {
      #expect(values == (name.hasPrefix("fusion.") ? first : expected)[name], "\(name)")
    }
    var scratch = MCR.Configuration()
    scratch.start = .scratch
    method = MCR(scratch)
    try method.prepare(bench.context(session))
    #expect(try Bench.weights(session.model) == found)
  }

  @Test("embeddings of different widths are refused for the contrast alone")
  func widths() throws {
    let example = try #require(ListedStep.all("mbsd.json").first)
    let session = try example.session()
    var method = MCR(.init())
    let error = try #require(throws: Diagnosis.self) { try method.step(example.examples(), session) }
    #expect(
      error.what == "the contrast between modalities needs embeddings of one width"
        && error.remedy == "--set contrast=0")
    var without = MCR.Configuration()
    without.contrast = 0
    method = MCR(without)
    #expect(try method.step(example.examples(), session).losses["fused"] != nil)
  }

  @Test("a batch of one class has no pairs of other labels, and its step is joint training's without the game")
  func oneClass() throws {
    let bench = try Bench("mcr", ["rows": "other_label", "game": 5.0])
    let labels: [Int] = try bench.data.whole().labels.array()
    let batch = try bench.data.batch(labels.indices.filter { labels[$0] == 0 }.map { SamplingPlan.Visit($0) }[...])
    let found = try StepTaken(bench.session(), bench.method(), batch)
    let without = try StepTaken(Bench("mcr").session(), Bench("mcr", ["game": 0.0]).method(), batch)
    #expect(found.report.scalars["method.divergence.image"] == 0)
    try expectEqual(found.update, without.update)
  }
}
