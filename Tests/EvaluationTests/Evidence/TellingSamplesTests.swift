import Evaluation
import Multimodal
import Records
import TestSupport
import Testing

struct TellingSamplesTests {
  private let names = ["image", "text"]
  private let classes = ["a", "b", "c"]

  private func table(_ seed: UInt64, truth: [Int]) throws -> Predictions {
    var numbers = SeededNumbers(seed: seed, stream: "telling")
    let probabilities = truth.flatMap { _ -> [Double] in
      let raw = (0..<3).map { _ in numbers.uniform() }
      return raw.map { $0 / raw.reduce(0, +) }
    }
    return try Predictions(task: .singleLabel, classes: 3, truth: truth, probabilities: probabilities)
  }

  private func bench() throws -> (TellingSamples, [String: Predictions], [Predictions]) {
    let truth = (0..<60).map { $0 % 3 }
    let conditions = try [
      "full": table(1, truth: truth), "image-missing": table(2, truth: truth), "text-missing": table(3, truth: truth),
    ]
    let alone = try [table(4, truth: truth), table(5, truth: truth)]
    let telling = TellingSamples(
      conditions: conditions, alone: Array(zip(names, alone)).map { ($0, $1) }, weak: "image", classes: classes)
    return (telling, conditions, alone)
  }

  @Test("what is found is what plain loops find, in the order of clearness")
  func loops() throws {
    let (telling, conditions, alone) = try bench()
    let full = try #require(conditions["full"])
    func best(_ p: Predictions, _ row: Int) -> Int {
      (0..<3).max { p.probabilities[row * 3 + $0] < p.probabilities[row * 3 + $1] } ?? 0
    }
    func at(_ p: Predictions, _ row: Int, _ label: Int) -> Double { p.probabilities[row * 3 + label] }
    var flips: [String: [(row: Int, by: Double)]] = [:]
    for name in names {
      let without = try #require(conditions["\(name)-missing"])
      for row in 0..<60 where best(full, row) == row % 3 && best(without, row) != row % 3 {
        flips[name, default: []].append((row, at(full, row, row % 3) - at(without, row, row % 3)))
      }
      flips[name]?.sort { $0.by > $1.by }
    }
    let found = telling.clearest(100)
    let image = found.filter { $0.kind == .removalFlips && $0.modality == "image" }.map(\.row)
    #expect(image == flips["image"]?.map(\.row))
    #expect(!image.isEmpty)
    let text = found.filter { $0.kind == .removalFlips && $0.modality == "text" }.map(\.row)
    // A sample stands only once.
    #expect(text == flips["text"]?.map(\.row).filter { !image.contains($0) })

    var weak: [(row: Int, by: Double)] = []
    for row in 0..<60 where best(full, row) != row % 3 && best(alone[0], row) == row % 3 {
      weak.append((row, at(alone[0], row, row % 3) - at(full, row, row % 3)))
    }
    #expect(found.filter { $0.kind == .weakAloneRight }.map(\.row) == weak.sorted { $0.by > $1.by }.map(\.row))
    #expect(found.filter { $0.kind == .weakAloneRight }.allSatisfy { $0.modality == "image" })

    let before = Set(found.filter { $0.kind != .disagreement }.map(\.row))
    var opposed: [(row: Int, by: Double)] = []
    for row in 0..<60 where best(alone[0], row) != best(alone[1], row) && !before.contains(row) {
      opposed.append((row, min(at(alone[0], row, best(alone[0], row)), at(alone[1], row, best(alone[1], row)))))
    }
    #expect(found.filter { $0.kind == .disagreement }.map(\.row) == opposed.sorted { $0.by > $1.by }.map(\.row))
  }

  @Test("so many of each kind, with every answer beside them")
  func limit() throws {
    let (telling, conditions, alone) = try bench()
    let found = telling.clearest(2)
    #expect(found.count == 8)
    #expect(Set(found.map(\.row)).count == 8)
    for sample in found {
      #expect(sample.truth == [classes[sample.row % 3]])
      #expect(Set(sample.answers.keys) == Set(conditions.keys))
      #expect(Set(sample.alone.keys) == Set(names))
      #expect(sample.alone["text"]?.isRight == alone[1].isRight(sample.row))
      #expect(sample.answers["full"]?.labels == conditions["full"]?.predicted(sample.row).map { classes[$0] })
    }
    #expect(telling.clearest(0).isEmpty)
  }

  @Test("removals that flip an answer are found too where no modality was asked about alone")
  func unasked() throws {
    let (telling, conditions, _) = try bench()
    let known = telling.clearest(2).filter { $0.kind == .removalFlips }
    let found = TellingSamples(conditions: conditions, alone: [], weak: nil, classes: classes).clearest(2)
    #expect(!found.isEmpty && found.allSatisfy { $0.kind == .removalFlips })
    #expect(Set(found.map(\.row)) == Set(known.map(\.row)))
  }

  @Test("of several labels a sample may have none, and an answer may name several")
  func several() throws {
    let full = try Predictions(
      task: .multiLabel, classes: 2, truth: [1, 1, 0, 0], probabilities: [0.9, 0.8, 0.2, 0.1])
    let without = try Predictions(
      task: .multiLabel, classes: 2, truth: [1, 1, 0, 0], probabilities: [0.9, 0.3, 0.7, 0.1])
    let telling = TellingSamples(
      conditions: ["full": full, "text-missing": without], alone: [("text", full)], weak: nil, classes: ["x", "y"])
    let found = telling.clearest(5)
    #expect(found.map(\.row).sorted() == [0, 1])
    #expect(found.first { $0.row == 0 }?.truth == ["x", "y"])
    #expect(found.first { $0.row == 1 }?.truth == [])
    #expect(found.first { $0.row == 1 }?.answers["text-missing"]?.labels == ["x"])
  }
}
