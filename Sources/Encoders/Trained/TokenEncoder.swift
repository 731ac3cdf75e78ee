public import Foundation
public import Multimodal

/// No encoder, but what an encoder that is trained with the model reads: the tokens of a checkpoint's tokenizer.
///
/// Each is stored as its number plus one, so that zeros are no tokens; a text with nothing in it has none at all, and is
/// not there.
public struct TokenEncoder: RawEncoder {
  public static let name = "tokens"
  public static let version = 1
  public static let kind = RawInput.Kind.text
  public static let summary = "tokens:FOLDER: a checkpoint's tokens for an encoder that is trained with the model"

  private let reader: PretrainedTextEncoder

  public init(folder: URL) throws { reader = try PretrainedTextEncoder(folder: folder) }

  public init(restoring state: EncoderState) throws { reader = try PretrainedTextEncoder(restoring: state) }

  public var form: InputForm { .tokens(length: reader.maximumLength) }
  public var width: Int { reader.maximumLength }
  public var identity: String { "\(Self.name) \(Self.version) \(reader.stamp.digest)\(reader.tokenizer.identity)" }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    if case .text(let text) = input, text.allSatisfy(\.isWhitespace) { return PreparedInput() }
    return try reader.prepare(input)
  }

  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    inputs.flatMap { input in
      input.indices.map { Float($0 + 1) } + [Float](repeating: 0, count: width - input.indices.count)
    }
  }

  public func state() throws -> EncoderState { try reader.state() }
}
