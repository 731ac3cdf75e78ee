import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MLA")
struct MLATests {
  private func bench(
    _ settings: [String: Tree] = [:], _ modalities: [Modality] = ["image", "text"], task: PredictionTask = .singleLabel
  ) throws -> Bench {
    try Bench("mla", settings, data: SyntheticData(modalities: modalities, task: task))
  }

  private func identity(_ width: Int) -> [Double] { matrix(width, width) { $0 == $1 ? 1 : 0 } }

  /// P after r, by loops.
  private func plainUpdate(_ p: [Double], _ r: [Double], _ lambda: Double, _ variant: MLA.Variant) -> [Double] {
    let d = r.count
    let k = (0..<d).map { row in total(d) { p[row * d + $0] * r[$0] } }
    let inner = total(d) { r[$0] * k[$0] }
    let after = matrix(d, d) { i, j in
      p[i * d + j] - k[i] * k[j] / (lambda + (variant == .paper ? inner : k[i] * r[j]))
    }
    if variant == .paper { return after }
    let norm = after.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return after.map { $0 / norm }
  }

  private func update(
    _ p: [Double], _ r: [Double], _ lambda: Double, _ variant: MLA.Variant = .paper
  ) throws -> [Double] {
    try values(
      MLA.updated(Tensor(p, shape: [r.count, r.count]), seeing: Tensor(r), lambda: lambda, variant))
  }

  // MARK: The gradient's change

