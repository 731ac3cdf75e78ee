import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Fetched encoders by name")
struct FetchedEncodersTests {
  private func refusal(_ named: String, _ kind: RawInput.Kind, in folder: URL) -> Diagnosis? {
    do {
      _ = try FetchedEncoders(environment: ["SEESAW_WEIGHTS": folder.path]).path(named, kind)
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  @Test("an unknown name is answered with those that come with Seesaw and those that were fetched")
  func unknown() throws {
    try withTemporaryFolder { folder in
      let lite = folder.appending(path: "efficientnet-lite0")
      #expect(
        refusal("efficientnet-lite1", .image, in: folder)?.found == [
          "there is: hog-colour, pixels, or the path of a checkpoint folder"
        ])
      #expect(refusal("efficientnet-lite0", .image, in: folder)?.remedy == "make weights fetches it")
      try FileManager.default.createDirectory(at: lite, withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: lite.appending(path: "config.json"))
      let error = refusal("efficientnet-lite1", .image, in: folder)
      #expect(error?.what == "no image encoder is called 'efficientnet-lite1'")
      #expect(error?.found == ["there is: hog-colour, efficientnet-lite0, pixels, or the path of a checkpoint folder"])
      #expect(error?.remedy == "did you mean 'efficientnet-lite0'?")
      let fetched = FetchedEncoders(environment: ["SEESAW_WEIGHTS": folder.path])
      #expect(try fetched.path("efficientnet-lite0", .image) == lite.path)
      for name in ["hog-colour", "pixels", "pixels:32", "torchscript:a.pt", "some/folder", folder.path] {
        #expect(try fetched.path(name, .image) == name)
      }
      #expect(try fetched.path(nil, .text) == nil)
    }
  }
}
