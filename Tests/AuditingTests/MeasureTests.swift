import Foundation
import Multimodal
import Records
import Testing

@testable import Auditing

struct MeasureTests {
  private let modalities = ["image", "text"]

  private func logits(_ rows: [[Double]]) throws -> AnswerTable {
    try AnswerTable(rows: rows.count, classes: rows[0].count, kind: .logits, values: rows.flatMap { $0 })
  }

  private func probabilities(_ rows: [[Double]]) throws -> AnswerTable {
    try AnswerTable(rows: rows.count, classes: rows[0].count, values: rows.flatMap { $0 })
  }

  private func table(
    classes: Int = 2, labels: [Int]?, conditions: [String: AnswerTable], swaps: [PredictionTable.Swap] = [],
    grid: PredictionTable.Grid? = nil, prior: [Double]? = nil
  ) throws -> PredictionTable {
    try PredictionTable(
      classes: (0..<classes).map { "c\($0)" }, modalities: modalities, labels: labels.map { .classes($0) },
      conditions: conditions, swaps: swaps, grid: grid, prior: prior)
  }

  // MARK: Additivity

  /// A grid of a model of two symbols.
  private func grid(_ symbols: [[Int]], _ model: (Int, Int) -> [Double]) throws -> PredictionTable {
    let n = symbols[0].count
    let full = try logits((0..<n).map { model(symbols[0][$0], symbols[1][$0]) })
    let cells = try logits((0..<n).flatMap { i in (0..<n).map { j in model(symbols[0][i], symbols[1][j]) } })
    let labels = (0..<n).map { row in
      full.values[(row * full.classes)..<((row + 1) * full.classes)].enumerated().max { $0.element < $1.element }?
        .offset ?? 0
    }
    return try table(
      classes: full.classes, labels: labels, conditions: ["full": full],
      grid: PredictionTable.Grid(index: Array(0..<n), scores: cells))
  }

  @Test("a sum of two parts has the shares of its parts and no gap")
  func additive() throws {
    // Every pair of symbols once, so that the shares are those of independent uniform symbols.
    let symbols = [(0..<16).map { $0 / 4 }, (0..<16).map { $0 % 4 }]
    func one(_ x: Int, _ scale: Double) -> [Double] { (0..<4).map { $0 == x ? scale : 0 } }
    let table = try grid(symbols) { a, b in zip(one(a, 2), one(b, 1)).map { $0 + $1 } }
    let record = try Audit.measure(table, options: AuditOptions(replicates: 20))
    let emap = try #require(record.emap)
    #expect(abs((emap.shares["image"] ?? 0) - 0.8) < 1e-9)
    #expect(abs((emap.shares["text"] ?? 0) - 0.2) < 1e-9)
    #expect(emap.shares["together"] == 0)
    #expect(emap.gap == 0 && record.interval95["emap.gap"] == Interval(low: 0, high: 0))
  }

  @Test("an exclusive or is all interaction, and its best sum is at chance")
  func interaction() throws {
    var numbers = SeededNumbers(seed: 3, stream: "test/xor")
    let symbols = (0..<2).map { _ in (0..<200).map { _ in numbers.uniform(below: 2) } }
    let table = try grid(symbols) { a, b in a == b ? [3, 0] : [0, 3] }
    let emap = try #require(try Audit.measure(table, options: AuditOptions(replicates: 0)).emap)
    #expect((emap.shares["together"] ?? 0) > 0.98)
    #expect((emap.shares["image"] ?? 1) < 0.01 && (emap.shares["text"] ?? 1) < 0.01)
    #expect((emap.score ?? 1) < 0.65 && (emap.gap ?? 0) > 0.35)
  }

  @Test("a model that is a sum by construction needs no grid, and its gap is 0")
  func construction() throws {
    let parts = [
      "image": try logits([[2, 0], [0, 2], [2, 0], [0, 2]]), "text": try logits([[1, 0], [1, 0], [0, 1], [0, 1]]),
    ]
    let full = try logits([[3, 0], [1, 2], [2, 1], [0, 3]])
    let table = try PredictionTable(
      classes: ["a", "b"], modalities: modalities, labels: .classes([0, 1, 0, 1]), conditions: ["full": full],
      parts: parts)
    let emap = try #require(try Audit.measure(table, options: AuditOptions(replicates: 0)).emap)
    #expect(emap.byConstruction && emap.gap == 0 && emap.rows == nil)
    #expect(abs((emap.shares["image"] ?? 0) - 0.8) < 1e-9 && emap.shares["together"] == 0)
  }

