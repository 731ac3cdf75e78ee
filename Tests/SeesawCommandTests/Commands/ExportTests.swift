import Experiments
import Foundation
import Records
import Testing

@testable import SeesawCommand

@Suite("seesaw export")
struct ExportTests {
  @Test("the file's ending says the form, and --to where it does not")
  func form() throws {
    #expect(try Export.form(nil, URL(filePath: "m/model.ONNX")) == .onnx)
    #expect(try Export.form(nil, URL(filePath: "model.pt")) == .torchscript)
    #expect(try Export.form("TorchScript", URL(filePath: "model.onnx")) == .torchscript)
    for (word, file, what) in [
      (nil, "model", "the file's ending does not say what to write"), ("pickle", "model.pt", "--to is 'pickle'"),
    ] as [(String?, String, String)] {
      let error = try #require(throws: Diagnosis.self) { try Export.form(word, URL(filePath: file)) }
      #expect(error.what == what && error.exitStatus == .usage)
    }
  }

  @Test("what was written is told with its inputs, and how near its answers are")
  func text() {
    let summary = ExportSummary(
      file: "model.onnx", form: .onnx, bytes: 1_240_000,
      inputs: [
        .init(name: "image", type: "uint8", shape: [3, 64, 64]), .init(name: "present", type: "bool", shape: [1]),
      ], outputs: ["probabilities", "logits"], checkedBy: "OpenVINO 2026", checkedRows: 24, difference: 3.21e-8,
      notes: [])
    #expect(
      Export.text(summary) == """
          ONNX, 1.2 MB
          takes  image  uint8 [rows, 3, 64, 64]
                 present  bool [rows, 1]
          gives  probabilities, logits
          answers as the run does: 24 rows by OpenVINO 2026, largest difference 3.2e-08
        """)
  }
}
