import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Modality dropout")
struct ModalityDropoutTests {
  private func hidden(_ draws: [[Double]], _ probability: Double) throws -> [[Bool]] {
    try ModalityDropout.hidden(draws.map { try Tensor($0) }, probability).map { try $0.array() }
  }

  @Test("a row's modality is hidden where its number is at most p and not the row's largest")
  func formula() throws {
    let draws = [numbers(40, seed: 1, in: 0...1), numbers(40, seed: 2, in: 0...1), numbers(40, seed: 3, in: 0...1)]
    for probability in [0.1, 0.3, 0.9, 1] {
      for count in 1...3 {
        let chosen = Array(draws.prefix(count))
        let found = try hidden(chosen, probability)
        for m in 0..<count {
          for row in 0..<40 {
            let largest = chosen.map { $0[row] }.max()
            #expect(found[m][row] == (chosen[m][row] <= probability && chosen[m][row] != largest))
          }
        }
      }
    }
  }

  @Test("no row ever loses all its modalities", arguments: [0.3, 0.99, 1])
  func neverAll(_ probability: Double) throws {
    let draws = ["image", "text", "audio"].map { name in
      var numbers = SeededNumbers(seed: 1, stream: name)
      return (0..<500).map { _ in numbers.uniform() }
    }
    let found = try hidden(draws, probability)
    for row in 0..<500 { #expect(found.contains { !$0[row] }) }
    if probability == 1 {
      for row in 0..<500 { #expect(found.filter { !$0[row] }.count == 1) }
      for one in found { #expect(abs(one.filter { !$0 }.count - 167) < 45) }
    }
  }

  @Test("of two modalities each is hidden in p − p²/2 of the rows")
  func frequency() throws {
    let bench = try Bench("modality-dropout", data: SyntheticData(count: 4000))
    let session = try bench.session()
    var method = try bench.method()
    let report = try session.inspecting { try method.step(bench.data.whole(), session) }.report
    for modality in ["image", "text"] {
      #expect(abs(try #require(report.scalars["hidden.\(modality)"]) - (0.3 - 0.045)) < 0.03)
    }
  }

  @Test("the loss is that of rows with zeros in the hidden places, and the shared batch is left as it was")
  func step() throws {
    let bench = try Bench("modality-dropout", ["probability": 0.6, "hide": "zero"])
    let (session, batch) = (try bench.session(), try bench.data.whole())
    let before = try batch.inputs.values.map { try values($0) }
    var method = try bench.method()
    let report = try session.inspecting { try method.step(batch, session) }.report
    let draws = try ["image", "text"].map { try session.random("hide/\($0)").uniform([batch.count], .float64) }
    let hidden = try ModalityDropout.hidden(draws, 0.6).map { try $0.array(of: Bool.self) }
    var inputs: [Tensor] = []
    for (m, rows) in before.enumerated() {
      let width = rows.count / batch.count
      inputs.append(
        try .of(rows.indices.map { hidden[m][$0 / width] ? 0 : rows[$0] }, [batch.count, width]))
    }
    let expected = try session.loss(session.model(PerModality(bench.data.modalities, inputs)).logits, batch).scalar()
    #expect(allClose([try #require(report.losses["fused"])], [expected]))
    #expect(hidden[0] != hidden[1])
    #expect(try batch.inputs.values.map { try values($0) } == before)
  }

  @Test("with probability 0 it is joint training")
  func neutral() throws {
    #expect(try Bench("modality-dropout", ["probability": 0.0]).run().last == Bench("joint").run().last)
    #expect(try Bench("modality-dropout").run().last != Bench("joint").run().last)
  }

  @Test("every step hides other rows, and three modalities will do")
  func three() throws {
    let bench = try Bench("modality-dropout", data: SyntheticData(modalities: ["image", "text", "audio"]))
    let session = try bench.session()
    let steps = try (0..<3).map { step in
      session.clock.step = step
      return try values(session.random("hide/audio").uniform([20], .float64))
    }
    #expect(Set(steps).count == 3)
    let shares = try bench.run().reports.map { try #require($0.scalars["hidden.audio"]) }
    #expect(shares.contains { $0 > 0 } && shares.allSatisfy { $0 < 1 })
  }

  @Test("a hidden row is what a missing input is, or the mean of the training inputs")
  func hiding() throws {
    for form in ["missing", "mean"] {
      let bench = try Bench("modality-dropout", ["probability": 0.6, "hide": .string(form)])
      let (plain, batch) = (try bench.session(), try bench.data.whole())
      let rows = try batch.inputs.map { try $1.narrowed(0, from: 3, length: 1) }
      let session = TrainingSession(
        plain.model, optimizer: plain.optimizer, learningRate: LearningRate(0.1),
        clock: TrainingClock(steps: 10, epochs: 1), random: RandomSource(seed: 1), missing: rows)
      var method = try #require(try bench.method() as? ModalityDropout)
      try method.prepare(bench.context(session))
      let report = try session.inspecting { try method.step(batch, session) }.report
      let draws = try ["image", "text"].map { try session.random("hide/\($0)").uniform([batch.count], .float64) }
      let hidden = try ModalityDropout.hidden(draws, 0.6).map { try $0.array(of: Bool.self) }
      let expected = try PerModality(
        bench.data.modalities,
        batch.inputs.enumerated().map { m, entry in
          let all = try values(entry.1)
          let width = all.count / batch.count
          let stand =
            form == "missing"
            ? Array(all[(3 * width)..<(4 * width)])
            : (0..<width).map { column in Loops.mean((0..<batch.count).map { all[$0 * width + column] }) }
          return try Tensor.of(
            all.indices.map { hidden[m][$0 / width] ? stand[$0 % width] : all[$0] }, [batch.count, width])
        })
      let loss = try session.loss(session.model(expected).logits, batch).scalar()
      #expect(allClose([try #require(report.losses["fused"])], [loss], relative: 1e-5), "\(form)")
    }
  }
}