  // MARK: Bits

  @Test("pointwise information of (.7, .2, .1) under a prior of 1/4 is 1.485427 bits")
  func pointwise() throws {
    let table = try table(
      classes: 4, labels: [0], conditions: ["full": probabilities([[0.7, 0.2, 0.1, 0]])],
      prior: [0.25, 0.25, 0.25, 0.25])
    let found = try Audit.measure(table, options: AuditOptions(replicates: 0))
    #expect(abs((found.usable?.together ?? 0) - 1.485427) < 5e-7)
  }

  @Test("what tells one of four classes holds two bits, and what tells nothing none")
  func available() throws {
    let labels = [0, 1, 2, 3]
    let sure = try probabilities(labels.map { label in (0..<4).map { $0 == label ? 1 : 0 } })
    let flat = try probabilities(labels.map { _ in [0.25, 0.25, 0.25, 0.25] })
    let table = try table(
      classes: 4, labels: labels,
      conditions: ["full": sure, "alone:image": sure, "alone:text": flat, "missing:image": flat, "missing:text": sure])
    let usable = try #require(try Audit.measure(table, options: AuditOptions(replicates: 0)).usable)
    #expect(usable.available == ["image": 2, "text": 0] && usable.together == 2)
    #expect(usable.extra == ["image": 2, "text": 0] && usable.used == ["image": 2, "text": 0])
    #expect(usable.usedShare["image"] == 1 && usable.usedShare["text"] == nil)
  }

  @Test("a probability of 0 for the truth is clipped and counted, and a label that all doubt is listed")
  func clipping() throws {
    let wrong = try probabilities([[0, 1], [1, 0], [0, 1]])
    let table = try table(
      labels: [0, 0, 1], conditions: ["full": wrong, "alone:image": wrong, "alone:text": wrong])
    let usable = try #require(try Audit.measure(table, options: AuditOptions(replicates: 0)).usable)
    #expect(usable.clipped == ["full": 1, "alone:image": 1, "alone:text": 1])
    #expect(usable.suspicious == ["0"])
  }

  @Test("temperatures fitted on validation rows take the overconfidence out of bits")
  func temperature() throws {
    // Right in three of four rows, and far too sure.
    let rows = (0..<40).map { _ in [9.0, 0] }
    let labels = (0..<40).map { $0 % 4 == 0 ? 1 : 0 }
    let scores = try logits(rows)
    func bits(_ validation: PredictionTable.Validation?) throws -> AuditRecord.Usable {
      let table = try PredictionTable(
        classes: ["a", "b"], modalities: modalities, labels: .classes(labels), conditions: ["full": scores],
        validation: validation)
      return try #require(try Audit.measure(table, options: AuditOptions(replicates: 0)).usable)
    }
    let raw = try bits(nil)
    #expect(!raw.calibrated && (raw.together ?? 0) < -2)
    let fitted = try bits(PredictionTable.Validation(labels: .classes(labels), conditions: ["full": scores]))
    #expect(fitted.calibrated && abs(fitted.together ?? 1) < 0.01)
  }

  // MARK: Swaps

  private func swaps(_ planted: Planted, seed: UInt64 = 0) throws -> AuditRecord {
    try Audit.measure(planted.table(seed: seed, grid: 0), options: AuditOptions(replicates: 0, permutations: 0))
  }

  @Test("a modality that the model ignores moves nothing, exactly")
  func ignored() throws {
    let planted = Planted.hints([0.8, 0.6], used: [true, false], rows: 200, seed: 1)
    let found = try swaps(planted)
    let text = try #require(found.swap["text"])
    #expect(text.drop == 0 && text.divergence == 0 && text.dropWithinClass == 0)
    #expect(found.swap["text"]?.lean == -1)
    #expect(found.swap["image"]?.lean == 1)
    #expect(found.shares["text"] == 0 && found.utilisation["text"] == 0)
  }

