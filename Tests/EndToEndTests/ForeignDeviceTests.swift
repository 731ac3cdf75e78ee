import Foundation
import Records
import TestSupport
import Testing

/// Where there is no accelerator, a device whose memory the host cannot touch (Tests/ForeignDevice) shows whether what is
/// computed stays where it shall be.
@Suite("A device that is not the host")
struct ForeignDeviceTests {
  #if canImport(Darwin)
    static let loading = (variable: "DYLD_INSERT_LIBRARIES", file: "libForeignDevice.dylib")
  #else
    static let loading = (variable: "LD_PRELOAD", file: "libForeignDevice.so")
  #endif

  static let device = ["--set", "training.device=foreign"]
  static let short = quick + ["--set", "training.epochs=1"]

  static func run(_ arguments: [String], in folder: URL) throws -> Answer {
    let library = Seesaw.binary.deletingLastPathComponent().appending(path: loading.file).path
    try #require(FileManager.default.fileExists(atPath: library), "build it first: \(library)")
    return try Seesaw.run(arguments, in: folder, environment: [loading.variable: library])
  }

  /// What was measured of a run's last step.
  private func losses(_ run: URL) throws -> [String: Double] {
    let steps = try String(contentsOf: run.appending(path: "steps.jsonl"), encoding: .utf8)
    let last = try #require(steps.split(separator: "\n").last)
    return try Tree(json: String(last), place: "steps.jsonl")[path: "losses"]?.tableValue?.compactMapValues(
      \.numberValue)
      ?? [:]
  }

  private func expectAlike(_ run: URL, _ other: URL) throws {
    let (own, others) = (try losses(run), try losses(other))
    #expect(!own.isEmpty && own.keys == others.keys, "\(run.path)")
    for (name, loss) in own {
      #expect(try abs(loss - #require(others[name])) < 1e-3 * max(1, loss), "\(run.path): \(name)")
    }
  }

  @Test("every method trains and is tested there as on the processor")
  func methods() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let compare =
        ["compare", "data", "--methods", "all", "--seeds", "1", "--jobs", "1", "--no-specialists"] + Self.short
      #expect(try Seesaw.run(compare + ["--out", "here"], in: folder).status == 0)
      let answer = try Self.run(compare + ["--out", "there"] + Self.device, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let here = folder.appending(path: "here")
      let methods = try FileManager.default.contentsOfDirectory(atPath: here.path).filter {
        FileManager.default.fileExists(atPath: here.appending(path: "\($0)/seed-0/run.json").path)
      }
      #expect(methods.count > 20)
      for method in methods {
        let run = folder.appending(path: "there/\(method)/seed-0")
        #expect(
          try Tree(json: String(contentsOf: run.appending(path: "run.json"), encoding: .utf8), place: "run.json")[
            path: "device"] == "foreign")
        try expectAlike(here.appending(path: "\(method)/seed-0"), run)
      }
    }
  }

  @Test("an encoder over pixels is trained there as on the processor", arguments: ["small-cnn", "vit-tiny"])
  func encoders(_ encoder: String) throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      #expect(
        try Seesaw.run(["encode", "raw", "--image-encoder", "pixels:16", "--out", "data"], in: folder).status == 0)
      let train = ["train", "data", "--method", "balgrad", "--set", "model.encoders.image=\(encoder)"] + Self.short
      #expect(try Seesaw.run(train + ["--out", "here"], in: folder).status == 0)
      let answer = try Self.run(train + ["--out", "there"] + Self.device, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      try expectAlike(folder.appending(path: "here"), folder.appending(path: "there"))
    }
  }
}
