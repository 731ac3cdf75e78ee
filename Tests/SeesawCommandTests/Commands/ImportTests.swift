import ArgumentParser
import Experiments
import Foundation
import Records
import Testing

@testable import SeesawCommand

@Suite("What is asked of an import")
struct ImportTests {
  private func request(_ words: [String]) throws -> ImportRequest {
    let command = try #require(Seesaw.parseAsRoot(["import"] + words + ["--out", "data"]) as? Import)
    return try command.request()
  }

  @Test("from one file, labels and split are names of arrays in it")
  func oneFile() throws {
    let request = try request([
      "clip.npz", "--modalities", "image=img,text=txt", "--labels", "y", "--split", "fold", "--classes", "cat, dog",
      "--task", "binary", "--metric", "auroc", "--name", "pets", "--seed", "4",
    ])
    #expect(request.file?.relativePath == "clip.npz")
    #expect(request.modalities.map(\.name) == ["image", "text"])
    #expect(request.modalities.map(\.array) == ["img", "txt"])
    #expect(request.labels == "y" && request.split == "fold")
    #expect(request.classes == ["cat", "dog"])
    #expect(request.task == "binary" && request.metric == "auroc" && request.name == "pets" && request.seed == 4)
    #expect(request.parts.isEmpty)
  }

  @Test("from files of single arrays, labels and split are files, and modalities stand in the order given")
  func parts() throws {
    let request = try request([
      "--text", "t.npy", "--image", "i.npy", "--array", "audio=a.npy", "--labels", "l.npy", "--split", "s.npy",
    ])
    #expect(request.file == nil)
    #expect(
      request.parts.mapValues(\.relativePath) == [
        "image": "i.npy", "text": "t.npy", "audio": "a.npy", "labels": "l.npy", "split": "s.npy",
      ])
    #expect(request.modalities.map(\.name) == ["image", "text", "audio"])
    #expect(request.labels == "labels" && request.split == "split")
  }

  @Test(
    "what does not go together is refused, and says what to do",
    arguments: [
      ([], "there is nothing to import"), (["--image", "i.npy"], "there are no labels"),
      (["a.npz", "--image", "i.npy"], "both one file with everything and files of single arrays are named"),
      (["--image", "i.npy", "--array", "image=j.npy"], "'image' cannot be the name of one more modality"),
      (["--array", "labels=j.npy"], "'labels' cannot be the name of one more modality"),
    ])
  func refused(_ words: [String], _ what: String) throws {
    let found = try #require(throws: Diagnosis.self) { try request(words) }
    #expect(found.what == what)
    #expect(found.exitStatus == .usage)
  }
}
