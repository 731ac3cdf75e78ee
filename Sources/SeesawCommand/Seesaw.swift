import ArgumentParser
import Commit
import Experiments
import Foundation
import Records

/// The command `seesaw`: parsing and words, nothing else.
struct Seesaw: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seesaw",
    abstract:
      "Find out which modality a multimodal classifier leans on, and train one that stands on all of them.",
    version: version,
    groupedSubcommands: [
      CommandGroup(
        name: "Work",
        subcommands: [
          Demo.self, Diagnose.self, AuditCommand.self, Compare.self, Train.self, Evaluate.self, Predict.self,
          MllmCommand.self, Serve.self, Export.self,
        ]),
      CommandGroup(name: "Data", subcommands: [Encode.self, Import.self, Check.self, DatasetsCommand.self]),
      CommandGroup(
        name: "Look",
        subcommands: [
          Methods.self, EncodersCommand.self, Config.self, Runs.self, Watch.self, Report.self, Figures.self,
          Gradients.self, Doctor.self,
        ]),
    ])

  static let examples = ["seesaw demo", "seesaw compare my-data --methods joint,balgrad --seeds 5"]

  /// The version and the commit, as `0.2.0 (3f5d6ce)`.
  static var version: String { "\(Experiment.version) (\(Commit.words))" }
}

extension Seesaw: Exemplified {}

/// A command whose help ends with examples.
protocol Exemplified: ParsableCommand {
  /// Whole command lines.
  static var examples: [String] { get }
}

/// The command as another program has it, with methods, fusions, encoders and impairments of its own.
public enum SeesawCommand {
  /// Does what the command line asks, as `seesaw` does, and ends the process.
  ///
  ///     SeesawCommand.main { try MethodRegistry.register(Tilt.self) }
  ///
  /// - Parameter register: makes known what the program adds; what it throws is printed as a sentence, and ends the process.
  public static func main(registering register: () throws -> Void = {}) -> Never {
    CommandEntry.open(registering: register)
  }
}

/// Where command lines come in, and errors leave as sentences.
enum CommandEntry {
  /// Does what this process was asked for, and ends it.
  static func open(registering register: () throws -> Void) -> Never {
    let status = open(Array(CommandLine.arguments.dropFirst()), registering: register)
    #if DEBUG
      exit(status)
    #else
      // What was printed is written; that libtorch takes its thousands of operators down one by one helps nobody.
      fflush(nil)
      _exit(status)
    #endif
  }

  /// Does what the arguments ask, and answers with the status to exit with.
  static func open(_ arguments: [String], registering register: () throws -> Void = {}) -> Int32 {
    Interruption.soften()
    do {
      try register()
      if let unknown = unknownCommand(in: arguments) { throw unknown }
      var command = try Seesaw.parseAsRoot(arguments)
      try command.run()
      return ExitStatus.done.rawValue
    } catch {
      // Whoever read what was printed has had enough: nothing failed.
      if error is Output.NobodyListens { return ExitStatus.done.rawValue }
      let answer = answer(to: error, arguments)
      let isData = answer.status == ExitStatus.done.rawValue
      do {
        let handle = isData ? FileHandle.standardOutput : FileHandle.standardError
        if !answer.text.isEmpty {
          try handle.write(
            contentsOf: Data((TerminalEnvironment.current.last(answer.text.escapedForTerminal) + "\n").utf8))
        }
        return answer.status == ExitStatus.interrupted.rawValue ? Interruption.status.rawValue : answer.status
      } catch {
        return isData ? ExitStatus.failed.rawValue : answer.status
      }
    }
  }

  /// What is printed for an error, and the exit status.
  static func answer(to error: any Error, _ arguments: [String]) -> (text: String, status: Int32) {
    if error is any Diagnosable || error is CancellationError || !isParser(error) {
      let diagnosis = Diagnosis(describing: error)
      var text = diagnosis.description
      if diagnosis.exitStatus == .interrupted { text = String(text.trimmingPrefix("error: ")) }
      if diagnosis.exitStatus == .defect { text += "\n  seesaw \(Seesaw.version)" }
      if arguments.contains("-v") || arguments.contains("--verbose") { text += "\n  [\(type(of: error))] \(error)" }
      return (text, diagnosis.exitStatus.rawValue)
    }
    let status = Seesaw.exitCode(for: error).rawValue
    let message = Seesaw.fullMessage(for: error)
    guard status == ExitStatus.done.rawValue else {
      let text = message.hasPrefix("Error: ") ? "error: " + message.dropFirst("Error: ".count) : message
      return (text, status)
    }
    // What is no error is help, the version or a script for the shell.
    guard message.contains("\nUSAGE: "), let command = command(in: arguments) else { return (message, status) }
    return (
      message.trimmingSuffix("\n") + "\n\nEXAMPLES:\n" + command.examples.map { "  \($0)" }.joined(separator: "\n"),
      status
    )
  }

  /// Whether the parser made the error, and so knows how to word it.
  private static func isParser(_ error: any Error) -> Bool {
    error is ValidationError || error is ExitCode || error is CleanExit
      || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
  }

  /// The command that a command line names, as far as it names one.
  static func command(in arguments: [String]) -> (any Exemplified.Type)? {
    var found: any ParsableCommand.Type = Seesaw.self
    for word in arguments where word != "help" && word != "--help" && word != "-h" {
      guard let next = subcommands(of: found).first(where: { $0._commandName == word }) else { break }
      found = next
    }
    return found as? any Exemplified.Type
  }

  static func subcommands(of command: any ParsableCommand.Type) -> [any ParsableCommand.Type] {
    command.configuration.subcommands
  }

  /// The parser takes a misspelt command for a superfluous argument; this says what it is.
  static func unknownCommand(in arguments: [String]) -> Diagnosis? {
    guard let word = arguments.first(where: { $0 != "help" }), !word.hasPrefix("-") else { return nil }
    let names = subcommands(of: Seesaw.self).map { $0._commandName }
    guard !names.contains(word) else { return nil }
    let near = nearest(to: word, in: names).map { "did you mean '\($0)'?  " } ?? ""
    return Diagnosis(
      "no command is called '\(word)'", remedy: "\(near)(seesaw --help lists all \(names.count))", exitStatus: .usage)
  }
}

extension StringProtocol {
  /// Without so many of these at its end.
  func trimmingSuffix(_ character: Character) -> String {
    var text = String(self)
    while text.last == character { text.removeLast() }
    return text
  }
}
