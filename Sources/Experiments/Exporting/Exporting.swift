public import Foundation
import Multimodal
import Records
import Torch

/// What a model is exported as.
public enum ExportForm: String, Sendable, CaseIterable, Codable {
  case onnx, torchscript

  /// The form that a file's name tells; nil where it tells none.
  public init?(file: URL) {
    switch file.pathExtension.lowercased() {
    case "onnx": self = .onnx
    case "pt", "ts", "torchscript": self = .torchscript
    default: return nil
    }
  }

  public var title: String { self == .onnx ? "ONNX" : "TorchScript" }
}

/// What is to be exported.
public struct ExportRequest: Sendable {
  /// The folder of a finished run.
  public var run: URL
  public var out: URL
  public var form: ExportForm
  /// Whether rows may lack modalities.
  public var answersAbsence = true

  public init(run: URL, out: URL, form: ExportForm) {
    self.run = run
    self.out = out
    self.form = form
  }
}

/// What an export left behind.
public struct ExportSummary: Sendable, Codable, Equatable {
  public struct Port: Sendable, Codable, Equatable {
    public var name: String
    /// As PyTorch spells it: `float32`.
    public var type: String
    /// Of a row.
    public var shape: [Int]

    public init(name: String, type: String, shape: [Int]) {
      (self.name, self.type, self.shape) = (name, type, shape)
    }
  }

  public var file: String
  public var form: ExportForm
  public var bytes: Int
  public var inputs: [Port]
  public var outputs: [String]
  /// What ran the file to compare it with the run; nil where nothing could.
  public var checkedBy: String?
  public var checkedRows: Int?
  /// The largest difference of a probability, or of a predicted number in units of the target's standard deviation.
  public var difference: Double?
  public var notes: [String]

  public init(
    file: String, form: ExportForm, bytes: Int, inputs: [Port], outputs: [String], checkedBy: String? = nil,
    checkedRows: Int? = nil, difference: Double? = nil, notes: [String] = []
  ) {
    self.file = file
    self.form = form
    self.bytes = bytes
    self.inputs = inputs
    self.outputs = outputs
    self.checkedBy = checkedBy
    self.checkedRows = checkedRows
    self.difference = difference
    self.notes = notes
  }
}

extension Experiment {
  /// Writes a run's model for programs without Seesaw, and compares what it answers with what the run answers.
  ///
  /// - Throws: a `Diagnosis` where the run cannot be opened, its prediction is no graph, or the file answers otherwise than
  ///   the run; then no file is left.
  public static func export(_ request: ExportRequest, events: EventSink = { _ in }) throws -> ExportSummary {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: request.out.path, isDirectory: &isFolder), isFolder.boolValue {
      throw Diagnosis(
        "a folder is there, and a file is to be written", place: request.out.relativePath, exitStatus: .usage)
    }
    let predictor = try Predictor(run: request.run, detectsEmpty: false, events: events)
    let model = try ExportedModel(predictor, answersAbsence: request.answersAbsence)
    let graph = try model.graph()
    let about = try model.about().json()
    // Under a name with the ending that runtimes know a file's form by.
    let folder = FileManager.default.temporaryDirectory.appending(path: "seesaw-export-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = folder.appending(path: request.form == .onnx ? "model.onnx" : "model.pt")
    switch request.form {
    case .onnx:
      let bytes = try ONNXGraph(graph).bytes(metadata: [("seesaw", about)])
      // Protocol Buffers hold no more in one message.
      guard bytes.count < Int(Int32.max) else {
        throw Diagnosis(
          "the model is of \(bytes.count) bytes, and an ONNX file holds less than 2 GiB",
          place: request.out.relativePath,
          remedy: "--to torchscript", exitStatus: .input)
      }
      try bytes.write(to: made)
    case .torchscript:
      try graph.writeScript(to: made.path, leavingOut: [ExportedModel.present], about: about)
    }
    let check = try model.check(made, request.form, graph)
    try AtomicFile.replace(request.out) { try FileManager.default.copyItem(at: made, to: $0) }
    return ExportSummary(
      file: request.out.relativePath, form: request.form,
      bytes: try FileManager.default.attributesOfItem(atPath: request.out.path)[.size] as? Int ?? 0,
      inputs: try model.ports(graph, request.form), outputs: model.outputs, checkedBy: check?.runtime,
      checkedRows: check?.outcome.rows, difference: check?.outcome.difference, notes: model.notes)
  }
}

extension ExportedModel {
  /// What must be known of an exported model beside its inputs.
  var notes: [String] {
    var notes = encodedElsewhere.map { modality in
      "'\(modality.name)' is given as the features of its trained encoder, which is not in the file: how long a text is "
        + "decides what is computed"
    }
    if predictor.model.modalities.count == 1 { notes.append("the model has one modality, so none may be absent") }
    return notes
  }

  /// What the file says of itself.
  func about() throws -> Tree {
    var about: [String: Tree] = [
      "format": "seesaw-export/1", "seesaw": .string(Experiment.version), "model": .string(predictor.digest),
      "task": .string(predictor.model.task.rawValue), "modalities": .list(predictor.modalities.map(Tree.string)),
      "classes": .list(predictor.classes.map(Tree.string)), "outputs": .list(outputs.map(Tree.string)),
    ]
    if let thresholds = predictor.thresholds { about["thresholds"] = .list(thresholds.map(Tree.number)) }
    if !predictor.calibration.isEmpty {
      about["temperatures"] = .table(predictor.calibration.mapValues { .number($0.temperature) })
    }
    return .table(about)
  }

  func ports(_ graph: TensorGraph, _ form: ExportForm) throws -> [ExportSummary.Port] {
    let names = form == .onnx ? graph.inputs.map(\.name) : graph.argumentNames
    return zip(names, try trial(rows: 1)).map { name, input in
      ExportSummary.Port(name: name, type: "\(input.tensor.elementType)", shape: Array(input.tensor.shape.dropFirst()))
    }
  }

  /// Runs a file and compares; nil where nothing here runs it.
  func check(
    _ file: URL, _ form: ExportForm, _ graph: TensorGraph
  ) throws -> (runtime: String, outcome: ExportCheck.Outcome)? {
    switch form {
    case .torchscript:
      let module = try ScriptModule(reading: file.path)
      let outcome = try ExportCheck(model: self).callAsFunction { inputs in
        guard let first = try module(inputs).first else {
          throw Diagnosis("the exported model gives nothing", exitStatus: .defect)
        }
        return first.tensor
      }
      return ("libtorch \(Runtime.version)", outcome)
    case .onnx:
      guard let runtime = ONNXModel.runtime else { return nil }
      do {
        // Its inputs are in the file's order; what it calls them may be the name of what it computes of them.
        let loaded = try ONNXModel(reading: file.path)
        let outcome = try ExportCheck(model: self).callAsFunction { inputs in try loaded(inputs) }
        return ("OpenVINO \(runtime)", outcome)
      } catch let failure as ONNXModel.Failure {
        throw Diagnosis(
          "OpenVINO does not run the exported model", found: [failure.reason], remedy: "--to torchscript",
          exitStatus: .defect)
      }
    }
  }
}
