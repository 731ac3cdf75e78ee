import Testing

@testable import SeesawCommand

@Suite("Progress")
struct ProgressLineTests {
  @Test("the count is said once")
  func sentence() {
    #expect(
      ProgressLine(label: "x", done: 7, total: 20, detail: "epoch 7/20  loss 0.6").sentence == "epoch 7/20  loss 0.6")
    #expect(ProgressLine(label: "x", done: 3, total: 15, detail: "joint seed 3").sentence == "3/15  joint seed 3")
    #expect(ProgressLine(label: "x", done: 256, total: 1128, detail: "").sentence == "256/1,128")
    #expect(ProgressLine(label: "x", done: 0, total: 0, detail: "begins").sentence == "begins")
  }

  @Test("the bar is empty at first, full at the end, and never longer")
  func bar() {
    #expect(ProgressLine(label: "", done: 0, total: 20, detail: "").bar == "░░░░░░░░░░░░░░░")
    #expect(ProgressLine(label: "", done: 10, total: 20, detail: "").bar == "███████░░░░░░░░")
    #expect(ProgressLine(label: "", done: 20, total: 20, detail: "").bar == "███████████████")
    #expect(ProgressLine(label: "", done: 30, total: 20, detail: "").bar == "███████████████")
    #expect(ProgressLine(label: "", done: 1, total: 0, detail: "").bar == "░░░░░░░░░░░░░░░")
  }

  @Test("a drawn line is narrower than the terminal, so that it can be drawn again in its place")
  func width() {
    let line = ProgressLine(label: "Training", done: 7, total: 20, detail: "epoch 7/20  loss 0.612")
    #expect(line.drawn(width: 100) == " Training  █████░░░░░░░░░░  epoch 7/20  loss 0.612")
    #expect(line.drawn(width: 30).count == 29)
    #expect(line.drawn(width: 0) == "")
    #expect(line.line == " Training  epoch 7/20  loss 0.612")
  }

  private func admitted(_ counts: [(Int, Int)], label: String = "Training") -> [Int] {
    var filter = ProgressFilter()
    return counts.filter { filter.admits(ProgressLine(label: label, done: $0.0, total: $0.1, detail: "")) }.map(\.0)
  }

  @Test("on a pipe an epoch is one line, however often its steps report")
  func epochs() {
    #expect(admitted([(0, 3), (0, 3), (1, 3), (1, 3), (2, 3), (3, 3)]) == [1, 2, 3])
  }

  @Test("on a pipe a piece of work fills at most twenty lines, the last among them")
  func many() {
    let lines = admitted((1...1000).map { ($0, 1000) })
    #expect(lines.count == 20)
    #expect(lines.last == 1000)
  }

  @Test("the next piece of work begins anew")
  func next() {
    #expect(admitted([(1, 2), (2, 2), (1, 2), (2, 2)]) == [1, 2, 1, 2])
    #expect(admitted([(2, 2), (2, 3), (3, 3)]) == [2, 2, 3])
  }
}
