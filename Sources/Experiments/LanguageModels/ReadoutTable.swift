public import Foundation
public import LanguageModels
import Records

/// The results of `ReadoutTrial`: methods by seeds, and what is claimed of their means.
public struct ReadoutTable: Sendable {
  /// A method with one seed.
  public struct Cell: Codable, Equatable, Sendable {
    public var method: String
    public var seed: Int
    public var scores: ReadoutTrial.Scores
    public var seconds: Double
  }
  /// The language model that a seed's methods stand on.
  public struct Language: Codable, Equatable, Sendable {
    public var seed: Int
    public var accuracy: Double
    public var rounds: Int
  }
  /// A sentence about means over seeds, and whether it came out so.
  public struct Claim: Codable, Equatable, Sendable {
    public var text: String
    public var isFound: Bool
  }

  public var seeds: [Int]
  public var languages: [Language]
  public var cells: [Cell]

  public init(seeds: [Int], languages: [Language], cells: [Cell]) {
    (self.seeds, self.languages, self.cells) = (seeds, languages, cells)
  }

  private func cell(_ method: String, _ seed: Int) -> Cell? { cells.first { $0.method == method && $0.seed == seed } }

  /// The mean over seeds of the accuracy with the text hidden, in percent; nil where a seed is missing.
  public func withoutText(_ method: String) -> Double? {
    let found = seeds.compactMap { cell(method, $0)?.scores.withoutText }
    return found.count == seeds.count && !found.isEmpty ? 100 * found.reduce(0, +) / Double(found.count) : nil
  }

  /// What was expected before the trial, of means over the seeds with the text hidden.
  public var claims: [Claim] {
    guard let lora = withoutText("LoRA r4"), let dropped = withoutText("LoRA r4 + dropout"),
      let moka = withoutText("MokA λ 1 + dropout")
    else { return [] }
    func points(_ value: Double) -> String { String(format: "%.1f", value) }
    return [
      Claim(text: "LoRA stays below 60 %: \(points(lora))", isFound: lora < 60),
      Claim(
        text: "modality dropout gives LoRA more than 8 points: \(points(dropped - lora))", isFound: dropped > lora + 8),
      Claim(
        text: "with modality dropout MokA is more than a point above LoRA: \(points(moka)) against \(points(dropped))",
        isFound: moka > dropped + 1),
    ]
  }

  /// The table in Markdown, and the claims as they came out.
  public func markdown() -> String {
    func words(_ scores: ReadoutTrial.Scores) -> String {
      [scores.full, scores.withoutImage, scores.withoutText].map { String(format: "%.1f", 100 * $0) }
        .joined(separator: " / ")
    }
    let heads = seeds.map { "seed \($0)" }
    var lines = ["| adapter | \(heads.joined(separator: " | ")) | text hidden, mean |"]
    lines.append("|:--|" + String(repeating: ":-:|", count: seeds.count) + "--:|")
    for method in ReadoutTrial.methods {
      let own = seeds.map { seed in cell(method.title, seed).map { words($0.scores) } ?? "not run" }
      let mean = withoutText(method.title).map { String(format: "%.1f", $0) } ?? ""
      lines.append("| \(method.title) | \(own.joined(separator: " | ")) | \(mean) |")
    }
    lines += ["", "Accuracy in percent: full / image hidden / text hidden, on fresh samples.", ""]
    lines += languages.map { language in
      "- Seed \(language.seed)'s language model reads \(String(format: "%.1f", 100 * language.accuracy)) % from text alone, "
        + "after \(language.rounds == 1 ? "one round" : "\(language.rounds) rounds") of training."
    }
    if !claims.isEmpty {
      lines += ["", "Expected before:", ""] + claims.map { "- \($0.isFound ? "found" : "**not found**"): \($0.text)" }
    }
    return lines.joined(separator: "\n")
  }
}

extension Experiment {
  /// Runs `ReadoutTrial` for every method and seed; what is done is kept in the folder and not done again.
  ///
  /// - Throws: `CancellationError` where it was stopped.
  public static func readout(
    _ trial: ReadoutTrial, seeds: [Int], out: URL, stop: StopFlag = StopFlag(), events: EventSink = { _ in }
  ) throws -> ReadoutTable {
    let lock = try FolderLock(inside: out)
    defer { lock.release() }
    let setting = [trial.steps, trial.batchSize, trial.warmup, trial.testSamples, trial.mostRounds].map(String.init)
    let name = FileDigest.sha256(
      of: (setting + ["\(trial.learningRate)", Experiment.version]).joined(separator: " ")
    ).prefix(8)
    let url = out.appending(path: "readout-\(name).json")
    var known = Kept()
    if FileManager.default.fileExists(atPath: url.path) { known = try Tree.read(from: url) }
    let total = seeds.count * ReadoutTrial.methods.count
    var done = 0
    for seed in seeds {
      func advance(_ what: String) throws {
        if stop.isRequested { throw CancellationError() }
        events(.progress(label: "Readout", done: done, total: total, detail: "seed \(seed), \(what)"))
      }
      let left = ReadoutTrial.methods.filter { method in
        !known.cells.contains { $0.method == method.title && $0.seed == seed }
      }
      done += ReadoutTrial.methods.count - left.count
      if left.isEmpty { continue }
      let (store, accuracy, rounds) = try trial.languageModel(seed: seed) { _ in try advance("language model") }
      known.languages.removeAll { $0.seed == seed }
      known.languages.append(.init(seed: seed, accuracy: accuracy, rounds: rounds))
      for method in left {
        let begun = ContinuousClock.now
        let scores = try trial.scores(method, on: store, seed: seed) { _ in try advance(method.title) }
        known.cells.append(
          .init(
            method: method.title, seed: seed, scores: scores, seconds: (ContinuousClock.now - begun) / .seconds(1)))
        try AtomicFile.write(Data((Tree(encoding: known, keys: .asNamed).json(.pretty) + "\n").utf8), to: url)
        done += 1
      }
    }
    return ReadoutTable(
      seeds: seeds, languages: known.languages.filter { seeds.contains($0.seed) }.sorted { $0.seed < $1.seed },
      cells: known.cells.filter { seeds.contains($0.seed) })
  }

  private struct Kept: Codable {
    var languages: [ReadoutTable.Language] = []
    var cells: [ReadoutTable.Cell] = []
  }
}
