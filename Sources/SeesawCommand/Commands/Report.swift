import ArgumentParser
import Balancing
import Datasets
import Experiments
import Foundation
import Records
import Reports

struct Report: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Write a page that shows what runs found, and the table as Markdown, LaTeX and CSV.",
    discussion: """
      The page is index.html; it opens without a network. Its figures move where plotly.min.js is found: in what \
      SEESAW_PLOTLY names, beside the program, or in .plotly, which make setup fills.
      """)

  static let examples = ["seesaw report runs/demo", "seesaw report runs/first runs/second --out my-report"]

  /// A form of the table.
  enum Form: String, CaseIterable, ExpressibleByArgument {
    case markdown
    case latex
    case csv

    /// - Parameter choice: what of the table is wanted; nil for all, and for a paper with what stands around it.
    func text(_ contents: ReportContents, _ choice: Choice? = nil) throws -> String {
      let table = ComparisonTable(contents.results, titles: MethodTitles.byName)
      switch self {
      case .markdown:
        guard let choice else { return ComparisonPage(contents.results, nil, contents.sweep).markdown }
        return try choice.of(table).markdown()
      case .latex:
        return try (choice?.of(table) ?? table).latex(caption: choice?.caption, label: choice?.label)
      // A terminal's lines end as everywhere; those of the file end as RFC 4180 has it.
      case .csv: return CSVTable.text(contents.results).replacing("\r\n", with: "\n")
      }
    }
  }

  /// Which part of the table is wanted, and what stands over it.
  struct Choice {
    var methods: [String]?
    var columns: [String]?
    var caption: String?
    var label: String?

    func of(_ table: ComparisonTable) throws -> ComparisonTable {
      try table.showing(methods: methods, quantities: columns)
    }
  }

  @Argument(
    help: ArgumentHelp("Folders of comparisons and runs, or that hold runs.", valueName: "folder"),
    completion: .runOrComparison)
  var folders: [String]

  @Option(help: ArgumentHelp("The folder of the page (default: report in the first folder).", valueName: "folder"))
  var out: String?

  @Option(help: ArgumentHelp("Print one form of the table instead: markdown, latex or csv.", valueName: "form"))
  var print: Form?

  @Option(
    help: ArgumentHelp(
      "The row that others are compared with (default: joint, or the first where it is not there).", valueName: "method"
    ), completion: .method)
  var baseline: String?

  @Option(
    help: ArgumentHelp("Print these methods only (markdown, latex).", valueName: "a,b"),
    completion: .methods)
  var methods: String?

  @Option(
    help: ArgumentHelp(
      "Print these columns only, as full,image-missing,average.noisy,regret.worst (markdown, latex).", valueName: "a,b")
  )
  var columns: String?

  @Option(help: ArgumentHelp("The caption (latex; default: data set, metric and seeds).", valueName: "text"))
  var caption: String?

  @Option(help: ArgumentHelp("The name for \\ref (latex).", valueName: "name"))
  var label: String?

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    if folders.isEmpty { throw ValidationError("Name at least one run or comparison.") }
    if choice != nil, print == nil || print == .csv {
      throw ValidationError("--methods, --columns, --caption and --label are for --print markdown and --print latex.")
    }
    if print == .markdown, caption != nil || label != nil {
      throw ValidationError("--caption and --label are for --print latex.")
    }
  }

  private var choice: Choice? {
    guard methods != nil || columns != nil || caption != nil || label != nil else { return nil }
    func listed(_ text: String?) -> [String]? {
      text?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    return Choice(methods: listed(methods), columns: listed(columns), caption: caption, label: label)
  }

  func run() throws {
    let output = Output(talk)
    var contents = try ReportContents(reading: folders.map { URL(filePath: $0) })
    if let baseline { try contents.results.compare(with: baseline) }
    if let print { return try output.data(print.text(contents, choice).trimmingSuffix("\n")) }
    let made = try ReportPage.write(contents, to: out.map { URL(filePath: $0) } ?? beside(folders[0]))
    if !made.hasPlotly { output.note(ReportPage.stillness) }
    if let unfinished = contents.unfinished { output.note(unfinished.words) }
    output.say("Done", Words.made((made.tables + [made.page]).map(\.relativePath)))
  }

  /// Where a report of a folder, or of its results.json, lies by itself.
  private func beside(_ path: String) -> URL {
    let url = URL(filePath: path)
    return (url.lastPathComponent == "results.json" ? url.deletingLastPathComponent() : url).appending(path: "report")
  }
}

/// The page that `report`, `compare` and `demo` end with.
enum ReportPage {
  static let stillness = "plotly.min.js was not found, so the figures stand still: make setup fetches it"

  static func write(
    _ contents: ReportContents, to folder: URL, markdown: String? = nil, live: Double? = nil
  ) throws -> ReportFolder.Made {
    try ReportFolder.write(
      contents, cards: MethodRegistry.entries.map(\.card), version: Experiment.version,
      made: String(RunRecord.timestamp().prefix(10)), plotly: PlotlyFile().locate(), to: folder,
      markdown: markdown ?? ComparisonPage(contents.results, nil, contents.sweep).markdown, live: live,
      embedded: { try StoredInput.bytes(of: $0, in: $1) })
  }
}

/// Where Plotly is to be found.
struct PlotlyFile {
  var environment = ProcessInfo.processInfo.environment
  var executable = Executable.url
  var above = Place.aboveProgramAndHere()

  /// What `SEESAW_PLOTLY` names, else the file beside the program, else that in `.plotly` of a folder above it or above
  /// the working folder; nil where there is none.
  func locate() throws -> URL? {
    let name = ReportFolder.plotlyName
    let files = FileManager.default
    if let variable = environment["SEESAW_PLOTLY"], !variable.isEmpty {
      let named = URL(filePath: variable)
      var isFolder: ObjCBool = false
      let isThere = files.fileExists(atPath: named.path, isDirectory: &isFolder)
      let file = isFolder.boolValue ? named.appending(path: name) : named
      guard isThere, files.fileExists(atPath: file.path) else {
        throw Diagnosis(
          "there is no \(name) in '\(variable)'", place: "SEESAW_PLOTLY",
          remedy: "name the file or its folder, or unset the variable", exitStatus: .input)
      }
      return file
    }
    let candidates =
      [executable?.deletingLastPathComponent().appending(path: name)].compactMap { $0 }
      + above.map { $0.appending(path: ".plotly/\(name)") }
    return candidates.first { files.fileExists(atPath: $0.path) }
  }
}
