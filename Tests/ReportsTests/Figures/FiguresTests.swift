import Foundation
import Records
import Testing

@testable import Reports

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The elements of a file, read by a parser of its own.
private final class Elements: NSObject, XMLParserDelegate {
  var found: [(name: String, attributes: [String: String], text: String)] = []
  private var open: [Int] = []

  init(_ svg: String) throws {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    open.append(found.count)
    found.append((name, attributes, ""))
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) { open.last.map { found[$0].text += text } }
  func parser(_ parser: XMLParser, didEndElement: String, namespaceURI: String?, qualifiedName: String?) {
    open.removeLast()
  }

  func named(_ name: String) -> [(name: String, attributes: [String: String], text: String)] {
    found.filter { $0.name == name }
  }

  /// The words of a class; of all where it is nil.
  func words(_ kind: String? = nil) -> [String] {
    named("text").filter { kind == nil || $0.attributes["class"] == kind }.map(\.text)
  }

  func drawn(_ kind: String) -> [[String: String]] {
    found.map(\.attributes).filter { ($0["class"] ?? "").split(separator: " ").contains { $0 == kind } }
  }
}

@Suite("Figures")
struct FiguresTests {
  private typealias Run = (label: String, epochs: [EpochRow], steps: [StepRow])

  private func epochs(_ losses: [Double], validation: [Double] = [], own: Bool = true) -> [EpochRow] {
    losses.indices.map { epoch in
      var row = EpochRow(epoch: epoch, train: ["update.image": 1, "update.text": 1, "fused": 9], seconds: 1)
      for (modality, factor) in [("image", 1.0), ("text", 2.0)] {
        row.train[own ? modality : "split.\(modality)"] = losses[epoch] * factor
        if epoch < validation.count {
          row.validation[own ? "loss.\(modality)" : "split.\(modality)"] = validation[epoch] * factor
        }
      }
      return row
    }
  }

  private func steps(_ scalars: [[String: Double]]) -> [StepRow] {
    scalars.enumerated().map { StepRow(step: $0, epoch: 0, losses: ["fused": 1], scalars: $1) }
  }

  private func steps(cosines: [Double], _ name: String = "cosine") -> [StepRow] { steps(cosines.map { [name: $0] }) }

  private func figure(_ name: String, _ runs: [Run], sweep: SweepTable? = nil) throws -> Elements {
    let figures = FigureSet.figures(runs: runs, sweep: sweep)
    return try Elements(#require(figures.first { $0.name == name }?.svg))
  }

  /// A run with everything in it.
  private func whole(_ label: String) -> Run {
    let rows = steps(
      (0..<30).map { i in
        let predicted = -0.001 * Double(i + 1)
        return [
          "probe.cosine": Double(i - 10) / 100, "probe.eq1.predicted": predicted, "probe.eq1.actual": predicted * 0.9,
          "probe.eq5.predicted": predicted * 2, "probe.eq5.actual": predicted,
        ]
      })
    return (label, epochs([1, 0.5, 0.25], validation: [1.5, 1, 0.5]), rows)
  }

  // MARK: All of them

  @Test("there is a figure for everything there is data for, and none for what there is not")
  func leftOut() {
    #expect(FigureSet.figures(runs: []).isEmpty)
    #expect(FigureSet.figures(runs: [("a", [], [])]).isEmpty)
    #expect(FigureSet.figures(runs: [("a", epochs([1]), [])]).map(\.name) == ["losses"])
    #expect(FigureSet.figures(runs: [("a", [], steps(cosines: [0.5]))]).map(\.name) == ["cosines"])
    #expect(FigureSet.figures(runs: [], sweep: SweepTextTests.two).map(\.name) == ["sweep"])
    #expect(FigureSet.figures(runs: [], sweep: SweepTextTests.table([], conditions: [])).isEmpty)
    #expect(
      FigureSet.figures(runs: [whole("a")], sweep: SweepTextTests.two).map(\.name) == [
        "losses", "cosines", "sweep", "first-order",
      ])
  }

  @Test("numbers that are none are left out, and where nothing else is left so is the figure")
  func notFinite() throws {
    let rows = steps([["cosine": .nan, "probe.eq1.predicted": .nan, "probe.eq1.actual": 1]])
    #expect(FigureSet.figures(runs: [("a", epochs([.nan]), rows)]).isEmpty)
    let svg = try #require(FigureSet.figures(runs: [("a", epochs([1, .nan, 3, 2, .infinity]), [])]).first?.svg)
    #expect(["nan", "inf"].filter { svg.contains($0) } == [])
    // The first epoch stands alone before the gap.
    #expect(try Elements(svg).drawn("dot").count == 2)
  }

