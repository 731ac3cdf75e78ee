import Auditing
import Experiments
import Foundation
import Records
import TestSupport
import Testing
import Torch

/// Modules that run in this process.
@Suite("Asking a module")
struct ModuleDoorTests {
  private static let pictures = ["wide", "tall", "tiny"]
  private static let texts = ["the red moon", "", "a ball balls the the the the the the"]

  private func withData(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "data"))
      var lines = ["id,image,text,label"]
      for (number, (picture, text)) in zip(Self.pictures, Self.texts).enumerated() {
        try made.write(
          "\(picture).png", Data(contentsOf: Conditions.golden("encoders/processors/\(picture).png")))
        lines.append("s\(number),\(picture).png,\(text),\(number == 2 ? "cat" : "dog")")
      }
      try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
      try body(made.folder, folder.appending(path: "out"))
    }
  }

  private func request(
    _ data: URL, _ out: URL, module: String = "both/both.pt",
    change: (inout AuditRequest.ModuleRequest) -> Void = { _ in }
  ) -> AuditRequest {
    var module = AuditRequest.ModuleRequest(file: Conditions.golden("torchscript/\(module)"))
    module.inputs = [
      "image=pixels:\(Conditions.golden("torchscript/pictures").path)",
      "text=tokens+mask:\(Conditions.golden("torchscript/texts").path)",
    ]
    module.batch = 2
    change(&module)
    var request = AuditRequest(subject: data, out: out)
    request.door = .module(module)
    request.swaps = 1
    request.grid = 2
    request.replicates = 2
    return request
  }

  /// Whether this build has what runs ONNX models, as the doctor says.
  private static let runsONNX = Experiment.doctor(workingFolder: URL(filePath: NSTemporaryDirectory()))
    .contains { $0.name == "audits" && $0.found.contains("ONNX by OpenVINO") }

  @Test(
    "its logits are PyTorch's own, its absence is silent, and it is warned of where it is a program",
    arguments: ["both.pt"] + (runsONNX ? ["both.onnx"] : []))
  func golden(file: String) throws {
    try withData { data, out in
      let warnings = Collected()
      let request = request(data, out, module: "both/\(file)")
      let summary = try Experiment.audit(request) { event in
        if case .warning(let words) = event { warnings.add(words) }
      }
      #expect(warnings.all.count == (file == "both.pt" ? 1 : 0))
      #expect(warnings.all.allSatisfy { $0.contains("is a program and not only weights") })
      let table = try PredictionTable(reading: summary.table)
      let full = try #require(table.conditions["full"])
      #expect(full.kind == .logits)
      let golden = try Tree.read(Tree.self, from: Conditions.golden("torchscript/expected.json"))
      let expected = (golden[path: "rows.both"]?.listValue ?? []).flatMap { $0.listValue ?? [] }
        .compactMap(\.numberValue)
      // Rows are those of texts that a sample without a text does not have.
      try #require(full.values.count == 6 && expected.count == 6)
      #expect(zip(full.values, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(full.values)")
      #expect(table.conditions.keys.allSatisfy { !$0.hasPrefix("absent:") && $0 != "none" })
      #expect(try Experiment.audit(request).asked == 0)
    }
  }

  @Test("what cannot be used is said with the file")
  func refused() throws {
    try withData { data, out in
      func what(_ module: String, change: (inout AuditRequest.ModuleRequest) -> Void = { _ in }) -> String? {
        refusal(request(data, out, module: module, change: change))?.what
      }
      #expect(what("both/none.pt") == "there is no module here")
      #expect(what("pictures/pickle.pt") == "the file is not a TorchScript module")
      #expect(what("texts/words.pt") == "the module failed")
      #expect(what("pictures/pair.pt") == "the module failed")
      #expect(what("both/both.pt") { $0.output = "scores" } == "--output is 'scores'")
      #expect(what("both/both.pt") { $0.inputs.removeLast() } == "no --input says how the module is given 'text'")
      #expect(what("both/both.pt") { $0.inputs[0] = "audio=pixels:8" } == "the data has no 'audio'")
      #expect(
        what("both/both.pt") { $0.inputs[0] = "image=tokens:8" }?.contains("no way to give a module pictures") == true)
      #expect(what("both/both.pt") { $0.inputs[0] = "image" }?.contains("does not say how") == true)
      let package = out.deletingLastPathComponent().appending(path: "model.pt2")
      try Data("PK nothing".utf8).write(to: package)
      #expect(what("both/both.pt") { $0.file = package } == "the file is not a package that AOTInductor compiled")
      let onnx = out.deletingLastPathComponent().appending(path: "model.onnx")
      try Data("no model".utf8).write(to: onnx)
      #expect(
        what("both/both.pt") { $0.file = onnx }
          == (Self.runsONNX
            ? "the file is not an ONNX model that can be run" : "ONNX models are not run by this build"))
      if Self.runsONNX {
        let lacking = refusal(
          request(data, out, module: "both/both.onnx") {
            $0.inputs[1] = "text=tokens:\(Conditions.golden("torchscript/texts").path)"
          })
        #expect(lacking?.found.first == "it has 3 inputs (pixels, tokens, mask) and was given 2")
      }
    }
  }

  @Test("features are given as they are")
  func features() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "features")
      try SmallFeatureSet().write(to: data)
      let diagnosis = refusal(
        request(data, folder.appending(path: "out"), module: "pictures/pair.pt") { $0.inputs = [] })
      // It takes pictures, and is given rows: the sentence says so.
      #expect(diagnosis?.found.contains { $0.contains("float32 [2, 4]") } == true, "\(String(describing: diagnosis))")
    }
  }
}

/// What events said, from any thread.
private final class Collected: @unchecked Sendable {
  private let lock = NSLock()
  private var words: [String] = []
  var all: [String] { lock.withLock { words } }
  func add(_ one: String) { lock.withLock { words.append(one) } }
}
