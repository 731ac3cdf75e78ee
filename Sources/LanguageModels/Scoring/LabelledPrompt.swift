import Records

/// A prompt, and the tokens that each class's label adds to it.
///
/// The border between prompt and label is where all classes' tokens part: a tokenizer may join the end of one with the start
/// of the other.
public struct LabelledPrompt: Sendable, Equatable {
  /// What all classes share.
  public let prompt: TokenSequence
  /// Of each class the tokens that are scored, that which ends an answer the last.
  public let suffixes: [[Int]]
  /// Of each class the length of its label in UTF-8.
  public let bytes: [Int]

  /// Whether classes differ in their first token already.
  public var differInFirstToken: Bool { Set(suffixes.map { $0.first }).count == suffixes.count }
}

extension PromptBuilder {
  /// - Parameters:
  ///   - labels: as the model is to write them, at least one.
  ///   - template: says what stands between prompt and label, and what ends an answer; without an end a label is as likely
  ///     as all that goes on from it.
  public func labelled(
    _ prompt: Prompt, labels: [String], template: ChatTemplate, pictures: [PreparedPicture] = []
  ) throws -> LabelledPrompt {
    let plain = try tokens(prompt, pictures: pictures)
    let end: [Prompt.Piece] = template.endOfTurn.isEmpty ? [] : [.token(template.endOfTurn)]
    let whole = try labels.map { label in
      try tokens(prompt + ([.text(template.separator + label, .answer)] + end), pictures: pictures).ids
    }
    var shared = plain.ids.count
    for ids in whole { shared = min(shared, zip(plain.ids, ids).prefix { $0 == $1 }.count) }
    guard shared > 0, whole.allSatisfy({ $0.count > shared }) else {
      throw Diagnosis(
        "a label adds no token to the prompt", found: labels.prefix(8).map { "'\($0.escapedForTerminal.clipped(40))'" },
        exitStatus: .input)
    }
    let sequence = try model.sequence(
      Array(plain.ids[..<shared]), roles: Array(plain.roles[..<shared]), pictures: Self.shown(prompt, pictures))
    return LabelledPrompt(
      prompt: sequence, suffixes: whole.map { Array($0[shared...]) }, bytes: labels.map(\.utf8.count))
  }
}
