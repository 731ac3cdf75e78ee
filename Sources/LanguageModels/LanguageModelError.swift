public import Records

/// Why a language model could not be read or asked.
public enum LanguageModelError: Diagnosable, Equatable {
  /// A family that is known and not read, with the reason.
  case refused(family: String, in: String, reason: String)
  /// More tokens than the model can look back at.
  case tooLong(tokens: Int, limit: Int)
  /// A picture for a model that sees none.
  case seesNoPictures(family: String, in: String)
  /// A picture that the model's processor cannot cut.
  case picture(String)
  /// Placeholders and pictures that do not belong together.
  case placeholders(found: Int, expected: Int)
  /// Tokens, roles or pictures that contradict each other.
  case sequence(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .refused(let family, let file, let reason):
      Diagnosis("the architecture '\(family)' is not read", place: file, found: [reason], exitStatus: .input)
    case .tooLong(let tokens, let limit):
      Diagnosis(
        "the prompt is longer than the model reads", found: ["\(tokens) tokens, the model looks back at \(limit)"],
        remedy: "shorten the text, or show fewer tiles of the picture", exitStatus: .input)
    case .seesNoPictures(let family, let folder):
      Diagnosis(
        "the model sees no pictures", place: folder, found: ["'\(family)' reads text only"],
        remedy: "choose a vision-language model, or leave the pictures out", exitStatus: .usage)
    case .picture(let reason):
      Diagnosis("the model cannot be shown this picture", found: [reason], exitStatus: .input)
    case .placeholders(let found, let expected):
      Diagnosis(
        "placeholders and pictures do not fit", found: ["\(found) placeholders, the pictures have \(expected) rows"],
        exitStatus: .failed)
    case .sequence(let reason):
      Diagnosis("the prompt is malformed", found: [reason], exitStatus: .failed)
    }
  }
}
