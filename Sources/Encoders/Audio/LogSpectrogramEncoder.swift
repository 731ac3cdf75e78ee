import Foundation
public import Multimodal

/// Settings of ``LogSpectrogramEncoder``; rate, window and hop are those of the field's loaders for CREMA-D.
public struct LogSpectrogramSettings: ProjectionSettings {
  /// Samples a second.
  public var rate = 22_050
  /// Of the window, in samples; a power of two.
  public var window = 512
  /// From window to window, in samples.
  public var hop = 353
  /// Bands of frequencies, narrow where the ear is fine.
  public var bands = 48
  /// Parts that a sound is divided into, from its beginning to its end.
  public var parts = 8
  /// The number of features, or fewer where there are fewer training rows.
  public var components = 128
  /// Where the randomised projection starts.
  public var seed: UInt64 = 0

  public init() {}
}

/// Loudness by frequency and time, reduced to its main directions.
///
/// Needs no download. Of the log spectrogram, each band's mean in each part of the sound, and its mean and spread over the
/// whole, are standardised on the training split and projected on their first principal directions.
public typealias LogSpectrogramEncoder = ProjectedEncoder<BandLoudness>

/// The loudness of a sound by frequency and time.
public struct BandLoudness: InputMeasure {
  public static let name = "log-spectrogram"
  public static let version = 1
  public static let kind = RawInput.Kind.audio
  public static let summary = "loudness by frequency and time (log spectrogram), projected by PCA; no download"

  public let settings: LogSpectrogramSettings

  public init(_ settings: LogSpectrogramSettings) throws(EncoderError) {
    let window = settings.window
    try Self.check((1000...200_000).contains(settings.rate), "'rate' is \(settings.rate), not in 1000 to 200000")
    try Self.check(
      (16...65_536).contains(window) && window & (window - 1) == 0,
      "'window' is \(window), not a power of two in 16 to 65536")
    try Self.check((1...window).contains(settings.hop), "'hop' is \(settings.hop), not in 1 to 'window'")
    try Self.check(
      (1...window / 2).contains(settings.bands), "'bands' is \(settings.bands), not in 1 to half of 'window'")
    try Self.check((1...1000).contains(settings.parts), "'parts' is \(settings.parts), not in 1 to 1000")
    self.settings = settings
  }

  public var count: Int { settings.bands * (settings.parts + 2) }

  /// The first bin of each band, and the end of the last: evenly on the mel scale, but never less than a bin.
  private func edges(bins: Int) -> [Int] {
    let top = 2595 * log10(1 + Double(settings.rate) / 2 / 700)
    var edges = [0]
    for band in 1...settings.bands {
      let frequency = 700 * (pow(10, top * Double(band) / Double(settings.bands) / 2595) - 1)
      let bin = Int((frequency / (Double(settings.rate) / 2) * Double(bins)).rounded())
      edges.append(min(max(bin, edges[band - 1] + 1), bins - (settings.bands - band)))
    }
    return edges
  }

  public func numbers(of input: RawInput) throws -> [Float] {
    guard case .audio(let sound) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    let spectrogram = LogSpectrogram(
      sound.resampled(to: settings.rate).samples, size: settings.window, hop: settings.hop)
    let edges = edges(bins: spectrogram.bins)
    // Window by window, the mean of each band.
    let bands = (0..<spectrogram.frames).map { frame in
      (0..<settings.bands).map { band -> Float in
        let range = frame * spectrogram.bins + edges[band]..<frame * spectrogram.bins + edges[band + 1]
        return spectrogram.values[range].reduce(0, +) / Float(range.count)
      }
    }
    func mean(_ rows: ArraySlice<[Float]>, _ band: Int) -> Float {
      rows.reduce(0) { $0 + $1[band] } / Float(rows.count)
    }
    var values: [Float] = []
    for part in 0..<settings.parts {
      let start = part * bands.count / settings.parts
      // A sound may have fewer windows than parts.
      let end = max((part + 1) * bands.count / settings.parts, start + 1)
      for band in 0..<settings.bands { values.append(mean(bands[start..<end], band)) }
    }
    for band in 0..<settings.bands {
      let centre = mean(bands[...], band)
      let spread = bands.reduce(0) { $0 + ($1[band] - centre) * ($1[band] - centre) } / Float(bands.count)
      values += [centre, spread.squareRoot()]
    }
    return values
  }
}
