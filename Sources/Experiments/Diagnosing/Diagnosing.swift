import Datasets
public import Foundation
public import Records

/// A diagnosis as it is asked for.
public struct DiagnoseRequest: Sendable {
  /// The folder of a feature set, or of a finished run.
  public var subject: URL
  /// Where models that are trained for it lie, to be found again.
  public var out: URL
  /// Of every model that is trained: 0, 1, 2, ….
  public var seeds = 3
  /// Trains with one seed and tries no methods.
  public var quick = false
  /// What to try where something is wrong; empty takes ``Experiment/usuallyTried``.
  public var methods: [String] = []
  /// Telling samples of each kind.
  public var samples = 3
  /// Of models for a data set; a run's have its own settings.
  public var files: [URL] = []
  public var settings: [String] = []
  /// Trainings at the same time; 0 is as many as the cores admit.
  public var jobs = 0
  /// Trains anew what is there already.
  public var again = false
  /// Waits for whoever is at work in the folder, instead of refusing.
  public var wait = false
  /// Trains nothing, and takes what is finished of the planned runs.
  public var joins = false
  /// Of the bootstrap behind every interval; nil takes 200 to 1,000, fewer where there is much to compute.
  public var replicates: Int?

  public init(subject: URL, out: URL) {
    self.subject = subject
    self.out = out
  }
}

extension Experiment {
  /// What a diagnosis tries where something is wrong: methods that differ in kind, and are cheap.
  public static let usuallyTried = ["uniform", "balgrad", "modality-dropout", "mmpareto", "ume", "fulcrum"]

  /// Finds out which modality a model leans on, how strongly, since when, what that costs, and what helps.
  ///
  /// For a data set it trains joint training; for a run it takes the run's own weights and records. Each modality is
  /// trained alone besides, and where something is wrong a few methods are tried and chosen among by validation score.
  /// Models lie in `out` and are not trained twice; the answer itself is returned, not written.
  ///
  /// - Throws: `CancellationError` where it was stopped; what is finished stays.
  public static func diagnose(
    _ request: DiagnoseRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ModelDiagnosis {
    guard request.seeds >= 1 else {
      throw Diagnosis("the number of seeds is \(request.seeds), must be at least 1", exitStatus: .usage)
    }
    guard request.samples >= 0 else {
      throw Diagnosis("the number of samples is \(request.samples), must be at least 0", exitStatus: .usage)
    }
    var work = try DiagnosisWork(request, stop: stop, events: events)
    defer { work.lock?.release() }
    let notes = try request.joins ? work.joinFinished() : []
    return try scoring("the test split", of: work.set) {
      var diagnosis = try work.answer()
      diagnosis.notes += notes
      return diagnosis
    }
  }
}
