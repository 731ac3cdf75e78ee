import Foundation
public import Multimodal

/// White noise over a sound, so many decibels below it; silence stays silence.
public struct AddedNoise: RawImpairment, Equatable {
  /// The sound's mean power over the noise's, in decibels; 0 makes both equally loud.
  public let decibels: Double

  public init(decibels: Double = 0) {
    self.decibels = decibels
  }

  public var kind: RawInput.Kind { .audio }

  /// The noisy sound, which may exceed -1…1; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .audio(var sound) = input else { return input }
    let power = sound.samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(sound.samples.count)
    let deviation = (power / pow(10, decibels / 10)).squareRoot()
    guard deviation > 0 else { return input }
    sound.samples = sound.samples.map { Float(Double($0) + deviation * numbers.normal()) }
    return .audio(sound)
  }
}
