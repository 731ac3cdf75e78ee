import Datasets
import Foundation
import Records
import TestSupport
import Testing

@testable import Experiments

/// Which part of the samples a process encodes.
@Suite struct EncodeShardTests {
  @Test(
    "a scheduler's variables say which part a process has, the first that are there",
    arguments: [
      (["SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "40", "SLURM_ARRAY_TASK_MIN": "1"], "3/40"),
      (["SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "0"], "1/2"),
      (
        [
          "SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "10",
          "SLURM_ARRAY_TASK_STEP": "2", "SLURM_PROCID": "1", "SLURM_NTASKS": "4",
        ], "10/12"
      ),
      (["JOB_COMPLETION_INDEX": "7", "RANK": "1", "WORLD_SIZE": "2"], "8/9"),
      (["RANK": "1", "WORLD_SIZE": "9", "SLURM_PROCID": "5", "SLURM_NTASKS": "9"], "2/9"),
      (["PMI_RANK": "0", "PMI_SIZE": "9"], "1/9"), (["SLURM_PROCID": "8", "SLURM_NTASKS": "9"], "9/9"),
      (["OMPI_COMM_WORLD_RANK": "4", "OMPI_COMM_WORLD_SIZE": "9"], "5/9"),
      (["SKYPILOT_NODE_RANK": "0", "SKYPILOT_NUM_NODES": "9"], "1/9"),
    ])
  func environment(_ variables: [String: String], _ words: String) throws {
    let count = words.hasSuffix("/9") ? 9 : nil
    #expect(try EncodeShard(environment: variables, of: count).words == words)
  }

  @Test(
    "variables that are missing or do not fit are refused with what to type",
    arguments: [
      ([:], nil, "no scheduler says which shard this is"),
      (["RANK": "1"], nil, "no scheduler says which shard this is"),
      (["JOB_COMPLETION_INDEX": "7"], nil, "Kubernetes does not say how many indices there are"),
      (["JOB_COMPLETION_INDEX": "7"], 7, "the scheduler's variables do not fit together"),
      (["RANK": "2", "WORLD_SIZE": "2"], nil, "the scheduler's variables do not fit together"),
      (["RANK": "1", "WORLD_SIZE": "2"], 3, "the scheduler divides the work otherwise"),
    ] as [([String: String], Int?, String)])
  func refusals(_ variables: [String: String], _ count: Int?, _ what: String) throws {
    let error = #expect(throws: Diagnosis.self) { try EncodeShard(environment: variables, of: count) }
    #expect(error?.what == what && error?.remedy?.isEmpty == false)
  }

  @Test(
    "shards are neighbours, and together every sample once, of more shards than samples too", arguments: [1, 3, 7, 40])
  func numbers(count: Int) throws {
    try withTemporaryFolder { folder in
      let rows = (0..<11).map { "\($0),text \($0),\($0 % 2 == 0 ? "a" : "b"),\($0 % 4 < 2 ? "train" : "test")" }
      try Data((["id,text,label,split"] + rows).joined(separator: "\n").utf8)
        .write(to: folder.appending(path: "samples.csv"))
      let data = try RawDataset(at: folder)
      let ranges = (1...count).map { EncodeShard($0, of: count).numbers(of: data) }
      #expect(ranges.flatMap(Array.init) == Array(0..<11))
    }
  }

  @Test("numbers are told as Slurm takes them")
  func ranges() {
    #expect(ShardStatus.ranges([44, 3, 17, 40, 41, 42, 43]) == "3,17,40-44")
    #expect(ShardStatus.ranges([]).isEmpty && ShardStatus.ranges([1, 2]) == "1-2")
  }
}
