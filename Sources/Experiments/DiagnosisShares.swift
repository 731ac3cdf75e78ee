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
