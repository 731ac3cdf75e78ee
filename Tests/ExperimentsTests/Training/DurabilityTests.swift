import Balancing
import Experiments
import Foundation
import Records
import Synchronization
import TestSupport
import Testing
import Torch

@Suite("Runs that are broken off")
struct DurabilityTests {
  private func withData(_ body: (_ data: URL, _ folder: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try SmallFeatureSet().write(to: folder.appending(path: "data"))
      try body(folder.appending(path: "data"), folder)
    }
  }

  private static let settings = ["training.epochs=4", "training.checkpoint_seconds=0"]

  /// Trains until a wish to stop, which comes with the first word of progress that `wanted` admits.
  private func train(
    _ method: String, _ data: URL, to out: URL, settings: [String] = settings, again: Bool = false,
    notes: Notes = Notes(), stopAt wanted: @escaping @Sendable (ExperimentEvent) -> Bool = { _ in false }
  ) throws -> TrainOutcome {
    var request = TrainRequest(data: data)
    request.method = method
    request.out = out
    request.again = again
    request.settings = ["training.threads=1", "training.batch_size=16"] + settings
    let stop = StopFlag()
    return try Experiment.train(request, stop: stop) { event in
      if case .note(let words) = event { notes.add(words) }
      if wanted(event) { stop.request() }
    }
  }

  final class Notes: Sendable {
    private let said = Mutex<[String]>([])
    func add(_ words: String) { said.withLock { $0.append(words) } }
    var all: [String] { said.withLock { $0 } }
  }