  @Test("of a model of one modality the drop is the score less agreement by chance")
  func perceptual() throws {
    let planted = Planted.hints([0.8, 0.6], used: [true, false], rows: 400, seed: 2)
    let record = try Audit.measure(
      planted.table(swaps: 60, grid: 0), options: AuditOptions(replicates: 0, permutations: 0))
    let predicted = planted.symbols[0]
    let n = Double(planted.rows)
    let score = Double(zip(predicted, planted.labels).count { $0 == $1 }) / n
    let chance = (0..<3).reduce(0) { sum, c in
      sum + Double(planted.labels.count { $0 == c }) * Double(predicted.count { $0 == c }) / (n * n)
    }
    #expect(abs((record.swap["image"]?.drop ?? 0) - (score - chance)) < 0.01)
    #expect(record.scores["full"]?.value == score)
  }

  @Test("a model that adds two equal hints leans on neither")
  func symmetric() throws {
    let found = try Audit.measure(
      Planted.hints([0.8, 0.8], rows: 400, seed: 4).table(grid: 0),
      options: AuditOptions(replicates: 100, permutations: 0))
    let lead = try #require(found.leaning["shares"])
    let interval = try #require(found.interval95["leaning.shares"])
    #expect(abs(lead.by) < 0.1 && interval.low <= 0.02)
  }

  @Test("a class-kept permutation counts for the pairing alone, and pairs of one label agree with it")
  func classKept() throws {
    // The model heeds the image's symbol beyond the class: swapped within the class it changes its answer.
    let planted = Planted.hints([0.7, 0.9], used: [true, false], classes: 2, rows: 200, seed: 5)
    let free = try swaps(planted)
    var byClass = Array(0..<planted.rows)
    for label in 0..<2 {
      let members = (0..<planted.rows).filter { planted.labels[$0] == label }
      for (place, row) in members.enumerated() { byClass[row] = members[(place + 1) % members.count] }
    }
    let plain = try planted.table(grid: 0)
    let scores = try planted.scores { row in planted.model([planted.symbols[0][byClass[row]], planted.symbols[1][row]])
    }
    let kept = try table(
      labels: planted.labels, conditions: plain.conditions,
      swaps: [PredictionTable.Swap(modality: "image", k: 0, index: byClass, scores: scores)])
    let found = try Audit.measure(kept, options: AuditOptions(replicates: 0, permutations: 0))
    #expect(found.swap["image"]?.drop == nil && found.swap["image"]?.follow == nil)
    // A cyclic shift within a class keeps the share that is right.
    #expect(abs(found.swap["image"]?.dropWithinClass ?? 1) < 1e-12)
    #expect(abs(free.swap["image"]?.dropWithinClass ?? 1) < 0.05)
  }

  @Test("a grid's cells off the diagonal serve as swaps where there are none")
  func gridSwaps() throws {
    let planted = Planted.hints([0.8, 0.6], used: [true, false], rows: 60, seed: 6)
    let record = try Audit.measure(
      planted.table(swaps: 0, grid: 60), options: AuditOptions(replicates: 0, permutations: 0))
    #expect(record.swap["text"]?.drop == 0 && record.swap["text"]?.divergence == 0)
    #expect((record.swap["image"]?.drop ?? 0) > 0.2 && record.swap["image"]?.lean == 1)
  }

  // MARK: Routing, shares, scores

  @Test("rows go by which model of one modality is right, and the ceiling counts each of them")
  func routing() throws {
    func answers(_ classes: [Int]) throws -> AnswerTable {
      try probabilities(classes.map { $0 == 0 ? [0.9, 0.1] : [0.1, 0.9] })
    }
    let table = try table(
      labels: [0, 0, 0, 0, 0, 0, 0, 0],
      conditions: [
        "full": answers([0, 0, 0, 1, 0, 1, 1, 1]), "alone:image": answers([0, 0, 0, 0, 1, 1, 1, 1]),
        "alone:text": answers([0, 0, 1, 1, 0, 0, 1, 1]),
      ])
    let routing = try #require(try Audit.measure(table, options: AuditOptions(replicates: 0)).routing)
    #expect(routing.both == .init(share: 0.25, right: 1) && routing.neither == .init(share: 0.25, right: 0))
    #expect(routing.only["image"] == .init(share: 0.25, right: 0.5))
    #expect(routing.only["text"] == .init(share: 0.25, right: 0.5))
    #expect(routing.lean == 0 && routing.ceiling == 0.75)
  }

