import Foundation
import Records
import TestSupport
import Testing

func exampleRecord() throws -> RunRecord {
  var configuration = RunConfiguration()
  configuration.dataset = "emoji"
  return RunRecord(
    configuration: try Tree(encoding: configuration), provenance: ["dataset": "--set", "seed": "default"],
    versions: Versions(seesaw: "1", libtorch: "2.13", swift: "6.3", platform: "linux x86_64"), threads: 2,
    device: "cpu", processor: "some processor",
    data: DataRecord(
      name: "emoji", path: "data/emoji", digests: ["train.safetensors": "ab"], classes: ["a", "b"],
      modalities: ["image", "text"], counts: ["train": 100]),
    started: "2025-01-01T00:00:00Z")
}

struct RunFolderTests {
  @Test("a run's place tells data set, method, seed and digest")
  func naming() {
    let root = URL(filePath: "/r")
    let folder = RunFolder(in: root, dataset: "hateful-memes", method: "balgrad", seed: 1, digest: "3f9a2c77aa")
    #expect(folder.url.path == "/r/hateful-memes/balgrad/seed-1-3f9a2c")
    let odd = RunFolder(in: root, dataset: "../my data/x", method: "m", seed: 0, digest: "1")
    #expect(odd.url.path == "/r/-my-data-x/m/seed-0-1")
    #expect(RunFolder(in: root, dataset: "..", method: "m", seed: 0, digest: "1").url.path == "/r/unnamed/m/seed-0-1")
  }

  @Test("a run is there once it has a record")
  func exists() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root.appending(path: "a/b"))
      #expect(!folder.exists)
      try folder.create()
      #expect(!folder.exists)
      try folder.write(exampleRecord())
      #expect(folder.exists)
    }
  }

  @Test("a folder that cannot be made is told with its name")
  func cannotCreate() throws {
    try withTemporaryFolder { root in
      let file = root.appending(path: "file")
      try Data().write(to: file)
      let error = #expect(throws: Diagnosis.self) { try RunFolder(file.appending(path: "run")).create() }
      #expect(error?.place?.hasSuffix("file/run") == true)
      #expect(error?.exitStatus == .input)
    }
  }

  @Test("broken JSON is told with file, line and column")
  func broken() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      try Data("{\n\"dataset\": }".utf8).write(to: folder.evaluation)
      let error = #expect(throws: Diagnosis.self) { try folder.readEvaluation() }
      #expect(error?.place?.hasSuffix("evaluation.json:2:12") == true)
    }
  }
}
