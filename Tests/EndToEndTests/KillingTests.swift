import Foundation
import Records
import TestSupport
import Testing

/// Everything below a folder that must be the same in every run, by path: no times, and other names for folders.
private func essence(_ folder: URL, named name: String) throws -> [String: String] {
  func timeless(_ tree: Tree) -> Tree {
    switch tree {
    case .table(let table):
      .table(table.filter { !["started", "ended", "seconds"].contains($0.key) }.mapValues(timeless))
    case .list(let list): .list(list.map(timeless))
    default: tree
    }
  }
  var found: [String: String] = [:]
  for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
    // Pages are made of the records, and name the folder.
    if path.hasPrefix("report/") { continue }
    let url = folder.appending(path: path)
    guard let data = try? Data(contentsOf: url) else { continue }
    if path.hasSuffix(".safetensors") {
      found[path] = data.base64EncodedString()
    } else {
      let all = path.hasSuffix(".json") ? [data] : data.split(separator: UInt8(ascii: "\n")).map { Data($0) }
      // How long the methods took stands in the table.
      let lines = all.filter { !(path.hasSuffix(".md") && $0.starts(with: Data("| seconds ".utf8))) }
      found[path] = lines.map { line in
        let text = String(decoding: line, as: UTF8.self)
        return (try? timeless(Tree(json: text)).json()) ?? text
      }.joined(separator: "\n").replacing("/\(name)", with: "/")
    }
  }
  return found
}

