public import Multimodal

/// A sound with gaps: parts of a tenth of a second are silent; at least one is not, unless all are to be.
public struct SilentParts: RawImpairment, Equatable {
  /// The probability that a part is silent, in 0…1.
  public let ratio: Double

  public init(ratio: Double = 0.5) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .audio }

  /// The sound with gaps; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .audio(var sound) = input else { return input }
    let length = max(1, sound.rate / 10)
    var silent = stride(from: 0, to: sound.samples.count, by: length).map { _ in numbers.chance(ratio) }
    if ratio < 1, !silent.contains(false) { silent[numbers.uniform(below: silent.count)] = false }
    for place in sound.samples.indices where silent[place / length] { sound.samples[place] = 0 }
    return .audio(sound)
  }
}
