import Datasets
import Foundation
import Records

/// A part of the samples, for one of several machines: number 2 of 8.
public struct EncodeShard: Sendable, Equatable {
  /// From 1.
  public let number: Int
  public let count: Int

  /// - Throws: a `Diagnosis` for anything but two whole numbers of which the first is from 1 to the second.
  public init(_ words: String) throws {
    let parts = words.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1], number >= 1, number <= count else {
      throw Diagnosis(
        "'\(words)' is no shard", remedy: "--shard 2/8 is the second of eight", exitStatus: .usage)
    }
    self.init(number, of: count)
  }

  init(_ number: Int, of count: Int) {
    self.number = number
    self.count = count
  }

  /// As it is typed.
  public var words: String { "\(number)/\(count)" }

  /// As files are named after it.
  var fileName: String { "\(number)-of-\(count)" }

  /// The numbers of its samples: those that follow each other, so that a shard reads as few archives as can be.
  func numbers(of data: RawDataset) -> Range<Int> {
    let total = (data.samples.last?.number ?? -1) + 1
    return (total * (number - 1) / count)..<(total * number / count)
  }

  /// How samples are divided: shards of earlier versions, which took every nth sample, are told apart by it.
  static let division = "ranges"
}

extension EncodeShard {
  /// Which part this process has of work that a scheduler divided, by the variables that it sets.
  ///
  /// In this order: an array of Slurm's (with the tasks of each), an indexed job of Kubernetes', torchrun, MPI (PMI), the tasks
  /// of Slurm's srun, Open MPI, SkyPilot.
  ///
  /// - Parameter count: how many parts there are, where the scheduler does not say so.
  /// - Throws: a `Diagnosis` where no scheduler is recognized, or it says nonsense.
  public init(environment: [String: String], of count: Int? = nil) throws {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    func part(_ rank: String, _ size: String) -> (Int, Int)? {
      guard let rank = number(rank), let size = number(size) else { return nil }
      return (rank, size)
    }
    let found: (rank: Int, count: Int)?
    if let task = number("SLURM_ARRAY_TASK_ID"), let tasks = number("SLURM_ARRAY_TASK_COUNT") {
      let step = max(1, number("SLURM_ARRAY_TASK_STEP") ?? 1)
      let place = (task - (number("SLURM_ARRAY_TASK_MIN") ?? 1)) / step
      let inner = part("SLURM_PROCID", "SLURM_NTASKS") ?? (0, 1)
      found = (place * inner.1 + inner.0, tasks * inner.1)
    } else if let index = number("JOB_COMPLETION_INDEX") {
      guard let count else {
        throw Diagnosis(
          "Kubernetes does not say how many indices there are", place: "JOB_COMPLETION_INDEX",
          remedy: "--of 40, as many as the job's completions", exitStatus: .usage)
      }
      found = (index, count)
    } else {
      found =
        LaunchedProcess.number(environment) ?? part("SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES")
    }
    guard let found else {
      throw Diagnosis(
        "no scheduler says which shard this is",
        found: ["none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, RANK, PMI_RANK, SLURM_PROCID, …_RANK is set"],
        remedy: "--shard 3/40, or --shard next --of 40", exitStatus: .usage)
    }
    guard found.count >= 1, 0..<found.count ~= found.rank else {
      throw Diagnosis(
        "the scheduler's variables do not fit together", found: ["number \(found.rank) of \(found.count), from 0"],
        remedy: "--shard 3/40 says it", exitStatus: .usage)
    }
    if let count, count != found.count {
      throw Diagnosis(
        "the scheduler divides the work otherwise", found: ["--of \(count), but \(found.count) by its variables"],
        remedy: "leave --of out", exitStatus: .usage)
    }
    self.init(found.rank + 1, of: found.count)
  }
}
