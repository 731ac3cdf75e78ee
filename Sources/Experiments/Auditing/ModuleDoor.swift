import Encoders
import Foundation
import Multimodal
import Records
import Torch

/// A model in a file that runs in this process: TorchScript, a package that AOTInductor compiled, or ONNX.
final class ModuleDoor {
  /// A file and how it is to be used.
  struct Settings: Sendable {
    let file: URL
    /// `("image", "pixels:224")`, in the order of the module's arguments; empty gives features as they are.
    let inputs: [(modality: String, form: String)]
    let output: AnswerForm
    /// Samples at a time; the last batch is filled up, since a package may take one size only.
    let batch: Int

    init(_ request: AuditRequest.ModuleRequest) throws {
      file = request.file
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else {
        throw Diagnosis("there is no module here", place: file.relativePath, exitStatus: .input)
      }
      try GitLFSPointer.refuse(file)
      batch = request.batch
      guard batch > 0 else { throw Diagnosis("--batch is \(batch), must be at least 1", exitStatus: .usage) }
      inputs = try request.inputs.map { word in
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else {
          throw Diagnosis(
            "'\(word.escapedForTerminal.clipped(80))' does not say how a modality is given", place: "--input",
            remedy: "--input image=pixels:224 --input text=tokens:FOLDER", exitStatus: .usage)
        }
        return (parts[0], parts[1])
      }
      switch request.output {
      case "logits": output = .logits
      case "probabilities": output = .probabilities
      default:
        throw Diagnosis(
          "--output is '\(request.output.escapedForTerminal.clipped(40))'",
          found: ["there are logits and probabilities"],
          exitStatus: .usage)
      }
    }

    /// What answers are kept under besides the request.
    func identity() throws -> String {
      let words = inputs.map { "\($0.modality)=\($0.form)" }.joined(separator: " ")
      return "module \(try FileDigest.sha256(of: file)) \(words) \(output.words)"
    }

    private var isONNX: Bool { file.pathExtension.lowercased() == "onnx" }

    /// What a person must be told before the file is opened; nil where nothing of its author's runs.
    var warning: String? {
      isONNX
        ? nil
        : "'\(file.relativePath)' is a program and not only weights: it runs as you and may do whatever its author wrote; "
          + "use it only where you trust them"
    }
  }

  private enum Module {
    case script(ScriptModule)
    case package(CompiledPackage)
    case onnx(ONNXModel)
  }

  private let settings: Settings
  private let source: any AuditSource
  private let module: Module
  /// The modality of each argument, and how it is given.
  private let inputs: [(modality: Int, form: ModuleInput?)]

  init(_ settings: Settings, _ source: any AuditSource) throws {
    self.settings = settings
    self.source = source
    let forms =
      settings.inputs.isEmpty ? source.modalities.map { (modality: $0, form: "features") } : settings.inputs
    let inputs = try forms.map { name, form -> (modality: Int, form: ModuleInput?) in
      guard let place = source.modalities.firstIndex(of: name) else {
        throw Diagnosis(
          "the data has no '\(name.escapedForTerminal.clipped(60))'", place: "--input",
          found: ["it has \(source.modalities.joined(separator: ", "))"], exitStatus: .usage)
      }
      guard form != "features" else { return (place, nil) }
      guard let kind = RawInput.Kind(rawValue: name) else {
        throw Diagnosis(
          "'\(name)' is neither pictures nor texts", place: "--input", remedy: "--input \(name)=features",
          exitStatus: .usage)
      }
      return (place, try ModuleInput(form, of: kind))
    }
    self.inputs = inputs
    let lacking = source.modalities.indices.filter { place in !inputs.contains { $0.modality == place } }
    guard lacking.isEmpty else {
      throw Diagnosis(
        "no --input says how the module is given '\(source.modalities[lacking[0]])'",
        remedy: "--input image=pixels:224 --input text=tokens:FOLDER, in the order of its arguments", exitStatus: .usage
      )
    }
    module = try Self.read(settings.file)
  }

