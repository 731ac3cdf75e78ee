import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Watch: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Watch a run while it trains: its curves as they grow.",
    discussion: """
      Ends when the run, or the comparison, has ended. A folder with several runs is shown as a table of them. On a pipe every epoch is a \
      line, once.

      --open serves the report's page at 127.0.0.1, to this machine alone, and opens it in the browser (BROWSER may name \
      one; empty opens none). It grows with the runs; it is the file report/index.html, which stays. Where the runs are \
      on another machine, name a port and forward it, on yours: ssh -L 8080:127.0.0.1:8080 THAT-MACHINE
      """)

  static let examples = [
    "seesaw watch runs/first", "seesaw watch runs/compare-my-data --open --port 8080",
  ]

  @Argument(help: "The folder of a run, or of several.", completion: .runOrComparison)
  var folder: String

  @Flag(help: "Show how it stands now, and end.")
  var once = false

  @Option(help: ArgumentHelp("How often to look, in seconds.", valueName: "seconds"))
  var every = 1.0

  @Flag(help: "Also serve the page of the report on localhost while the runs train, and open it in the browser.")
  var open = false

  @Option(help: ArgumentHelp("The port that --open serves the page at; a free one by default.", valueName: "number"))
  var port: Int?

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    if !(every > 0) || every > 3600 {
      throw ValidationError("--every is \(every); above 0 and at most 3600 is needed.")
    }
    guard let port else { return }
    if !open { throw ValidationError("--port is where --open serves the page: give both, or neither.") }
    if !(1...65_535).contains(port) { throw ValidationError("--port is \(port); 1 to 65535 is needed.") }
  }

  func run() throws {
    let output = Output(talk)
    let root = URL(filePath: folder)
    guard FileManager.default.fileExists(atPath: root.path) else {
      throw Diagnosis("there is no folder '\(folder)'", remedy: "seesaw runs ls lists the runs", exitStatus: .input)
    }
    let stop = Interruption.flag()
    var screen = Screen(output, redraws: output.surroundings.redrawsData && !once)
    var page =
      open
      ? try LivePage(of: root, every: max(every, LivePage.leastSeconds), port: UInt16(port ?? 0), output) : nil
    while true {
      let views = WatchedRun.below(root)
      guard !views.isEmpty || !once else {
        throw Diagnosis("there is no run in '\(folder)'", remedy: "seesaw runs ls lists the runs", exitStatus: .input)
      }
      try screen.show(views, isOne: RunFolder(root).exists, once: once)
      // Between two runs of a comparison all that have begun have ended.
      let hasEnded = !views.isEmpty && views.allSatisfy(\.hasEnded) && FolderLock.holder(inside: root) == nil
      try page?.grow(isLast: once || hasEnded, output)
      // A folder is empty until its first run begins.
      if once || hasEnded {
        try page?.finish(output, stop)
        return
      }
      let wake = ContinuousClock.now + .seconds(every)
      while ContinuousClock.now < wake {
        if stop.isRequested { return }
        Thread.sleep(forTimeInterval: min(0.1, every))
      }
    }
  }

  /// What is on the screen, and what has been said on a pipe.
  private struct Screen {
    let output: Output
    let redraws: Bool
    private var height = 0
    private var told: [String: Int] = [:]
    private var ended: Set<String> = []

    init(_ output: Output, redraws: Bool) {
      self.output = output
      self.redraws = redraws
    }

    mutating func show(_ views: [WatchedRun], isOne: Bool, once: Bool) throws {
      let width = output.surroundings.width
      if redraws || once {
        let text = isOne ? views.first?.text(width: min(width, 80)) ?? "" : WatchedRun.table(views, width: width)
        guard !text.isEmpty else { return }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
        // Up to where the last picture began, and everything below it gone.
        let home = redraws && height > 0 ? "\u{1B}[\(height)A\u{1B}[J" : ""
        try output.data(home + text)
        height = lines
        return
      }
      for view in views {
        let shown = told[view.folder, default: 0]
        for row in view.epochs.dropFirst(shown) { try output.data(view.line(row, withFolder: !isOne)) }
        told[view.folder] = max(shown, view.epochs.count)
        if view.hasEnded, ended.insert(view.folder).inserted { try output.data(view.ending(withFolder: !isOne)) }
      }
    }
  }
}

