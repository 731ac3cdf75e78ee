import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw audit")
struct AuditTests {
  /// Twenty rows on which the text decides.
  private static func predictions(_ right: Double = 0.9) -> String {
    (0..<20).map { row in
      let (own, other) = row % 2 == 0 ? (right, 1 - right) : (1 - right, right)
      let swapped = (row + 1) % 20
      let (a, b) = swapped % 2 == 0 ? (right, 1 - right) : (1 - right, right)
      return """
        {"id": "r\(row)", "label": "\(row % 2 == 0 ? "cat" : "dog")", "full": [\(own), \(other)], \
        "missing:image": [\(own), \(other)], "missing:text": [0.5, 0.5], "swap:image:0": [\(own), \(other)], \
        "swap:image:0:index": \(swapped), "swap:text:0": [\(a), \(b)], "swap:text:0:index": \(swapped)}

        """
    }.joined()
  }

  private func withFile(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try Data(Self.predictions().utf8).write(to: folder.appending(path: "predictions.jsonl"))
      try body(folder)
    }
  }

  @Test("a file of predictions is audited in words, in JSON and in a folder")
  func file() throws {
    try withFile { folder in
      let answer = try Seesaw.run(["audit", "predictions.jsonl"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.out.contains("Leans on text"), "\(answer.out)")
      let json = try Seesaw.run(["audit", "predictions.jsonl", "--json", "-q"], in: folder)
      let record = try json.json()
      #expect(record[path: "swap.image.drop"]?.numberValue == 0)
      #expect((record[path: "swap.text.drop"]?.numberValue ?? 0) > 0.5)
      let kept = try String(contentsOf: folder.appending(path: "runs/audit-predictions/audit.json"), encoding: .utf8)
      #expect(try Tree(json: kept) == record)
      // The folder, and the table in it, are audited the same.
      let again = try Seesaw.run(["audit", "runs/audit-predictions", "--out", "again", "--json", "-q"], in: folder)
      #expect(try again.json() == record)
    }
  }

  @Test("a bound that is met ends with the status 2 and stands in the JUnit report; one that cannot be judged with 1")
  func bounds() throws {
    try withFile { folder in
      func run(_ bound: String) throws -> Answer {
        try Seesaw.run(
          ["audit", "predictions.jsonl", "-q", "--fail-on", bound, "--fail-on", "full<0.5", "--junit", "audit.xml"],
          in: folder)
      }
      let met = try run("image.drop<0.01")
      #expect(met.status == 2 && met.error.contains("image.drop<0.01: it is 0"), "\(met.error)")
      let xml = try String(contentsOf: folder.appending(path: "audit.xml"), encoding: .utf8)
      #expect(xml.contains(#"tests="2" failures="1" errors="0""#))
      #expect(try run("text.drop<0.01").status == 0)
      let untold = try run("worst_regret>0.05")
      #expect(untold.status == 1, "\(untold.error)")
      #expect(try run("worst_regret").status == 64)
    }
  }

  @Test("two audits are compared row by row, and a stream without labels with an audit")
  func comparing() throws {
    try withFile { folder in
      try Data(Self.predictions(0.2).utf8).write(to: folder.appending(path: "new.jsonl"))
      let answer = try Seesaw.run(["audit", "--compare", "predictions.jsonl", "new.jsonl", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let change = try answer.json()
      #expect(change[path: "paired"] == true)
      #expect(change[path: "differences"]?.tableValue?["scores.full"]?[path: "difference.value"]?.numberValue == -1)
      var bare = Self.predictions().replacing("\"id\": \"r", with: "\"id\": \"s")
      for label in ["cat", "dog"] { bare = bare.replacing("\"label\": \"\(label)\", ", with: "") }
      try Data(bare.utf8).write(to: folder.appending(path: "stream.jsonl"))
      let stream = try Seesaw.run(
        ["audit", "stream.jsonl", "--unlabelled", "--against", "predictions.jsonl"], in: folder)
      #expect(stream.status == 0, "\(stream.error)")
      #expect(stream.out.contains("swap.text.divergence"), "\(stream.out)")
      #expect(try Seesaw.run(["audit", "stream.jsonl"], in: folder).status == 66)
    }
  }

  /// A program that is no faster than it has to be.
  private static let program = """
    while IFS= read -r line; do
      id=${line#*\\"id\\":\\"}; id=${id%%\\"*}
      case "$line" in *cat*) p=0.9,0.1 ;; *) p=0.2,0.8 ;; esac
      echo "{\\"id\\":\\"$id\\",\\"probabilities\\":[$p]}"
    done
    """

  @Test("an audit that is killed again and again ends with the table of one that was not")
  func killed() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      try Data(Self.program.utf8).write(to: folder.appending(path: "program.sh"))
      func command(_ out: String) -> [String] {
        [
          "audit", "raw", "--command", "sh program.sh", "--out", out, "--window", "1", "--grid", "3", "--replicates",
          "2",
        ]
      }
      let whole = try Seesaw.run(command("whole"), in: folder)
      #expect(whole.status == 0, "\(whole.error)")
      for part in [1, 2, 3] {
        let running = try Running(command("part"), in: folder, listening: true)
        try running.wait(for: part == 1 ? " Requests " : "  Asking  ")
        kill(running.process.processIdentifier, SIGKILL)
        _ = try running.end()
      }
      let last = try Seesaw.run(command("part"), in: folder)
      #expect(last.status == 0, "\(last.error)")
      #expect(last.error.contains("answered before"), "\(last.error)")
      for name in ["table.safetensors", "audit.json"] {
        #expect(
          try Data(contentsOf: folder.appending(path: "part/\(name)"))
            == Data(contentsOf: folder.appending(path: "whole/\(name)")), "\(name)")
      }
    }
  }

  @Test("the template is a script that fills a file which is audited")
  func template() throws {
    try withTemporaryFolder { folder in
      let script = try Seesaw.run(["audit", "--template"], in: folder)
      let lines = script.out.split(separator: "\n")
      #expect(script.status == 0 && lines.count <= 25 && lines.allSatisfy { $0.count <= 120 })
      #expect(
        ["labels=", "full=", "missing:image", "absent:text", "grid:index", "np.savez"].allSatisfy(script.out.contains))
      // NumPy is where reference numbers are made.
      let python = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".golden/bin/python")
      guard FileManager.default.isExecutableFile(atPath: python.path) else { return }
      try Data(script.out.utf8).write(to: folder.appending(path: "fill.py"))
      let process = Process()
      process.executableURL = python
      process.arguments = ["fill.py"]
      process.currentDirectoryURL = folder
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let answer = try Seesaw.run(["audit", "predictions.npz", "--json", "--replicates", "2", "-q"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let record = try answer.json()
      #expect(record[path: "samples"] == 300)
      #expect((record[path: "scores.full.value"]?.numberValue ?? 0) > 0.8)
      #expect(record[path: "emap.shares.text"]?.numberValue != nil)
    }
  }

  @Test(
    "a command line that makes no sense is refused",
    arguments: [
      ["audit"], ["audit", "a", "b"], ["audit", "--compare", "a"], ["audit", "a", "--against", "b"],
      ["audit", "a", "--command", "x", "--module", "y"], ["audit", "a", "--endpoint", "http://localhost"],
      ["audit", "a", "--replicates", "1"],
    ])
  func usage(_ arguments: [String]) throws {
    try withTemporaryFolder { folder in
      let answer = try Seesaw.run(arguments, in: folder)
      #expect(answer.status == 64)
    }
  }
}