@Suite("Killed")
struct KillingTests {
  private func withData(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      try body(folder)
    }
  }

  private static let settings = [
    "--set", "training.epochs=12", "--set", "training.batch_size=16", "--set", "model.embedding_width=8", "--set",
    "training.checkpoint_seconds=0",
  ]

  /// Begins a command, and kills it as soon as it has said something.
  private func kill(_ arguments: [String], in folder: URL, at words: String) throws {
    let running = try Running(arguments, in: folder, listening: true)
    try running.wait(for: words)
    Foundation.kill(running.process.processIdentifier, SIGKILL)
    _ = try running.end()
    try #require(running.process.terminationReason == .uncaughtSignal, "it ended before it was killed")
  }

  @Test("a run that is killed again and again ends as one that was not", arguments: ["umt", "smv"])
  func run(_ method: String) throws {
    try withData { folder in
      func command(_ out: String) -> [String] { ["train", "data", "--method", method, "--out", out] + Self.settings }
      #expect(try Seesaw.run(command("whole"), in: folder).status == 0)
      for epoch in [1, 5, 9] { try kill(command("part"), in: folder, at: " Training  epoch \(epoch)/") }
      let listed = try Seesaw.run(["runs", "ls", ".", "--json"], in: folder)
      #expect(try listed.json().listValue?.map { $0[path: "status"] } == ["killed", "finished"])
      let last = try Seesaw.run(command("part"), in: folder)
      #expect(last.status == 0, "\(last.error)")
      #expect(last.error.contains("going on from the checkpoint in part"))
      #expect(
        try essence(folder.appending(path: "part"), named: "part")
          == essence(folder.appending(path: "whole"), named: "whole"))
    }
  }

  @Test("a comparison that is killed ends as one that was not, with several jobs too", arguments: [2])
  func comparison(_ jobs: Int) throws {
    try withData { folder in
      func command(_ out: String) -> [String] {
        ["compare", "data", "--methods", "joint,balgrad", "--seeds", "2", "--jobs", "\(jobs)", "--out", out]
          + Self.settings
      }
      #expect(try Seesaw.run(command("whole"), in: folder).status == 0)
      try kill(command("part"), in: folder, at: "Comparing  1/10")
      try kill(command("part"), in: folder, at: "Comparing  2/10")
      let last = try Seesaw.run(command("part"), in: folder)
      #expect(last.status == 0, "\(last.error)")
      #expect(
        try essence(folder.appending(path: "part"), named: "part")
          == essence(folder.appending(path: "whole"), named: "whole"))
    }
  }

  @Test("an encoding that is killed ends as one that was not")
  func encoding() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      #expect(try Seesaw.run(["encode", "raw", "--out", "whole", "-q"], in: folder).status == 0)
      for words in [" Fitting  ", " Encoding  ", "image-noisy, train"] {
        try kill(["encode", "raw", "--out", "part"], in: folder, at: words)
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "part").path))
      }
      let last = try Seesaw.run(["encode", "raw", "--out", "part", "-q"], in: folder)
      #expect(last.status == 0, "\(last.error)")
      #expect(
        try essence(folder.appending(path: "part"), named: "part")
          == essence(folder.appending(path: "whole"), named: "whole"))
    }
  }

  @Test("what a kill left beside finished work is cleared away by the same command")
  func leftovers() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let commands = [
        ["encode", "raw", "--out", "features"], ["train", "data", "--out", "run"] + Self.settings,
        ["compare", "data", "--methods", "joint", "--seeds", "1", "--out", "all"] + Self.settings,
      ]
      for command in commands { #expect(try Seesaw.run(command, in: folder).status == 0) }
      func contents() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".command-") }.sorted()
      }
      let whole = try contents()
      let left =
        [
          ".features.lock", ".features.replaced/train.safetensors", "features.partial/.key", "run/.lock",
          "run/checkpoint.safetensors", "run/.weights.safetensors.1A2B.part", "all/.results.json.1A2B.part",
          "all/report/.index.html.1A2B.part",
        ]
        + ["checkpoint.safetensors", "checkpoint-previous.safetensors", ".lock", ".evidence.json.1A2B.part"]
        .map { "all/joint/seed-0/\($0)" }
      for path in left {
        let url = folder.appending(path: path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("left".utf8).write(to: url)
      }
      for command in commands { #expect(try Seesaw.run(command, in: folder).status == 0) }
      #expect(try contents() == whole)
    }
  }

  @Test("while one command is at work in a folder, a second says who is; --wait waits for its end")
  func twoAtOnce() throws {
    try withData { folder in
      let command = ["train", "data", "--out", "run", "--set", "training.epochs=3000"]
      let first = try Running(command, in: folder, listening: true)
      try first.wait(for: " Training  epoch ")
      let second = try Seesaw.run(command, in: folder)
      #expect(second.status == 1)
      #expect(second.error.contains("error: somebody else is writing here\n  in: run\n"))
      #expect(second.error.contains("process \(first.process.processIdentifier) on "))
      #expect(try Seesaw.run(["runs", "show", "run"], in: folder).out.contains("running"))

      let third = try Running(["train", "--resume", "--out", "run", "--wait"], in: folder, listening: true)
      try third.wait(for: "waiting for process \(first.process.processIdentifier)")
      Foundation.kill(first.process.processIdentifier, SIGKILL)
      try third.wait(for: " Training  epoch ")
      third.process.interrupt()
      #expect(try third.end().status == 130)
      _ = try first.end()
    }
  }

  @Test(
    "a terminal that is gone and a scheduler's wish to end are like Ctrl-C: a checkpoint is kept",
    arguments: [(SIGTERM, 75), (SIGUSR1, 75), (SIGHUP, 130)] as [(Int32, Int32)])
  func signals(_ number: Int32, _ status: Int32) throws {
    try withData { folder in
      let running = try Running(
        ["train", "data", "--out", "run", "--set", "training.epochs=3000"], in: folder, listening: true)
      try running.wait(for: " Training  epoch ")
      Foundation.kill(running.process.processIdentifier, number)
      let answer = try running.end()
      #expect(answer.status == status, "\(answer.error)")
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "run/checkpoint.safetensors").path))
    }
  }

  @Test("Ctrl-C is heard while a method prepares itself")
  func preparing() throws {
    try withData { folder in
      let running = try Running(
        ["train", "data", "--method", "umt", "--out", "run", "--set", "training.epochs=100000"], in: folder,
        listening: true)
      try running.wait(for: "   Method  ")
      Foundation.kill(running.process.processIdentifier, SIGINT)
      let answer = try running.end()
      #expect(answer.status == 130, "\(answer.error)")
      #expect(answer.lastWords.contains("goes on from it"))
    }
  }

  @Test("the runs of a comparison end with it, however it ends")
  func orphans() throws {
    try withData { folder in
      try kill(
        [
          "compare", "data", "--methods", "joint,balgrad,uniform", "--seeds", "1", "--jobs", "2", "--out", "all",
          "--set", "training.epochs=3000",
        ], in: folder, at: "Comparing  3 runs")
      for method in ["joint", "balgrad"] {
        let run = RunFolder(folder.appending(path: "all/\(method)/seed-0"))
        // Waits for a run's end, which without the comparison's would be far away.
        try run.lock { _ in }.release()
        if run.exists { #expect(try run.readRecord().status == .interrupted) }
      }
    }
  }
}

