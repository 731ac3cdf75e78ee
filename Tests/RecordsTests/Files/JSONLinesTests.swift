import Foundation
import Records
import TestSupport
import Testing

struct JSONLinesTests {
  func row(_ step: Int) -> StepRow { StepRow(step: step, epoch: 0, losses: ["total": Double(step) / 2]) }

  @Test("rows come back as they were, in order")
  func roundTrip() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let writer = try JSONLinesWriter(folder.steps)
      for step in 0..<2000 { try writer.append(row(step)) }
      try writer.close()
      #expect(try folder.readSteps() == (0..<2000).map(row))
    }
  }

  @Test("a row is on one line, flat and short")
  func text() throws {
    try withTemporaryFolder { root in
      let url = root.appending(path: "x.jsonl")
      let writer = try JSONLinesWriter(url)
      try writer.append(StepRow(step: 1, epoch: 0, losses: ["total": 0.5], scalars: ["cosine": -.infinity]))
      try writer.append(EpochRow(epoch: 2, train: ["total": 1], seconds: 3.5))
      try writer.close()
      #expect(
        try String(contentsOf: url, encoding: .utf8) == """
          {"epoch":0,"losses":{"total":0.5},"scalars":{"cosine":null},"step":1}
          {"epoch":2,"seconds":3.5,"train":{"total":1.0}}

          """)
    }
  }

  @Test("what is flushed can be read while the writer lives")
  func flushing() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let writer = try JSONLinesWriter(folder.steps)
      try writer.append(row(0))
      #expect(try folder.readSteps().isEmpty)
      try writer.flush()
      #expect(try folder.readSteps() == [row(0)])
      try writer.append(row(1))
    }
  }

  @Test("a writer that is let go writes what waits")
  func letGo() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      try { try JSONLinesWriter(folder.steps).append(row(0)) }()
      #expect(try folder.readSteps() == [row(0)])
    }
  }

  @Test("resuming drops the rows from the given step on, and a line cut short by a crash")
  func resuming() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let first = try JSONLinesWriter(folder.steps)
      for step in 0..<10 { try first.append(row(step)) }
      try first.close()
      let handle = try FileHandle(forWritingTo: folder.steps)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(#"{"step":10,"#.utf8))
      try handle.close()
      #expect(try folder.readSteps().count == 10)

      let second = try JSONLinesWriter(resuming: folder.steps, where: "step", isBelow: 6)
      try second.append(row(6))
      try second.close()
      #expect(try folder.readSteps() == (0...6).map(row))

      let third = try JSONLinesWriter(resuming: folder.steps, where: "step", isBelow: 100)
      try third.append(row(7))
      try third.close()
      #expect(try folder.readSteps() == (0...7).map(row))
    }
  }

  @Test("resuming without a file begins one")
  func resumingNothing() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let writer = try JSONLinesWriter(resuming: folder.epochs, where: "epoch", isBelow: 3)
      try writer.append(EpochRow(epoch: 3, train: ["total": 1], validation: ["accuracy": 0.5], seconds: 1))
      try writer.close()
      #expect(try folder.readEpochs().map(\.epoch) == [3])
      #expect(try folder.readEpochs().first?.validation == ["accuracy": 0.5])
    }
  }

  @Test("numbers that are not finite are null in the file and not-a-number when read")
  func notFinite() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      let writer = try JSONLinesWriter(folder.steps)
      try writer.append(StepRow(step: 0, epoch: 0, losses: ["total": .nan, "image": 1], scalars: ["x": .infinity]))
      try writer.close()
      let read = try #require(try folder.readSteps().first)
      #expect(read.losses["total"]?.isNaN == true)
      #expect(read.losses["image"] == 1)
      #expect(read.scalars["x"]?.isNaN == true)
    }
  }

  @Test("a line that is no row is told with file and line")
  func badLine() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      try Data("{\"step\":0,\"epoch\":0,\"losses\":{}}\n{\"step\":1}\n".utf8).write(to: folder.steps)
      let error = #expect(throws: Diagnosis.self) { try folder.readSteps() }
      #expect(error?.what == "'epoch' is missing")
      #expect(error?.place?.hasSuffix("steps.jsonl:2") == true)
      #expect(error?.exitStatus == .input)
    }
  }
}
