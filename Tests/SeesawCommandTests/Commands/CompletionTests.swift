import ArgumentParser
import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand
@testable import ServeOptions

@Suite("What a shell is offered")
struct CompletionTests {
  /// What the command answers a shell that asks about the last of some words.
  private func offered(_ option: String, of command: String, _ typed: String) throws -> [String] {
    let words = ["seesaw", command, typed]
    do {
      var parsed = try Seesaw.parseAsRoot(
        ["---completion", command, "--", option, "2", "\(typed.count)"] + words)
      try parsed.run()
      return []
    } catch {
      let answer = CommandEntry.answer(to: error, [])
      #expect(answer.status == 0)
      return answer.text.split(separator: "\n").map(String.init)
    }
  }

  @Test("a method's name is completed where one is taken", arguments: ["train", "gradients"])
  func methods(_ command: String) throws {
    #expect(try offered("--method", of: command, "balg") == ["balgrad"])
    #expect(try offered("--method", of: command, "zz") == [])
  }

  @Test("a list goes on with what is not in it yet")
  func lists() throws {
    #expect(try offered("--methods", of: "compare", "joint,balg") == ["joint,balgrad"])
    #expect(!(try offered("--methods", of: "compare", "joint,")).contains("joint,joint"))
    #expect(try offered("--methods", of: "compare", "al") == ["all"])
    #expect(Completions.list(["a", "b", "c"], "c,a,") == ["c,a,b"])
    #expect(try offered("--impairments", of: "encode", "blur,ty") == ["blur,typos"])
  }

  @Test("recipes are those of the folder Recipes")
  func recipes() throws {
    #expect(try offered("--recipe", of: "compare", "abl") == ["ablation"])
  }

  @Test("runs are offered as whole paths, and of a comparison's folder that and those in it")
  func runs() throws {
    try withTemporaryFolder { folder in
      let files = MadeUpFolder(folder)
      try files.touch(
        "runs/first/run.json", "runs/first/deeper/run.json", "runs/compared/plan.json",
        "runs/compared/a/seed-0/run.json",
        "other/run.json", ".hidden/run.json", "runs/notes.txt")
      func found(_ typed: String) -> [String] {
        Completions.folders(typed, in: folder) { RunFolder($0).exists }
      }
      #expect(found("") == ["other", "runs/compared/a/seed-0", "runs/first"])
      #expect(found("runs/f") == ["runs/first"])
      #expect(found("runs/compared/") == ["runs/compared/a/seed-0"])
      #expect(found("\(folder.path)/o") == ["\(folder.path)/other"])
      #expect(found("nowhere/") == [])
    }
  }

  @Test("each shell's script asks the command for methods", arguments: ["bash", "zsh", "fish"])
  func scripts(_ shell: String) throws {
    let error = try #require(throws: (any Error).self) {
      var command = try Seesaw.parseAsRoot(["--generate-completion-script", shell])
      try command.run()
    }
    let answer = CommandEntry.answer(to: error, [])
    #expect(answer.status == 0)
    #expect(answer.text.contains("---completion") && answer.text.contains("---completion train -- --method"))
  }
}
