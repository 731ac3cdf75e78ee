import ArgumentParser
import Experiments
import Foundation
import Records

struct Export: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Write a run's model as ONNX or TorchScript, with its answer to a modality that is absent.",
    discussion: """
      The file takes a tensor of rows for each modality, named after it, and 'present': which modalities each row has, \
      boolean, [rows, modalities], in the order in which they are listed. A row with none is answered with NaN. It gives \
      probabilities and logits, or, of a regression, the value in the target's own unit. Features are given as 'encode' made \
      them; an encoder that is trained with the model is in the file, and is given bytes of pictures.

      What was written is run and compared with the run's own answers before it is kept: TorchScript by libtorch, ONNX by \
      OpenVINO where this build has it (make openvino).
      """)

  static let examples = [
    "seesaw export runs/first --out model.onnx", "seesaw export runs/first --to torchscript --out model.pt",
  ]

  @Argument(help: ArgumentHelp("The folder of a finished run.", valueName: "run"))
  var folder: String

  @Option(help: ArgumentHelp("onnx or torchscript (default: by the file's ending, .onnx or .pt).", valueName: "form"))
  var to: String?

  @Option(help: ArgumentHelp("The file to write; one that is there is replaced.", valueName: "file"))
  var out: String

  @Flag(inversion: .prefixedNo, help: "Answer rows from which modalities are absent, by the input 'present'.")
  var absence = true

  @Flag(help: "Print what was written as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    let file = URL(filePath: out)
    var request = ExportRequest(run: URL(filePath: folder), out: file, form: try Self.form(to, file))
    request.answersAbsence = absence
    let summary = try Experiment.export(request, events: output.events)
    if json {
      try output.json(summary, order: ["file", "form", "bytes", "inputs", "outputs"])
    } else {
      try output.answer(Self.text(summary))
    }
    for note in summary.notes { output.note(note) }
    if summary.checkedBy == nil {
      output.note("the file was not run: this build has no ONNX runtime (make openvino build adds one)")
    }
    output.say("Done", summary.file)
  }

  /// What is wanted, by name or by the file's ending.
  static func form(_ word: String?, _ file: URL) throws -> ExportForm {
    guard let word else {
      guard let form = ExportForm(file: file) else {
        throw Diagnosis(
          "the file's ending does not say what to write", place: file.relativePath,
          remedy: "--to onnx or --to torchscript",
          exitStatus: .usage)
      }
      return form
    }
    guard let form = ExportForm(rawValue: word.lowercased()) else {
      throw Diagnosis(
        "--to is '\(word)'", found: ["there are \(ExportForm.allCases.map(\.rawValue).joined(separator: " and "))"],
        exitStatus: .usage)
    }
    return form
  }

  static func text(_ summary: ExportSummary) -> String {
    let ports = summary.inputs.map { port in
      "\(port.name)  \(port.type) [\((["rows"] + port.shape.map(String.init)).joined(separator: ", "))]"
    }
    var lines = ["  \(summary.form.title), \(Words.fixed(Double(summary.bytes) / 1e6, 1)) MB"]
    lines += ports.enumerated().map { ($0 == 0 ? "  takes  " : "         ") + $1 }
    lines.append("  gives  " + summary.outputs.joined(separator: ", "))
    if let runtime = summary.checkedBy, let rows = summary.checkedRows, let difference = summary.difference {
      lines.append(
        "  answers as the run does: \(rows) rows by \(runtime), largest difference "
          + String(format: "%.1e", difference))
    }
    return lines.joined(separator: "\n")
  }
}
