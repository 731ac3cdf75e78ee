import Foundation
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Runs over data in blocks, and several at once")
struct ShufflingRunTests {
  private static let blocks = ["training.shuffle=blocks", "training.epochs=3"]

  private func withData(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      try body(data, folder)
    }
  }

  @Test("the record says which way the samples were shuffled, and asking for that again finds the run done")
  func recorded() throws {
    try withData { data, folder in
      for (asked, wanted) in [("auto", "full"), ("full", "full"), ("blocks", "blocks")] {
        let out = folder.appending(path: asked)
        let settings = ["training.shuffle=\(asked)", "training.epochs=1"]
        let run = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: out, settings: settings))
        #expect(run.record.configuration[path: "training.shuffle"] == .string(wanted))
        guard case .alreadyDone = try SmallFeatureSet.train("joint", data, to: out, settings: settings) else {
          Issue.record("the run was not known again")
          return
        }
      }
      #expect(throws: Diagnosis.self) {
        try SmallFeatureSet.train("joint", data, to: folder.appending(path: "full"), settings: Self.blocks)
      }
    }
  }

  @Test("a run that knew no choice of shuffling is the run that shuffles in full")
  func older() throws {
    try withData { data, folder in
      let out = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: out, settings: ["training.epochs=1"]))
      var record = try RunFolder(out).readRecord()
      record.configuration[path: "training.shuffle"] = nil
      try RunFolder(out).write(record)
      guard case .alreadyDone = try SmallFeatureSet.train("joint", data, to: out, settings: ["training.epochs=1"])
      else {
        Issue.record("the run was not known again")
        return
      }
    }
  }

  @Test("stopped in the middle of an epoch and resumed, a run by blocks ends as if nothing had happened")
  func resumes() throws {
    try withData { data, folder in
      let (whole, parts) = (folder.appending(path: "whole"), folder.appending(path: "parts"))
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train("balgrad", data, to: whole, settings: Self.blocks))
      try SmallFeatureSet.interrupt("balgrad", data, to: parts, settings: Self.blocks)
      let checkpoint = try Checkpoint(reading: RunFolder(parts).checkpoint)
      #expect(checkpoint.numbers.batch == 1 && checkpoint.numbers.order != nil)
      #expect(!checkpoint.tensors.contains { $0.0.hasPrefix("plan.") })
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("balgrad", data, to: parts, settings: Self.blocks, resume: true))
      #expect(try Data(contentsOf: RunFolder(parts).weights) == Data(contentsOf: RunFolder(whole).weights))
      #expect(try Data(contentsOf: RunFolder(parts).steps) == Data(contentsOf: RunFolder(whole).steps))
    }
  }

  @Test("with a flipped view a run says whether it took it; on and off are other runs, stopped and resumed the same")
  func flips() throws {
    try withData { data, folder in
      let off = folder.appending(path: "off")
      let plain = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: off, settings: Self.blocks))
      #expect(plain.record.configuration[path: "training.flip"] == "off")
      let error = #expect(throws: Diagnosis.self) {
        try SmallFeatureSet.train(
          "joint", data, to: folder.appending(path: "none"), settings: Self.blocks + ["training.flip=on"])
      }
      #expect(error?.what == "there are no flipped pictures to train on")

      let image = try SafeTensors(reading: data.appending(path: "train.safetensors")).tensor("image")
      try SafeTensors.write([("image", image * 0.5)], to: data.appending(path: "train@image-flipped.safetensors"))
      var weights: [String: Data] = ["before": try Data(contentsOf: RunFolder(off).weights)]
      for shuffle in ["full", "blocks"] {
        for flip in ["auto", "off"] {
          let out = folder.appending(path: "\(shuffle)-\(flip)")
          let settings = ["training.shuffle=\(shuffle)", "training.flip=\(flip)", "training.epochs=3"]
          let run = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: out, settings: settings))
          #expect(run.record.configuration[path: "training.flip"] == .string(flip == "auto" ? "on" : "off"))
          weights[out.lastPathComponent] = try Data(contentsOf: RunFolder(out).weights)
          let parts = folder.appending(path: "\(shuffle)-\(flip)-parts")
          try SmallFeatureSet.interrupt("joint", data, to: parts, settings: settings)
          _ = try SmallFeatureSet.finished(
            SmallFeatureSet.train("joint", data, to: parts, settings: settings, resume: true))
          #expect(try Data(contentsOf: RunFolder(parts).weights) == weights[out.lastPathComponent])
        }
      }
      #expect(weights["before"] == weights["blocks-off"])
      #expect(Set(weights.values).count == 4)
    }
  }

  @Test("several runs at once leave what one after the other leaves, byte for byte")
  func jobs() throws {
    try withData { data, folder in
      var files: [[String: Data]] = []
      for jobs in [1, 2] {
        let out = folder.appending(path: "jobs-\(jobs)")
        var request = CompareRequest(data: data, methods: ["joint", "balgrad", "ogm-ge"], seeds: 2, out: out)
        request.jobs = jobs
        request.settings = ["training.epochs=2", "training.batch_size=16"]
        let results = try Experiment.compare(request)
        #expect(results.methods.map(\.name) == ["joint", "balgrad", "ogm-ge"])
        #expect(results.methods.allSatisfy { $0.runs.map(\.seed) == [0, 1] })
        var found: [String: Data] = [:]
        for method in ["joint", "balgrad", "ogm-ge"] {
          for seed in 0..<2 {
            let run = RunFolder(out.appending(path: "\(method)/seed-\(seed)"))
            found["\(method) \(seed) weights"] = try Data(contentsOf: run.weights)
            found["\(method) \(seed) steps"] = try Data(contentsOf: run.steps)
          }
        }
        files.append(found)
      }
      #expect(files[0] == files[1])
      #expect(Set(files[0].values).count == 12)
    }
  }

  @Test("no more threads are used than there are cores, and a run that streams has the disk to itself")
  func threads() throws {
    try withData { data, folder in
      let loaded = try LoadedData(at: data)
      func jobs(_ wanted: Int, _ settings: [String]) throws -> Int {
        var request = CompareRequest(data: data, methods: ["joint"], seeds: 1, out: folder)
        request.settings = settings
        return try Experiment.jobs(wanted, for: Experiment.plans(of: request), loaded)
      }
      let cores = ProcessInfo.processInfo.activeProcessorCount
      #expect(try jobs(0, []) == cores)
      #expect(try jobs(1, []) == 1)
      #expect(try jobs(1000, []) == cores)
      #expect(try jobs(0, ["training.threads=\(cores)"]) == 1)
      #expect(try jobs(1000, ["training.threads=\(2 * cores)"]) == 1)
      #expect(try jobs(0, ["training.shuffle=blocks"]) == 1)
    }
  }

  @Test("of several runs at once the dearest begin first, and one after the other they go as planned")
  func order() throws {
    let methods = ["joint", "rollingq", "balgrad"]
    let request = CompareRequest(data: URL(filePath: "/data"), methods: methods, seeds: 2, out: URL(filePath: "/out"))
    let plans = try Experiment.plans(of: request)
    func words(_ jobs: Int) -> [String] { Experiment.order(of: plans, jobs: jobs).map { plans[$0].words } }
    let planned = methods.flatMap { ["\($0) seed 0", "\($0) seed 1"] }
    #expect(words(1) == planned)
    #expect(words(2) == [2, 3, 4, 5, 0, 1].map { planned[$0] })
  }

  @Test("the first run that fails ends the comparison with its reason")
  func failure() throws {
    try withData { data, folder in
      var request = CompareRequest(
        data: data,
        rows: [
          ComparisonRow(label: "fine", method: "joint"),
          ComparisonRow(label: "wild", method: "joint", settings: ["optimizer.learning_rate=1e38"]),
        ], seeds: 2, out: folder.appending(path: "out"))
      request.jobs = 2
      request.settings = ["training.epochs=4", "training.batch_size=8"]
      let error = #expect(throws: Diagnosis.self) { try Experiment.compare(request) }
      let what = error?.what ?? ""
      #expect(what.contains("not numbers") || what.contains("not a number"), "\(what)")
    }
  }
}
