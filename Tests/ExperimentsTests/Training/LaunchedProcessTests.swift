import Experiments
import Foundation
import Records
import Testing

@Suite("What a launcher says of a process")
struct LaunchedProcessTests {
  @Test(
    "number and count are read in open_clip's order",
    arguments: [
      (["RANK": "1", "WORLD_SIZE": "4", "SLURM_PROCID": "0", "SLURM_NTASKS": "2"], [1, 4]),
      (["PMI_RANK": "2", "PMI_SIZE": "3"], [2, 3]),
      (["SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"], [3, 4]),
      (["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"], [0, 2]),
    ])
  func numbers(_ environment: [String: String], _ expected: [Int]) throws {
    let process = try #require(try LaunchedProcess(environment: environment))
    #expect([process.rank, process.count] == expected)
  }

  @Test(
    "a process that nobody has launched with others is alone",
    arguments: [
      [:], ["RANK": "0", "WORLD_SIZE": "1"], ["RANK": "1"],
      // The script of a job of Slurm's, which runs once.
      ["SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "7"],
      ["SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1"],
    ] as [[String: String]])
  func alone(_ environment: [String: String]) throws { #expect(try LaunchedProcess(environment: environment) == nil) }

  @Test("numbers that do not fit together are refused", arguments: [("4", "4"), ("-1", "2"), ("0", "0")])
  func refused(_ rank: String, _ count: String) throws {
    let error = #expect(throws: Diagnosis.self) {
      try LaunchedProcess(environment: ["RANK": rank, "WORLD_SIZE": count])
    }
    #expect(error?.what == "the launcher's variables do not fit together")
    #expect(error?.exitStatus == .usage)
  }
}