  private static func read(_ file: URL) throws -> Module {
    let kind = file.pathExtension.lowercased()
    do {
      switch kind {
      case "pt2": return .package(try CompiledPackage(reading: file.path))
      case "onnx": return .onnx(try ONNXModel(reading: file.path))
      default: return .script(try ScriptModule(reading: file.path))
      }
    } catch let diagnosis as Diagnosis {
      throw diagnosis
    } catch {
      let (what, remedy) =
        switch kind {
        case "pt2":
          (
            "the file is not a package that AOTInductor compiled",
            "write one in Python: torch._inductor.aoti_compile_and_package(torch.export.export(model.eval(), example), "
              + "package_path=FILE); what torch.export.save writes cannot be run without Python"
          )
        case "onnx":
          (
            "the file is not an ONNX model that can be run",
            "write one in Python: torch.onnx.export(model.eval(), example, FILE, dynamo=True, dynamic_shapes=…)"
          )
        default:
          (
            "the file is not a TorchScript module",
            "write one in Python: torch.jit.save(torch.jit.trace(model.eval(), example), FILE)"
          )
        }
      throw Diagnosis(
        what, place: file.relativePath, found: [sentence(error)], remedy: remedy, exitStatus: .input)
    }
  }

  private static func sentence(_ error: any Error) -> String {
    let message = (error as? TorchError)?.message ?? (error as? ONNXModel.Failure)?.reason ?? "\(error)"
    // The interpreter puts the traceback into the module's code first, and what happened last.
    let lines = message.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    return (lines.last ?? "no reason given").escapedForTerminal.clipped(300)
  }

  /// Asks for everything that is not known.
  func run(
    _ plan: AuditPlan, _ store: AnswerStore, _ classes: AnswerClasses, stop: StopFlag, events: EventSink
  ) throws {
    let wanted = store.unanswered
    for start in stride(from: 0, to: wanted.count, by: settings.batch) {
      if stop.isRequested { throw CancellationError() }
      let requests = wanted[start..<min(start + settings.batch, wanted.count)].map(Int.init)
      let filling = [Int](repeating: requests[0], count: settings.batch - requests.count)
      let shown = (requests + filling).map(plan.shown)
      let tensors = try inputs.flatMap { modality, form in
        try source.tensors(of: modality, shown.map { $0[modality] }, as: form)
      }
      let rows = try rows(withoutGradients { try answer(tensors) }, classes)
      try store.take(
        try zip(requests, rows).map { request, row in
          do { return (request, try classes.checked(row, settings.output)) } catch {
            throw Diagnosis(describing: error).placed(in: settings.file.relativePath)
          }
        })
      events(.progress(label: "Asking", done: store.answered, total: plan.count, detail: "requests"))
    }
    try store.synchronize()
  }

  private func answer(_ inputs: [Tensor]) throws -> Tensor {
    let found: [Tensor]
    do {
      switch module {
      case .script(let module): found = try module(inputs).map(\.tensor)
      case .package(let package): found = try package(inputs)
      case .onnx(let model): found = [try model(inputs)]
      }
    } catch {
      throw Diagnosis(
        "the module failed", place: settings.file.relativePath,
        found: [
          Self.sentence(error),
          "it was given " + inputs.map { "\($0.elementType) \($0.shape)" }.joined(separator: ", "),
        ],
        remedy: "--input says what it is given, in the order of its arguments; --batch how many samples at a time",
        exitStatus: .input)
    }
    guard let first = found.first else {
      throw Diagnosis("the module gives no tensor", place: settings.file.relativePath, exitStatus: .input)
    }
    return first
  }

  /// Rows of numbers, one for each class; one number a row is the second of two classes.
  private func rows(_ tensor: Tensor, _ classes: AnswerClasses) throws -> [[Double]] {
    let shape = tensor.shape
    let width = shape.count == 1 ? 1 : shape.last ?? 0
    guard tensor.elementType.isFloatingPoint, (1...2).contains(shape.count), shape[0] == settings.batch, width > 0
    else {
      throw Diagnosis(
        "the module's answer is no scores of classes", place: settings.file.relativePath,
        found: ["it gives \(tensor.elementType) \(shape)", "expected: [\(settings.batch), \(classes.count)]"],
        exitStatus: .input)
    }
    let values: [Double] = try tensor.to(.float64).array()
    return (0..<settings.batch).map { row in
      let own = Array(values[(row * width)..<((row + 1) * width)])
      guard width == 1, classes.count == 2 else { return own }
      return settings.output == .logits ? [0, own[0]] : [1 - own[0], own[0]]
    }
  }
}
