import Balancing
import Datasets
import Foundation
import Records

// A comparison divided among machines: what there is to do, a share of it, and the table of what is done. Nothing is started
// elsewhere, and nothing but the runs' folders says what is done.

/// Which runs of a comparison are done here.
public enum ComparisonShare: Sendable, Equatable {
  /// The nth of several shares of alike cost; from 1.
  case part(Int, of: Int)
  /// Runs by name, `balgrad:3`; a name without a seed is of all its seeds.
  case named([String])

  /// - Throws: a `Diagnosis` for an empty word or a share that is none of so many.
  public init(_ words: String) throws {
    if words == "auto" {
      let part = try EncodeShard(environment: ProcessInfo.processInfo.environment)
      self = .part(part.number, of: part.count)
      return
    }
    let parts = words.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    if parts.count == 2, let number = parts[0], let count = parts[1] {
      guard number >= 1, number <= count else {
        throw Diagnosis(
          "'\(words)' is no share", place: "--only", remedy: "--only 2/8 is the second of eight", exitStatus: .usage)
      }
      self = .part(number, of: count)
      return
    }
    let names = words.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    guard !names.isEmpty else {
      throw Diagnosis(
        "no run is named", place: "--only", remedy: "--only balgrad:3, or --only 2/8", exitStatus: .usage)
    }
    self = .named(names)
  }
}

/// One run of a comparison, as a scheduler needs to know it.
public struct ComparisonJob: Sendable, Equatable {
  /// `balgrad:3`, `specialists/image-missing:0`.
  public let name: String
  /// Beside the others': a multiple of an epoch of joint training.
  public let cost: Double
  public let isDone: Bool
  /// Whether it is a trial, of which some choose the settings of runs that are not known yet.
  public let isTrial: Bool
}

/// What a comparison trains, before anything is.
struct ComparisonWork {
  let plans: [Experiment.PlannedRun]
  let whole: LoadedData
  /// As the rows are shown it.
  let data: LoadedData

  init(_ request: CompareRequest, events: @escaping EventSink) throws {
    guard request.seeds >= 1 else {
      throw Diagnosis("the number of seeds is \(request.seeds), must be at least 1", exitStatus: .usage)
    }
    guard !request.rows.isEmpty else { throw Diagnosis("no method is named", exitStatus: .usage) }
    try Experiment.check(request.sweepRatios)
    plans = try Experiment.plans(of: request)
    whole = try LoadedData(at: request.data, events: events)
    let shown = Set(plans.map(\.configuration.data))
    data = try shown.count == 1 ? shown.first.map(whole.shown) ?? whole : whole
    if let baseline = request.baseline, !plans.contains(where: { $0.label == baseline }) {
      throw Diagnosis(
        "there is no row '\(baseline)' to compare with",
        remedy: "there are \(request.rows.map(\.label).joined(separator: ", "))",
        exitStatus: .usage)
    }
    for plan in plans { _ = try RunBuilder(plan.configuration, data) }
  }

  /// What there is to train: rows' runs and the specialists' own, or first of all a search's trials.
  func stage(of request: CompareRequest) throws -> Stage {
    guard request.tuning != 0 else { return Stage(trials: [], runs: Self.sorted(try runs(of: request))) }
    try Experiment.checkTuning(request, data)
    let trials = try Experiment.trials(of: request, plans, whole)
    let sorted = Self.sorted(trials.map(\.plan))
    guard try trials.allSatisfy({ try Experiment.hasEnded($0, whole) }) else { return Stage(trials: sorted, runs: nil) }
    let tuned = try Experiment.chosen(
      by: Experiment.table(of: trials, request, plans, whole), request, plans)
    let own = try ComparisonWork(tuned, plans: Experiment.plans(of: tuned), whole: whole, data: data).runs(of: tuned)
    // The chosen trial becomes the row's run with seed 0 where the table is made.
    let rows = Set(plans.filter { $0.configuration.seed == 0 }.map(\.folder))
    return Stage(
      trials: sorted,
      runs: Self.sorted(
        own.filter { !rows.contains($0.folder) || FileManager.default.fileExists(atPath: $0.folder.path) }))
  }

  /// The runs of a comparison as far as they are known, the dearest first.
  struct Stage {
    let trials: [Experiment.PlannedRun]
    /// Nil where trials have not ended that choose their settings.
    let runs: [Experiment.PlannedRun]?

    /// What is to be done now.
    var current: [Experiment.PlannedRun] { runs ?? trials }
  }

  private init(
    _ request: CompareRequest, plans: [Experiment.PlannedRun], whole: LoadedData, data: LoadedData
  ) {
    (self.plans, self.whole, self.data) = (plans, whole, data)
  }

  private func runs(of request: CompareRequest) throws -> [Experiment.PlannedRun] {
    let specialists = try Experiment.specialists(of: request, plans, data, whole).specialists
    return plans + specialists.flatMap { zip($0.runs, $0.same).filter { $1 == nil }.map(\.0) }
  }

  private static func sorted(_ runs: [Experiment.PlannedRun]) -> [Experiment.PlannedRun] {
    Experiment.order(of: runs, jobs: 2).map { runs[$0] }
  }
}

extension Experiment.PlannedRun {
  /// As `--only` names it: the folder in the comparison's, and the seed, or the number of the trial.
  func name(in folder: URL) -> String {
    let row = self.folder.deletingLastPathComponent().standardizedFileURL.path
    let path = row.dropFirst(folder.standardizedFileURL.path.count + 1)
    let own = self.folder.lastPathComponent
    return own.hasPrefix("trial-") ? "\(path)/\(own)" : "\(path):\(configuration.seed)"
  }
}

