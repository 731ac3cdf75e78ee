import Foundation
import Records
import TestSupport
import Testing

/// A short run: one thread, three epochs, a narrow model.
let quick = ["--set", "training.epochs=3", "--set", "training.batch_size=16", "--set", "model.embedding_width=8"]

@Suite("seesaw train and evaluate")
struct TrainingTests {
  private func withData(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      try body(folder)
    }
  }

  private func weights(_ run: String, in folder: URL) throws -> Data {
    try Data(contentsOf: folder.appending(path: "\(run)/weights.safetensors"))
  }

  @Test("a run prints its scores, says what it does on stderr, and names its folder last")
  func words() throws {
    try withData { folder in
      let answer = try Seesaw.run(
        ["train", "data", "--method", "balgrad", "--seed", "1", "--out", "runs/first"] + quick, in: folder)
      #expect(answer.status == 0)
      #expect(answer.out.hasPrefix("  condition      accuracy in %\n  full"))
      for title in ["image missing", "text missing", "image noisy", "text noisy", "Avg.", "gap"] {
        #expect(answer.out.contains(title))
      }
      let talk = answer.error.split(separator: "\n").map(String.init)
      #expect(talk[0] == "     Data  tiny · 48 train, 12 validation, 18 test · image 6, text 4")
      #expect(talk.count { $0.hasPrefix(" Training  epoch ") } == 3)
      #expect(talk.last?.hasPrefix("     Done  runs/first   ") == true)
      #expect(!answer.error.contains("\u{1B}") && !answer.error.contains("\r"))
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "runs/first").path)
      for name in ["run.json", "steps.jsonl", "epochs.jsonl", "evaluation.json", "weights.safetensors"] {
        #expect(files.contains(name))
      }
      #expect(!files.contains("checkpoint.safetensors"))
    }
  }

  @Test("--quiet says nothing, and --json prints one JSON value and nothing else")
  func quiet() throws {
    try withData { folder in
      let answer = try Seesaw.run(["train", "data", "--out", "r", "--quiet", "--json"] + quick, in: folder)
      #expect(answer.status == 0)
      #expect(answer.error == "")
      let tree = try answer.json()
      #expect(tree[path: "folder"] == "r" && tree[path: "status"] == "finished")
      #expect(tree[path: "evaluation.conditions"]?.listValue?.count == 9)
      let full = try #require(tree[path: "evaluation.scores.full"]?.numberValue)
      #expect((0...1).contains(full))
    }
  }

  @Test("weights have the promised names, and twice the same command makes the same bytes")
  func reproducible() throws {
    try withData { folder in
      for out in ["a", "b"] {
        let answer = try Seesaw.run(
          ["train", "data", "--method", "joint", "--seed", "5", "--out", out, "-q"] + quick, in: folder)
        #expect(answer.status == 0, "\(answer.error)")
      }
      #expect(try weights("a", in: folder) == weights("b", in: folder))
      let other = try Seesaw.run(
        ["train", "data", "--method", "joint", "--seed", "6", "--out", "c", "-q"] + quick, in: folder)
      #expect(other.status == 0)
      #expect(try weights("a", in: folder) != weights("c", in: folder))
      let stored = try StoredFile.read(folder.appending(path: "a/weights.safetensors"))
      let shapes = [
        "image.embedding.weight": [8, 6], "image.embedding.bias": [8], "image.head.weight": [3, 8],
        "image.head.bias": [3], "text.embedding.weight": [8, 4], "text.embedding.bias": [8],
        "text.head.weight": [3, 8],
        "text.head.bias": [3], "fusion.classifier.weight": [3, 16], "fusion.classifier.bias": [3],
      ]
      #expect(stored.mapValues(\.shape) == shapes)
    }
  }

  @Test("another method begins from the same weights and visits the samples in the same order")
  func fairness() throws {
    try withData { folder in
      // A rate so small that no weight moves: what is left is where a method begins and what it sees.
      let still = quick + ["--set", "optimizer.name=sgd", "--set", "optimizer.learning_rate=1e-30"]
      var weights: [[String: Stored]] = []
      var losses: [[Double]] = []
      for method in ["joint", "uniform", "balgrad"] {
        let answer = try Seesaw.run(["train", "data", "--method", method, "--out", method, "-q"] + still, in: folder)
        #expect(answer.status == 0, "\(answer.error)")
        weights.append(try StoredFile.read(folder.appending(path: "\(method)/weights.safetensors")))
        let lines = try String(contentsOf: folder.appending(path: "\(method)/steps.jsonl"), encoding: .utf8)
        losses.append(
          try lines.split(separator: "\n").map { try #require(Tree(json: $0)[path: "losses.fused"]?.numberValue) })
      }
      #expect(weights[0] == weights[1] && weights[0] == weights[2])
      #expect(losses[0].count == 9 && Set(losses[0]).count > 1)
      #expect(losses[0] == losses[1] && losses[0] == losses[2])
    }
  }

  @Test("a finished run is not done twice, unless --again; another configuration is refused")
  func again() throws {
    try withData { folder in
      let command = ["train", "data", "--out", "r"] + quick
      let first = try Seesaw.run(command, in: folder)
      let second = try Seesaw.run(command, in: folder)
      #expect(second.status == 0)
      #expect(second.lastWords == "     Done  already done: r, --again to repeat")
      #expect(second.out == first.out)
      let other = try Seesaw.run(command + ["--set", "optimizer.learning_rate=0.5"], in: folder)
      #expect(other.status == 64)
      #expect(other.error.contains("optimizer.learning_rate was 0.001, now 0.5"))
      let again = try Seesaw.run(command + ["--again"], in: folder)
      #expect(again.status == 0 && again.lastWords.hasPrefix("     Done  r   "))
    }
  }

  @Test("a run's record is a configuration that repeats it")
  func repetition() throws {
    try withData { folder in
      let first = try Seesaw.run(["train", "data", "--seed", "3", "--out", "a", "-q"] + quick, in: folder)
      #expect(first.status == 0)
      let second = try Seesaw.run(["train", "--config", "a/run.json", "--out", "b", "-q"], in: folder)
      #expect(second.status == 0, "\(second.error)")
      #expect(try weights("a", in: folder) == weights("b", in: folder))
    }
  }

  @Test("Ctrl-C leaves a checkpoint and exits 130; resumed, the run ends as if nothing had happened")
  func interruption() throws {
    try withData { folder in
      let long = ["--method", "balgrad", "--set", "training.epochs=300", "--set", "model.embedding_width=8"]
      let whole = try Seesaw.run(["train", "data", "--out", "whole", "-q"] + long, in: folder)
      #expect(whole.status == 0, "\(whole.error)")

      let running = try Running(["train", "data", "--out", "part"] + long, in: folder, listening: true)
      try running.wait(for: " Training  epoch ")
      running.process.interrupt()
      let stopped = try running.end()
      #expect(stopped.status == 130)
      #expect(stopped.out == "")
      #expect(stopped.error.contains("stopping at the next safe point"))
      #expect(stopped.lastWords == "  seesaw train --resume --out part  goes on from it")
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "part/checkpoint.safetensors").path))

      let evaluated = try Seesaw.run(["evaluate", "part"], in: folder)
      #expect(evaluated.status == 66)
      #expect(evaluated.error.contains("its status is 'interrupted'"))

      let resumed = try Seesaw.run(["train", "--resume", "--out", "part"], in: folder)
      #expect(resumed.status == 0, "\(resumed.error)")
      #expect(try weights("part", in: folder) == weights("whole", in: folder))
      for name in ["steps.jsonl", "evaluation.json"] {
        #expect(
          try Data(contentsOf: folder.appending(path: "part/\(name)"))
            == Data(contentsOf: folder.appending(path: "whole/\(name)")), "\(name)")
      }
    }
  }

  @Test("evaluate scores a run as its training did, on its own data or on others like it")
  func evaluation() throws {
    try withData { folder in
      #expect(try Seesaw.run(["train", "data", "--out", "r", "-q"] + quick, in: folder).status == 0)
      let recorded = try Tree(
        json: String(contentsOf: folder.appending(path: "r/evaluation.json"), encoding: .utf8))
      let own = try Seesaw.run(["evaluate", "r", "--json"], in: folder)
      #expect(own.status == 0)
      #expect(try own.json()[path: "scores"] == recorded[path: "scores"])
      try FileManager.default.copyItem(at: folder.appending(path: "data"), to: folder.appending(path: "copy"))
      let other = try Seesaw.run(["evaluate", "r", "copy"], in: folder)
      #expect(other.status == 0 && other.out.hasPrefix("  condition"))
      let nothing = try Seesaw.run(["evaluate", "none"], in: folder)
      #expect(nothing.status == 66 && nothing.error.hasPrefix("error: there is no run here\n  in: none"))
    }
  }

  @Test(
    "what is misspelt is answered with what is meant, and nothing is made",
    arguments: [
      (["--method", "balgard"], "did you mean 'balgrad'?"), (["--set", "training.epoch=3"], "epochs"),
      (["--set", "optimizer.name=adm"], "adam"), (["--set", "training.epochs=many"], "training.epochs"),
      (["--set", "optimizer.learning_rate=-1"], "above 0"), (["--set", "training.device=tpu"], "tpu"),
      (["--seed", "-1"], "seed"),
    ])
  func misspelt(_ words: [String], _ meant: String) throws {
    try withData { folder in
      let answer = try Seesaw.run(["train", "data", "--out", "r"] + words, in: folder)
      #expect(answer.status == 64)
      #expect(answer.error.hasPrefix("error: ") && answer.error.contains(meant), "\(answer.error)")
      #expect(answer.out == "")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "r").path))
    }
  }

  @Test("a configuration file is laid under --set, and its errors have line and column")
  func files() throws {
    try withData { folder in
      let file = folder.appending(path: "run.yaml")
      try Data("method: joint\nseed: 4\ntraining: {epochs: 3, batch_size: 16}\n".utf8).write(to: file)
      let answer = try Seesaw.run(
        ["train", "data", "--config", "run.yaml", "--set", "training.epochs=2", "--out", "r", "-q"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let record = try Tree(json: String(contentsOf: folder.appending(path: "r/run.json"), encoding: .utf8))
      #expect(record[path: "configuration.method.name"] == "joint")
      #expect(record[path: "configuration.seed"] == 4)
      #expect(record[path: "configuration.training.epochs"] == 2)
      try Data("training:\n  epoch: 3\n".utf8).write(to: file)
      let wrong = try Seesaw.run(["train", "data", "--config", "run.yaml"], in: folder)
      #expect(wrong.status == 64)
      #expect(
        wrong.error.contains("run.yaml") && wrong.error.contains("2:3") && wrong.error.contains("epochs"),
        "\(wrong.error)")
    }
  }

  @Test(
    "a method that cannot work with a fusion says so before training",
    arguments: [("mmcosine", "addition"), ("amco", "gated"), ("rollingq", "concatenation")])
  func fusion(_ method: String, _ fusion: String) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let answer = try Seesaw.run(
        ["train", "data", "--method", method, "--set", "model.fusion=\(fusion)", "--out", "run"], in: folder)
      #expect(answer.status == 64)
      #expect(answer.error.contains("'\(method)'") && answer.error.contains("the fusion is '\(fusion)'"))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "run").path))
    }
  }
}
