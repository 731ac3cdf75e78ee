public import Multimodal

/// Samples of a sound replaced by white noise of the sound's own loudness.
public struct ReplacedSamples: RawImpairment, Equatable {
  /// The share of samples that are replaced, in 0…1.
  public let ratio: Double

  public init(ratio: Double = 0.3) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .audio }

  /// The noisy sound; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .audio(let sound) = input else { return input }
    return .audio(impaired(sound, using: &numbers))
  }

  /// The noisy sound.
  public func impaired(_ sound: Waveform, using numbers: inout SeededNumbers) -> Waveform {
    let energy = sound.samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(sound.samples.count)
    // Uniform in ±√3·σ has the standard deviation σ.
    let reach = (3 * energy).squareRoot()
    var samples = sound.samples
    for place in samples.indices where numbers.chance(ratio) {
      samples[place] = Float(reach * (2 * numbers.uniform() - 1))
    }
    return Waveform(rate: sound.rate, samples: samples)
  }
}
