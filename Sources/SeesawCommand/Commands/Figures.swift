import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Figures: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Draw what runs recorded: losses by modality, cosines, sweeps, first-order predictions.",
    discussion: """
      Writes SVG files; PDF and PNG are made of them by rsvg-convert (Debian's librsvg2-bin, Homebrew's librsvg), with text \
      as text in PDF. The angle between gradients is recorded by balgrad itself; for any other method train with \
      --set training.probe=conflicts, and for predicted against actual changes of the loss with \
      --set training.probe=first_order. A sweep is there after evaluate --sweep or compare --sweep.
      """)

  static let examples = ["seesaw figures runs/first", "seesaw figures runs/demo --form pdf --out figures"]

  @Argument(
    help: ArgumentHelp("Folders of runs, or of a comparison.", valueName: "folder"), completion: .runOrComparison)
  var folders: [String]

  @Option(help: ArgumentHelp("The folder of the figures (default: figures in the first folder).", valueName: "folder"))
  var out: String?

  /// What a figure is written as.
  enum Form: String, CaseIterable, ExpressibleByArgument {
    case svg
    case pdf
    case png
  }

  @Option(help: "The form of the figures: svg, pdf or png.")
  var form = Form.svg

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    if folders.isEmpty { throw ValidationError("Name at least one run or comparison.") }
    if let out, let named = Form(rawValue: URL(filePath: out).pathExtension.lowercased()) {
      throw ValidationError(
        "--out is '\(out)', and it names a folder; --form \(named.rawValue) chooses the form of the figures.")
    }
  }

  func run() throws {
    let output = Output(talk)
    var runs: [(label: String, epochs: [EpochRow], steps: [StepRow])] = []
    var sweep: SweepTable?
    for name in folders {
      let folder = URL(filePath: name)
      let found = try Self.runs(in: folder)
      guard !found.isEmpty else {
        throw Diagnosis("there is no run here", place: folder.relativePath, exitStatus: .input)
      }
      for (label, run) in found { runs.append((label, try run.readEpochs(), try run.readSteps())) }
      let file = folder.appending(path: "sweep.json")
      if FileManager.default.fileExists(atPath: file.path) { sweep = try Tree.read(SweepTable.self, from: file) }
    }
    let figures = FigureSet.figures(runs: runs, sweep: sweep)
    let target = out.map { URL(filePath: $0) } ?? URL(filePath: folders[0]).appending(path: "figures")
    try Diagnosis.placing(target) {
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    }
    let files = try figures.map { figure in
      let url = target.appending(path: "\(figure.name).\(form.rawValue)")
      let svg = Data(figure.svg.utf8)
      try AtomicFile.write(form == .svg ? svg : SVGConverter.convert(svg, to: form.rawValue), to: url)
      return url.relativePath
    }
    output.say("Done", Words.made(files))
  }

  /// The runs in a folder: itself, or those of a comparison, each labelled with its row's folder.
  private static func runs(in folder: URL) throws -> [(label: String, run: RunFolder)] {
    let itself = RunFolder(folder)
    if itself.exists {
      return [(try itself.readRecord().configuration[path: "method.name"]?.stringValue ?? "run", itself)]
    }
    let files = FileManager.default
    func names(_ url: URL) -> [String] { ((try? files.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }
    return names(folder).flatMap { row in
      names(folder.appending(path: row)).filter { $0.hasPrefix("seed-") }
        .map { (row, RunFolder(folder.appending(path: "\(row)/\($0)"))) }.filter { $0.1.exists }
    }
  }
}

/// rsvg-convert, which draws SVG as PDF and PNG.
enum SVGConverter {
  private static let name = "rsvg-convert"

  /// - Parameter path: the folders that programs are looked for in, with colons between them.
  static func convert(
    _ svg: Data, to form: String, path: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
  ) throws -> Data {
    let candidates = path.split(separator: ":").map { "\($0)/\(name)" }
    guard let program = candidates.first(where: FileManager.default.isExecutableFile) else {
      throw Diagnosis(
        "\(name) is not in PATH, and \(form) is made by it",
        remedy: "install it (apt install librsvg2-bin, brew install librsvg), or take --form svg",
        exitStatus: .failed)
    }
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: program)
    process.arguments = ["--format", form] + (form == "png" ? ["--zoom", "2"] : [])
    (process.standardInput, process.standardOutput) = (input, output)
    do {
      try process.run()
      // A figure is far smaller than a pipe needs a thread of its own for: it is read whole before anything is drawn.
      try input.fileHandleForWriting.write(contentsOf: svg)
      try input.fileHandleForWriting.close()
    } catch {
      throw Diagnosis("\(program) cannot be run: \(error.localizedDescription)", exitStatus: .failed)
    }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0, !data.isEmpty else {
      throw Diagnosis("\(program) made no \(form) (status \(process.terminationStatus))", exitStatus: .failed)
    }
    return data
  }
}
