import ArgumentParser
import Balancing
import Commit
import Experiments
import Foundation
import Records
import Testing

@testable import SeesawCommand

@Suite("The door of the command")
struct SeesawTests {
  static let leaves: [any ParsableCommand.Type] = leaves(of: Seesaw.self)

  static func leaves(of command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
    let children = CommandEntry.subcommands(of: command)
    return children.isEmpty ? [command] : children.flatMap(leaves(of:))
  }

  /// A command line as words; what follows `<`, `>` is the shell's.
  static func words(_ example: String) -> [String] {
    let words = example.split(separator: " ").map(String.init)
    return Array(words.dropFirst().prefix { $0 != "<" && $0 != ">" })
  }

  @Test("every command has two examples, which parse and name methods there are")
  func examples() throws {
    for command in Self.leaves {
      let exemplified = try #require(command as? any Exemplified.Type, "\(command) has no examples")
      #expect(exemplified.examples.count == 2)
      for example in exemplified.examples {
        #expect(example.hasPrefix("seesaw \(path(of: command))"), "\(example)")
        let parsed = try Seesaw.parseAsRoot(Self.words(example))
        #expect(type(of: parsed) == command, "\(example)")
        let words = Self.words(example)
        for option in ["--method", "--methods"] {
          guard let place = words.firstIndex(of: option) else { continue }
          #expect(throws: Never.self) { try Listed.methods(words[place + 1]) }
        }
      }
    }
  }

  private func path(of command: any ParsableCommand.Type) -> String {
    for name in CommandEntry.subcommands(of: Seesaw.self) {
      if name == command { return name._commandName }
      for inner in CommandEntry.subcommands(of: name) where inner == command {
        return "\(name._commandName) \(inner._commandName)"
      }
    }
    return ""
  }

  private func answer(_ arguments: [String]) -> (text: String, status: Int32) {
    do {
      if let unknown = CommandEntry.unknownCommand(in: arguments) { throw unknown }
      var command = try Seesaw.parseAsRoot(arguments)
      try command.run()
      return ("", 0)
    } catch { return CommandEntry.answer(to: error, arguments) }
  }

  @Test("the help of every command ends with its two examples, and is no error")
  func help() throws {
    for command in Self.leaves {
      let exemplified = try #require(command as? any Exemplified.Type)
      for words in [
        path(of: command).split(separator: " ").map(String.init) + ["--help"],
        ["help"] + path(of: command).split(separator: " ").map(String.init),
      ] {
        let answer = answer(words)
        #expect(answer.status == 0)
        #expect(
          answer.text.hasSuffix("\n\nEXAMPLES:\n  \(exemplified.examples[0])\n  \(exemplified.examples[1])"), "\(words)"
        )
      }
    }
    #expect(answer([]).text.hasSuffix("EXAMPLES:\n  seesaw demo\n  \(Seesaw.examples[1])"))
  }

  @Test("the version is one line, with the commit or that it is not known")
  func version() throws {
    let answer = answer(["--version"])
    let form = try Regex(#"[0-9]+\.[0-9]+\.[0-9]+ \(([0-9a-f]{7,}(, changed since)?|built without git)\)"#)
    #expect(answer.text.wholeMatch(of: form) != nil, "\(answer.text)")
    #expect(answer.text == "\(Experiment.version) (\(Commit.words))")
    #expect(answer.status == 0)
  }

  @Test("a misspelt command is named, with the nearest there is")
  func misspelt() {
    let answer = answer(["compre", "my-data"])
    #expect(
      answer.text == """
        error: no command is called 'compre'
          did you mean 'compare'?  (seesaw --help lists all \(CommandEntry.subcommands(of: Seesaw.self).count))
        """)
    #expect(answer.status == 64)
    #expect(CommandEntry.unknownCommand(in: ["--version"]) == nil)
    #expect(CommandEntry.unknownCommand(in: ["help", "train"]) == nil)
  }

  @Test("an option nobody has is an error of usage, in lower case")
  func unknownOption() {
    let answer = answer(["train", "my-data", "--sed", "3"])
    #expect(answer.text.hasPrefix("error: Unknown option '--sed'. Did you mean '--seed'?"))
    #expect(answer.status == 64)
  }

  @Test("counts below one are refused before anything is done", arguments: [["--seeds", "0"], ["--jobs", "0"]])
  func counts(_ words: [String]) {
    for command in [["compare", "my-data"], ["demo"]] {
      let answer = answer(command + words)
      #expect(answer.text.hasPrefix("error: \(words[0]) is 0; at least 1 is needed."))
      #expect(answer.status == 64)
    }
  }

  @Test("what does not go together is refused")
  func together() {
    #expect(answer(["compare", "d", "--recipe", "r.yaml", "--methods", "joint"]).text.contains("leave --methods out"))
    #expect(answer(["evaluate", "r", "d", "--sweep"]).text.contains("the run's own data"))
    #expect(answer(["evaluate", "r", "d", "--sweep"]).status == 64)
  }

  @Test("--resume needs a folder, and is not --again")
  func resume() {
    #expect(answer(["train", "--resume"]).text.contains("--resume needs --out"))
    #expect(answer(["train", "--resume"]).status == 64)
    #expect(answer(["train", "--resume", "--again", "--out", "x"]).text.contains("one of them is meant"))
  }

  @Test("an interruption is no error, and exits with 130")
  func interruption() {
    let answer = CommandEntry.answer(to: Train.interrupted("runs/my first"), [])
    #expect(
      answer.text == """
        stopped before the end; a checkpoint is kept
          in: runs/my first
          seesaw train --resume --out 'runs/my first'  goes on from it
        """)
    #expect(answer.status == 130)
    #expect(CommandEntry.answer(to: CancellationError(), []).status == 130)
  }

  @Test("an error nobody foresaw is ours: 70, with the version")
  func defect() {
    struct Odd: Error {}
    let answer = CommandEntry.answer(to: Odd(), ["train"])
    #expect(answer.status == 70)
    #expect(answer.text.contains("please report this"))
    #expect(answer.text.hasSuffix("\n  seesaw \(Seesaw.version)"))
    #expect(!answer.text.contains("["))
    #expect(CommandEntry.answer(to: Odd(), ["train", "-v"]).text.contains("[Odd]"))
  }
}