/// The page of a report, written anew and served while its runs train.
private struct LivePage {
  /// Writing a page takes a moment, and reading it too.
  static let leastSeconds = 5.0

  private let root: URL
  private let every: Double
  private let server: PageServer
  private let browser = Browser()
  private var written: ContinuousClock.Instant?
  private var page: URL?

  init(of root: URL, every: Double, port: UInt16, _ output: Output) throws {
    self.root = root
    self.every = every
    let folder = root.appending(path: "report")
    server = try Waited { try await PageServer(folder, port: port) }.value()
    output.say("Page", server.address)
    if !browser.isThere { output.note("no browser can be opened from here: open the address by hand") }
  }

  mutating func grow(isLast: Bool, _ output: Output) throws {
    let now = ContinuousClock.now
    if !isLast, let written, now - written < .seconds(every) { return }
    // Before a run has begun there is nothing to show; while one is being written it may not be whole.
    guard let contents = try? ReportContents(reading: [root]) else { return }
    let made = try ReportPage.write(contents, to: root.appending(path: "report"), live: isLast ? nil : every)
    server.begin()
    if page == nil, browser.isThere, !browser.open(server.address) {
      output.note("the browser could not be started: open the address by hand")
    }
    (written, page) = (now, made.page)
  }

  /// Lets an open browser have the last page, and says where it stays.
  func finish(_ output: Output, _ stop: StopFlag) throws {
    guard let page else { return }
    // A browser that shows the page asks every second whether it has grown; one that is being started takes longer.
    try Waited { [server] in await server.finish(within: .seconds(5)) { stop.isRequested } }.value()
    output.say("Page", page.relativePath)
  }
}

/// A run as it is looked at while it trains.
struct WatchedRun {
  let folder: String
  let record: RunRecord
  let status: RunStatus
  let epochs: [EpochRow]

  init(_ run: RunFolder) throws {
    folder = run.url.relativePath
    record = try run.readRecord()
    status = run.status(of: record)
    epochs = FileManager.default.fileExists(atPath: run.epochs.path) ? try run.readEpochs() : []
  }

  init(folder: String, record: RunRecord, status: RunStatus, epochs: [EpochRow]) {
    self.folder = folder
    self.record = record
    self.status = status
    self.epochs = epochs
  }

  /// The runs below a folder that can be read, by path; one that is being begun is there next time.
  static func below(_ root: URL) -> [WatchedRun] { RunRow.folders(below: root).compactMap { try? WatchedRun($0) } }

  var hasEnded: Bool { status != .running }

  var total: Int { record.configuration[path: "training.epochs"]?.intValue ?? epochs.count }

  private var method: String { record.configuration[path: "method.name"]?.stringValue ?? "–" }
  private var seed: String { record.configuration[path: "seed"]?.description ?? "–" }

  /// What is drawn, in order: the losses of training, by modality after the fused one, and the score of validation.
  var series: [(title: String, values: [Double], isShare: Bool)] {
    let names = Set(epochs.flatMap(\.train.keys))
    let losses =
      ["fused", "loss", "total"].filter(names.contains).prefix(1) + record.data.modalities.filter(names.contains)
    var series = losses.map { name in
      (title: "loss \(name)", values: epochs.map { $0.train[name] ?? .nan }, isShare: false)
    }
    let scores = Set(epochs.flatMap(\.validation.keys))
    if let score = Metric.allCases.map(\.rawValue).first(where: scores.contains) {
      series.append(
        (title: "validation \(score)", values: epochs.map { $0.validation[score] ?? .nan }, isShare: true))
    }
    for modality in record.data.modalities {
      guard let name = ["loss", "split"].map({ "\($0).\(modality)" }).first(where: scores.contains) else { continue }
      series.append(
        (
          title: "validation loss \(modality)", values: epochs.map { $0.validation[name] ?? .nan }, isShare: false
        ))
    }
    return series
  }

  private static func number(_ value: Double, isShare: Bool) -> String {
    guard value.isFinite else { return "–" }
    return isShare ? "\(Words.percent(value)) %" : Words.fixed(value, 3)
  }

