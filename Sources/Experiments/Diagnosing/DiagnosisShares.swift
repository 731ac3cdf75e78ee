import Foundation
import Records

// A diagnosis divided among machines, as a comparison is: its runs, a share of them, and the answer of what is finished.

extension Experiment {
  /// Everything that a diagnosis trains where something is wrong, the dearest first; nothing is trained.
  ///
  /// Methods are tried only where something is wrong, which is known when the other runs are done: here they are listed at
  /// once, so that all can be trained at a time.
  public static func jobs(of request: DiagnoseRequest) throws -> [ComparisonJob] {
    let work = try DiagnosisWork(shared(request), isShared: true, stop: StopFlag(), events: { _ in })
    return try work.planned().map { planned in
      ComparisonJob(
        name: planned.run.name(in: request.out), cost: cost(of: planned.run),
        isDone: try DiagnosisWork.hasEnded(planned), isTrial: false)
    }
  }

  /// Does a share of a diagnosis's runs; `joins` makes the answer once all are done.
  ///
  /// - Returns: how many runs the share has, and how many the diagnosis.
  public static func diagnose(
    _ request: DiagnoseRequest, only share: ComparisonShare, stop: StopFlag = StopFlag(),
    events: @escaping EventSink = { _ in }
  ) throws -> (done: Int, of: Int) {
    let work = try DiagnosisWork(shared(request), isShared: true, stop: stop, events: events)
    events(.phase("Data", work.data.words))
    _ = try guardData(work.data, events: events)
    let all = try work.planned()
    let chosen = Set(try Self.chosen(share, of: all.map(\.run), in: request.out).map(\.folder))
    events(.phase("Training", "\(chosen.count) of \(all.count) runs"))
    let own = all.filter { chosen.contains($0.run.folder) }
    // Those that are tried may be of other data, where there is no validation split.
    for (isTried, runs) in Dictionary(grouping: own, by: \.isTried).sorted(by: { !$0.key && $1.key }) {
      _ = try run(
        runs.map(\.run), runs[0].data, jobs: request.jobs, mayDiverge: isTried, stop: stop,
        events: progress(to: events, as: "Training"))
    }
    return (own.count, all.count)
  }

  private static func shared(_ request: DiagnoseRequest) throws -> DiagnoseRequest {
    guard !request.again else {
      throw Diagnosis(
        "a diagnosis that is divided cannot be begun anew by one of its shares", place: "--again",
        remedy: "remove \(request.out.relativePath) first", exitStatus: .usage)
    }
    return request
  }
}

extension DiagnosisWork {
  /// A run, and what it is trained on.
  struct Planned {
    let run: Experiment.PlannedRun
    let data: LoadedData
    /// Whether it is of a method that is tried, which may diverge.
    let isTried: Bool
  }

  /// All that is trained where something is wrong, the dearest first.
  func planned() throws -> [Planned] {
    let method = try diagnosed()
    let own = run == nil ? [baselineRow(method)] : []
    var all = try plans(own + aloneRows, on: data, in: "runs").map { Planned(run: $0, data: data, isTried: false) }
    if !request.quick {
      let (tried, data, folder) = try self.tried(method)
      let known = Set(all.map(\.run.folder))
      all += try plans([baselineRow(method)] + tried, on: data, in: folder)
        .filter { !known.contains($0.folder) }.map { Planned(run: $0, data: data, isTried: true) }
    }
    return Experiment.order(of: all.map(\.run), jobs: 2).map { all[$0] }
  }

  /// Whether a run has ended; one of a method that is tried may have diverged.
  static func hasEnded(_ planned: Planned) throws -> Bool {
    try Experiment.finishedRun(planned.run, planned.data) != nil
      || planned.isTried && Experiment.hasDiverged(planned.run, planned.data)
  }

  /// Takes what is finished of the planned runs, and trains nothing.
  ///
  /// - Returns: notes on how many runs stand in the answer.
  mutating func joinFinished() throws -> [String] {
    let all = try planned()
    let missing = try all.filter { try !Self.hasEnded($0) }.map { $0.run.name(in: request.out) }
    let needed = Dictionary(grouping: all.filter { !$0.isTried }, by: \.run.configuration.seed)
    finishedSeeds = try Set(needed.filter { try $0.value.allSatisfy(Self.hasEnded) }.keys)
    guard finishedSeeds?.isEmpty == false else {
      throw Diagnosis(
        "no seed of this diagnosis has all its runs finished", place: request.out.relativePath,
        found: missing.listed(atMost: 10),
        remedy: "--plan lists what there is to do", exitStatus: .input)
    }
    let words = "\(all.count - missing.count) of \(all.count) planned runs stand in this diagnosis"
    guard !missing.isEmpty else { return [words] }
    return [
      "\(words); missing: \(missing.prefix(10).joined(separator: ", "))\(missing.count > 10 ? ", …" : "")"
    ]
  }

  var seedCount: Int { finishedSeeds?.count ?? seeds }
}
