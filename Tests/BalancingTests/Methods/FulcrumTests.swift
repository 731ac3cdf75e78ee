import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Fulcrum")
struct FulcrumTests {
  private static let three: [Modality] = ["image", "text", "audio"]

  private static let cases = ListedStep.all("fulcrum.json")

  @Test("the golden steps are there, for every fusion, every task and two to five modalities")
  func complete() {
    #expect(Set(Self.cases.map(\.fusion)).count == 6)
    #expect(Set(Self.cases.map(\.task)).count == 3)
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3, 5])
  }

  @Test("a step is what PyTorch computes set by set, to 1e-9", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: ListedStep, _ path: GradientPath) throws { try example.check(path, missing: true) }

  @Test("with no sets, no gate, no unimodal losses and no views it is joint training bit for bit")
  func neutral() throws {
    let off: [String: Tree] = ["subsets": 0.0, "unimodal": 0.0, "gate": 0.0, "views": 0.0]
    #expect(try Bench("fulcrum", off).run().last == Bench("joint").run().last)
    #expect(try Bench("fulcrum").run().last != Bench("joint").run().last)
  }

  @Test("the gate begins by trusting all alike, so that the first prediction is joint training's")
  func firstPrediction() throws {
    for modalities in [["image", "text"], Self.three] as [[Modality]] {
      let data = SyntheticData(modalities: modalities)
      let bench = try Bench("fulcrum", ["gate": 0.25], data: data)
      let session = try bench.session()
      let method = try #require(try bench.method() as? Fulcrum)
      let outputs = try session.forward(data.whole())
      #expect(try allClose(values(method.logits(outputs, absent: [])), values(outputs.logits), relative: 1e-5))
      let shares = try method.reliance(outputs, missing: outputs, absent: [])
      for share in shares.values {
        #expect(try allClose(values(share), Array(repeating: 1 / Double(modalities.count), count: data.count)))
      }
    }
  }

  @Test(
    "what is declared absent has a share of exactly zero, and the others' shares add up to one", arguments: [2, 3],
    [0, 0.25])
  func absentShare(_ count: Int, _ gate: Double) throws {
    let data = SyntheticData(modalities: Array(Self.three.prefix(count)))
    let outcome = try Bench("fulcrum", ["gate": .number(gate)], data: data).run()
    let method = try #require(outcome.method as? Fulcrum)
    let outputs = try outcome.session.forward(data.whole())
    for absent in [["image"], ["text"]] as [Set<Modality>] {
      let shares = try method.reliance(outputs, missing: outputs, absent: absent)
      var sums = [Double](repeating: 0, count: data.count)
      for (modality, share) in shares {
        let share = try values(share)
        if absent.contains(modality) {
          #expect(share.allSatisfy { $0 == 0 })
        } else {
          // Without a gate, what speaks against the prediction has no share in it.
          #expect(share.allSatisfy { gate > 0 ? $0 > 0 : $0 >= 0 })
        }
        sums = zip(sums, share).map(+)
      }
      #expect(allClose(sums, sums.map { _ in 1 }))
    }
  }

  @Test("all sets at once are the expectation of one drawn for each row", arguments: [2, 3, 5])
  func expectation(_ count: Int) throws {
    let names: [Modality] = ["image", "text", "audio", "depth", "touch"]
    let data = SyntheticData(modalities: Array(names.prefix(count)))
    let session = try Bench("fulcrum", ["gate": 0.25], data: data).session()
    let batch = try data.whole()
    let pass = SubsetPass(
      model: session.model, features: try session.featuresAndMissing(batch),
      gate: Gate(
        reach: 2, weight: try session.model.methodTensor("gate", "weight") + 0.3,
        bias: try session.model.methodTensor("gate", "bias")))
    let some = pass.features.values[0]
    let sets = SubsetFamily.sets(count)
    #expect(sets.count == (count > 4 ? 2 * count : 1 << count - 2))
    let exact = try pass(SubsetFamily.members(sets, of: count, like: some)).logits
    var mean = 0.0
    for number in sets.indices {
      // Every row draws the same set: each has the same chance, so that their mean is the expectation.
      let draws = [Double](repeating: (Double(number) + 0.5) / Double(sets.count), count: batch.count)
      let rows = SubsetFamily.drawn(sets, by: draws)
      let drawn = try pass(SubsetFamily.members(rows, oneForEachRow: true, of: count, like: some)).logits
      #expect(try allClose(values(drawn.selected(0, 0)), values(exact.selected(0, 0)), absolute: 1e-6))
      #expect(try allClose(values(drawn.selected(0, 1)), values(exact.selected(0, number + 1)), absolute: 1e-6))
      mean += try session.loss(drawn.selected(0, 1), batch).scalar() / Double(sets.count)
    }
    let others = try exact.narrowed(0, from: 1, length: sets.count)
    let labels = try Tensor.cat(sets.map { _ in batch.labels }, 0)
    let whole = try session.model.task.loss(others.reshaped([-1, data.classes]), labels).scalar()
    #expect(allClose([mean], [whole], relative: 1e-5))
  }

  @Test("a modality that is always what a missing one is changes no prediction")
  func constant() throws {
    var bench = try Bench("fulcrum", data: SyntheticData(modalities: Self.three))
    bench.showing = { ConstantModality(base: $0, modality: "audio") }
    let outcome = try bench.run()
    let method = try #require(outcome.method as? Fulcrum)
    let batch = try bench.showing(bench.data).batch(SamplingPlan.inOrder(bench.data.count).visits[...])
    let (with, without) = (
      try outcome.session.forward(batch), try outcome.session.forward(batch, without: ["audio"])
    )
    #expect(try values(method.logits(with, absent: [])) == values(method.logits(without, absent: [])))
  }

  @Test("its losses are those of the formulas, by loops")
  func loops() throws {
    let bench = try Bench("fulcrum", ["gate": 0.0])
    let session = try bench.session()
    var method = try bench.method()
    let batch = try bench.data.whole()
    let report = try session.inspecting { try method.step(batch, session) }.report
    func logits(_ absent: Set<Modality>) throws -> [[Double]] {
      let all = try values(session.forward(batch, without: absent).logits)
      return (0..<batch.count).map { Array(all[($0 * 3)..<($0 * 3 + 3)]) }
    }
    let labels: [Int] = try batch.labels.array()
    let full = try logits([])
    var (fit, divergence) = (0.0, 0.0)
    for absent in [["image"], ["text"]] as [Set<Modality>] {
      for (row, z) in try logits(absent).enumerated() {
        fit += Loops.crossEntropy(z, labels[row]) / Double(2 * batch.count)
        divergence += Loops.divergence(Loops.softmax(full[row]), Loops.softmax(z)) / Double(2 * batch.count)
      }
    }
    #expect(
      allClose(
        [report.losses["subsets"] ?? .nan, report.scalars["divergence"] ?? .nan], [fit, divergence], relative: 1e-5))
    let fused = Loops.mean(zip(full, labels).map { Loops.crossEntropy($0, $1) })
    #expect(allClose([report.losses["fused"] ?? .nan], [fused], relative: 1e-5))
  }

  @Test("a noisy row counts in the loss with everything there alone, unless all are asked for", arguments: [2, 3])
  func noise(_ count: Int) throws {
    let data = SyntheticData(modalities: Array(Self.three.prefix(count)))
    var batch = try data.whole()
    func losses(_ settings: [String: Tree], _ batch: Batch) throws -> [String: Double] {
      let bench = try Bench("fulcrum", settings, data: data)
      let session = try bench.session()
      var method = try bench.method()
      return try session.inspecting { try method.step(batch, session) }.report.losses
    }
    let clean = try losses([:], batch)
    batch.impaired = batch.samples.map { $0 < 5 ? ["image"] : [] }
    for form in ["exact", "sampled"] {
      let all = try losses(["noise": "everywhere", "form": .string(form)], batch)
      let own = try losses(["form": .string(form)], batch)
      #expect(all["fused"] == own["fused"] && all["text"] == own["text"])
      #expect(all["image"] != own["image"] && all["subsets"] != own["subsets"])
      if form == "exact" { #expect(all == clean) }
    }
    // The image's own loss is that of the other rows.
    let rest = try data.batch(SamplingPlan.inOrder(data.count).visits[5...])
    let expected = try #require(try losses([:], rest)["image"])
    #expect(allClose([try losses([:], batch)["image"] ?? .nan], [expected], relative: 1e-5))
    // Where no row is left there is no such loss.
    batch.impaired = batch.samples.map { _ in Set(data.modalities) }
    let none = try losses([:], batch)
    #expect(Set(none.keys) == ["fused"])
  }

  @Test("sets of many modalities are those of one and those that lack one, a number that grows linearly")
  func family() {
    #expect(SubsetFamily.sets(1).isEmpty)
    #expect(SubsetFamily.sets(2) == [[true, false], [false, true]])
    for count in 2...8 {
      let sets = SubsetFamily.sets(count)
      #expect(Set(sets).count == sets.count)
      #expect(sets.allSatisfy { $0.contains(true) && $0.contains(false) })
    }
    #expect(SubsetFamily.sets(8).count == 16)
  }
}

/// A split in which one modality is always zeros.
private struct ConstantModality: BatchSource {
  let base: any BatchSource
  let modality: Modality

  var count: Int { base.count }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let batch = try base.batch(visits)
    return Batch(
      samples: batch.samples, inputs: try batch.inputs.map { $0 == modality ? try $1 * 0 : $1 }, labels: batch.labels)
  }
}