  /// Everything in a run's folder that must be the same in every run, by name.
  private func essence(_ run: URL) throws -> [String: Data] {
    let folder = RunFolder(run)
    var files: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: run.path) {
      files[name] = try? Data(contentsOf: run.appending(path: name))
    }
    files["run.json"] = nil
    let epochs = try folder.readEpochs().map {
      EpochRow(epoch: $0.epoch, train: $0.train, validation: $0.validation, seconds: 0)
    }
    files["epochs.jsonl"] = try Data(epochs.map { try Tree(encoding: $0).json() }.joined(separator: "\n").utf8)
    return files
  }

  /// A run that was stopped after its first epoch, so that two checkpoints lie in its folder.
  private func stopped(_ method: String, _ data: URL, at run: URL) throws {
    let outcome = try train(method, data, to: run) { if case .progress(_, 1, _, _) = $0 { true } else { false } }
    guard case .interrupted = outcome else { throw Diagnosis("the run was not stopped") }
    let folder = RunFolder(run)
    for url in [folder.checkpoint, folder.previousCheckpoint] {
      try #require(FileManager.default.fileExists(atPath: url.path), "\(url.lastPathComponent)")
    }
  }

  private func damage(_ url: URL) throws {
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 3] ^= 1
    try bytes.write(to: url)
  }

  @Test("a damaged newest checkpoint is passed over for the one before, and the run ends as it would have")
  func damagedNewest() throws {
    try withData { data, folder in
      let (whole, part) = (folder.appending(path: "whole"), folder.appending(path: "part"))
      _ = try SmallFeatureSet.finished(train("balgrad", data, to: whole))
      try stopped("balgrad", data, at: part)
      try damage(RunFolder(part).checkpoint)
      let notes = Notes()
      _ = try SmallFeatureSet.finished(train("balgrad", data, to: part, notes: notes))
      #expect(notes.all.first == "checkpoint.safetensors cannot be gone on from: it is not as it was written")
      #expect(notes.all.last?.hasPrefix("going on from the checkpoint in ") == true)
      #expect(try essence(part) == essence(whole))
    }
  }

  @Test("where both checkpoints are damaged the run says so, begins anew and ends as it would have")
  func damagedBoth() throws {
    try withData { data, folder in
      let (whole, part) = (folder.appending(path: "whole"), folder.appending(path: "part"))
      _ = try SmallFeatureSet.finished(train("joint", data, to: whole))
      try stopped("joint", data, at: part)
      try damage(RunFolder(part).checkpoint)
      try Data("half".utf8).write(to: RunFolder(part).previousCheckpoint)
      let notes = Notes()
      _ = try SmallFeatureSet.finished(train("joint", data, to: part, notes: notes))
      #expect(notes.all.count == 3)
      #expect(notes.all.last?.hasPrefix("no checkpoint can be gone on from: the run is begun anew") == true)
      #expect(try essence(part) == essence(whole))
    }
  }

  @Test("a checkpoint whose rows are gone is not gone on from", arguments: ["steps.jsonl", "epochs.jsonl"])
  func missingRows(_ name: String) throws {
    try withData { data, folder in
      let (whole, part) = (folder.appending(path: "whole"), folder.appending(path: "part"))
      _ = try SmallFeatureSet.finished(train("joint", data, to: whole))
      try stopped("joint", data, at: part)
      try FileManager.default.removeItem(at: part.appending(path: name))
      let notes = Notes()
      _ = try SmallFeatureSet.finished(train("joint", data, to: part, notes: notes))
      #expect(notes.all.first?.hasSuffix("the rows of the steps before it are not all there") == true)
      #expect(try essence(part) == essence(whole))
    }
  }

  @Test("what a killed process had begun to write is cleared away")
  func leftovers() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      try stopped("joint", data, at: run)
      try Data("half".utf8).write(to: run.appending(path: ".weights.safetensors.1234.part"))
      _ = try SmallFeatureSet.finished(train("joint", data, to: run))
      let names = try FileManager.default.contentsOfDirectory(atPath: run.path)
      #expect(!names.contains { $0.hasPrefix(".") || $0.hasPrefix("checkpoint") }, "\(names)")
    }
  }

  @Test("test features that overflow in a model are said, with the sample, the split and the condition")
  func overflow() throws {
    try withData { data, folder in
      let rows = [Float](repeating: 3e38, count: 20 * SmallFeatureSet.width)
      try SmallFeatureSet.write("text-noisy", "text", rows, to: data)
      let run = folder.appending(path: "run")
      let said = #expect(throws: Diagnosis.self) {
        try train("joint", data, to: run, settings: ["training.epochs=4", "optimizer.learning_rate=0.5"])
      }
      #expect(said?.what == "the prediction for sample 0 is not a number")
      #expect(said?.place?.hasSuffix("data, the test split under 'text-noisy'") == true)
      #expect(said?.exitStatus == .failed && said?.remedy != nil)
      #expect(try RunFolder(run).readRecord().status == .failed)
    }
  }

  @Test("a run that is at work is not evaluated, nor swept")
  func locked() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(train("joint", data, to: run))
      let lock = try RunFolder(run).lock()
      for look in [{ _ = try Experiment.evaluate(run: run) }, { _ = try Experiment.sweep(run: run) }] {
        #expect(throws: Diagnosis.self) { try look() }
      }
      lock.release()
      _ = try Experiment.evaluate(run: run)
    }
  }

  @Test(
    "a wish to stop is heard while a method prepares itself, and the run ends as it would have",
    arguments: ["umt", "mslr", "g-blending"])
  func preparation(_ method: String) throws {
    try withData { data, folder in
      let (whole, part) = (folder.appending(path: "whole"), folder.appending(path: "part"))
      _ = try SmallFeatureSet.finished(train(method, data, to: whole))
      let outcome = try train(method, data, to: part) { if case .phase = $0 { true } else { false } }
      guard case .interrupted = outcome else {
        Issue.record("the run was not stopped: \(outcome)")
        return
      }
      #expect(try RunFolder(part).readSteps().isEmpty)
      _ = try SmallFeatureSet.finished(train(method, data, to: part))
      #expect(try essence(part) == essence(whole))
    }
  }

  @Test("a run that another version began is not gone on with, and what differs is said")
  func otherVersion() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      try stopped("joint", data, at: run)
      var record = try RunFolder(run).readRecord()
      let libtorch = record.versions.libtorch
      record.versions.libtorch = "1.0"
      try RunFolder(run).write(record)
      let refusal = #expect(throws: Diagnosis.self) { try train("joint", data, to: run) }
      #expect(refusal?.what.hasPrefix("the run was begun with another version") == true)
      #expect(refusal?.found == ["libtorch was 1.0, now \(libtorch)"])
      _ = try SmallFeatureSet.finished(train("joint", data, to: run, again: true))
    }
  }

  @Test("other settings and other data are refused, and what differs is said")
  func otherRun() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      try stopped("joint", data, at: run)
      let settings = #expect(throws: Diagnosis.self) {
        try train("joint", data, to: run, settings: Self.settings + ["optimizer.learning_rate=0.5"])
      }
      #expect(settings?.found == ["optimizer.learning_rate was 0.001, now 0.5"])
      var other = SmallFeatureSet()
      other.train = (0..<48).map { ($0 + 1) % 3 }
      try other.write(to: data)
      let changed = #expect(throws: Diagnosis.self) { try train("joint", data, to: run) }
      #expect(changed?.found == ["train.safetensors has changed"])
    }
  }

  @Test("how often checkpoints are written makes no other run")
  func checkpointSeconds() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      try stopped("joint", data, at: run)
      _ = try SmallFeatureSet.finished(
        train("joint", data, to: run, settings: ["training.epochs=4", "training.checkpoint_seconds=60"]))
    }
  }

  @Test("begun anew, a folder holds nothing of the run that was in it")
  func again() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(train("umt", data, to: run))
      try Data("x".utf8).write(to: run.appending(path: "notes.txt"))
      let stopped = try train("joint", data, to: run, again: true) {
        if case .progress(_, 1, _, _) = $0 { true } else { false }
      }
      guard case .interrupted = stopped else { throw Diagnosis("the run was not stopped") }
      let names = try FileManager.default.contentsOfDirectory(atPath: run.path)
      for name in ["weights.safetensors", "method.safetensors", "evaluation.json"] { #expect(!names.contains(name)) }
      #expect(names.contains("notes.txt"))
    }
  }

  @Test("two at once in one folder: the second is refused, or waits and finds the work done")
  func twoAtOnce() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      let lock = try RunFolder(run).lock()
      let refusal = #expect(throws: Diagnosis.self) { try train("joint", data, to: run) }
      #expect(refusal?.what == "somebody else is writing here")
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path) == [".lock"])
      lock.release()
      _ = try SmallFeatureSet.finished(train("joint", data, to: run))
    }
  }

  @Test("a data set's folder is no place for a run")
  func dataFolder() throws {
    try withData { data, _ in
      let refusal = #expect(throws: Diagnosis.self) { try train("joint", data, to: data) }
      #expect(refusal?.what == "the folder holds a data set")
    }
  }

  // MARK: Numbers

  @Test("a step that leads to what is no number is kept: weights, its batch, the batch before")
  func divergence() throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      let error = #expect(throws: Diagnosis.self) {
        try train("joint", data, to: run, settings: ["optimizer.name=sgd", "optimizer.learning_rate=1e15"])
      }
      #expect(error?.what.hasPrefix("the loss 'fused' is not a number at epoch 0, step ") == true)
      #expect(error?.found.first?.hasPrefix("parameter '") == true)
      let diverged = RunFolder(run).diverged
      for name in ["weights", "batch", "batch-before"] {
        let file = try SafeTensors(reading: diverged.appending(path: "\(name).safetensors"))
        #expect(file.names.contains(name == "weights" ? "fusion.classifier.weight" : "samples"))
      }
      #expect(try RunFolder(run).readRecord().status == .diverged)
    }
  }
}
