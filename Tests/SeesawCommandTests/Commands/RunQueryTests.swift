import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Choosing, sorting, comparing and removing runs")
struct RunQueryTests {
  /// Runs of two methods in a folder, each with a score.
  static func write(to root: URL) throws {
    for (name, method, epochs, full) in [
      ("a", "balgrad", 7, 0.8), ("b", "joint", 20, 0.9), ("c", "ogm-ge", 20, 0.7), ("d", "joint", 7, nil),
    ] {
      let run = RunFolder(root.appending(path: name))
      try run.create()
      try run.write(record(method, epochs: epochs, full == nil ? .interrupted : .finished))
      if let full {
        try run.write(
          EvaluationTable(
            dataset: "emoji", metric: "accuracy", modalities: ["image", "text"],
            conditions: ["full", "image-missing", "text-missing", "image-noisy-0.5"],
            scores: ["full": full, "image-missing": 0.5, "text-missing": full - 0.4, "image-noisy-0.5": 0.4]))
      }
    }
  }

  static func record(_ method: String, epochs: Int, _ status: RunStatus) -> RunRecord {
    RunRecord(
      configuration: [
        "seed": 3, "method": ["name": .string(method)], "training": ["epochs": .int(epochs)], "dataset": "/somewhere",
      ],
      versions: Versions(seesaw: "0.1.0", libtorch: "2.13.0", swift: "6.3", platform: "Linux x86_64"), threads: 2,
      device: "cpu", processor: "a processor",
      data: DataRecord(
        name: "emoji", path: "/d", digests: ["train.safetensors": String(repeating: "a", count: 64)],
        classes: ["a", "b"], modalities: ["image", "text"], counts: ["train": 1128, "test": 5]),
      status: status, started: "2025-01-01T00:00:00Z", seconds: Double(epochs))
  }

  private func names(
    _ conditions: [String] = [], sort: String? = nil, reverse: Bool = false, limit: Int? = nil
  ) throws -> [String] {
    try withTemporaryFolder { root in
      try Self.write(to: root)
      return try RunRow.selected(
        RunRow.below(root).rows, conditions.map(RunCondition.init), sort: sort, reverse: reverse, limit: limit
      ).map { URL(filePath: $0.folder).lastPathComponent }
    }
  }

  @Test(
    "a condition holds for the runs that are so",
    arguments: [
      (["method.name=joint"], "bd"), (["method.name!=joint"], "ac"), (["training.epochs>7"], "bc"),
      (["training.epochs <= 7"], "ad"), (["method.name==JOINT", "training.epochs=20"], "b"),
      (["scores.full>=0.8"], "ab"),
      (["scores.image-noisy-0.5=0.4"], "abc"), (["status=finished"], "abc"), (["method.name~oi"], "bd"),
      (["gap.missing>0.05"], "ac"), (["data.name=emoji"], "abcd"), (["scores.full<0.1"], ""),
    ])
  func conditions(texts: [String], expected: String) throws { #expect(try names(texts).joined() == expected) }

  @Test("runs are sorted by any number or word, those without it last either way, and cut off")
  func sorting() throws {
    #expect(try names(sort: "scores.full") == ["c", "a", "b", "d"])
    #expect(try names(sort: "scores.full", reverse: true) == ["b", "a", "c", "d"])
    #expect(try names(sort: "method.name") == ["a", "b", "d", "c"])
    #expect(try names(sort: "scores.full", reverse: true, limit: 1) == ["b"])
  }

  @Test("what is asked for has a column")
  func columns() throws {
    try withTemporaryFolder { root in
      try Self.write(to: root)
      let rows = try RunRow.selected(
        RunRow.below(root).rows, [RunCondition("training.epochs=20")], sort: "gap.missing")
      let lines = RunRow.text(rows).split(separator: "\n")
      #expect(lines[0].hasSuffix("time  gap.missing  training.epochs"))
      #expect(lines[1].hasSuffix("20 s  0.0          20") && lines[2].hasSuffix("20 s  20.0         20"))
      #expect(rows[0].values == ["gap.missing": 0.0, "training.epochs": 20])
    }
  }

  @Test("a path that no run has is refused with the nearest, and what is no condition, too")
  func mistakes() throws {
    let unknown = #expect(throws: Diagnosis.self) { try names(["training.epoch>3"]) }
    #expect(unknown?.remedy == "did you mean 'training.epochs'?")
    for text in ["training.epochs", "=3", "<"] {
      #expect(throws: Diagnosis.self, "\(text)") { try RunCondition(text) }
    }
  }

  @Test("of two runs what differs is shown, and only that")
  func difference() throws {
    try withTemporaryFolder { root in
      try Self.write(to: root)
      let found = try RunDifference(RunFolder(root.appending(path: "a")), RunFolder(root.appending(path: "b")))
      #expect(found.settings.map(\.path) == ["method.name", "training.epochs"])
      #expect(found.versions.isEmpty && found.data.isEmpty)
      #expect(found.scores.map(\.path) == ["average.missing", "full", "gap.missing", "text-missing"])
      #expect(abs((found.scores[1].difference ?? 0) - 0.1) < 1e-12)
      #expect(found.text.contains("training.epochs  7") && found.text.contains("full             80.0"))
      let same = try RunDifference(RunFolder(root.appending(path: "a")), RunFolder(root.appending(path: "a")))
      #expect(same.isEmpty && same.text == "no difference in settings, versions, data and scores")
    }
  }

  @Test("other data and other versions are differences, a digest shown by its beginning")
  func otherData() throws {
    try withTemporaryFolder { root in
      try Self.write(to: root)
      let run = RunFolder(root.appending(path: "b"))
      var record = try run.readRecord()
      record.data.digests["train.safetensors"] = String(repeating: "b", count: 64)
      record.versions.seesaw = "0.2.0"
      try run.write(record)
      let found = try RunDifference(RunFolder(root.appending(path: "a")), run)
      #expect(found.data.map(\.path) == ["digests.train.safetensors"] && found.versions.map(\.path) == ["seesaw"])
      #expect(found.text.contains("aaaaaaaaaaaa…") && found.text.contains("bbbbbbbbbbbb…"))
    }
  }
}