  @Test("the known example of the projector comes out")
  func projectorVector() throws {
    let p = try update(identity(2), [1, 2], 0.1)
    #expect(allClose(p, [0.803922, -0.392157, -0.392157, 0.215686], relative: 0, absolute: 1e-6))
    let norm = p.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(norm - 1.000192) < 1e-6)
  }

  @Test("the projector is that of plain loops", arguments: [MLA.Variant.paper, .official], [0, 1e-10, 1, 1e15])
  func projector(_ variant: MLA.Variant, _ scale: Double) throws {
    for seed in 1...4 as ClosedRange<UInt64> {
      var (p, expected) = (identity(4), identity(4))
      for turn in 0..<3 as Range<UInt64> {
        let r = numbers(4, seed: seed + 10 * turn, in: 0.5...2).map { $0 * scale }
        p = try update(expected, r, 0.05, variant)
        expected = plainUpdate(expected, r, 0.05, variant)
        // What is left of 1 − 1 is rounding.
        #expect(allClose(p, expected, relative: 1e-8, absolute: 1e-12))
        // The next begins where rounding has not mattered.
        if scale == 1e15 { expected = identity(4) }
      }
    }
  }

  @Test("as published, the projector is the inverse of what was seen: P (I + Σ r rᵀ/λ) = I")
  func inverse() throws {
    var p = identity(4)
    var seen = identity(4)
    for turn in 0..<5 {
      let r = numbers(4, seed: UInt64(turn + 1))
      let lambda = pow(0.1, 1 + Double(turn) / 5)
      p = try update(p, r, lambda)
      seen = matrix(4, 4) { seen[$0 * 4 + $1] + r[$0] * r[$1] / lambda }
    }
    let product = matrix(4, 4) { i, j in total(4) { p[i * 4 + $0] * seen[$0 * 4 + j] } }
    #expect(allClose(product, identity(4), relative: 0, absolute: 1e-9))
    for i in 0..<4 { for j in 0..<4 { #expect(p[i * 4 + j] == p[j * 4 + i]) } }
  }

  @Test("an update that spares what was seen hardly moves the answers to it, and moves others in full")
  func spares() throws {
    let seen = [1.0, 2, 0, -1]
    let p = try update(identity(4), seen, 0.1)
    let gradient = numbers(4, seed: 3)
    let changed = (0..<4).map { column in total(4) { gradient[$0] * p[column * 4 + $0] } }
    let before = total(4) { gradient[$0] * seen[$0] }
    let after = total(4) { changed[$0] * seen[$0] }
    #expect(abs(after / before - 0.1 / 6.1) < 1e-12)
    let unseen = [2.0, -1, 5, 0]
    #expect(abs(total(4) { (changed[$0] - gradient[$0]) * unseen[$0] }) < 1e-12)
  }

  @Test("as in the authors' code, the projector keeps the length 1; as published it is not touched")
  func norms() throws {
    for variant in [MLA.Variant.paper, .official] {
      let outcome = try bench(["variant": .string(variant.rawValue)]).run()
      let norms = outcome.reports.compactMap { $0.scalars["norm.projector"] }
      #expect(norms.count == outcome.reports.count)
      if variant == .official {
        #expect(norms.allSatisfy { abs($0 - 1) < 1e-5 })
      } else {
        #expect(norms.allSatisfy { $0 > 0 && $0 <= 2 })
        #expect(norms.contains { abs($0 - 1) > 1e-2 })
      }
    }
  }

  // MARK: A step

  /// The directions of two steps that move nothing, by loops: per modality W, b, and the embedding's weight.
  private func plain(
    _ bench: Bench, _ model: MultimodalModel, _ variant: MLA.Variant, steps: [Int]
  ) throws -> [(head: [Double], bias: [Double], embedding: [Double])] {
    let batch = try bench.data.whole()
    let labels: [Int] = try batch.labels.array()
    let (d, classes, rows) = (bench.embeddingWidth, bench.data.classes, batch.count)
    func parameter(_ name: String) throws -> [Double] { try values(model.store[ParameterPath(name)]?.tensor) }
    let (w, b) = (try parameter("method.head.weight"), try parameter("method.head.bias"))
    var p: [Double]?
    var found: [(head: [Double], bias: [Double], embedding: [Double])] = []
    for step in steps {
      for modality in model.modalities.map(\.name).sorted() {
        let x = try values(batch.inputs[Modality(modality)])
        let columns = x.count / rows
        let (u, c) = (try parameter("\(modality).embedding.weight"), try parameter("\(modality).embedding.bias"))
        let e = matrix(rows, d) { i, h in c[h] + total(columns) { x[i * columns + $0] * u[h * columns + $0] } }
        var slope: [Double] = []
        for i in 0..<rows {
          let z = (0..<classes).map { k in b[k] + total(d) { e[i * d + $0] * w[k * d + $0] } }
          let sum = z.reduce(0) { $0 + exp($1) }
          slope += z.indices.map { (exp(z[$0]) / sum - ($0 == labels[i] ? 1 : 0)) / Double(rows) }
        }
        var head = matrix(classes, d) { k, h in total(rows) { slope[$0 * classes + k] * e[$0 * d + h] } }
        let bias = (0..<classes).map { k in total(rows) { slope[$0 * classes + k] } }
        let back = matrix(rows, d) { i, h in total(classes) { slope[i * classes + $0] * w[$0 * d + h] } }
        let embedding = matrix(d, columns) { h, j in total(rows) { back[$0 * d + h] * x[$0 * columns + j] } }
        if let before = p {
          let r = (0..<d).map { h in total(rows) { e[$0 * d + h] } / Double(rows) }
          let perEpoch = 4
          let after = plainUpdate(before, r, pow(0.1, 1 + Double(step % perEpoch) / Double(perEpoch)), variant)
          head = matrix(classes, d) { k, h in total(d) { head[k * d + $0] * after[h * d + $0] } }
          p = after
        } else {
          p = identity(d)
        }
        found.append((head, bias, embedding))
      }
    }
    return found
  }

  @Test("a step's directions are those of plain loops, each modality's for itself", arguments: [2, 3])
  func directions(_ count: Int) throws {
    for variant in [MLA.Variant.paper, .official] {
      let names: [Modality] = ["image", "text", "audio"]
      let bench = try bench(["variant": .string(variant.rawValue)], Array(names.prefix(count)))
      let session = try bench.session()
      var method = try bench.method()
      var updates: [Gradients] = []
      for step in [0, 5] {
        session.clock.step = step
        session.clock.epoch = step / 4
        updates += try session.inspecting { try method.step(bench.data.whole(), session) }.1.updates
      }
      let expected = try plain(bench, session.model, variant, steps: [0, 5])
      #expect(updates.count == 2 * count)
      let tolerance = Conditions.elementType == .float64 ? 1e-10 : 1e-4
      let order = session.model.modalities.map(\.name).sorted()
      for (turn, (update, plain)) in zip(updates, expected).enumerated() {
        let name = order[turn % count]
        func found(_ path: String) throws -> [Double] { try values(update[ParameterPath(path)]) }
        #expect(try allClose(found("method.head.weight"), plain.head, relative: tolerance, absolute: tolerance))
        #expect(try allClose(found("method.head.bias"), plain.bias, relative: tolerance, absolute: tolerance))
        #expect(
          try allClose(found("\(name).embedding.weight"), plain.embedding, relative: tolerance, absolute: tolerance))
        // Nothing else is touched, not even by momentum or decay.
        let paths = update.presentIndices.map { session.model.store.parameters[$0].path.description }
        #expect(
          paths.sorted()
            == [
              "\(name).embedding.bias", "\(name).embedding.weight", "method.head.bias", "method.head.weight",
            ].sorted())
      }
    }
  }

  @Test("only the first update of all is left as it is")
  func firstUpdate() throws {
    let bench = try bench()
    let session = try bench.session()
    var method = try bench.method()
    let batch = try bench.data.whole()
    func gradient(_ modality: Modality) throws -> Tensor? {
      let feature = try session.forward(batch).features[modality]
      let logits = try feature.linear(
        session.model.methodTensor("head", "weight"), session.model.methodTensor("head", "bias"))
      return try session.gradients(of: session.loss(logits, batch))["method.head.weight"]
    }
    for step in 0..<2 {
      let updates = try session.inspecting { try method.step(batch, session) }.1.updates
      for (turn, modality) in (["image", "text"] as [Modality]).enumerated() {
        let plain = try values(gradient(modality))
        let same = try allClose(values(updates[turn]["method.head.weight"]), plain, relative: 1e-5, absolute: 1e-7)
        #expect(same == (step == 0 && turn == 0))
      }
    }
  }

  @Test("the modalities are trained one after the other: the second sees what the first did")
  func turns() throws {
    let bench = try bench()
    let session = try bench.session()
    var method = try bench.method()
    let inspected = try bench.session()
    var other = try bench.method()
    let batch = try bench.data.whole()
    let moving = try method.step(batch, session)
    let standing = try inspected.inspecting { try other.step(batch, inspected) }.0
    #expect(moving.losses["image"] == standing.losses["image"])
    #expect(moving.losses["text"] != standing.losses["text"])
  }

  // MARK: Prediction

  /// A model of two modalities and three classes whose logits are the features that are given.
  private func outputs(_ features: [[Double]], _ task: PredictionTask = .singleLabel) throws -> Outputs {
    let model = try MultimodalModel(
      modalities: ["image", "text"], inputWidths: [3, 3], embeddingWidths: [3, 3], classes: 3, task: task,
      store: ParameterStore(random: RandomSource(seed: 1), elementType: .float64))
    try MLA(.init()).addParameters(model.store.root / "method", for: model)
    try model.store["method.head.weight"]?.tensor.detached().copy(from: Tensor(identity(3), shape: [3, 3]))
    try model.store["method.head.bias"]?.tensor.detached().copy(from: Tensor([0.0, 0, 0]))
    return try model.outputs(
      ofFeatures: PerModality(model.modalities, features.map { try Tensor($0, shape: [$0.count / 3, 3]) }))
  }

  private func predicted(
    _ features: [[Double]], _ task: PredictionTask = .singleLabel, _ prediction: MLA.Prediction = .entropy,
    absent: Set<Modality> = []
  ) throws -> [Double] {
    var configuration = MLA.Configuration()
    configuration.prediction = prediction
    return try values(MLA(configuration).logits(outputs(features, task), absent: absent))
  }

  @Test("the known example of the prediction comes out")
  func predictionVector() throws {
    let entropies = try [[2.0, 0, 0], [0.5, 0.4, 0]].map {
      try MLA.entropy(Tensor($0, shape: [1, 3]), .singleLabel).scalar()
    }
    #expect(allClose(entropies, [0.665573, 1.077614], relative: 0, absolute: 1e-6))
    let z = try predicted([[2, 0, 0], [0.5, 0.4, 0]])
    #expect(allClose(z, [1.402366, 0.159369, 0], relative: 0, absolute: 1e-6))
  }

  @Test("a sample's prediction is its own, whatever else is in the batch")
  func bySample() throws {
    let (image, text) = (numbers(12, seed: 1), numbers(12, seed: 2))
    let all = try predicted([image, text])
    for sample in 0..<4 {
      let range = (3 * sample)..<(3 * sample + 3)
      #expect(try allClose(predicted([Array(image[range]), Array(text[range])]), Array(all[range]), relative: 1e-12))
    }
  }

  @Test("the weights are those of plain loops, also for several labels and extreme logits")
  func weights() throws {
    for scale in [0, 1e-10, 1, 40] {
      for seed in 1...3 as ClosedRange<UInt64> {
        let (image, text) = (numbers(3, seed: seed).map { $0 * scale }, numbers(3, seed: seed + 9).map { $0 * scale })
        for task in [PredictionTask.singleLabel, .multiLabel] {
          let entropies = [image, text].map { z -> Double in
            func term(_ p: Double) -> Double { p > 0 ? -p * log(p) : 0 }
            if task == .multiLabel {
              return z.map { 1 / (1 + exp(-$0)) }.reduce(0) { $0 + term($1) + term(1 - $1) } / 3
            }
            let sum = z.reduce(0) { $0 + exp($1) }
            return z.reduce(0) { $0 + term(exp($1) / sum) }
          }
          let first = exp(-entropies[0]) / (exp(-entropies[0]) + exp(-entropies[1]))
          let expected = zip(image, text).map { first * $0 + (1 - first) * $1 }
          #expect(try allClose(predicted([image, text], task), expected, relative: 1e-9, absolute: 1e-12))
        }
      }
    }
    #expect(try predicted([[1e15, 0, 0], [0, 0, 0]]).allFinite)
  }

  @Test("absent modalities are left out, and all count alike on demand")
  func absent() throws {
    let (image, text) = ([2.0, 0, 0], [0.5, 0.4, 0])
    #expect(try predicted([image, text], absent: ["image"]) == text)
    #expect(try predicted([image, text], absent: ["text"]) == image)
    #expect(try predicted([image, text], absent: ["image", "text"]) == predicted([image, text]))
    #expect(try allClose(predicted([image, text], .singleLabel, .mean), [1.25, 0.2, 0], relative: 1e-12))
  }

  @Test("embeddings of different widths are refused before training")
  func widths() throws {
    let model = try MultimodalModel(
      modalities: ["image", "text"], inputWidths: [3, 3], embeddingWidths: [3, 2], classes: 3, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: 1)))
    let error = try #require(throws: Diagnosis.self) {
      try MLA(.init()).addParameters(model.store.root / "method", for: model)
    }
    #expect(error.found == ["the model has 3, 2"])
  }
}
