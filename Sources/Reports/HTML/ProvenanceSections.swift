import Foundation
import Records

extension HTMLReport {
  // MARK: How it was made

  func provenance() -> SectionView? {
    let runs = contents.runs
    var facts: [FactsView.Fact] = []
    func fact(_ name: String, _ words: [String]) {
      let known = words.filter { !$0.isEmpty }
      if !known.isEmpty { facts.append(FactsView.Fact(name: name, words: known)) }
    }
    func each(_ value: (ReportedRun) -> String) -> [String] {
      var seen: Set<String> = []
      return runs.map(value).filter { seen.insert($0).inserted }
    }
    let order = ["train", "validation", "test"]
    fact(
      "data",
      each { run in
        let data = run.record.data
        let counts = order.compactMap { name in data.counts[name].map { "\(counted($0, "sample")) for \(name)" } }
        return "\(data.name): \(counts.joined(separator: ", "))"
      })
    fact("read from", each(\.record.data.path))
    fact(
      "seeds",
      [Set(contents.results.methods.flatMap { $0.runs.map(\.seed) }).sorted().map { "\($0)" }.joined(separator: ", ")])
    fact("missing means", [contents.results.missing?.words ?? ""])
    fact(
      "made with",
      each { run in
        let versions = run.record.versions
        return "seesaw \(versions.seesaw), libtorch \(versions.libtorch), Swift \(versions.swift)"
      })
    fact(
      "made on",
      each { run in
        let record = run.record
        return
          "\(record.processor), \(record.versions.platform), \(record.device), \(counted(record.threads, "thread"))"
      })
    let dates = runs.map(\.record.started).sorted()
    if let first = dates.first, let last = runs.compactMap(\.record.ended).max() {
      fact("trained", ["from \(first) to \(last)"])
    }
    let time = runs.compactMap(\.record.seconds).reduce(0, +)
    if time > 0 { fact("training time", ["\(PageText.duration(time)) in all, over \(counted(runs.count, "run"))"]) }
    if let tuning = contents.tuning {
      fact(
        "tuned",
        [
          "every row had \(counted(tuning.trials, "trial")) with seed 0, chosen by validation \(metricTitle(tuning.metric))"
        ])
    }
    var blocks: [BlockView] = facts.isEmpty ? [] : [BlockView(facts: FactsView(facts: facts))]
    let commands = commands()
    if !commands.isEmpty {
      blocks.append(BlockView(subheading: "The commands"))
      blocks.append(
        BlockView(code: CodeView(caption: "What makes these runs anew", text: commands.joined(separator: "\n"))))
    }
    let digests = runs.first?.record.data.digests ?? [:]
    if !digests.isEmpty {
      let isSame = runs.allSatisfy { $0.record.data.digests == digests }
      blocks.append(BlockView(subheading: "The data's digests"))
      if !isSame { blocks.append(BlockView(words: ["Not every run saw the same files; these are the first run's."])) }
      blocks.append(
        BlockView(
          code: CodeView(
            caption: "SHA-256 of each file",
            text: digests.sorted { $0.key < $1.key }.map { "\($0.value)  \($0.key)" }.joined(separator: "\n"))))
    }
    guard !blocks.isEmpty else { return nil }
    return SectionView(
      id: "provenance", heading: "How this was made",
      lead: ["Enough to do it again: one seed and the same number of threads give the same numbers."], blocks: blocks)
  }

  /// One `compare` where the rows differ in nothing but their method, else one `train` for each row.
  func commands() -> [String] {
    let runs = contents.runs
    guard let first = runs.first else { return [] }
    let rows = contents.results.methods.compactMap { row in contents.runs(of: row.name).first }
    let names = rows.map(\.method)
    func changes(_ run: ReportedRun) -> [String] {
      let record = run.record
      let paths = record.provenance.filter { path, source in
        source != "default" && !["dataset", "seed", "method.name"].contains(path)
      }.keys
      return paths.sorted().compactMap { path in
        record.configuration[path: path].map { "--set \("\(path)=\($0.description)".shellQuoted)" }
      }
    }
    let data = first.record.data.path.shellQuoted
    let seeds = Set(runs.map(\.seed)).sorted()
    let isPlain =
      rows.count > 1 && Set(names).count == names.count && names == rows.map(\.label)
      && rows.allSatisfy { changes($0) == changes(first) } && seeds == Array(0..<seeds.count)
    if isPlain {
      return [
        (["seesaw compare \(data) --methods \(names.joined(separator: ",")) --seeds \(seeds.count)"] + changes(first))
          .joined(separator: " ")
      ]
    }
    return rows.map { run in
      let own = contents.runs(of: run.label).map(\.seed).sorted()
      // What compare sets on its own account is not a default of train's.
      var settings = changes(run)
      if !settings.contains(where: { $0.contains("training.threads=") }), run.record.threads > 0,
        run.record.configuration[path: "training.threads"]?.intValue ?? 0 > 0
      {
        settings.append("--set training.threads=\(run.record.threads)")
      }
      let words = (["seesaw train \(data) --method \(run.method)"] + settings).joined(separator: " ")
      if own.count == 1, let seed = own.first {
        return "\(words) --seed \(seed) --out \(run.folder.relativePath.shellQuoted)"
      }
      let out = run.folder.deletingLastPathComponent().relativePath.shellQuoted
      return
        "for seed in \(own.map { "\($0)" }.joined(separator: " ")); do \(words) --seed $seed --out \(out)/seed-$seed; done"
    }
  }

  // MARK: Methods

  func methods() -> SectionView? {
    var seen: Set<String> = []
    let views = contents.results.methods.compactMap { row -> MethodView? in
      guard let card = cards[contents.method(of: row)], seen.insert(row.name).inserted else { return nil }
      var settings = row.settings
      settings[path: "name"] = nil
      let words = Recipe.words(settings)
      let cited = card.citation.map { "\($0.authors.joined(separator: ", ")): \($0.title). \($0.venue) \($0.year)." }
      let link = card.citation?.url.flatMap { $0.hasPrefix("https://") ? $0 : nil }
      let hasDepartures = !card.departures.isEmpty
      return MethodView(
        title: row.name == card.name ? card.title : "\(row.name) (\(card.title))", name: card.name,
        stage: card.stage.words,
        token: Ink.family(card.stage).token, summary: card.summary,
        paper: cited ?? "No paper.",
        link: link, foldWords: hasDepartures ? "Settings, and where it departs from the paper" : "Settings",
        settings: words.isEmpty ? "it has none" : words.joined(separator: ", "), departures: card.departures,
        hasDepartures: hasDepartures)
    }
    guard !views.isEmpty else { return nil }
    return SectionView(
      id: "methods", heading: "The methods", lead: ["What each does, who published it, and how it was set here."],
      blocks: [BlockView(methods: views)])
  }
}