  @Test("shares of an AND are one half each, and cooperation is what the parts do not add up to")
  func shares() throws {
    // The truth is told only with both there.
    let sure = try probabilities([[0.9, 0.1], [0.1, 0.9]])
    let flat = try probabilities([[0.5, 0.5], [0.5, 0.5]])
    let table = try table(
      labels: [0, 1], conditions: ["full": sure, "missing:image": flat, "missing:text": flat, "none": flat])
    let found = try Audit.measure(table, options: AuditOptions(replicates: 0))
    #expect(abs((found.shares["image"] ?? 0) - 0.5) < 1e-12)
    #expect(abs((found.contributions["text"] ?? 0) - log2(0.9 / 0.5) / 2) < 1e-12)
    // 1 with both, 1/2 with each and with none.
    #expect(found.cooperation == 0.5 && found.utilisation == ["image": 0.5, "text": 0.5])
  }

  @Test("regret is what a condition lacks of the model made for it")
  func regret() throws {
    let found = try Audit.measure(
      Planted.hints([0.9, 0.6], used: [true, false], rows: 200, seed: 7).table(grid: 0),
      options: AuditOptions(replicates: 0, permutations: 0))
    let alone = try #require(found.scores["alone:text"]?.value)
    let left = try #require(found.scores["missing:image"]?.value)
    #expect(found.regret["missing:image"] == alone - left && found.regret["missing:text"] == 0)
    #expect(found.worstRegret == alone - left)
  }

  // MARK: Several labels, more modalities, nothing but the answers

  @Test("several labels are measured decision by decision")
  func severalLabels() throws {
    func scores(_ yes: [[Double]]) throws -> AnswerTable {
      try AnswerTable(rows: yes.count, classes: 2, values: yes.flatMap { $0 }, severalLabels: true)
    }
    let full = try scores([[0.9, 0.2], [0.1, 0.8], [0.9, 0.9], [0.1, 0.1]])
    let image = try scores([[0.9, 0.5], [0.1, 0.5], [0.9, 0.5], [0.1, 0.5]])
    let text = try scores([[0.5, 0.2], [0.5, 0.8], [0.5, 0.9], [0.5, 0.1]])
    let index = [1, 0, 3, 2]
    let table = try PredictionTable(
      classes: ["a", "b"], modalities: modalities,
      labels: .several([true, false, false, true, true, true, false, false]),
      conditions: [
        "full": full, "alone:image": image, "alone:text": text, "missing:image": text, "missing:text": image,
      ],
      swaps: [
        PredictionTable.Swap(
          modality: "image", k: 0, index: index,
          scores: try scores([[0.1, 0.2], [0.9, 0.8], [0.1, 0.9], [0.9, 0.1]]))
      ])
    let found = try Audit.measure(table, options: AuditOptions(replicates: 20, permutations: 5))
    #expect(found.scores["full"]?.value == 1 && found.task == "multi-label")
    #expect(found.routing?.both.share == 0.5 && found.swap["image"]?.drop == 0.5)
    let swap = try #require(found.swap["image"])
    // The first label follows the image, the second the text.
    #expect((swap.follow ?? 0) + (swap.rest ?? 0) == 1 && (found.usable?.together ?? 0) > 0.7)
    #expect(found.pid != nil && found.pid?.told == false)
  }

