import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Lists of runs")
struct RunsTests {
  private static func record(_ method: String, _ status: RunStatus) -> RunRecord {
    RunRecord(
      configuration: ["seed": 3, "method": ["name": .string(method)], "training": ["epochs": 7]],
      provenance: ["training.epochs": "--set", "seed": "default"],
      versions: Versions(seesaw: "0.1.0", libtorch: "2.13.0", swift: "6.3", platform: "Linux x86_64"), threads: 2,
      device: "cpu", processor: "a processor",
      data: DataRecord(
        name: "emoji", path: "/d", classes: ["a", "b"], modalities: ["image", "text"],
        counts: ["train": 1128, "test": 5]),
      status: status, started: "2025-01-01T00:00:00Z", seconds: 36, selectedEpoch: 4, notes: ["a note"])
  }

  @Test("runs are found below a folder, with their scores; what cannot be read is told")
  func below() throws {
    try withTemporaryFolder { root in
      let first = RunFolder(root.appending(path: "emoji/balgrad/seed-3"))
      try first.create()
      try first.write(Self.record("balgrad", .finished))
      try first.write(TablesTests.table)
      let second = RunFolder(root.appending(path: "emoji/joint/seed-3"))
      try second.create()
      try second.write(Self.record("joint", .interrupted))
      let broken = RunFolder(root.appending(path: "x"))
      try broken.create()
      try Data("{".utf8).write(to: broken.record)

      let found = RunRow.below(root)
      #expect(found.rows.map(\.method) == ["balgrad", "joint"])
      #expect(found.rows.map(\.full) == [0.803, nil])
      #expect(found.problems.count == 1 && found.problems[0].contains("x/run.json"))
      let lines = RunRow.text(found.rows).split(separator: "\n")
      #expect(lines[0].hasPrefix("run"))
      #expect(lines[1].hasSuffix("emoji  balgrad     3  finished     80.3 accuracy  36 s"))
      #expect(lines[2].hasSuffix("emoji  joint       3  interrupted  –              36 s"))
      #expect(RunRow.below(first.url).rows.count == 1)
    }
  }

  @Test("a run is shown with what was not left at its default")
  func show() {
    #expect(
      Runs.Show.text(Self.record("balgrad", .finished), nil) == """
          status     finished
          data       emoji · 1,128 train, 5 test
          method     balgrad
          seed       3
          started    2025-01-01T00:00:00Z
          time       36 s
          weights    of epoch 5
          made with  seesaw 0.1.0, libtorch 2.13.0, Linux x86_64
          on         cpu, 2 threads, a processor

          training.epochs  7  --set

          note: a note
        """)
  }
}
