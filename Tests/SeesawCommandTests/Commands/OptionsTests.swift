import Balancing
import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Lists, paths and the demo's data")
struct OptionsTests {
  @Test("methods are spelt as they spell themselves")
  func methods() throws {
    #expect(try Listed.methods("Joint, Bal-Grad") == ["joint", "balgrad"])
  }

  @Test("a method nobody has is named, with the nearest there is")
  func unknownMethod() {
    let found = #expect(throws: UnknownMethod.self) { try Listed.methods("joint,balgard") }
    #expect(found?.diagnosis.what == "no method is called 'balgard'")
    #expect(found?.diagnosis.remedy?.hasPrefix("did you mean 'balgrad'?") == true)
  }

  @Test("no method and the same method twice are refused")
  func badMethods() {
    #expect(Self.words { _ = try Listed.methods(" , ") } == "no method is named")
    #expect(Self.words { _ = try Listed.methods("joint,JOINT") } == "method 'joint' is named twice")
  }

  private static func words(_ body: () throws -> Void) -> String? {
    do { try body() } catch { return Diagnosis(describing: error).what }
    return nil
  }

  @Test("modalities may name their arrays")
  func modalities() throws {
    let found = try Listed.modalities("image=img, text")
    #expect(found.map(\.name) == ["image", "text"])
    #expect(found.map(\.array) == ["img", "text"])
    #expect(Self.words { _ = try Listed.modalities("image=") } == "'image=' is not a modality, or modality=array")
    #expect(try Listed.array("audio=a=b.npy").file.lastPathComponent == "a=b.npy")
    #expect(Self.words { _ = try Listed.array("audio.npy") } == "'audio.npy' is not name=file.npy")
  }

  @Test("raw samples are sent to encode, a feature set is taken")
  func raw() throws {
    try withTemporaryFolder { folder in
      let raw = folder.appending(path: "photos")
      try FileManager.default.createDirectory(at: raw, withIntermediateDirectories: true)
      try Data().write(to: raw.appending(path: "samples.csv"))
      let path = raw.path
      do {
        _ = try Place.features(path)
        Issue.record("raw samples were taken for features")
      } catch let error as Diagnosis {
        #expect(error.what == "'\(path)' holds raw samples, and features are needed")
        #expect(error.remedy == "encode them first:  seesaw encode \(path) --out \(path)-features")
        #expect(error.exitStatus == .input)
      }
      try Data().write(to: raw.appending(path: "dataset.json"))
      #expect(try Place.features(path).path == path)
      #expect(Self.words { _ = try Place.features(path + "-none") } == "there is no data set '\(path)-none'")
    }
  }

  @Test("a comparison is named after the folder of its data")
  func names() {
    #expect(Place.name(of: URL(filePath: "/data/emoji/")) == "emoji")
    #expect(Place.name(of: URL(filePath: "/data/x/../emoji")) == "emoji")
    #expect(Place.name(of: URL(filePath: "/")) == "data")
  }

  private func withEmoji(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { root in
      let data = root.appending(path: "Data/emoji")
      try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
      try Data().write(to: data.appending(path: "samples.csv"))
      try body(root, data)
    }
  }

  private func expect(_ demo: DemoData, at data: URL) throws {
    let found = try demo.locate()
    #expect(found.path == data.path)
  }

  @Test("the emoji data is found above the program, above the working folder and where the environment says")
  func demoData() throws {
    try withEmoji { (root: URL, data: URL) throws in
      var demo = DemoData()
      demo.environment = [:]
      demo.executable = root.appending(path: ".build/debug/seesaw")
      demo.workingFolder = URL(filePath: "/")
      try expect(demo, at: data)
      demo.executable = URL(filePath: "/usr/bin/seesaw")
      demo.workingFolder = root.appending(path: "Sources")
      try expect(demo, at: data)
      demo.workingFolder = URL(filePath: "/")
      for folder in [root, root.appending(path: "Data"), data] {
        demo.environment = ["SEESAW_DATA": folder.path]
        try expect(demo, at: data)
      }
      demo.named = data.path
      demo.environment = ["SEESAW_DATA": "/nowhere"]
      try expect(demo, at: data)
    }
  }

  @Test("where the emoji data is not, the error says where it was looked for and how to name it")
  func noDemoData() throws {
    try withTemporaryFolder { root in
      var demo = DemoData()
      demo.environment = [:]
      demo.executable = root.appending(path: "seesaw")
      demo.workingFolder = root
      let found = try #require(throws: Diagnosis.self) { try demo.locate() }
      #expect(found.what == "the emoji data was not found")
      #expect(found.remedy == "name its folder with --data, or the folder around it with SEESAW_DATA")
      #expect(found.exitStatus == .input)
      demo.named = root.path
      #expect(Self.words { _ = try demo.locate() } == "there are no samples in '\(root.path)'")
      demo.named = nil
      demo.environment = ["SEESAW_DATA": root.path]
      #expect(Self.words { _ = try demo.locate() } == "there is no emoji data in '\(root.path)'")
    }
  }

  @Test("the command of an audit is repeated as a shell takes it, without its bounds")
  func auditCommand() {
    let given = [
      "/usr/bin/seesaw", "audit", "my data", "--command", "python3 p.py", "--fail-on", "full<0.5", "--junit=a.xml",
      "-q",
    ]
    #expect(AuditCommand.command(given) == "seesaw audit 'my data' --command 'python3 p.py'")
  }
}
