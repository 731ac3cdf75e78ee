public import Records

/// Why a checkpoint folder did not become an encoder.
public enum CheckpointError: Diagnosable, Equatable {
  case noFolder(String)
  case noFile(String, in: String)
  /// Weights only in a format that runs code when it is read.
  case pickled(file: String, in: String)
  case unreadable(file: String, reason: String)
  /// The `model_type`, and those that are read.
  case architecture(String, in: String, known: [String])
  /// A setting whose value asks for something that is not done here.
  case unsupported(key: String, value: String, in: String, supported: String)
  case malformed(key: String, in: String, expected: String)
  case noTensor(String, in: String)
  case shape(tensor: String, found: [Int], expected: [Int], in: String)
  case pooling(String, in: String, offered: [String])
  /// The tokenizer names a token that the network has no row for.
  case token(Int, vocabulary: Int, in: String)
  /// The folder is not what the features were made with.
  case changed(file: String, in: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .noFolder(let folder):
      Diagnosis(
        "there is no checkpoint folder here", place: folder,
        remedy: "put the folder back, or encode the data anew with another encoder", exitStatus: .input)
    case .noFile(let file, let folder):
      Diagnosis(
        "the checkpoint has no \(file)", place: folder,
        remedy: "fetch the whole folder, as its authors published it", exitStatus: .input)
    case .pickled(let file, let folder):
      Diagnosis(
        "the weights are only in '\(file)', a pickle, which can run any code when it is read", place: folder,
        remedy: "convert it once where you trust it: python -c \"from transformers import AutoModel; "
          + "AutoModel.from_pretrained('FOLDER').save_pretrained('CONVERTED')\" writes model.safetensors; "
          + "a module that torch.jit.save wrote is named torchscript:FILE",
        exitStatus: .input)
    case .unreadable(let file, let reason):
      Diagnosis("a file of the checkpoint cannot be read", place: file, found: [reason], exitStatus: .input)
    case .architecture(let type, let file, let known):
      Diagnosis(
        type.isEmpty ? "the checkpoint does not say its model_type" : "the architecture '\(type)' is not read",
        place: file, found: ["those that are: \(known.joined(separator: ", "))"], exitStatus: .input)
    case .unsupported(let key, let value, let file, let supported):
      Diagnosis(
        "the checkpoint's '\(key)' is not supported", place: file,
        found: ["found: \(value)", "supported: \(supported)"], exitStatus: .input)
    case .malformed(let key, let file, let expected):
      Diagnosis("the checkpoint's '\(key)' is not \(expected)", place: file, exitStatus: .input)
    case .noTensor(let name, let file):
      Diagnosis("the checkpoint has no weights '\(name)'", place: file, exitStatus: .input)
    case .shape(let tensor, let found, let expected, let file):
      Diagnosis(
        "the weights '\(tensor)' have another shape than config.json says", place: file,
        found: ["found \(found), expected \(expected)"], exitStatus: .input)
    case .pooling(let name, let folder, let offered):
      Diagnosis(
        "this checkpoint has no pooling '\(name)'", place: folder,
        found: ["it has \(offered.joined(separator: ", "))"], exitStatus: .usage)
    case .token(let token, let vocabulary, let folder):
      Diagnosis(
        "the tokenizer and the weights do not belong together", place: folder,
        found: ["the tokenizer gives token \(token), the network knows \(vocabulary)"], exitStatus: .input)
    case .changed(let file, let folder):
      Diagnosis(
        "the checkpoint is not the one that the features were made with", place: folder,
        found: ["'\(file)' has changed"], remedy: "put the old files back, or encode and train anew", exitStatus: .input
      )
    }
  }
}
