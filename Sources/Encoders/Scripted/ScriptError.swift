public import Multimodal
public import Records

/// Why a TorchScript module did not become an encoder.
public enum ScriptError: Diagnosable, Equatable {
  case noFile(String)
  case unreadable(file: String, reason: String)
  /// What its `forward` takes, by name.
  case arguments([String], file: String, reads: RawInput.Kind)
  /// The module's own failure.
  case failed(file: String, reason: String)
  /// What came out instead of features.
  case output(String, file: String, expected: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .noFile(let file):
      Diagnosis(
        "there is no TorchScript module here", place: file,
        remedy: "torchscript:FILE names a file that torch.jit.save wrote", exitStatus: .input)
    case .unreadable(let file, let reason):
      Diagnosis(
        "the file is not a TorchScript module", place: file, found: [reason],
        remedy: "write one in Python: torch.jit.save(torch.jit.trace(model.eval(), example), FILE)", exitStatus: .input)
    case .arguments(let names, let file, let kind):
      Diagnosis(
        "the module's forward does not take what an encoder of \(kind.rawValue)s is given", place: file,
        found: [
          "it takes \(names.isEmpty ? "nothing" : names.joined(separator: ", "))",
          "it is given \(Self.given(kind))",
        ], exitStatus: .input)
    case .failed(let file, let reason):
      Diagnosis("the module failed", place: file, found: [reason], exitStatus: .input)
    case .output(let found, let file, let expected):
      Diagnosis(
        "the module's answer cannot be taken for features", place: file,
        found: ["it gives \(found)", "expected: \(expected)"], exitStatus: .input)
    }
  }

  private static func given(_ kind: RawInput.Kind) -> String {
    switch kind {
    case .image: "pixels [B, 3, H, W]"
    case .text: "tokens [B, L], a mask [B, L] and token_type_ids [B, L]"
    case .audio: "a sound [1, T]"
    }
  }
}
