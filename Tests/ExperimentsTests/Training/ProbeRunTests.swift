import Experiments
import Foundation
import Records
import TestSupport
import Testing

@Suite("Runs with a probe")
struct ProbeRunTests {
  private static let probe = ["training.probe.form=first_order", "training.probe.every=2", "training.epochs=3"]

  private func withData(_ body: (_ data: URL, _ folder: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      try body(data, folder)
    }
  }

  private func rows(_ run: URL) throws -> [StepRow] { try RunFolder(run).readSteps() }

  @Test("the probe's scalars stand in the steps and their means in the epochs", arguments: ["joint", "balgrad"])
  func recorded(method: String) throws {
    try withData { data, folder in
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: run, settings: Self.probe))
      let rows = try rows(run)
      #expect(rows.count == 9)
      let names = [
        "probe.loss.image", "probe.loss.text", "probe.cosine", "probe.conflict", "probe.eq1.predicted",
        "probe.eq1.actual", "probe.eq1.cross", "probe.eq5.predicted", "probe.eq5.actual", "probe.eq5.cross",
      ]
      for row in rows {
        let found = row.scalars.keys.filter { $0.hasPrefix("probe.") }.sorted()
        #expect(found == (row.step % 2 == 0 ? names.sorted() : []))
      }
      let epochs = try RunFolder(run).readEpochs()
      for epoch in epochs {
        let cosines = rows.filter { $0.epoch == epoch.epoch }.compactMap { $0.scalars["probe.cosine"] }
        #expect(
          allClose(
            [epoch.train["probe.cosine"] ?? .nan], [cosines.reduce(0, +) / Double(cosines.count)], relative: 1e-12))
      }
    }
  }

  @Test("weights and scores are those of a run without one, byte for byte", arguments: ["joint", "balgrad"])
  func noPart(method: String) throws {
    try withData { data, folder in
      let (with, without) = (folder.appending(path: "with"), folder.appending(path: "without"))
      let probed = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: with, settings: Self.probe))
      let plain = try SmallFeatureSet.finished(
        SmallFeatureSet.train(method, data, to: without, settings: ["training.epochs=3"]))
      #expect(probed.evaluation == plain.evaluation)
      #expect(
        try Data(contentsOf: RunFolder(with).weights) == Data(contentsOf: RunFolder(without).weights))
    }
  }

  @Test("a run that was stopped after a step goes on as if it had not been", arguments: ["joint", "balgrad"])
  func resuming(method: String) throws {
    try withData { data, folder in
      let (whole, parts) = (folder.appending(path: "whole"), folder.appending(path: "parts"))
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: whole, settings: Self.probe))
      try SmallFeatureSet.interrupt(method, data, to: parts, settings: Self.probe)
      #expect(try rows(parts).count == 1)
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train(method, data, to: parts, settings: Self.probe, resume: true))
      #expect(try rows(parts) == rows(whole))
      #expect(
        try Data(contentsOf: RunFolder(parts).weights) == Data(contentsOf: RunFolder(whole).weights))
    }
  }

  @Test("a probe of a form that there is not is refused")
  func unknownForm() throws {
    try withData { data, folder in
      let error = #expect(throws: ConfigurationProblems.self) {
        try SmallFeatureSet.train(
          "joint", data, to: folder.appending(path: "run"), settings: ["training.probe.form=conflict"])
      }
      #expect(error?.problems.first?.what.hasSuffix("did you mean 'conflicts'?") == true)
    }
  }
}
