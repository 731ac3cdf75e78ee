import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Watching runs")
struct WatchTests {
  private func run(_ epochs: Int, _ status: RunStatus = .running) -> WatchedRun {
    var rows: [EpochRow] = []
    for epoch in 0..<epochs {
      let time = Double(epoch)
      let train: [String: Double] = [
        "fused": 2 / (time + 1), "image": 2 - 0.1 * time, "text": 1 / (time + 1), "cosine": 0.3,
      ]
      let validation: [String: Double] = ["accuracy": 0.5 + 0.05 * Double(epoch % 3), "split.image": 1.5]
      rows.append(EpochRow(epoch: epoch, train: train, validation: validation, seconds: 2))
    }
    return WatchedRun(
      folder: "runs/first", record: RunQueryTests.record("joint", epochs: 8, status), status: status, epochs: rows)
  }

  @Test("curves of losses share one scale, fused first, and the best epoch is told")
  func curves() {
    let text = run(4).text(width: 80)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "emoji · joint · seed 3 · epoch 4/8 · running · 8.0 s")
    #expect(lines[2].hasPrefix("loss fused") && lines[6].hasPrefix("loss image") && lines[10].hasPrefix("loss text"))
    #expect(lines[14].hasPrefix("validation accuracy") && lines[15].hasPrefix("  50.0 %"))
    #expect(lines[3].hasPrefix("  0.500") && lines[4].hasPrefix("  from 2.000"))
    #expect(lines.last == "best validation accuracy 60.0 % at epoch 3")
    #expect(lines.allSatisfy { $0.count <= 80 })
    // Half of the epochs fill half of the width.
    let full = run(8).text(width: 80).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(abs(2 * lines[2].count - 23 - full[2].count) <= 2)
  }

  @Test("a run whose first epoch has not ended says so")
  func empty() { #expect(run(0).text(width: 80).hasSuffix("\nno epoch has ended yet")) }

  @Test("on a pipe an epoch is a line")
  func lines() throws {
    let run = run(4)
    #expect(
      run.line(run.epochs[1], withFolder: false)
        == "epoch 2/8  loss fused 1.000  loss image 1.900  loss text 0.500  validation accuracy 55.0 %  "
        + "validation loss image 1.500")
    #expect(run.line(run.epochs[0], withFolder: true).hasPrefix("runs/first  epoch 1/8  "))
  }

  @Test("several runs are a table with a spark of each curve")
  func table() {
    let text = WatchedRun.table([run(4), run(8, .finished)], width: 120)
    let lines = text.split(separator: "\n")
    #expect(lines[1].contains("running     4/8  0.500  █"))
    #expect(lines[2].contains("finished") && lines.last == "1 of 2 runs ended")
  }

  @Test("a curve goes through its dots: a rise is a stair, a constant one line, a gap stays open")
  func dots() {
    #expect(Curve.lines([0, 1, 2, 3], width: 2, height: 1, range: 0...3) == ["⣠⠞"])
    let flat = Curve.lines([1, 1, 1, 1], width: 2, height: 1, range: 1...1)[0]
    #expect(Set(flat).count == 1 && flat != "⠀⠀")
    #expect(Curve.lines([0, .nan, 0, 0], width: 2, height: 1, range: 0...3) == ["⡀⣀"])
    #expect(Curve.lines([], width: 2, height: 1, range: 0...3) == ["⠀⠀"])
    #expect(Curve.range([[.nan, 2], [5]]) == 2...5)
    #expect(Curve.spark([0, 1, 2, 3, 4, 5, 6, 7], width: 8) == "▁▂▃▄▅▆▇█")
    #expect(Curve.spark((0..<100).map(Double.init), width: 4).count == 4)
  }

  @Test("runs below a folder are found while they begin, and what cannot be read yet is left for later")
  func below() throws {
    try withTemporaryFolder { root in
      try RunQueryTests.write(to: root)
      let broken = RunFolder(root.appending(path: "e"))
      try broken.create()
      try Data("{".utf8).write(to: broken.record)
      let runs = WatchedRun.below(root)
      #expect(runs.map(\.status) == [.finished, .finished, .finished, .interrupted])
      #expect(runs.allSatisfy { $0.epochs.isEmpty && $0.hasEnded })
    }
  }
}
