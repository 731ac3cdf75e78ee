import Encoders
public import Multimodal

/// A picture as from far away: shrunk so that its longer side has a few pixels, and stretched to its size again.
///
/// It is shrunk by the mean over each new pixel and stretched linearly. One that has no more pixels than that stays.
public struct LowResolution: RawImpairment, Equatable {
  /// The pixels of the longer side.
  public let side: Int

  public init(side: Int = 8) {
    self.side = side
  }

  public var kind: RawInput.Kind { .image }

  /// The coarse picture, of the same size; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .image(let image) = input else { return input }
    return .image(image.coarse(side: side))
  }
}
