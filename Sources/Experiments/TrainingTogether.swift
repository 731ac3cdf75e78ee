import Balancing
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

extension Experiment {
  /// The processes that train together, where a launcher has started several.
  static func joined(_ request: TrainRequest) throws -> ProcessGroup? {
    try request.process?.joined(
      meetingIn: request.out?.deletingLastPathComponent() ?? URL(filePath: "runs"))
  }

  /// Refuses what several processes cannot train together, and processes that were not started alike.
  static func check(_ group: ProcessGroup, _ builder: RunBuilder, digest: String) throws {
    let entry = try MethodRegistry.entry(builder.configuration.methodName)
    if let why = entry.requirements.oneProcess {
      throw Diagnosis(
        "'\(entry.card.name)' cannot be trained by several processes: \(why)",
        remedy: "--alone, or another method", exitStatus: .usage)
    }
    guard builder.device == .cpu else {
      throw Diagnosis(
        "several processes train on processors only", found: ["the device is '\(builder.device)'"],
        remedy: "--set training.device=cpu, or --alone", exitStatus: .usage)
    }
    let parts = [digest, "\(Versions.here)", Machine.arithmetic]
    let all = try group.told(Array(parts.joined(separator: "\n").utf8)).map {
      String(decoding: $0, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    let names = ["settings or data", "version", "processor's arithmetic"]
    for (rank, found) in all.enumerated() {
      guard let place = parts.indices.first(where: { found.count != parts.count || found[$0] != all[0][$0] }) else {
        continue
      }
      throw Diagnosis(
        "the processes of one training have to be alike",
        found: ["process \(rank) has \(names[place]) other than process 0"]
          + (place == 0 ? [] : ["\(found.count > place ? found[place] : "nothing"), not \(all[0][place])"]),
        remedy: "start all with one command on machines of one kind; --alone trains in each by itself",
        exitStatus: .usage)
    }
  }

  /// Takes part in the training that process 0 leads and records.
  static func follow(
    _ group: ProcessGroup, _ builder: RunBuilder, _ folder: RunFolder, digest: String, stop: StopFlag
  ) throws -> TrainOutcome {
    let word = String(decoding: try group.told([])[0], as: UTF8.self)
    guard word != Lead.ended else { return .followed(.done) }
    var checkpoint: Checkpoint?
    if word != Lead.anew {
      checkpoint = Checkpoint.newest(in: folder, digest: digest).checkpoint
      guard checkpoint?.sha256 == word else {
        throw Diagnosis(
          "process \(group.rank) does not see the checkpoint that process 0 goes on from",
          place: folder.url.relativePath, remedy: "--out has to be on a disk that all processes share",
          exitStatus: .input)
      }
    }
    try group.meet()
    do {
      return try FollowedRun(builder, from: checkpoint, stop: stop).run()
    } catch let error as TrainingDiverged {
      // Process 0 says so, once it has written down how.
      try group.meet()
      return .followed(error.diagnosis.exitStatus)
    }
  }

  /// What process 0 tells the others of how the training begins: once, however it comes out.
  final class Lead {
    static let ended = "ended"
    static let anew = "anew"
    private let group: ProcessGroup?
    private var isTold = false

    init(_ group: ProcessGroup?) { self.group = group }

    /// Lets the others begin too, and waits until they have read what they need.
    func begin(from checkpoint: Checkpoint?) throws {
      try tell(checkpoint?.sha256 ?? Self.anew)
      try group?.meet()
    }

    /// Lets the others end where nothing was begun.
    func end() { if !isTold { try? tell(Self.ended) } }

    private func tell(_ word: String) throws {
      isTold = true
      _ = try group?.told(Array(word.utf8))
    }
  }
}

/// A part in a training that another process records.
private final class FollowedRun: Trainer.Observer {
  private let builder: RunBuilder
  private let context: TrainingContext
  private var method: any BalancingMethod
  private let probe: StepProbe?
  private var position = Trainer.Position()
  private let stop: SharedStop

  init(_ builder: RunBuilder, from checkpoint: Checkpoint?, stop: StopFlag) throws {
    self.builder = builder
    self.stop = SharedStop(stop, builder.group)
    Runtime.setThreads(builder.threads)
    let session = try builder.session()
    context = try builder.context(session)
    method = try builder.method()
    probe = try builder.probe(session, method)
    if let checkpoint { (position, _) = try checkpoint.restore(session, session.optimizer, &method, probe) }
  }

  func run() throws -> TrainOutcome {
    let isDone = try builder.trainer.train(&method, context, from: &position, observer: self, probe: probe)
    try stop.check()
    return .followed(isDone ? .done : .interrupted)
  }

  var wantsStop: Bool { stop.isRequested }
  func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position) {}
  func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) {}
}
