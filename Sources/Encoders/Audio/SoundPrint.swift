package import Multimodal

/// What a sound sounds like from afar, as numbers that hardly change when it is made louder or softer, stored in fewer bits
/// or at another rate.
///
/// Of the log spectrogram up to 4 kHz, its means over 17 parts of the sound and 17 bands of frequencies: each step to the
/// next part and to the next band: up, down, or level where it is less than a quarter (of the natural logarithm). What is
/// 3 below the loudest is as good as silent. The cosine of two prints is 1 for copies, and near 0 for sounds that have
/// nothing to do with each other.
package struct SoundPrint: Sendable, Equatable {
  /// ``count`` numbers, each −1, 0 or 1.
  package let steps: [Float]
  /// Whether nothing is heard, or nothing that changes.
  package let isBlank: Bool

  private static let side = 16
  package static let count = 2 * side * side
  private static let rate = 8_000

  package init(of sound: Waveform) {
    let side = Self.side
    let loudest = sound.samples.reduce(0) { max($0, abs($1)) }
    guard loudest > 0 else {
      steps = [Float](repeating: 0, count: Self.count)
      isBlank = true
      return
    }
    let samples = sound.resampled(to: Self.rate).samples.map { $0 / loudest }
    // Windows that overlap by half, of a sound of a second some four to a part.
    let spectrogram = LogSpectrogram(samples, size: 256, hop: 128)
    let bins = spectrogram.bins
    func edge(_ band: Int) -> Int { max(band, Int(Float(bins) * Float(band * band) / Float((side + 1) * (side + 1)))) }
    var means = (0...side).flatMap { part -> [Float] in
      let first = part * spectrogram.frames / (side + 1)
      let frames = first..<max((part + 1) * spectrogram.frames / (side + 1), first + 1)
      return (0...side).map { band in
        let places = edge(band)..<max(edge(band + 1), edge(band) + 1)
        let sum = frames.reduce(Float(0)) { sum, frame in
          places.reduce(sum) { $0 + spectrogram.values[frame * bins + $1] }
        }
        return sum / Float(frames.count * places.count)
      }
    }
    let floor = (means.max() ?? 0) - 3
    means = means.map { max($0, floor) }
    func step(_ from: Int, _ to: Int) -> Float {
      let difference = means[to] - means[from]
      return abs(difference) < 0.25 ? 0 : difference < 0 ? -1 : 1
    }
    let steps = (0..<side).flatMap { part in
      (0..<side).flatMap { band -> [Float] in
        let place = part * (side + 1) + band
        return [step(place, place + 1), step(place, place + side + 1)]
      }
    }
    self.steps = steps
    isBlank = steps.allSatisfy { $0 == 0 }
  }
}
