import Foundation
import Records
import TestSupport
import Testing

@testable import Reports

@Suite("The page")
struct HTMLReportTests {
  static let hostile = "</script><img src=x onerror=alert(1)>\u{202E}\u{0}<!--"

  static let cards = [
    MethodCard(
      name: "joint", title: "Joint training", stage: .baseline, summary: "Descends the fused loss.", needs: [],
      modalities: .any, departures: [], settings: []),
    MethodCard(
      name: "balgrad", title: "BalGrad",
      citation: Citation(
        authors: ["A. Kwon"], title: "A title", venue: "NAACL", year: 2025, url: "https://example.org/paper"),
      stage: .optimization, summary: "Projects.", needs: [], modalities: .several, departures: ["It departs."],
      settings: []),
  ]

  static func evidence(_ classes: [String], _ shift: Int, telling: [TellingSample] = []) -> RunEvidence {
    let truth = (0..<40).map { $0 % classes.count }
    func under(_ condition: String, _ wrong: Int) -> RunEvidence.UnderCondition {
      let predictions = truth.enumerated().map { $0 % 10 < wrong ? ($1 + 1) % classes.count : $1 }
      return RunEvidence.UnderCondition(
        condition: condition, score: 0.5,
        confusion: ConfusionMatrix(truth: truth, predictions: predictions, classes: classes.count),
        reliability: Reliability(confidences: truth.map { Double($0 + 1) / 10 }, correct: truth.map { $0 > 0 }))
    }
    let histogram = ShapleyShares.Histogram([0.1])
    return RunEvidence(
      dataset: "made", task: "single-label", metric: "accuracy", samples: 40, classes: classes,
      modalities: ["image", "text"],
      conditions: [under("full", 1), under("image-missing", 3 + shift), under("text-missing", 5)],
      shapley: ShapleyShares(
        score: ["image": .init(0.1), "text": .init(0.3)], probability: ["image": .init(0.1), "text": .init(0.3)],
        classes: ["image": classes.map { _ in 0.1 }, "text": classes.indices.map { $0 == 0 ? nil : 0.3 }],
        samples: ["image": histogram, "text": histogram]),
      telling: telling, raw: "/nowhere")
  }

  static func contents(classes: [String] = ["cat", "dog", "bird"], name: String = "emoji") -> ReportContents {
    var results = Fixture.results([Fixture.joint, Fixture.narrower, Fixture.same], notes: [hostile])
    results.dataset = name
    let sample = TellingSample(
      kind: .removalFlips, modality: "text", row: 7, id: hostile, truth: [classes[0]],
      answers: ["full": .init(labels: [classes[0]], probability: 0.9, truth: 0.9, isRight: true)],
      alone: ["image": .init(labels: [], probability: 0.4, truth: 0.1, isRight: false)], image: "../../etc/passwd",
      text: hostile)
    let runs = ["joint", "balgrad"].flatMap { method in
      [0, 1].map { seed -> ReportedRun in
        let data = DataRecord(
          name: name, path: "/data/\(name)", digests: ["test.safetensors": "abc"], classes: classes,
          modalities: ["image", "text"],
          counts: ["train": 100, "test": 40])
        let record = RunRecord(
          configuration: ["method": ["name": .string(method)], "seed": .int(seed)],
          versions: Versions(seesaw: "1", libtorch: "2", swift: "6", platform: "Linux"), threads: 1, device: "cpu",
          processor: hostile, data: data, status: .finished, started: "2026-01-01T00:00:00Z", seconds: 2)
        return ReportedRun(
          label: method, folder: URL(filePath: "/runs/\(method)/seed-\(seed)"), record: record,
          evidence: evidence(classes, seed, telling: [sample]),
          epochs: (0..<5).map {
            EpochRow(epoch: $0, train: ["split.image": 2 - 0.1 * Double($0), "split.text": 1], seconds: 0)
          }, cosines: [-0.1, 0.2, -0.3, 0.05])
      }
    }
    let sweep = SweepTable(
      dataset: name, metric: "accuracy", modalities: ["image", "text"], ratios: [0, 0.5, 1],
      conditions: ["image-missing", "text-missing"],
      curves: [
        SweepTable.Curve(
          name: "joint", scores: ["image-missing": [0.9, 0.8, 0.7], "text-missing": [0.9, 0.7, 0.5]],
          modalities: ["image", "text"])
      ])
    return ReportContents(results: results, sweep: sweep, runs: runs)
  }

