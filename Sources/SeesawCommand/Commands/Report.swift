import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Report: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Write a comparison's table as Markdown, LaTeX and CSV.")

  static let examples = ["seesaw report runs/demo", "seesaw report runs/demo --print latex > table.tex"]

  /// A form of the table.
  enum Form: String, CaseIterable, ExpressibleByArgument {
    case markdown
    case latex
    case csv

    var fileName: String {
      switch self {
      case .markdown: "table.md"
      case .latex: "table.tex"
      case .csv: "table.csv"
      }
    }

    func text(_ results: ComparisonResults) -> String {
      switch self {
      case .markdown: ComparisonPage(results).markdown
      case .latex: ComparisonTable(results, titles: MethodTitles.byName).latex()
      case .csv: CSVTable.text(results)
      }
    }
  }

  @Argument(help: "The folder of a comparison, or its results.json.")
  var results: String

  @Option(help: ArgumentHelp("The folder of the tables (default: beside the results).", valueName: "folder"))
  var out: String?

  @Option(help: ArgumentHelp("Print one form instead: markdown, latex or csv.", valueName: "form"))
  var print: Form?

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    let file = try Self.file(at: results)
    let text = try Diagnosis.placing(file) { try String(contentsOf: file, encoding: .utf8) }
    let comparison: ComparisonResults
    do { comparison = try ComparisonResults(json: text, place: file.relativePath) } catch {
      var diagnosis = Diagnosis(describing: error).placed(in: file.relativePath)
      diagnosis.exitStatus = .input
      throw diagnosis
    }
    if let print { return try output.data(print.text(comparison).trimmingSuffix("\n")) }
    let folder = out.map { URL(filePath: $0) } ?? file.deletingLastPathComponent()
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    var files: [String] = []
    for form in Form.allCases {
      let url = folder.appending(path: form.fileName)
      try AtomicFile.write(Data(form.text(comparison).utf8), to: url)
      files.append(url.relativePath)
    }
    output.say("Done", Words.made(files))
  }

  private static func file(at path: String) throws -> URL {
    let url = URL(filePath: path)
    var isFolder: ObjCBool = false
    let isThere = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    let file = isFolder.boolValue ? url.appending(path: "results.json") : url
    guard isThere, FileManager.default.fileExists(atPath: file.path) else {
      throw Diagnosis(
        "there are no results in '\(path)'", remedy: "seesaw compare makes them", exitStatus: .input)
    }
    return file
  }
}