  private var heading: String {
    let time = epochs.reduce(0) { $0 + $1.seconds }
    return "\(record.data.name) · \(method) · seed \(seed) · epoch \(epochs.count)/\(total) · \(status.rawValue)"
      + (time > 0 ? " · \(Words.duration(time))" : "")
  }

  // MARK: As curves

  private static let height = 3

  /// For a terminal: each curve with its name, where it began and where it is; losses share one scale.
  func text(width: Int) -> String {
    var lines = [heading]
    let series = series
    guard epochs.count > 0 else { return (lines + ["no epoch has ended yet"]).joined(separator: "\n") }
    let losses = Curve.range(series.filter { !$0.isShare }.map(\.values))
    let label = max(series.map(\.title.count).max() ?? 0, 12)
    let across = max(width - label - 2, 10)
    // The curve grows to the right: its width is that of all epochs.
    for entry in series {
      let cells = max(1, min(across, across * epochs.count / max(total, 1)))
      let range = entry.isShare ? Curve.range([entry.values]) : losses
      let curve = Curve.lines(entry.values, width: cells, height: Self.height, range: range)
      let last = entry.values.last(where: \.isFinite) ?? .nan
      let first = entry.values.first(where: \.isFinite) ?? .nan
      let words = [
        entry.title, "  \(Self.number(last, isShare: entry.isShare))",
        "  from \(Self.number(first, isShare: entry.isShare))",
      ]
      lines.append("")
      for (word, row) in zip(words, curve) {
        let gap = String(repeating: " ", count: max(0, label - word.count))
        lines.append("\(word)\(gap)  \(row)")
      }
    }
    if let best { lines += ["", best] }
    return lines.joined(separator: "\n")
  }

  /// The best epoch so far by validation.
  private var best: String? {
    guard let score = series.first(where: \.isShare),
      let place = score.values.indices.filter({ score.values[$0].isFinite }).max(by: {
        score.values[$0] < score.values[$1]
      })
    else { return nil }
    return "best \(score.title) \(Self.number(score.values[place], isShare: true)) at epoch \(epochs[place].epoch + 1)"
  }

  // MARK: As lines

  /// For a pipe: `epoch 3/20  loss fused 0.612  loss image 0.901  validation accuracy 65.9 %`.
  func line(_ row: EpochRow, withFolder: Bool) -> String {
    let place = epochs.firstIndex { $0.epoch == row.epoch } ?? 0
    let words = series.compactMap { entry -> String? in
      let value = entry.values[place]
      return value.isFinite ? "\(entry.title) \(Self.number(value, isShare: entry.isShare))" : nil
    }
    return ((withFolder ? [folder] : []) + ["epoch \(row.epoch + 1)/\(total)"] + words).joined(separator: "  ")
  }

  func ending(withFolder: Bool) -> String { (withFolder ? "\(folder)  " : "") + status.rawValue }

  // MARK: As a table

  static func table(_ runs: [WatchedRun], width: Int) -> String {
    guard !runs.isEmpty else { return "no run has begun yet" }
    let rows = runs.map { run -> [String] in
      let series = run.series
      let loss = series.first { !$0.isShare }
      let score = series.first(where: \.isShare)
      func last(_ entry: (title: String, values: [Double], isShare: Bool)?) -> String {
        entry.flatMap { entry in entry.values.last.map { number($0, isShare: entry.isShare) } } ?? "–"
      }
      return [
        run.folder, run.status.rawValue, "\(run.epochs.count)/\(run.total)", last(loss),
        loss.map { Curve.spark($0.values, width: 12) } ?? "", last(score),
        score.map { Curve.spark($0.values, width: 12) } ?? "",
      ]
    }
    let ended = runs.count { $0.hasEnded }
    return Columns.text([["run", "status", "epoch", "loss", "", "validation", ""]] + rows, right: [2, 3, 5])
      .split(separator: "\n", omittingEmptySubsequences: false).map { String($0.prefix(width)) }
      .joined(separator: "\n") + "\n\n\(ended) of \(Words.plural(runs.count, "run")) ended"
  }
}