  /// The contents of every element that a pattern finds.
  private func all(_ pattern: String, in page: String) throws -> [String] {
    let expression = try NSRegularExpression(pattern: pattern, options: [.dotMatchesLineSeparators])
    return expression.matches(in: page, range: NSRange(page.startIndex..., in: page)).compactMap {
      Range($0.range(at: 1), in: page).map { String(page[$0]) }
    }
  }

  @Test("every section has its evidence, and every figure valid JSON, a still picture and words")
  func sections() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards, version: "9.9").html()
    let ids = try all("<section id=\"([a-z-]+)\"", in: page)
    #expect(
      ids == [
        "leaderboard", "scores", "robustness", "reliance", "losses", "conflicts", "balance", "tests", "notes",
        "calibration", "samples", "by-sample", "confusion", "provenance", "methods",
      ])
    let questions = try all("<details class=\"question\" id=\"([a-z-]+)\"", in: page)
    #expect(questions == ["cost", "lean", "why", "help", "trust", "samples-and-classes", "made"])
    #expect(Set(try all("<li><a href=\"#([a-z-]+)\">", in: page)) == Set(ids + questions))
    let data = try all("<script type=\"application/json\">(.*?)</script>", in: page)
    #expect(data.count > 10)
    for text in data { _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed]) }
    let figures = try all("<figure class=\"figure[^>]*>(.*?)</figure>", in: page)
    #expect(figures.count > 10)
    for figure in figures {
      #expect(
        figure.contains("<svg") && figure.contains("<figcaption>") && figure.contains("role=\"img\" aria-label=\""))
    }
    #expect(!page.contains("{{"))
  }

  @Test("the first screen comes before all questions, and what most come for is open")
  func firstScreen() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards).html()
    let hero = try #require(all("<div class=\"hero\">(.*?)<details class=\"question\"", in: page).first)
    let verdict = PageText.typeset("Joint training leans on text: 52.4 % without text, 82.9 % without image.")
    #expect(hero.contains("<h1>\(verdict)</h1>"))
    #expect(try all("<span class=\"large\">(.*?)</span>", in: hero) == ["86.0", "52.4", "33.6"])
    #expect(hero.contains("<code>seesaw diagnose /data/emoji</code>"))
    let open = try all("<details class=\"question\" id=\"([a-z-]+)\" open>", in: page)
    #expect(open == ["cost", "lean"])
    #expect(!page.contains("<meta name=\"live\"") && !page.contains("Not finished"))
  }

  @Test("the leaderboard has a row a method, best on top, with intervals and what is told of each dot")
  func leaderboard() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards).html()
    let figure = try #require(all("id=\"leaderboard-figure\">(.*?)</figure>", in: page).first)
    #expect(figure.contains("BalGrad scores highest on average over impaired inputs, 73.9 %; Joint training 71.3 %"))
    #expect(try all("<title>([^<]*everything there: [^<]*)</title>", in: figure).first?.hasPrefix("BalGrad") == true)
    #expect(figure.contains("<title>Joint training, text missing: 52.4, 95 % interval "))
    // Many conditions are their averages.
    let many = DotTable(
      rows: [DotTable.Row(title: "a", token: "m0", marks: [DotTable.Mark(value: 50, range: (49, 52)), nil])],
      columns: [DotTable.Column(title: "one", line: 60), DotTable.Column(title: "two")], line: "alone"
    ).text
    #expect(many.components(separatedBy: "<circle").count == 2 && many.contains(">alone</text>"))
    #expect(!many.contains("nan"))
  }

  @Test("labels of neighbouring columns keep apart, and what the leaderboard leaves to the table is counted")
  func crowded() throws {
    let rows = [0.0, 24].map { shift in
      let marks = (0..<9).map { DotTable.Mark(value: 40 + 3.7 * Double($0) + shift) }
      return DotTable.Row(title: "a", token: "m0", marks: marks)
    }
    let picture = DotTable(rows: rows, columns: (0..<9).map { DotTable.Column(title: "c\($0)") }).text
    let labels = try all("<text x=\"([0-9.]+)\"[^>]*text-anchor=\"middle\">[0-9]+</text>", in: picture)
      .compactMap(Double.init).sorted()
    #expect(labels.count >= 9 && zip(labels, labels.dropFirst()).allSatisfy { $1 - $0 > 16 }, "\(labels)")

    let many = (0..<43).map { Fixture.runs("m\($0)", [[0.9, 0.8, 0.5, 0.7, 0.7]]) }
    let page = try HTMLReport(ReportContents(results: Fixture.results(many))).html()
    #expect(page.contains("A dot is the score of one seed. All columns"))
    #expect(page.contains("has the numbers, and the 3 methods that score lowest too."))
  }

  @Test("what each sample leans on is a distribution that says in how many a modality works against the truth")
  func bySample() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards).html()
    let figure = try #require(all("id=\"by-sample-0\">(.*?)</figure>", in: page).first)
    #expect(figure.contains("<figcaption>Joint training: against the truth, image in 0 % and text in 0 %"))
  }

  @Test("a comparison that has not ended says what is missing, and a page that follows it reads itself again")
  func unfinished() throws {
    var contents = Self.contents()
    contents.unfinished = .init(ended: 4, planned: 6, missing: ["balgrad, seed 2", "<b>, seed 3"])
    let page = try HTMLReport(contents, cards: Self.cards, live: 5).html()
    #expect(page.contains("Not finished: 4 of 6 runs have ended, and only those are shown. Missing: balgrad, seed 2;"))
    contents.unfinished = .init(ended: 6, planned: 6, missing: [])
    #expect(contents.unfinished?.words.hasPrefix("Not finished: all 6 runs of the methods have ended, and") == true)
    #expect(page.contains("<meta name=\"live\" content=\"5.0\">") && !page.contains("<b>, seed 3"))
  }

  @Test("nothing from the data is markup, ends a script or turns the text")
  func hostility() throws {
    let page = try HTMLReport(
      Self.contents(classes: [Self.hostile, "b", "<b>c</b>"], name: Self.hostile), cards: Self.cards
    ).html()
    #expect(!page.contains("<img src=x") && !page.contains("<b>c</b>") && !page.contains("onerror=alert(1)>"))
    #expect(!page.contains("\u{202E}") && !page.contains("\u{0}"))
    // Only our own script, and data.
    let scripts = try all("<script([^>]*)>", in: page)
    #expect(scripts.first == "" && scripts.dropFirst().allSatisfy { $0 == " type=\"application/json\"" })
    #expect(page.components(separatedBy: "</script>").count == scripts.count + 1)
    #expect(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"))
  }

  @Test("the page asks for nothing from outside, and says so to the browser")
  func policy() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards).html()
    let policy = try #require(try all("Content-Security-Policy\" content=\"([^\"]*)\"", in: page).first)
      .replacing("&#39;", with: "'")
    #expect(policy.contains("default-src 'none'") && policy.contains("sha256-") && !policy.contains("http"))
    #expect(!policy.contains("'unsafe-inline'; img") || policy.contains("style-src 'unsafe-inline'"))
    #expect(!policy.contains("script-src 'unsafe-inline'") && !policy.contains("unsafe-eval"))
    for attribute in ["src", "href"] {
      for address in try all(" \(attribute)=\"([^\"]*)\"", in: page) {
        #expect(
          address.hasPrefix("#") || (attribute == "href" && address.hasPrefix("https://example.org")), "\(address)")
      }
    }
    #expect(try all("<[a-z][^<>]* (on[a-z]+)=", in: page.replacing(/(?s)<script>.*?<\/script>/, with: "")).isEmpty)
  }

  @Test("the table's numbers are the record's, the best bold, the second underlined, better without starred")
  func table() throws {
    var results = Fixture.results([Fixture.joint, Fixture.narrower, Fixture.same])
    results.methods[0].mean.scores["image-missing"] = 0.99
    let page = try HTMLReport(ReportContents(results: results), cards: Self.cards).html()
    let scores = try #require(try all("<section id=\"scores\".*?(<table.*?</table>)", in: page).first)
    let rows = try all("<tr>(<th scope=\"row\">.*?)</tr>", in: scores)
    #expect(rows.count == 3)
    let lines = ComparisonTable(results).lines
    for (row, method) in zip(rows, results.methods) {
      let values = try all("<td[^>]*data-value=\"([^\"]*)\"", in: row)
      let words = try all("<span class=\"mean\">([^<]*)</span>", in: row)
      for (number, line) in lines.enumerated() {
        let mean = try #require(method.mean[line.quantity])
        #expect(Double(values[number]) == mean)
        #expect(words[number].hasPrefix(percent(mean)), "\(line.quantity)")
      }
    }
    #expect(rows[0].contains("99.0*"))
    #expect(rows[0].contains("class=\"figures best edge\"") || rows[0].contains("figures best"))
    #expect(scores.contains("figures second"))
    #expect(page.contains("* better with a modality impaired than with all of them."))
    #expect(scores.contains("<th scope=\"col\"") && scores.contains("<caption>"))
  }

  @Test("a difference is coloured only where the corrected test carries it")
  func tests() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards).html()
    let section = try #require(try all("<section id=\"tests\"(.*?)</section>", in: page).first)
    let rows = try all("<tr>(<th scope=\"row\">.*?)</tr>", in: section)
    let narrower = try #require(rows.first { $0.contains("BalGrad against Joint training") })
    let same = try #require(rows.first { $0.contains("ogm-ge against Joint training") })
    #expect(narrower.contains(" better\""))
    #expect(!same.contains(" better\"") && !same.contains(" worse\""))
  }

  @Test("where there is no Plotly the page says one sentence, and carries no figures that it cannot draw")
  func still() throws {
    let page = try HTMLReport(Self.contents(), cards: Self.cards, isStill: true).html()
    #expect(page.contains("its figures stand still") && page.contains("<meta name=\"figures\" content=\"still\">"))
    #expect(try all("<script type=\"application/json\">(.*?)</script>", in: page).allSatisfy { $0 == "null" })
    #expect(page.contains("<div class=\"still\" role=\"img\""))
  }

  @Test("one run, without tests or a comparison, makes a page")
  func single() throws {
    var contents = Self.contents()
    contents.results = Fixture.results([Fixture.runs("joint", [[0.86, 0.83, 0.52, 0.8, 0.7]])])
    contents.runs = [contents.runs[0]]
    contents.sweep = nil
    let page = try HTMLReport(contents, cards: Self.cards).html()
    #expect(!page.contains("<section id=\"tests\"") && !page.contains("<section id=\"balance\""))
    #expect(page.contains("Joint training, 1 seed"))
    contents.results = ComparisonResults(dataset: "d", metric: "", modalities: [], conditions: [], methods: [])
    contents.runs = []
    #expect(try HTMLReport(contents).html().contains("Nothing was measured"))
  }

  @Test("several labels a sample have no confusion matrix, and a table of their classes")
  func multiLabel() throws {
    var contents = Self.contents()
    for index in contents.runs.indices {
      guard var evidence = contents.runs[index].evidence else { continue }
      for place in evidence.conditions.indices {
        evidence.conditions[place].confusion = nil
        evidence.conditions[place].labelCounts = evidence.classes.map { _ in
          LabelCounts(truePositives: 3, falsePositives: 1, falseNegatives: 1, trueNegatives: 5)
        }
      }
      contents.runs[index].evidence = evidence
    }
    let page = try HTMLReport(contents, cards: Self.cards).html()
    #expect(!page.contains("data-confusion>"))
    #expect(page.contains("F1 of each class") && page.contains("75.0"))
  }

  @Test("the commands are those that make the runs anew")
  func commands() {
    let report = HTMLReport(Self.contents(), cards: Self.cards)
    #expect(report.commands() == ["seesaw compare /data/emoji --methods joint,balgrad --seeds 2"])
    var contents = Self.contents()
    contents.runs[2].record.configuration[path: "method.weight"] = 0.3
    contents.runs[2].record.provenance = ["method.weight": "--set", "seed": "--seed"]
    #expect(
      HTMLReport(contents).commands() == [
        "for seed in 0 1; do seesaw train /data/emoji --method joint --seed $seed --out /runs/joint/seed-$seed; done",
        "for seed in 0 1; do seesaw train /data/emoji --method balgrad --set method.weight=0.3 --seed $seed --out /runs/balgrad/seed-$seed; done",
      ])
  }
}