  @Test("of three modalities each is told, and grids of each are asked for")
  func three() throws {
    let names = ["image", "text", "sound"]
    let labels = (0..<60).map { $0 % 2 }
    func scores(_ p: Double) throws -> AnswerTable {
      try probabilities(
        labels.enumerated().map { row, label in
          let right = row % 5 == 0 ? 1 - p : p
          return label == 0 ? [right, 1 - right] : [1 - right, right]
        })
    }
    var conditions = ["full": try scores(0.95)]
    for (place, name) in names.enumerated() {
      conditions["alone:\(name)"] = try scores(0.6 + 0.1 * Double(place))
      conditions["missing:\(name)"] = try scores(0.9)
      conditions["only:\(name)"] = try scores(0.7)
    }
    let table = try PredictionTable(
      classes: ["a", "b"], modalities: names, labels: .classes(labels), conditions: conditions)
    let found = try Audit.measure(table, options: AuditOptions(replicates: 20, permutations: 10))
    #expect(found.shares.count == 3 && abs(found.shares.values.reduce(0, +) - 1) < 1e-12)
    #expect(found.routing?.both.share == 0.8 && found.routing?.some?.share == 0)
    #expect(found.pid?.unique.count == 3)
    #expect(found.untold.contains { $0.measure == "emap" && $0.needs.last == "grid:partners" })
  }

  @Test("without labels divergence and shares are told, and the rest says what it needs")
  func unlabelled() throws {
    let planted = Planted.hints([0.8, 0.6], rows: 60, seed: 8)
    let whole = try planted.table(grid: 10)
    let bare = try table(
      classes: 3, labels: nil, conditions: whole.conditions, swaps: whole.swaps, grid: whole.grid)
    let found = try Audit.measure(bare, options: AuditOptions(replicates: 20))
    #expect(found.scores.isEmpty && found.routing == nil && found.usable == nil)
    #expect((found.swap["image"]?.divergence ?? 0) > 0.1 && found.shares.count == 2 && found.emap?.gap == nil)
    #expect(found.untold.contains(.init("scores", needs: ["labels"])))
  }

  @Test("with nothing but labels and answers, everything else names the array that would tell")
  func bare() throws {
    let table = try table(labels: [0, 1, 0], conditions: ["full": probabilities([[1, 0], [0, 1], [0, 1]])])
    let found = try Audit.measure(table, options: AuditOptions(replicates: 0))
    let needs = Dictionary(found.untold.map { ($0.measure, $0.needs) }, uniquingKeysWith: { first, _ in first })
    #expect(needs["routing"] == ["alone:image", "alone:text"])
    #expect(needs["emap"] == ["grid", "grid:index"] && needs["utilisation"] == ["missing:image", "missing:text"])
    #expect(needs["swap.text"] == ["swap:text:0", "swap:text:0:index"])
    #expect(try AuditRecord(json: found.json()) == found)
  }

  @Test("one seed gives one record, another seed other intervals")
  func deterministic() throws {
    let table = try Planted.hints([0.8, 0.6], rows: 80, seed: 9).table(grid: 10)
    let options = AuditOptions(replicates: 20, permutations: 5)
    let once = try Audit.measure(table, options: options)
    #expect(try Audit.measure(table, options: options) == once)
    let other = try Audit.measure(table, options: AuditOptions(seed: 1, replicates: 20, permutations: 5))
    #expect(other != once && other.scores.mapValues(\.value) == once.scores.mapValues(\.value))
  }

  @Test("rows of one group are drawn together")
  func groups() throws {
    let planted = Planted.hints([0.8, 0.6], rows: 100, seed: 10)
    let plain = try planted.table(grid: 0)
    // One group of ten different rows, each ten times over: no more is known than of ten rows.
    let groups = (0..<100).map { "\($0 / 50)" }
    let grouped = try PredictionTable(
      classes: plain.classes, modalities: modalities, labels: plain.labels, groups: groups, conditions: plain.conditions
    )
    let found = try Audit.measure(grouped, options: AuditOptions(replicates: 100, permutations: 0))
    // Two groups: every draw is one of three mixtures.
    let full = try #require(found.interval95["scores.full"])
    let rights = zip(planted.labels, 0..<100).map { label, row in
      plain.conditions["full"].map { scores in
        scores.values[(row * 3)..<(row * 3 + 3)].enumerated().max { $0.element < $1.element }?.offset == label ? 1.0 : 0
      } ?? 0
    }
    let halves = [rights[..<50].reduce(0, +) / 50, rights[50...].reduce(0, +) / 50]
    #expect([full.low, full.high] == halves.sorted())
  }
}

extension AuditRecord {
  init(json text: String) throws { self = try Tree(json: text).decode(keys: .asNamed) }
}
