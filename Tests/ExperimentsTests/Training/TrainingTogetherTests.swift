import Balancing
import Experiments
import Foundation
import Records
import TestSupport
import Testing
import Torch

/// Processes of one training, which are threads here and meet by a file.
@Suite("One run, trained by several processes")
struct TrainingTogetherTests {
  private static let settings = [
    "training.threads=1", "training.batch_size=16", "training.epochs=4", "training.checkpoint_seconds=0",
    "optimizer.name=sgd", "optimizer.learning_rate=0.02",
  ]

  /// What each process of a launch ends with.
  private func launch(
    _ count: Int, _ method: String, _ data: URL, to out: URL, settings: [String] = [],
    _ change: @escaping @Sendable (Int, inout TrainRequest) -> Void = { _, _ in },
    stopping wanted: @escaping @Sendable (Int) -> StopFlag = { _ in StopFlag() }
  ) throws -> [TrainOutcome] {
    let launch = UUID().uuidString
    return try threads(count) { rank in
      var request = TrainRequest(data: data)
      request.method = method
      request.out = out
      request.settings = Self.settings + settings
      request.process = try Self.process(rank, count, launch)
      change(rank, &request)
      return try Experiment.train(request, stop: wanted(rank))
    }
  }

  private static func process(_ rank: Int, _ count: Int, _ launch: String) throws -> LaunchedProcess? {
    try LaunchedProcess(environment: [
      "RANK": "\(rank)", "WORLD_SIZE": "\(count)", "LOCAL_WORLD_SIZE": "\(count)", "TORCHELASTIC_RUN_ID": launch,
    ])
  }

  private func withData(_ body: (_ data: URL, _ folder: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try SmallFeatureSet().write(to: folder.appending(path: "data"))
      try body(folder.appending(path: "data"), folder)
    }
  }

  private func weights(_ run: URL) throws -> [String: [Double]] {
    let file = try SafeTensors(reading: RunFolder(run).weights)
    return try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0).array()) })
  }

  @Test(
    "one of them records what one process alone would, and the others end with it", arguments: ["joint", "balgrad"])
  func records(_ method: String) throws {
    try withData { data, folder in
      let (one, two) = (folder.appending(path: "one"), folder.appending(path: "two"))
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: one, settings: Self.settings))
      let outcomes = try launch(2, method, data, to: two)
      let summary = try SmallFeatureSet.finished(outcomes[0])
      guard case .followed(.done) = outcomes[1] else {
        Issue.record("the second process ended with \(outcomes[1])")
        return
      }
      #expect(summary.record.processes == 2)
      #expect(try RunFolder(one).readRecord().processes == nil)
      let (alone, together) = (try weights(one), try weights(two))
      #expect(alone.keys == together.keys)
      for (name, numbers) in alone {
        #expect(allClose(together[name] ?? [], numbers, relative: 0, absolute: 1e-5), "\(name)")
      }
      #expect(try RunFolder(two).readEpochs().count == 4)
      // Where they met is cleared away with the last of them.
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["data", "one", "two"])
      // Once more there is nothing to do for anybody.
      let again = try launch(2, method, data, to: two)
      guard case .alreadyDone = again[0], case .followed(.done) = again[1] else {
        Issue.record("the finished run ended with \(again)")
        return
      }
    }
  }

  @Test("an encoder that each trains on its share of the pictures is that of one process, running means too")
  func encoder() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallPictureSet.write(to: data)
      let settings = [
        "model.encoders.image=small-cnn", "optimizer.learning_rate=0.002", "training.precision=float64",
      ]
      let (one, two) = (folder.appending(path: "one"), folder.appending(path: "two"))
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("balgrad", data, to: one, settings: Self.settings + settings))
      _ = try SmallFeatureSet.finished(launch(2, "balgrad", data, to: two, settings: settings)[0])
      let (alone, together) = (try weights(one), try weights(two))
      #expect(alone.keys.contains { $0.hasSuffix("running_var") })
      for (name, numbers) in alone {
        #expect(allClose(together[name] ?? [], numbers, relative: 1e-9, absolute: 1e-9), "\(name)")
      }
    }
  }

  @Test("where one is told to stop all do, and the same command goes on with equal bits")
  func stops() throws {
    try withData { data, folder in
      let (whole, broken) = (folder.appending(path: "whole"), folder.appending(path: "broken"))
      _ = try launch(2, "fulcrum", data, to: whole)
      let stopped = try launch(
        2, "fulcrum", data, to: broken,
        stopping: { rank in
          let flag = StopFlag()
          if rank == 1 { flag.request() }
          return flag
        })
      guard case .interrupted = stopped[0], case .followed(.interrupted) = stopped[1] else {
        Issue.record("the stopped run ended with \(stopped)")
        return
      }
      _ = try launch(2, "fulcrum", data, to: broken)
      #expect(try weights(broken) == weights(whole))
    }
  }

  @Test("processes that were not started alike are refused")
  func differs() throws {
    try withData { data, folder in
      let error = #expect(throws: Diagnosis.self) {
        try launch(2, "joint", data, to: folder.appending(path: "run")) { rank, request in request.seed = rank }
      }
      #expect(error?.what == "the processes of one training have to be alike")
      #expect(error?.found.first == "process 1 has settings or data other than process 0")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "run").path))
    }
  }

  @Test("where one is lost the other ends with a sentence that asks to start again")
  func loses() throws {
    try withData { data, folder in
      let launch = UUID().uuidString
      let found = try threads(2) { rank -> Diagnosis? in
        var request = TrainRequest(data: data)
        request.out = folder.appending(path: "run")
        request.settings = Self.settings
        request.process = try Self.process(rank, 2, launch)
        if rank == 1 {
          _ = try request.process?.joined(meetingIn: folder)
          return nil
        }
        do {
          _ = try Experiment.train(request)
          return nil
        } catch { return Diagnosis(describing: error) }
      }.compactMap { $0 }
      #expect(found.map(\.what) == ["another process of this training has ended, or does not answer"])
      #expect(found.map(\.exitStatus) == [.preempted])
    }
  }

  @Test("a method's shortcut that differentiates encoders twice is refused before the first step")
  func refuses() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallPictureSet.write(to: data)
      let error = #expect(throws: Diagnosis.self) {
        try launch(
          2, "lfm", data, to: folder.appending(path: "run"),
          settings: ["method.schedule=learned", "method.learning.slope=code", "model.encoders.image=small-cnn"])
      }
      #expect(error?.what.contains("differentiates encoders twice") == true)
    }
  }
}