extension Experiment {
  /// Everything that a comparison trains, the dearest first; nothing is trained.
  ///
  /// - Throws: a `Diagnosis` where the runs are not known before others are done.
  public static func jobs(of request: CompareRequest) throws -> [ComparisonJob] {
    try checkShares(of: request)
    let work = try ComparisonWork(request, events: { _ in })
    let stage = try work.stage(of: request)
    return try stage.current.map { plan in
      ComparisonJob(
        name: plan.name(in: request.out), cost: cost(of: plan),
        isDone: try finishedRun(plan, work.whole) != nil || stage.runs == nil && hasDiverged(plan, work.whole),
        isTrial: stage.runs == nil)
    }
  }

  /// Does a share of a comparison's runs; `joins` makes the table once all are done.
  ///
  /// Shares may be done at once in one folder, on one machine or several: each run is locked by itself.
  ///
  /// - Returns: how many runs the share has, and how many the comparison.
  public static func compare(
    _ request: CompareRequest, only share: ComparisonShare, stop: StopFlag = StopFlag(),
    events: @escaping EventSink = { _ in }
  ) throws -> (done: Int, of: Int) {
    try checkShares(of: request)
    let work = try ComparisonWork(request, events: events)
    events(.phase("Data", work.data.words))
    _ = try guardData(work.whole, events: events)
    let stage = try work.stage(of: request)
    let runs = stage.current
    let chosen = try Self.chosen(share, of: runs, among: stage.trials + (stage.runs ?? []), in: request.out)
    try FileManager.default.createDirectory(at: request.out, withIntermediateDirectories: true)
    try plan(of: work.plans).write(to: request.out)
    events(.phase("Comparing", "\(chosen.count) of \(runs.count) runs"))
    let trials = Set(stage.trials.map(\.folder))
    _ = try run(
      chosen.filter { trials.contains($0.folder) }, work.whole, jobs: request.jobs, mayDiverge: true, stop: stop,
      events: events)
    let own = chosen.filter { !trials.contains($0.folder) }
    let summaries = try run(
      own, work.whole, jobs: request.jobs, tensorboard: request.tensorboard, renews: request.renews, stop: stop,
      events: events)
    if let mlflow = request.mlflow { try enter(Array(zip(own.map(\.label), summaries)), in: mlflow) }
    return (chosen.count, runs.count)
  }

  /// The runs of a share.
  ///
  /// - Parameter all: those that may be named; nil: the same.
  static func chosen(
    _ share: ComparisonShare, of runs: [PlannedRun], among all: [PlannedRun]? = nil, in folder: URL
  ) throws -> [PlannedRun] {
    switch share {
    case .part(let number, let count):
      // Dealt out like cards, so that every share has dear ones and cheap ones.
      return runs.enumerated().filter { $0.offset % count == number - 1 }.map(\.element)
    case .named(let names):
      let all = all ?? runs
      let known = all.map { $0.name(in: folder) }
      return try names.flatMap { name in
        let found = zip(all, known).filter { $1 == name || $1.hasPrefix("\(name):") || $1.hasPrefix("\(name)/") }
          .map(\.0)
        guard !found.isEmpty else {
          throw Diagnosis(
            "there is no run '\(name)'", place: "--only",
            remedy: nearest(to: name, in: known).map { "did you mean '\($0)'?" } ?? "--plan lists them",
            exitStatus: .usage)
        }
        return found
      }
    }
  }

  private static func checkShares(of request: CompareRequest) throws {
    let odd = [
      (request.equalUpdates, "--equal-updates trains the baseline before it knows the runs"),
      (!request.sweepRatios.isEmpty, "--sweep scores finished runs: add it where the table is made"),
    ].filter(\.0).map(\.1)
    guard let why = odd.first else { return }
    throw Diagnosis("a comparison cannot be divided so", found: [why], exitStatus: .usage)
  }

  // MARK: Joining

  /// Those of a comparison's runs that are finished, and a note on the others.
  static func finished(of plans: [PlannedRun], _ data: LoadedData, in folder: URL) throws -> ([PlannedRun], [String]) {
    var (done, missing): ([PlannedRun], [String]) = ([], [])
    for plan in plans {
      if try finishedRun(plan, data) != nil { done.append(plan) } else { missing.append(plan.name(in: folder)) }
    }
    guard !done.isEmpty else {
      throw Diagnosis(
        "no run of this comparison is finished", place: folder.relativePath, remedy: "--plan lists what there is to do",
        exitStatus: .input)
    }
    let all = "\(done.count) of \(plans.count) planned runs stand in this table"
    guard !missing.isEmpty else { return (done, [all]) }
    let shown = missing.prefix(10).joined(separator: ", ")
    return (done, ["\(all); missing: \(shown)\(missing.count > 10 ? ", …" : "")"])
  }

  /// The specialists of which every run is finished, and a note on the others.
  static func finished(
    of specialists: [PlannedSpecialist], _ data: LoadedData
  ) throws -> ([PlannedSpecialist], [String]) {
    let done = try specialists.map { specialist in
      try zip(specialist.runs, specialist.same).allSatisfy { try $1 != nil || finishedRun($0, data) != nil }
    }
    let missing = zip(specialists, done).filter { !$1 }.flatMap(\.0.conditions)
    return (
      zip(specialists, done).filter(\.1).map(\.0),
      missing.isEmpty ? [] : ["no regret under \(missing.joined(separator: ", ")): the specialists are not finished"]
    )
  }
}
