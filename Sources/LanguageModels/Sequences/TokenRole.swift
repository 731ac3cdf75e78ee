/// What a token of a prompt is there for.
///
/// Measures, ablations and adapters read roles. A role is given where the prompt is built and never guessed from a token's
/// number: a sample's text may spell a special token.
public enum TokenRole: UInt8, Sendable, Hashable, Codable, CaseIterable {
  /// A placeholder, whose embedding is a row of a picture.
  case image
  /// The sample's own text: a caption, a plot, the words of a meme.
  case sampleText
  /// The task: a question, the list of classes.
  case instruction
  /// The frame of a prompt: tags and special tokens.
  case template
  /// A label, or what the model has written.
  case answer
}
