import Foundation
import Records
import TestSupport
import Testing

@Suite("MLflow's files")
struct MLflowStoreTests {
  private func write(
    _ folder: URL, status: RunStatus = .finished, epochs: Int = 3, rate: Double = 0.1
  ) throws -> RunFolder {
    let run = RunFolder(folder.appending(path: "runs/first"))
    try run.create()
    var record = RunRecord(
      configuration: [
        "method": ["name": "joint"], "seed": 4, "optimizer": ["learning_rate": .number(rate)],
        "training": ["frozen": []],
      ],
      versions: Versions(seesaw: "0.1.0", libtorch: "2.13.0", swift: "6.3", platform: "Linux"), threads: 1,
      device: "cpu",
      processor: "any",
      data: DataRecord(
        name: "it's data", path: "data", classes: ["a", "b"], modalities: ["image", "text"], counts: [:]),
      status: status, started: "2026-01-02T03:04:05Z")
    if status == .finished {
      record.ended = "2026-01-02T03:04:15Z"
      record.selectedEpoch = 1
      try run.write(
        EvaluationTable(
          dataset: "it's data", metric: "accuracy", modalities: ["image", "text"],
          conditions: ["full", "image-missing", "text-missing"],
          scores: ["full": 0.75, "image-missing": 0.5, "text-missing": 0.25]))
    }
    try run.write(record)
    try? FileManager.default.removeItem(at: run.epochs)
    let writer = try JSONLinesWriter(resuming: run.epochs, where: "epoch", isBelow: 0)
    for epoch in 0..<epochs {
      try writer.append(
        EpochRow(
          epoch: epoch, train: ["loss.image": 1 / Double(epoch + 1), "loss": .nan], validation: ["accuracy": 0.5],
          seconds: 2))
    }
    try writer.close()
    return run
  }

  private func files(_ store: URL) throws -> [String: String] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: store.path)
    var found: [String: String] = [:]
    for name in names {
      let url = store.appending(path: name)
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
      if !isFolder.boolValue { found[name] = try String(contentsOf: url, encoding: .utf8) }
    }
    return found
  }

  @Test("hold a run's settings, every epoch as a step, the scores, and where its files lie")
  func run() throws {
    try withTemporaryFolder { folder in
      let run = try write(folder)
      let store = folder.appending(path: "mlruns")
      try MLflowStore(store).write(run, tags: ["seesaw.row": "joint"])
      let found = try files(store)
      let metas = found.keys.filter { $0.hasSuffix("meta.yaml") }.sorted { $0.count < $1.count }
      try #require(metas.count == 2)
      let experiment = try #require(found[metas[0]])
      #expect(experiment.contains("name: 'it''s data'\n") && experiment.contains("lifecycle_stage: active\n"))
      let meta = try #require(found[metas[1]])
      #expect(meta.contains("status: 3\n") && meta.contains("start_time: 1767323045000\nstatus"), "\(meta)")
      #expect(meta.contains("end_time: 1767323055000\n") && meta.contains("run_name: 'joint seed 4'\n"))
      #expect(meta.contains("artifact_uri: '\(run.url.standardizedFileURL.absoluteString)'\n"))
      let place = String(metas[1].dropLast("meta.yaml".count))
      #expect(found[place + "params/optimizer.learning_rate"] == "0.1")
      #expect(found[place + "params/method.name"] == "joint")
      #expect(
        found[place + "metrics/train.loss.image"]
          == "1767323047000 1.0 0\n1767323049000 0.5 1\n1767323051000 0.3333333333333333 2\n")
      #expect(found[place + "metrics/train.loss"]?.contains(" nan 0\n") == true)
      #expect(found[place + "metrics/test.image-missing"] == "1767323055000 0.5 1\n")
      #expect(found[place + "tags/seesaw.row"] == "joint" && found[place + "tags/mlflow.runName"] == "joint seed 4")
    }
  }

  @Test("a run that is written again stands there once, as it is now; one with other settings stands beside it")
  func again() throws {
    try withTemporaryFolder { folder in
      let store = MLflowStore(folder.appending(path: "mlruns"))
      try store.write(write(folder, status: .interrupted, epochs: 2))
      let before = try files(folder.appending(path: "mlruns"))
      let key = try #require(before.keys.first { $0.hasSuffix("metrics/validation.accuracy") })
      #expect(before[key]?.split(separator: "\n").count == 2)
      #expect(
        before.first { $0.key.count > 40 && $0.key.hasSuffix("meta.yaml") }?.value.contains("status: 5\n") == true)
      for _ in 0..<2 { try store.write(write(folder)) }
      let after = try files(folder.appending(path: "mlruns"))
      #expect(after[key]?.split(separator: "\n").count == 3)
      #expect(after.keys.filter { $0.hasSuffix("metrics/validation.accuracy") } == [key])
      #expect(after.keys.filter { $0.hasSuffix("meta.yaml") }.count == 2)
      try store.write(write(folder, rate: 0.2))
      #expect(try files(folder.appending(path: "mlruns")).keys.filter { $0.hasSuffix("meta.yaml") }.count == 3)
    }
  }

  @Test("an experiment of MLflow's own with the data set's name is gone on with")
  func experiment() throws {
    try withTemporaryFolder { folder in
      let store = folder.appending(path: "mlruns")
      try FileManager.default.createDirectory(
        at: store.appending(path: "7"), withIntermediateDirectories: true)
      try Data("experiment_id: '7'\nname: it's data\n".utf8).write(to: store.appending(path: "7/meta.yaml"))
      try MLflowStore(store).write(write(folder))
      #expect(try FileManager.default.contentsOfDirectory(atPath: store.path) == ["7"])
    }
  }
}
