public import Multimodal
public import Records

/// What can go wrong with an encoder.
public enum EncoderError: Diagnosable, Equatable {
  /// No encoder of that kind has the name.
  case unknown(name: String, kind: RawInput.Kind, known: [String])
  /// A picture was given to an encoder of texts, or the reverse.
  case otherKind(encoder: String, expected: RawInput.Kind)
  case notFitted(encoder: String)
  case nothingToLearnFrom(encoder: String)
  case unreadableState(encoder: String, reason: String)
  case settings(encoder: String, reason: String)
  /// One input that the encoder can make nothing of, where it can of others.
  case refused(encoder: String, reason: String)
  /// Poolings are of checkpoints.
  case noPooling(encoder: String)
  /// The stored encoder was fitted by another version of its kind.
  case otherVersion(encoder: String, stored: String?, current: Int)

  public var diagnosis: Diagnosis {
    switch self {
    case .unknown(let name, let kind, let known):
      let meant = nearest(to: name, in: known).map { "did you mean '\($0)'?" }
      return Diagnosis(
        "no \(kind.rawValue) encoder is called '\(name)'",
        found: [
          "there is: \(known.joined(separator: ", "))\(kind == .audio ? "" : ", or the path of a checkpoint folder")"
        ],
        remedy: meant, exitStatus: .usage)
    case .noPooling(let encoder):
      return Diagnosis(
        "the encoder '\(encoder)' has no pooling to choose", remedy: "poolings are of checkpoint folders",
        exitStatus: .usage)
    case .otherVersion(let encoder, let stored, let current):
      return Diagnosis(
        "the encoder '\(encoder)' has changed since this was fitted",
        found: ["fitted by version \(stored ?? "unknown"), this is version \(current)"],
        remedy: "encode the data and train anew", exitStatus: .input)
    case .otherKind(let encoder, let expected):
      return Diagnosis("the encoder '\(encoder)' reads only \(expected.rawValue)", exitStatus: .usage)
    case .settings(let encoder, let reason):
      return Diagnosis(
        "the settings of the encoder '\(encoder)' do not fit together", found: [reason], exitStatus: .usage)
    case .refused(let encoder, let reason):
      return Diagnosis(
        "the encoder '\(encoder)' makes nothing of it", found: [reason],
        remedy: "leave this sample out, or take another encoder", exitStatus: .input)
    case .notFitted(let encoder):
      return Diagnosis("the encoder '\(encoder)' has not seen a training split yet", exitStatus: .defect)
    case .nothingToLearnFrom(let encoder):
      return Diagnosis(
        "the encoder '\(encoder)' has nothing to learn from",
        remedy: "it needs training rows that are not all empty or all the same", exitStatus: .input)
    case .unreadableState(let encoder, let reason):
      return Diagnosis(
        "the stored encoder '\(encoder)' cannot be read", found: [reason], remedy: "encode the data set again",
        exitStatus: .input)
    }
  }
}
