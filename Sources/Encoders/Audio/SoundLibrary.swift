import Foundation
import Multimodal
import Records

#if READS_SOUNDS
  import CLibSndFile
#endif

/// FLAC, Ogg (Vorbis, Opus), MP3, AIFF and CAF, and kinds of WAVE that ``Waveform`` does not read itself, by libsndfile.
package enum SoundLibrary {
  /// The library and its version; nil in a build without it.
  package static var version: String? {
    #if READS_SOUNDS
      String(cString: sf_version_string())
    #else
      nil
    #endif
  }

  /// What the bytes begin like, of the kinds that the library reads.
  static func kind(of bytes: [UInt8]) -> String? {
    func begins(_ text: String, at place: Int = 0) -> Bool {
      bytes.dropFirst(place).starts(with: Array(text.utf8))
    }
    if begins("fLaC") { return "FLAC" }
    if begins("OggS") { return "Ogg" }
    if begins("FORM"), begins("AIF", at: 8) { return "AIFF" }
    if begins("caff") { return "CAF" }
    if begins("RF64") { return "RF64" }
    if begins("ID3") { return "MP3" }
    // Eleven bits that are set begin a frame; two that are not say that it is no such frame.
    if bytes.count > 4, bytes[0] == 0xFF, bytes[1] & 0xE0 == 0xE0, bytes[1] & 0x06 != 0 { return "MP3" }
    return nil
  }

  #if READS_SOUNDS
    /// The bytes as the library's functions see a file.
    private final class Memory {
      let bytes: [UInt8]
      var place = 0
      init(_ bytes: [UInt8]) { self.bytes = bytes }
    }

    /// Several channels become their mean.
    static func decoded(_ bytes: [UInt8], kind: String, longest: Int) throws(AudioError) -> Waveform {
      let memory = Memory(bytes)
      let pointer = Unmanaged.passUnretained(memory).toOpaque()
      var access = SF_VIRTUAL_IO(
        get_filelen: { sf_count_t(SoundLibrary.memory($0).bytes.count) },
        seek: { offset, whence, data in
          let memory = SoundLibrary.memory(data)
          let base = whence == SEEK_CUR ? memory.place : whence == SEEK_END ? memory.bytes.count : 0
          memory.place = min(max(base + Int(clamping: offset), 0), memory.bytes.count)
          return sf_count_t(memory.place)
        },
        read: { target, count, data in
          let memory = SoundLibrary.memory(data)
          let size = min(max(Int(count), 0), memory.bytes.count - memory.place)
          memory.bytes.withUnsafeBytes { bytes in
            guard size > 0, let base = bytes.baseAddress else { return }
            target?.copyMemory(from: base + memory.place, byteCount: size)
          }
          memory.place += size
          return sf_count_t(size)
        },
        write: { _, _, _ in 0 },
        tell: { sf_count_t(SoundLibrary.memory($0).place) })
      var facts = SF_INFO()
      guard !bytes.isEmpty, let file = sf_open_virtual(&access, Int32(SFM_READ), &facts, pointer) else {
        throw .damaged("\(kind): \(String(cString: sf_strerror(nil)))")
      }
      defer {
        sf_close(file)
        withExtendedLifetime(memory) {}
      }
      let (channels, rate) = (Int(facts.channels), Int(facts.samplerate))
      guard (1...64).contains(channels), (1000...1_000_000).contains(rate) else {
        throw .damaged("\(channels) channels of \(rate) samples a second")
      }
      // How many there are is read, not believed.
      var samples: [Float] = []
      var portion = [Float](repeating: 0, count: 65_536 * channels)
      while true {
        let count = Int(sf_readf_float(file, &portion, 65_536))
        guard count > 0 else { break }
        guard (samples.count + count) / rate <= longest else {
          throw .tooLong(seconds: (samples.count + count) / rate, limit: longest)
        }
        for frame in 0..<count {
          samples.append(portion[(frame * channels)..<((frame + 1) * channels)].reduce(0, +) / Float(channels))
        }
      }
      guard !samples.isEmpty else { throw .empty }
      guard facts.frames <= 0 || facts.frames == sf_count_t.max || samples.count >= Int(facts.frames) else {
        throw .damaged("\(kind): it ends before its samples do")
      }
      guard samples.allSatisfy({ abs($0) <= 65536 }) else {
        throw .damaged("samples that are no numbers, or louder than any sound")
      }
      return Waveform(rate: rate, samples: samples)
    }

    private static func memory(_ pointer: UnsafeMutableRawPointer?) -> Memory {
      guard let pointer else { preconditionFailure("the library hands back what it was given") }
      return Unmanaged<Memory>.fromOpaque(pointer).takeUnretainedValue()
    }
  #else
    static func decoded(_ bytes: [UInt8], kind: String, longest: Int) throws(AudioError) -> Waveform {
      throw .unsupported("\(kind) in a build without libsndfile ('make setup' installs it)")
    }
  #endif
}
