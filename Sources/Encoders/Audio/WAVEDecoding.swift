public import Foundation
public import Multimodal
import Records

extension Waveform {
  /// The longest sound that is read, in seconds.
  public static let longest = 600

  /// A sound from the bytes of a WAVE file: whole numbers of 8, 16, 24 or 32 bits, or floats of 32 or 64.
  ///
  /// Several channels become their mean.
  /// - Throws: `AudioError`.
  public init(decoding data: Data) throws(AudioError) {
    let bytes = [UInt8](data)
    func number(_ place: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) } }
    func name(_ place: Int) -> String { String(decoding: bytes[place..<place + 4], as: UTF8.self) }
    guard bytes.count >= 12, name(0) == "RIFF", name(8) == "WAVE" else {
      self = try Self.byLibraries(bytes)
      return
    }
    var format: (code: Int, channels: Int, rate: Int, bits: Int)?
    var place = 12
    while place + 8 <= bytes.count {
      let (chunk, length) = (name(place), number(place + 4, 4))
      let start = place + 8
      if chunk == "fmt " {
        guard length >= 16, start + length <= bytes.count else { throw .damaged("its format is cut off") }
        // The extensible form names the true code in the first bytes of its identifier.
        let code = number(start, 2) == 0xFFFE && length >= 40 ? number(start + 24, 2) : number(start, 2)
        format = (code, number(start + 2, 2), number(start + 4, 4), number(start + 14, 2))
      } else if chunk == "data" {
        guard let format else { throw .damaged("its samples come before its format") }
        // A program that wrote to a pipe knows no length; another was cut off.
        let isUnknown = length == 0 || length >= Self.leastPlaceholder
        let end = isUnknown ? max(start, bytes.count) : start + length
        guard end <= bytes.count else { throw .damaged("it ends before its samples do") }
        do { self = try Self.read(bytes[start..<end], format) } catch {
          // Compressed WAVE of the kinds that telephones made.
          guard ![1, 3].contains(format.code),
            let sound = try? SoundLibrary.decoded(bytes, kind: "WAVE", longest: Self.longest)
          else { throw error }
          self = sound
        }
        return
      }
      place = start + length + length % 2
    }
    throw format == nil ? .damaged("it has no format") : .empty
  }

  /// A sound of another format: by libsndfile, and what that does not read by FFmpeg.
  private static func byLibraries(_ bytes: [UInt8]) throws(AudioError) -> Waveform {
    guard let kind = SoundLibrary.kind(of: bytes) else {
      guard let kind = VideoLibrary.kind(of: bytes) else { throw .notWAVE }
      return try VideoLibrary.sound(bytes, kind: kind, longest: longest)
    }
    guard SoundLibrary.version != nil || VideoLibrary.version == nil else {
      return try VideoLibrary.sound(bytes, kind: kind, longest: longest)
    }
    do { return try SoundLibrary.decoded(bytes, kind: kind, longest: longest) } catch {
      // Ogg is a container of many kinds.
      guard kind == "Ogg", let sound = try? VideoLibrary.sound(bytes, kind: kind, longest: longest) else { throw error }
      return sound
    }
  }

  /// The least number that stands for a length that was not known.
  ///
  /// SoX writes 0x7FFFF000, others 0x7FFFFFFF or 0x80000000, ffmpeg 0xFFFFFFFF, each also less the headers' bytes. No file of
  /// so many bytes is read.
  private static let leastPlaceholder = 0x7FFF_0000

  private static func read(
    _ bytes: ArraySlice<UInt8>, _ format: (code: Int, channels: Int, rate: Int, bits: Int)
  ) throws(AudioError) -> Waveform {
    let (code, channels, rate, bits) = format
    guard (1...64).contains(channels), (1000...1_000_000).contains(rate) else {
      throw .damaged("\(channels) channels of \(rate) samples a second")
    }
    guard (code == 1 && [8, 16, 24, 32].contains(bits)) || (code == 3 && [32, 64].contains(bits)) else {
      throw .unsupported(code == 1 || code == 3 ? "\(bits) bits a sample" : "WAVE with the code \(code)")
    }
    let size = bits / 8
    let count = bytes.count / (size * channels)
    guard count > 0 else { throw .empty }
    guard count / rate <= longest else { throw .tooLong(seconds: count / rate, limit: longest) }
    let samples = bytes.withUnsafeBytes { raw in
      (0..<count).map { frame -> Float in
        var sum: Float = 0
        for channel in 0..<channels { sum += amplitude(raw, (frame * channels + channel) * size, size, code == 3) }
        return sum / Float(channels)
      }
    }
    // Floats of a sound lie within ±1, or ±32768 where somebody forgot to scale them; the power of more overflows.
    guard samples.allSatisfy({ abs($0) <= 65536 }) else {
      throw .damaged("samples that are no numbers, or louder than any sound")
    }
    return Waveform(rate: rate, samples: samples)
  }

  private static func amplitude(_ raw: UnsafeRawBufferPointer, _ place: Int, _ size: Int, _ isFloat: Bool) -> Float {
    var bits: UInt64 = 0
    for byte in 0..<size { bits |= UInt64(raw[place + byte]) << (8 * byte) }
    if isFloat { return size == 4 ? Float(bitPattern: UInt32(bits)) : Float(Double(bitPattern: bits)) }
    // Eight bits have no sign; others are shifted up so that their sign is that of 64 bits.
    if size == 1 { return (Float(bits) - 128) / 128 }
    return Float(Double(Int64(bitPattern: bits << (64 - 8 * size))) * 0x1p-63)
  }

  /// A sound from a file.
  ///
  /// - Throws: a `Diagnosis` that names the file.
  public init(contentsOf url: URL) throws {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestPicture)
    do { try self.init(decoding: data) } catch { throw error.diagnosis.placed(in: url.relativePath) }
  }

  /// The same sound with so many samples a second.
  ///
  /// Band-limited: a sinc under a Hann window of 16 zero crossings to each side, cut at the lower of the two rates.
  public func resampled(to rate: Int) -> Waveform {
    guard rate != self.rate, rate > 0 else { return self }
    func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
    let common = divisor(rate, self.rate)
    let (up, down) = (rate / common, self.rate / common)
    let cut = min(1, Double(rate) / Double(self.rate))
    let reach = Int((16 / cut).rounded(.up))
    // An output sample lies at one of `up` places between two input samples; each place has its own weights.
    func weights(_ phase: Int) -> [Float] {
      (-reach + 1...reach).map { tap -> Float in
        let distance = Double(tap) - Double(phase) / Double(up)
        let x = distance * cut
        guard abs(x) < 16 else { return 0 }
        let window = 0.5 + 0.5 * cos(.pi * x / 16)
        return Float(cut * window * (x == 0 ? 1 : sin(.pi * x) / (.pi * x)))
      }
    }
    var known = [[Float]](repeating: [], count: up)
    let count = max(1, (samples.count * up + down - 1) / down)
    let resampled = samples.withUnsafeBufferPointer { samples in
      (0..<count).map { index -> Float in
        let (whole, phase) = (index * down / up, index * down % up)
        if known[phase].isEmpty { known[phase] = weights(phase) }
        var sum: Float = 0
        for (number, weight) in known[phase].enumerated() {
          let place = whole + number - reach + 1
          if samples.indices.contains(place) { sum += weight * samples[place] }
        }
        return sum
      }
    }
    return Waveform(rate: rate, samples: resampled)
  }
}
