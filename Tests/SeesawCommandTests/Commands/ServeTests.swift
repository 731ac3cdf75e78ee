import ArgumentParser
import Experiments
import Foundation
import Records
import ServeOptions
import Testing

@testable import SeesawCommand

@Suite("Options of serve")
struct ServeTests {
  @Test("what the server is told is what was said, whatever a folder is called")
  func words() throws {
    let said = [
      "a", "b/c", "--names", "x,y", "--port", "0", "--rate", "2.5", "--no-detect-empty", "--threads", "1", "-q",
      "--columns", "text=Title+Body", "--wait-ms", "1.5", "--max-body", "2MB", "--host", "::1", "--", "--d",
    ]
    let options = try ServeOptions.parse(said)
    let again = try ServeOptions.parse(options.words)
    #expect(again.words == options.words)
    #expect(again.runs == ["a", "b/c", "--d"] && again.rate == 2.5 && again.threads == 1 && !again.detectEmpty)
    #expect(again.columns == "text=Title+Body" && again.waitMs == 1.5 && again.host == "::1" && again.quiet)
  }

  @Test("models are called as they are asked for, else as their folders")
  func names() throws {
    #expect(try ServeOptions.parse(["runs/a", "b/"]).models().map(\.name) == ["a", "b"])
    #expect(try ServeOptions.parse(["runs/a", "x/a", "--names", "a, b"]).models().map(\.name) == ["a", "b"])
    for (words, what) in [
      (["runs/a", "x/a"], "two models are called 'a'"), (["a", "--names", "x,y"], "2 names for 1 runs"),
      (["my run"], "'my run' cannot be the name of a model in an address"),
      (["a", "--names", ""], "0 names for 1 runs"),
    ] {
      let options = try ServeOptions.parse(words)
      #expect(throws: Diagnosis.self, "\(what)") { try options.models() }
    }
  }

  @Test(
    "sizes are written with a unit",
    arguments: [("16MB", 16_000_000), ("500kB", 500_000), ("2MiB", 2 << 20), ("4096", 4096)])
  func sizes(_ text: String, _ bytes: Int) throws {
    #expect(try ServeOptions.parse(["a", "--max-body", text]).bodyLimit() == bytes)
  }

  @Test("what cannot be meant is refused", arguments: ["1B", "x", "-5MB", "1e12", "nanMB"])
  func noSize(_ text: String) throws {
    let options = try ServeOptions.parse(["a", "--max-body=\(text)"])
    #expect(throws: Diagnosis.self) { try options.bodyLimit() }
  }

  @Test(
    "numbers out of range are errors of usage",
    arguments: [
      ["--port", "70000"], ["--batch", "0"], ["--queue", "0"], ["--rate", "0"], ["--wait-ms=-1"], ["--threads", "0"],
    ])
  func numbers(_ words: [String]) {
    #expect(throws: (any Error).self) { try ServeOptions.parse(["a"] + words) }
  }
}
