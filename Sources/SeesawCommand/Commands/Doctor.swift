import ArgumentParser
import Experiments
import Foundation
import Records

struct Doctor: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Check libtorch, devices, threads, disk and optional parts.",
    discussion: "The exit status is 1 where something is wrong.")

  static let examples = ["seesaw doctor", "seesaw doctor --json"]

  @Flag(help: "Print the findings as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    let findings =
      Experiment.doctor(workingFolder: URL(filePath: FileManager.default.currentDirectoryPath)) + [
        FetchedEncoders().finding, Self.demoData(), ServerProgram.finding,
      ]
    let bad = findings.filter { $0.state == .bad }
    if json {
      try output.json(DoctorAnswer(ok: bad.isEmpty, findings: findings), order: ["ok", "findings", "name", "state"])
    } else {
      try output.data(Self.text(findings))
    }
    if !bad.isEmpty { throw Self.diagnosis(bad) }
  }

  private static func demoData() -> Finding {
    do { return Finding("demo data", .good, try DemoData().locate().path) } catch {
      let diagnosis = Diagnosis(describing: error)
      return Finding("demo data", .warning, diagnosis.what, remedy: diagnosis.remedy)
    }
  }

  static func diagnosis(_ bad: [Finding]) -> Diagnosis {
    Diagnosis(
      bad.count == 1 ? "1 thing is wrong" : "\(bad.count) things are wrong",
      found: bad.map { "\($0.name): \($0.found)" })
  }

  static func text(_ findings: [Finding]) -> String {
    let rows = findings.flatMap { finding in
      [[finding.state.rawValue, finding.name, finding.found]] + (finding.remedy.map { [["", "", "→ \($0)"]] } ?? [])
    }
    return Columns.text(rows, indent: 2)
  }
}

/// What `doctor --json` prints.
struct DoctorAnswer: Codable, Equatable {
  var ok: Bool
  var findings: [Finding]
}
