public import Multimodal

/// A sound recorded too loud: whatever goes beyond a share of its largest amplitude is cut off.
public struct Clipping: RawImpairment, Equatable {
  /// The largest amplitude that is left, as a share of the sound's own, in 0…1.
  public let ratio: Double

  public init(ratio: Double = 0.1) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .audio }

  /// The clipped sound; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .audio(var sound) = input else { return input }
    let limit = Float(ratio) * sound.samples.reduce(0) { max($0, abs($1)) }
    sound.samples = sound.samples.map { min(max($0, -limit), limit) }
    return .audio(sound)
  }
}
