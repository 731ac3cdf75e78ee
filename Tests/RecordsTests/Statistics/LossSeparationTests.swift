import Records
import TestSupport
import Testing

struct LossSeparationTests {
  /// Steps, ten an epoch, with the losses that `losses` gives.
  private func steps(_ count: Int, _ name: String = "split.", _ losses: (Int) -> [String: Double]) -> [StepRow] {
    (0..<count).map { step in
      let named = Dictionary(uniqueKeysWithValues: losses(step).map { (name + $0, $1) })
      return StepRow(
        step: step, epoch: step / 10, losses: name.isEmpty ? named : ["fused": 1], scalars: name.isEmpty ? [:] : named)
    }
  }

  /// A small movement up and down that sums to 0 over two steps.
  private func jitter(_ step: Int) -> Double { step.isMultiple(of: 2) ? 0.02 : -0.02 }

  @Test("losses that run together and then part are told apart from the window where they do")
  func parting() throws {
    let rows = steps(160) { step in
      let text = step < 80 ? 1.0 : 0.5
      return ["image": 1 + jitter(step), "text": text - jitter(step)]
    }
    let parting = try #require(LossSeparation(rows, modalities: ["image", "text"]))
    #expect(parting.ahead == "text")
    #expect(parting.behind == "image")
    #expect(parting.step == 80)
    #expect(parting.epoch == 8)
    #expect(parting.steps == 160)
    #expect(parting.epochs == 16)
    #expect(parting.losses == .split)
    #expect(abs((parting.end["text"] ?? 0) - 0.5) < 1e-9)
  }

  @Test("losses that part, meet again and part once more have parted the last time")
  func again() throws {
    let rows = steps(160) { step in
      ["image": 1 + jitter(step), "text": (20..<60).contains(step) || step >= 120 ? 0.5 : 1]
    }
    #expect(try #require(LossSeparation(rows, modalities: ["image", "text"])).step == 120)
  }

  @Test("losses that never part, or only by noise or by less than a twentieth, have no such moment")
  func never() {
    #expect(LossSeparation(steps(160) { ["image": 1 + jitter($0), "text": 1] }, modalities: ["image", "text"]) == nil)
    #expect(LossSeparation(steps(160) { _ in ["image": 1.04, "text": 1] }, modalities: ["image", "text"]) == nil)
    let wild = steps(160) { ["image": 1.2 + ($0.isMultiple(of: 2) ? 3 : -3), "text": 1] }
    #expect(LossSeparation(wild, modalities: ["image", "text"]) == nil)
  }

  @Test("losses apart from the first step part at step 0; of three modalities the lowest and the highest are named")
  func three() throws {
    let rows = steps(50) { _ in ["a": 2, "b": 1, "c": 3] }
    let parting = try #require(LossSeparation(rows, modalities: ["a", "b", "c"]))
    #expect(parting.step == 0)
    #expect(parting.ahead == "b")
    #expect(parting.behind == "c")
    #expect(parting.end == ["a": 2, "b": 1, "c": 3])
  }

  @Test("a method's own unimodal losses are read where there is nothing better")
  func own() throws {
    let rows = steps(50, "") { _ in ["image": 2, "text": 1] }
    #expect(try #require(LossSeparation(rows, modalities: ["image", "text"])).losses == .own)
  }

  @Test("without a loss for each modality, or with too few steps, nothing is said")
  func unknown() {
    #expect(LossSeparation(steps(50) { _ in ["image": 1] }, modalities: ["image", "text"]) == nil)
    #expect(LossSeparation(steps(3) { _ in ["image": 1, "text": 2] }, modalities: ["image", "text"]) == nil)
    #expect(LossSeparation([], modalities: ["image", "text"]) == nil)
  }
}
