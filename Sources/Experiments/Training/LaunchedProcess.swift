package import Foundation
import Records
package import Torch

/// One of several processes that a launcher has started for one training: torchrun, srun or mpirun.
public struct LaunchedProcess: Equatable, Sendable {
  /// From 0.
  public let rank: Int
  public let count: Int
  /// How many of them are on this machine; nil where nobody says.
  let countHere: Int?
  private let environment: [String: String]

  /// What the launcher's variables say, in open_clip's order; nil where there is no launcher, or one process.
  ///
  /// - Throws: a `Diagnosis` where they do not fit together.
  public init?(environment: [String: String]) throws {
    guard let found = Self.number(environment), found.count != 1 else { return nil }
    // In the script of a Slurm job there is one process, which the variables of its tasks stand around too.
    if environment["RANK"] == nil, environment["PMI_RANK"] == nil, environment["SLURM_PROCID"] != nil,
      environment["SLURM_STEP_NUM_TASKS"].flatMap({ Int($0) }) ?? 1 == 1
    {
      return nil
    }
    guard found.count >= 1, 0..<found.count ~= found.rank else {
      throw Diagnosis(
        "the launcher's variables do not fit together", found: ["process \(found.rank) of \(found.count), from 0"],
        remedy: "--alone trains in this process", exitStatus: .usage)
    }
    (rank, count) = found
    countHere =
      ["LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"].lazy
      .compactMap { environment[$0].flatMap { Int($0) } }.first
    self.environment = environment
  }

  /// A process's number from 0 and how many there are, by the variables of torchrun, MPI (PMI), Slurm's srun and Open MPI.
  static func number(_ environment: [String: String]) -> (rank: Int, count: Int)? {
    let names = [
      ("RANK", "WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"),
      ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ]
    for (rank, count) in names {
      if let rank = environment[rank].flatMap({ Int($0) }), let count = environment[count].flatMap({ Int($0) }) {
        return (rank, count)
      }
    }
    return nil
  }

  /// How many threads each of the machine's processes has: the cores, shared out.
  var threads: Int { max(1, ProcessInfo.processInfo.activeProcessorCount / max(countHere ?? 1, 1)) }

  /// What tells this launch from others, and from its own earlier attempts.
  private var name: String {
    let attempt = environment["TORCHELASTIC_RESTART_COUNT"] ?? environment["SLURM_RESTART_COUNT"] ?? "0"
    let job: String
    if let id = environment["SLURM_JOB_ID"] {
      job = "\(id)-\(environment["SLURM_STEP_ID"] ?? "0")"
    } else {
      // Of MPI's processes on one machine the launcher is the parent.
      job =
        environment["TORCHELASTIC_RUN_ID"] ?? environment["PMIX_NAMESPACE"] ?? environment["OMPI_MCA_ess_base_jobid"]
        ?? "\(getppid())"
    }
    return (job + "-" + attempt).map { $0.isLetter || $0.isNumber || $0 == "-" ? String($0) : "_" }.joined()
  }

  /// Joins the others: at `MASTER_ADDR` and `MASTER_PORT`, or by a file in a folder that all share.
  ///
  /// - Throws: a `Diagnosis` where they do not come.
  package func joined(meetingIn folder: URL) throws -> ProcessGroup {
    let seconds = 300.0
    var place = "MASTER_ADDR"
    do {
      let store: ProcessStore
      if let host = environment["MASTER_ADDR"], let port = environment["MASTER_PORT"].flatMap({ Int($0) }) {
        place = "\(host):\(port)"
        // torchrun serves the port itself.
        let isServed = environment["TORCHELASTIC_USE_AGENT_STORE"]?.lowercased() == "true"
        store = try .port(port, of: host, serving: rank == 0 && !isServed, count: count, seconds: seconds)
      } else {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: ".processes-\(name)")
        place = file.relativePath
        store = try .file(file.path, count: count, seconds: seconds)
      }
      return try ProcessGroup(
        store, name: name, rank: rank, count: count, address: countHere == count ? "localhost" : nil,
        interface: environment["GLOO_SOCKET_IFNAME"])
    } catch let error as TorchError {
      throw Diagnosis(
        "process \(rank) of \(count) did not find the others", place: place, found: [error.description],
        remedy: "start all of them at once; --alone trains in this process", exitStatus: .failed)
    }
  }
}

extension ProcessGroup {
  /// The sentence where another process is gone; the error itself where it is something else.
  func explaining(_ error: any Error, in folder: URL) -> any Error {
    guard let error = error as? TorchError, error.operation == "\(Self.operation)" else { return error }
    return Diagnosis(
      "another process of this training has ended, or does not answer", place: folder.relativePath,
      found: ["process \(rank) of \(count) waited for it: \(error.message.clipped(200))"],
      remedy: "the same command, started again for all processes, goes on from the last checkpoint",
      exitStatus: .preempted)
  }
}

/// A wish to stop that all processes of a training have at the same step.
final class SharedStop {
  private let stop: StopFlag
  private let group: ProcessGroup?
  private var failure: TorchError?

  init(_ stop: StopFlag, _ group: ProcessGroup?) {
    self.stop = stop
    self.group = group
  }

  /// Asked by all equally often; also true where the others cannot be asked any more.
  var isRequested: Bool {
    guard let group else { return stop.isRequested }
    do { return try group.any(stop.isRequested) } catch {
      failure = error
      return true
    }
  }

  /// - Throws: what happened where the others could not be asked.
  func check() throws { if let failure { throw failure } }
}