  @Test("every file is whole by itself: 720 wide, light and dark, told in words, nothing fetched and nothing run")
  func standsAlone() throws {
    for (_, svg) in FigureSet.figures(runs: [whole("a"), whole("b")], sweep: SweepTextTests.two) {
      let root = try #require(try Elements(svg).found.first)
      #expect(root.name == "svg")
      #expect(root.attributes["width"] == "720")
      #expect(root.attributes["role"] == "img")
      #expect(svg.contains("prefers-color-scheme:dark"))
      #expect(try Elements(svg).named("title").map(\.text).allSatisfy { !$0.isEmpty })
      #expect(try Elements(svg).named("desc").map(\.text).allSatisfy { !$0.isEmpty })
      #expect(svg.components(separatedBy: "http").count == 2, "only the name of its form")
      for forbidden in ["<script", "href", "url(", "@import", "<image", "onload"] { #expect(!svg.contains(forbidden)) }
      #expect(svg.hasSuffix("</svg>\n"))
    }
  }

  @Test("everything lies within the picture", arguments: [1, 2, 5, 11])
  func inside(count: Int) throws {
    let runs = (0..<count).map { whole("run \($0)") }
    for (name, svg) in FigureSet.figures(runs: runs, sweep: SweepTextTests.two) {
      let elements = try Elements(svg)
      let height = try #require(Double(elements.found[0].attributes["height"] ?? ""))
      for element in elements.found.dropFirst() {
        for (key, limit) in [
          ("x", 720), ("x1", 720), ("x2", 720), ("cx", 720), ("y", height), ("y1", height), ("cy", height),
        ] {
          guard let value = element.attributes[key].flatMap(Double.init) else { continue }
          #expect((0...limit).contains(value), "\(name): \(element)")
        }
        let numbers = (element.attributes["d"] ?? "").split { "ML Z".contains($0) }.compactMap { Double($0) }
        for (index, value) in numbers.enumerated() { #expect((0...(index % 2 == 0 ? 720 : height)).contains(value)) }
      }
    }
  }

  @Test("labels may hold anything, and are shortened where they do not fit")
  func hostile() throws {
    let label = "<b>&\"'\u{1}\u{FFFE}]]>\n--><script>alert(1)</script>"
    let figures = FigureSet.figures(
      runs: [whole(label)],
      sweep: SweepTextTests.table([(label, ["text-late": [1, 0.5, 0]])], conditions: ["text-late"]))
    #expect(figures.count == 4)
    for (_, svg) in figures {
      #expect(try Elements(svg).words().contains { $0.hasPrefix("<b>&\"' ]]>") })
      #expect(!svg.contains("<script"))
    }
    let long = String(repeating: "long ", count: 60)
    for (_, svg) in FigureSet.figures(runs: [whole(long)]) {
      let words = try Elements(svg).words()
      #expect(words.contains { $0.hasPrefix("long") && $0.hasSuffix("…") })
      #expect(words.allSatisfy { $0.count < 140 })
    }
  }

  @Test("the same data make the same bytes")
  func deterministic() {
    let one = FigureSet.figures(runs: [whole("a"), whole("b")], sweep: SweepTextTests.two).map(\.svg)
    #expect(one == FigureSet.figures(runs: [whole("a"), whole("b")], sweep: SweepTextTests.two).map(\.svg))
  }

  // MARK: Losses

  @Test("losses: a panel for each label, training drawn through and validation dashed")
  func losses() throws {
    let elements = try figure(
      "losses",
      [("joint", epochs([2, 1], validation: [3, 2]), []), ("balgrad", epochs([2, 1], validation: [3, 2]), [])])
    #expect(elements.words("head") == ["joint", "balgrad"])
    #expect(elements.words().contains("of each modality's own classifier"))
    let keys = ["image, training", "text, training", "image, validation", "text, validation"]
    #expect(elements.words().filter(keys.contains) == keys)
    // Two panels of two modalities, and the legend.
    #expect(elements.drawn("curve").count == 12)
    #expect(elements.drawn("dashed").count == 6)
    #expect(
      elements.named("desc")[0].text.contains("balgrad, training loss in the end: image 1.000, text 2.000."))
  }

  @Test("losses: without validation there is no word of it")
  func noValidation() throws {
    let elements = try figure("losses", [("joint", epochs([2, 1]), [])])
    #expect(elements.drawn("dashed").isEmpty)
    #expect(!elements.words().contains { $0.contains("validation") })
  }

  @Test("losses: each panel tells what its losses are of where they differ")
  func kinds() throws {
    let probed = [EpochRow(epoch: 0, train: ["probe.loss.image": 1, "probe.loss.text": 2], seconds: 1)]
    let elements = try figure(
      "losses", [("a", epochs([2, 1]), []), ("b", epochs([2, 1], own: false), []), ("c", probed, [])])
    for words in [
      "of each modality's own classifier", "of each modality's part of the fused logits", "of the probe's classifiers",
    ] {
      #expect(elements.words("tick").contains("loss \(words)"))
    }
  }

  @Test("losses: runs under one label are drawn as their mean")
  func mean() throws {
    let elements = try figure("losses", [("a", epochs([2, 1]), []), ("a", epochs([4, 3]), [])])
    #expect(elements.words("head") == ["a"])
    #expect(elements.words().contains("of each modality's own classifier · means of up to 2 runs"))
    #expect(elements.named("desc")[0].text == "a, training loss in the end: image 2.000, text 4.000.")
  }

  // MARK: Cosines

  @Test("cosines: the legend tells each label's share of conflicts, over all its runs")
  func conflicts() throws {
    let elements = try figure(
      "cosines",
      [
        ("a", [], steps(cosines: [-0.1, 0.2, 0.3])), ("b", [], steps(cosines: [0, 0.1])),
        ("a", [], steps(cosines: [-0.4])),
      ])
    #expect(elements.words().contains("a: 50.0 % of 4 steps conflict"))
    #expect(elements.words().contains("b: 0.0 % of 2 steps conflict"))
    #expect(elements.drawn("area").count == 2)
  }

  @Test("cosines: the probe's where every label has them, since only they measure the same")
  func probed() throws {
    let rows = steps([["cosine": -1, "probe.cosine": 0.5]])
    let both = try figure("cosines", [("a", [], rows), ("b", [], steps(cosines: [0.5], "probe.cosine"))])
    #expect(both.words().contains("a: 0.0 % of 1 step conflict"))
    #expect(both.words().contains { $0.hasPrefix("the same measure for all") })
    let mixed = try figure("cosines", [("a", [], rows), ("b", [], steps(cosines: [0.5]))])
    #expect(mixed.words().contains("a: 100.0 % of 1 step conflict"))
    #expect(mixed.words().contains { $0.hasPrefix("as each method weighs") })
  }

  @Test("cosines: shares of a label add up to all its steps")
  func shares() throws {
    let elements = try figure("cosines", [("a", [], steps(cosines: (0..<1000).map { sin(Double($0)) / 30 }))])
    let outline = try #require(elements.drawn("area").first?["d"])
    let numbers = outline.split { "ML Z".contains($0) }.compactMap { Double($0) }
    let points = stride(from: 0, to: numbers.count, by: 2).map { (numbers[$0], numbers[$0 + 1]) }
    let base = points[0].1
    let area = zip(points, points.dropFirst()).map { ($1.0 - $0.0) * (base - $0.1) }.reduce(0, +)
    let ticks = elements.found.filter { $0.attributes["class"] == "grid" }.compactMap {
      Double($0.attributes["y1"] ?? "")
    }
    let labels = elements.named("text").filter { $0.attributes["text-anchor"] == "end" }.compactMap { Double($0.text) }
    let perPoint = ((ticks.max() ?? 0) - (ticks.min() ?? 0)) / ((labels.max() ?? 0) - (labels.min() ?? 0))
    let binWidth = (points[points.count - 1].0 - points[0].0) / 40
    #expect(abs(area / binWidth / perPoint - 100) < 1)
  }

  @Test("cosines of nothing but zeros, and a few far from all others, are drawn too")
  func extremes() throws {
    let zeros = try figure("cosines", [("a", [], steps(cosines: [0, 0, 0]))])
    #expect(zeros.words("tick").contains("−1.0"))
    let far = try figure("cosines", [("a", [], steps(cosines: (0..<999).map { Double($0 % 10) / 1000 } + [0.9]))])
    #expect(far.words().contains { $0.hasSuffix("the ends hold what lies beyond") })
    #expect(!far.words("tick").contains("1.0"))
  }

  // MARK: Sweep

  @Test("sweep: a panel for each condition and one for the gap, a curve for each method")
  func sweep() throws {
    let elements = try figure("sweep", [], sweep: SweepTextTests.two)
    #expect(elements.words("head") == ["image missing", "text missing", "gap missing"])
    #expect(elements.words().contains("emoji · macro F1"))
    #expect(elements.words().filter(["joint", "balgrad"].contains) == ["joint", "balgrad"])
    #expect(elements.drawn("curve").count == 3 * 2 + 2)
    #expect(elements.named("desc")[0].text.contains("joint: gap missing of 30.4 points at the largest share."))
  }

  @Test("sweep: kinds have rows of their own, and the number of runs is told")
  func sweepKinds() throws {
    var table = SweepTextTests.table(
      [("a", ["image-missing": [1, 1, 1], "text-missing": [1, 1, 0.5], "text-late": [1, 0.5, 0.25]])],
      conditions: ["image-missing", "text-missing", "text-late"])
    table.curves[0].runs = 5
    let elements = try figure("sweep", [], sweep: table)
    #expect(elements.words("head") == ["image missing", "text missing", "gap missing", "text late"])
    #expect(elements.words().contains("emoji · macro F1 · means of 5 runs"))
  }

  // MARK: First order

  @Test("first order: a sentence tells the median of actual over predicted change")
  func firstOrder() throws {
    let elements = try figure("first-order", [whole("a"), whole("b")])
    #expect(elements.words("head") == ["target loss (eq. 1)", "target loss + divergence (eq. 5)"])
    let sentence =
      "In the median the actual change is 0.900 of the predicted one for the target loss (eq. 1), over 60 steps, and "
      + "0.500 of the predicted one for the target loss + divergence (eq. 5), over 60 steps."
    #expect(elements.named("desc")[0].text == sentence)
    #expect(elements.words("aside").dropFirst().joined(separator: " ") == sentence)
    #expect(elements.drawn("dot").count == 2 * 60 + 2)
    #expect(elements.words().contains("actual = predicted"))
  }

  @Test("first order: a prediction that is right lies on the diagonal")
  func diagonal() throws {
    let rows = steps([-0.004, -0.001, -0.0025].map { ["probe.eq1.predicted": $0, "probe.eq1.actual": $0] })
    let elements = try figure("first-order", [("a", [], rows)])
    let line = try #require(elements.drawn("zero").first)
    func number(_ element: [String: String], _ key: String) throws -> Double {
      try #require(Double(element[key] ?? ""))
    }
    let (x1, y1) = (try number(line, "x1"), try number(line, "y1"))
    let slope = (try number(line, "y2") - y1) / (try number(line, "x2") - x1)
    #expect(abs(slope + 1) < 0.01)
    for dot in elements.drawn("dot").prefix(3) {
      #expect(abs(try number(dot, "cy") - y1 - slope * (try number(dot, "cx") - x1)) < 0.3)
    }
  }

  // MARK: Scales

  @Test(
    "ticks are round and hold all values",
    arguments: [
      ([0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], ""), ([-3, 7], ["−4", "−2", "0", "2", "4", "6", "8"], ""),
      ([0, 0.03], ["0.00", "0.01", "0.02", "0.03"], ""),
      ([1.234, 1.236], ["1.2340", "1.2345", "1.2350", "1.2355", "1.2360"], ""),
      ([-0.00042, 0], ["−5", "−4", "−3", "−2", "−1", "0"], "× 10⁻⁴"),
      ([0, 2e6], ["0.0", "0.5", "1.0", "1.5", "2.0"], "× 10⁶"),
      ([5, 5], ["4.4", "4.6", "4.8", "5.0", "5.2", "5.4", "5.6"], ""),
      ([], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], ""),
      ([0, 0], ["−1.0", "−0.5", "0.0", "0.5", "1.0"], ""), ([.nan, 2, 4], ["2.0", "2.5", "3.0", "3.5", "4.0"], ""),
    ] as [([Double], [String], String)])
  func ticks(values: [Double], labels: [String], factor: String) {
    let axis = Axis(values)
    #expect(axis.labels == labels)
    #expect(axis.factor == factor)
    for value in values where value.isFinite { #expect((-1e-9...(1 + 1e-9)).contains(axis.share(value))) }
  }

  @Test("whole ticks are whole")
  func wholeTicks() {
    #expect(Axis([1, 3], whole: true).labels == ["1", "2", "3"])
    #expect(Axis([1, 20], whole: true).labels == ["0", "5", "10", "15", "20"])
    #expect(Axis([1, 1], whole: true).labels == ["0", "1", "2"])
  }

  @Test("a scale around 0 has it in the middle")
  func around() {
    #expect(Axis(around: 0.035).labels == ["−0.04", "−0.02", "0.00", "0.02", "0.04"])
    #expect(Axis(around: 1).labels == ["−1.0", "−0.5", "0.0", "0.5", "1.0"])
    #expect(Axis(around: 0.07).share(0) == 0.5)
  }

  @Test("counts are told in words")
  func counts() {
    #expect(counted(1, "run") == "1 run")
    #expect(counted(0, "run") == "0 runs")
    #expect(counted(1_234_567, "step") == "1,234,567 steps")
  }
}
