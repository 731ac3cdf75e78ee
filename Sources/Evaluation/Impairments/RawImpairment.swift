public import Multimodal

/// Something that may happen to one input before it is encoded.
///
/// It must depend on nothing but its arguments, so that every method is tested on the same damage.
public protocol RawImpairment: Sendable {
  /// What it acts on.
  var kind: RawInput.Kind { get }

  /// The impaired input.
  ///
  /// - Parameter numbers: the sample's own stream; two samples never share one.
  /// - Returns: an input of the same kind, a picture of the same size.
  func impaired(_ input: RawInput, using numbers: inout SeededNumbers) throws -> RawInput
}

extension RawImpairment {
  /// The impaired input of a sample, drawn from the stream `condition/sample` of the seed.
  ///
  /// - Parameter condition: the name in tables, such as `image-noisy`.
  public func impaired(_ input: RawInput, sample id: String, condition: String, seed: UInt64) throws -> RawInput {
    var numbers = SeededNumbers(seed: seed, stream: "\(condition)/\(id)")
    return try impaired(input, using: &numbers)
  }
}

/// The modality is not there: zero pixels, or the empty text.
///
/// Source: the missing conditions of the BalGrad paper. A picture is made zero before the encoder's own normalisation.
public struct MissingInput: RawImpairment, Equatable {
  public let kind: RawInput.Kind

  public init(_ kind: RawInput.Kind) {
    self.kind = kind
  }

  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput { .missing(kind) }
}
