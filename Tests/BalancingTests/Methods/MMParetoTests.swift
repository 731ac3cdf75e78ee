import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MMPareto")
struct MMParetoTests {
  /// A model and two directions that hold the given numbers on the first branch, weight and bias alike, and their
  /// opposites where `flipped` on the others.
  private func combined(
    _ g: [Double], _ u: [Double], gamma: Double = 1.5, magnitude: MMPareto.Magnitude = .tensor
  ) throws -> (weight: [Double], bias: [Double], report: StepReport) {
    Conditions.prepare()
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    let model = try MultimodalModel(
      modalities: ["image"], inputWidths: [1], embeddingWidths: [g.count], classes: 2, task: .singleLabel, store: store)
    func direction(_ values: [Double]) throws -> Gradients {
      let result = try Gradients(store, flat: .zeros([store.count], .float64), present: Set(store.trainable))
      try result["image.embedding.weight"]?.copy(from: Tensor(values, shape: [values.count, 1]))
      try result["image.embedding.bias"]?.copy(from: Tensor(values.map { 0.5 * $0 * $0 }, shape: [values.count]))
      return result
    }
    var configuration = MMPareto.Configuration()
    configuration.gamma = gamma
    configuration.magnitude = magnitude
    var report = StepReport(losses: [:])
    let update = try MMPareto(configuration).combined(direction(g), direction(u), model, &report)
    return (
      try values(update["image.embedding.weight"]), try values(update["image.embedding.bias"]), report
    )
  }

  /// The same in plain loops.
  private func plain(_ g: [Double], _ u: [Double], gamma: Double, byTensor: Bool) -> (weight: [Double], bias: [Double])
  {
    let tensors = [(g, u), (g.map { 0.5 * $0 * $0 }, u.map { 0.5 * $0 * $0 })]
    var (gg, gu, uu) = (0.0, 0.0, 0.0)
    for (a, b) in tensors {
      for k in a.indices {
        gg += a[k] * a[k]
        gu += a[k] * b[k]
        uu += b[k] * b[k]
      }
    }
    let share = gu < 0 ? (uu - gu) / (gg + uu - 2 * gu) : 0.5
    func length(_ values: [Double]) -> Double { values.map { $0 * $0 }.reduce(0, +).squareRoot() }
    let mixes = tensors.map { a, b in a.indices.map { 2 * share * a[$0] + 2 * (1 - share) * b[$0] } }
    let sums = tensors.map { a, b in a.indices.map { a[$0] + b[$0] } }
    func stretch(_ sum: Double, _ mix: Double) -> Double { mix > 1e-6 * sum ? max(sum / mix, 1) : 1 }
    let whole = stretch(length(sums.flatMap { $0 }), length(mixes.flatMap { $0 }))
    let results = zip(sums, mixes).map { sum, mix in
      mix.map { $0 * gamma * (byTensor ? stretch(length(sum), length(mix)) : whole) }
    }
    return (results[0], results[1])
  }

  @Test(
    "directions of every kind agree with plain loops, and stay finite",
    arguments: [
      ([1.0, 0], [-0.5, 1.0]), ([1, 2], [3, 4]), ([0, 0], [1, -1]), ([1, -1], [0, 0]), ([0, 0], [0, 0]),
      ([1e-10, 1], [-1, 1e-10]), ([1e15, -1], [-1e15, 3]), ([0.3, -0.2], [-0.3, 0.2]), ([-2, 1], [1.9, -1.2]),
    ], [MMPareto.Magnitude.tensor, .branch])
  func bestiary(_ pair: ([Double], [Double]), _ magnitude: MMPareto.Magnitude) throws {
    let (g, u) = pair
    let found = try combined(g, u, gamma: 1.3, magnitude: magnitude)
    let wanted = plain(g, u, gamma: 1.3, byTensor: magnitude == .tensor)
    #expect(found.weight.allSatisfy { $0.isFinite } && found.bias.allSatisfy { $0.isFinite })
    #expect(allClose(found.weight, wanted.weight, relative: 1e-9, absolute: 1e-12))
    #expect(allClose(found.bias, wanted.bias, relative: 1e-9, absolute: 1e-12))
  }

  @Test("the known example: (1, 0) and (−0.5, 1) become (0.930261, 1.395391)")
  func known() throws {
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    let model = try MultimodalModel(
      modalities: ["image"], inputWidths: [2], embeddingWidths: [1], classes: 2, task: .singleLabel, store: store)
    func direction(_ values: [Double]) throws -> Gradients {
      let result = try Gradients(store, flat: .zeros([store.count], .float64), present: Set(store.trainable))
      try result["image.embedding.weight"]?.copy(from: Tensor(values, shape: [1, 2]))
      return result
    }
    var report = StepReport(losses: [:])
    let update = try MMPareto(MMPareto.Configuration()).combined(
      direction([1, 0]), direction([-0.5, 1]), model, &report)
    #expect(try allClose(values(update["image.embedding.weight"]), [0.930261, 1.395391], absolute: 1e-6))
    #expect(allClose([report.scalars["weight.image"] ?? 0], [0.538462], absolute: 1e-6))
    #expect(report.scalars["conflict"] == 1)
  }

  @Test("gradients that cancel exactly leave nothing, and no number that is none")
  func cancelling() throws {
    let found = try combined([1, -2], [-1, 2])
    #expect(found.weight.allSatisfy { $0.isFinite } && found.bias.allSatisfy { $0.isFinite })
  }

  @Test("where losses conflict the direction works against neither", arguments: 1...20)
  func theorem(_ seed: Int) throws {
    let values = numbers(6, seed: UInt64(seed))
    let (g, u) = (Array(values.prefix(3)), Array(values.suffix(3)))
    let found = try combined(g, u, gamma: 1, magnitude: .branch)
    let h = found.weight + found.bias
    for side in [g, u] {
      let whole = side + side.map { 0.5 * $0 * $0 }
      #expect(total(whole.count) { h[$0] * whole[$0] } >= -1e-9)
    }
  }

  @Test("γ = 1 without conflict is the uniform baseline, and γ stretches branches only")
  func agreement() throws {
    let step = try StepTaken(Bench("mmpareto", ["gamma": 1.0]))
    let uniform = try StepTaken(Bench("uniform"))
    let stretched = try StepTaken(Bench("mmpareto", ["gamma": 2.0]))
    for (name, value) in try uniform.update.named() {
      let plain = try values(value)
      if step.report.scalars["conflict"] == 0 || !name.contains("embedding") {
        #expect(try allClose(step.found(name), plain, relative: 1e-4, absolute: 1e-7), "\(name)")
      }
      let factor = name.contains("embedding") ? 2.0 : 1
      #expect(
        try allClose(stretched.found(name), step.found(name).map { $0 * factor }, relative: 1e-4, absolute: 1e-7))
    }
  }

  @Test("the gradients are told apart: it is not three times their sum, and conflicts are seen")
  func separate() throws {
    let conflicting = ListedStep.all("mmpareto.json").filter { ($0.scalars["conflict"] ?? 0) > 0 }
    #expect(!conflicting.isEmpty)
    for example in conflicting {
      for modality in example.modalities { #expect(abs(example.scalars["cosine.\(modality)"] ?? 1) < 0.9999) }
      try example.check()
    }
  }

  @Test("agrees with PyTorch", arguments: ListedStep.all("mmpareto.json"))
  func golden(_ example: ListedStep) throws { try example.check() }

  @Test("PyTorch's steps are there, of two modalities and of three")
  func goldenThere() { #expect(Set(ListedStep.all("mmpareto.json").map(\.modalities.count)) == [2, 3]) }
}
