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

  /// Rows' runs and the specialists' own, the dearest first.
  func runs(of request: CompareRequest) throws -> [Experiment.PlannedRun] {
    let specialists = try Experiment.specialists(of: request, plans, data, whole).specialists
    let all = plans + specialists.flatMap { zip($0.runs, $0.same).filter { $1 == nil }.map(\.0) }
    return Experiment.order(of: all, jobs: 2).map { all[$0] }
  }
}

extension Experiment.PlannedRun {
  /// As `--only` names it: the folder in the comparison's, and the seed.
  func name(in folder: URL) -> String {
    let row = self.folder.deletingLastPathComponent().standardizedFileURL.path
    return "\(row.dropFirst(folder.standardizedFileURL.path.count + 1)):\(configuration.seed)"
  }
}

extension Experiment {
  /// Everything that a comparison trains, the dearest first; nothing is trained.
  ///
  /// - Throws: a `Diagnosis` where the runs are not known before others are done.
  public static func jobs(of request: CompareRequest) throws -> [ComparisonJob] {
    try checkShares(of: request)
    let work = try ComparisonWork(request, events: { _ in })
    return try work.runs(of: request).map { plan in
      ComparisonJob(
        name: plan.name(in: request.out), cost: cost(of: plan), isDone: try finishedRun(plan, work.whole) != nil)
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
    let runs = try work.runs(of: request)
    let chosen = try Self.chosen(share, of: runs, in: request.out)
    try FileManager.default.createDirectory(at: request.out, withIntermediateDirectories: true)
    try plan(of: work.plans).write(to: request.out)
    events(.phase("Comparing", "\(chosen.count) of \(runs.count) runs"))
    let summaries = try run(
      chosen, work.whole, jobs: request.jobs, tensorboard: request.tensorboard, renews: request.renews, stop: stop,
      events: events)
    if let mlflow = request.mlflow { try enter(Array(zip(chosen.map(\.label), summaries)), in: mlflow) }
    return (chosen.count, runs.count)
  }

  private static func chosen(_ share: ComparisonShare, of runs: [PlannedRun], in folder: URL) throws -> [PlannedRun] {
    switch share {
    case .part(let number, let count):
      // Dealt out like cards, so that every share has dear ones and cheap ones.
      return runs.enumerated().filter { $0.offset % count == number - 1 }.map(\.element)
    case .named(let names):
      let known = runs.map { $0.name(in: folder) }
      return try names.flatMap { name in
        let found = zip(runs, known).filter { $1 == name || $1.hasPrefix("\(name):") }.map(\.0)
        guard !found.isEmpty else {
          throw Diagnosis(
            "the comparison has no run '\(name)'", place: "--only",
            remedy: nearest(to: name, in: known).map { "did you mean '\($0)'?" } ?? "--plan lists them",
            exitStatus: .usage)
        }
        return found
      }
    }
  }

  private static func checkShares(of request: CompareRequest) throws {
    let odd = [
      (request.tuning != 0, "--tune searches before it knows the runs"),
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