@Suite("A hostile machine")
struct HostileMachineTests {
  private func withData(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      try body(folder)
    }
  }

  /// A command line as the shell understands it; `seesaw` is the command.
  private func shell(_ line: String, in folder: URL) throws -> (status: Int32, error: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "seesaw() { '\(Seesaw.binary.path)' \"$@\"; }; \(line)"]
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(["OMP_NUM_THREADS": "1"]) { $1 }
    let pipe = Pipe()
    process.standardError = pipe
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let error = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, error)
  }

  private static let train = "train data --out run --set training.epochs=3 --set training.checkpoint_seconds=0"

  @Test("a disk that is full is said; with space again the same command ends as if nothing had happened")
  func full() throws {
    try withData { folder in
      // No file may grow beyond 8 blocks of 512 bytes: records fit, weights do not.
      let full = try shell("ulimit -f 8; seesaw \(Self.train)", in: folder)
      #expect(full.status == 1, "\(full.error)")
      #expect(full.error.contains("error: the disk is full") && full.error.contains("free some space"), "\(full.error)")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "run").path)
      #expect(!names.contains { $0.hasSuffix(".part") || $0.hasSuffix(".safetensors") }, "\(names)")
      #expect(try shell("seesaw \(Self.train)", in: folder).status == 0)
      #expect(try shell("seesaw \(Self.train.replacing("--out run", with: "--out whole"))", in: folder).status == 0)
      #expect(
        try essence(folder.appending(path: "run"), named: "run")
          == essence(folder.appending(path: "whole"), named: "whole"))
    }
  }

  @Test("a place that cannot be written to is named")
  func unwritable() throws {
    try withData { folder in
      try Data().write(to: folder.appending(path: "run"))
      for line in [Self.train, "compare data --methods joint --out run", "import x.npz --out run/deeper"] {
        let answer = try shell("seesaw \(line)", in: folder)
        #expect([64, 66].contains(answer.status), "\(line): \(answer.error)")
        #expect(answer.error.contains("error: ") && answer.error.contains("run"), "\(line): \(answer.error)")
        #expect(!answer.error.contains("nobody foresaw"))
      }
    }
  }

  @Test("a run whose folder is taken away says so")
  func vanishing() throws {
    try withData { folder in
      let running = try Running(
        ["train", "data", "--out", "run", "--set", "training.epochs=3000", "--set", "training.checkpoint_seconds=0"],
        in: folder, listening: true)
      try running.wait(for: " Training  epoch ")
      try FileManager.default.moveItem(at: folder.appending(path: "run"), to: folder.appending(path: "elsewhere"))
      let answer = try running.end()
      #expect(answer.status == 66, "\(answer.error)")
      #expect(answer.error.contains("error: no such file or folder\n  in: run"), "\(answer.error)")
    }
  }

  @Test("who reads no more ends a listing quietly, and a run as Ctrl-C does")
  func closedPipe() throws {
    try withData { folder in
      let listing = try shell("{ seesaw methods --json; echo $? >&2; } | head -n 1", in: folder)
      #expect(listing.error == "0\n")
      let closed = try shell("seesaw methods -q >&-", in: folder)
      #expect(closed.status == 0 && closed.error.isEmpty, "\(closed.error)")
      let run = try shell(
        "{ seesaw train data --out run --set training.epochs=3000 2>&1; echo $? >status; } | head -n 3", in: folder)
      #expect(run.status == 0)
      #expect(try String(contentsOf: folder.appending(path: "status"), encoding: .utf8) == "130\n")
      #expect(try RunFolder(folder.appending(path: "run")).readRecord().status == .interrupted)
    }
  }

  #if os(Linux)
    @Test("a standard output that takes no more is said")
    func fullOutput() throws {
      try withData { folder in
        let answer = try shell("seesaw methods >/dev/full", in: folder)
        #expect(answer.status == 1)
        #expect(answer.error.hasPrefix("error: the disk is full\n  in: standard output"), "\(answer.error)")
        #expect(try shell("seesaw --help >/dev/full", in: folder).status == 1)
      }
    }
  #endif

  @Test("data that somebody cuts short while it is read is said")
  func cutShort() throws {
    try withData { folder in
      let running = try Running(
        ["train", "data", "--out", "run", "--set", "training.epochs=3000"], in: folder, listening: true)
      try running.wait(for: " Training  epoch ")
      let handle = try FileHandle(forWritingTo: folder.appending(path: "data/train.safetensors"))
      try handle.truncate(atOffset: 0)
      let answer = try running.end()
      #expect(answer.status == 66)
      #expect(answer.error.contains("error: a file became shorter while it was read"), "\(answer.error)")
    }
  }
}
