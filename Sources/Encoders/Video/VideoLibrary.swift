package import Foundation
package import Multimodal
import Records

#if READS_VIDEO
  import CVideo
#endif

/// Frames and sound of video files, and sounds that ``SoundLibrary`` does not read, by FFmpeg's libraries.
///
/// Decoders run on one thread; the same bytes give the same numbers with the same version, which features record.
package enum VideoLibrary {
  /// The libraries and their versions; nil in a build without them.
  package static var version: String? {
    #if READS_VIDEO
      String(cString: cvideo_version())
    #else
      nil
    #endif
  }

  /// What to do where a build has no FFmpeg.
  package static let remedy = "install FFmpeg's development files ('make video' does) and build again"

  /// The endings of video files.
  package static let endings: Set<String> = [
    "mp4", "m4v", "mov", "webm", "mkv", "avi", "flv", "mpg", "mpeg", "mts", "m2ts", "wmv", "3gp", "3g2", "ogv",
  ]

  /// Whether a path names a video file.
  package static func isVideo(_ path: String) -> Bool {
    guard let dot = path.lastIndex(of: ".") else { return false }
    return endings.contains(path[path.index(after: dot)...].lowercased())
  }

  /// What the bytes begin like, of the containers and sounds that only this library reads.
  static func kind(of bytes: [UInt8]) -> String? {
    func begins(_ marks: [UInt8], at place: Int = 0) -> Bool { bytes.dropFirst(place).starts(with: marks) }
    if begins(Array("ftyp".utf8), at: 4) { return "MP4" }
    if begins([0x1A, 0x45, 0xDF, 0xA3]) { return "Matroska or WebM" }
    if begins([0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]) { return "Windows Media" }
    if begins(Array("RIFF".utf8)), begins(Array("AVI ".utf8), at: 8) { return "AVI" }
    if begins(Array("FLV".utf8)) { return "Flash video" }
    if begins(Array("#!AMR".utf8)) { return "AMR" }
    if begins([0x00, 0x00, 0x01, 0xBA]) { return "MPEG" }
    // Twelve bits that are set, and a layer of zero: AAC without a container.
    if bytes.count > 4, bytes[0] == 0xFF, bytes[1] & 0xF6 == 0xF0 { return "AAC" }
    return nil
  }

  #if READS_VIDEO
    /// The sound in the bytes of a file.
    static func sound(_ bytes: [UInt8], kind: String, longest: Int) throws(AudioError) -> Waveform {
      var message = [CChar](repeating: 0, count: Int(CVIDEO_MESSAGE_SIZE))
      var sound = cvideo_sound()
      let status = bytes.withUnsafeBufferPointer { bytes in
        var clip: cvideo_clip?
        let status = cvideo_open_bytes(bytes.baseAddress, Int64(bytes.count), &clip, &message)
        guard status == CVIDEO_OK, let clip else { return status }
        defer { cvideo_close(clip) }
        return cvideo_sound_of(clip, Int32(longest), &sound, &message)
      }
      defer { cvideo_release(sound.samples) }
      switch status {
      case CVIDEO_OK: break
      case CVIDEO_NONE: throw .empty
      case CVIDEO_TOO_LARGE: throw .tooLong(seconds: longest + 1, limit: longest)
      case CVIDEO_UNKNOWN, CVIDEO_UNSUPPORTED: throw .unsupported("\(kind): \(words(message))")
      default: throw .damaged("\(kind): \(words(message))")
      }
      let samples = Array(UnsafeBufferPointer(start: sound.samples, count: Int(sound.count)))
      guard samples.allSatisfy({ abs($0) <= 65536 }) else {
        throw .damaged("samples that are no numbers, or louder than any sound")
      }
      return Waveform(rate: Int(sound.rate), samples: samples)
    }

    fileprivate static func words(_ message: [CChar]) -> String {
      String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  #else
    static func sound(_ bytes: [UInt8], kind: String, longest: Int) throws(AudioError) -> Waveform {
      throw .unsupported("\(kind) in a build without FFmpeg ('make video' installs it)")
    }
  #endif
}

/// A video file; used by one thread at a time.
package final class VideoClip {
  private let path: String
  #if READS_VIDEO
    private let handle: cvideo_clip
  #endif

  /// - Parameter path: as errors name it.
  /// - Throws: a `Diagnosis` where it cannot be read.
  package init(at url: URL, path: String? = nil) throws {
    self.path = path ?? url.relativePath
    #if READS_VIDEO
      var made: cvideo_clip?
      var message = [CChar](repeating: 0, count: Int(CVIDEO_MESSAGE_SIZE))
      let status = cvideo_open_file(url.path(percentEncoded: false), &made, &message)
      guard status == CVIDEO_OK, let made else { throw Self.diagnosis(status, message, self.path) }
      handle = made
    #else
      throw Diagnosis(
        "this build reads no video", place: self.path, remedy: VideoLibrary.remedy, exitStatus: .input)
    #endif
  }

  #if READS_VIDEO
    deinit { cvideo_close(handle) }

    private static func diagnosis(_ status: cvideo_status, _ message: [CChar], _ path: String) -> Diagnosis {
      let what: String
      switch status {
      case CVIDEO_UNKNOWN: what = "the file is no video that is read"
      case CVIDEO_UNSUPPORTED: what = "the video is of a kind that is not read"
      case CVIDEO_NONE: what = "the video lacks what is asked of it"
      case CVIDEO_TOO_LARGE: what = "the video is too large"
      case CVIDEO_NO_MEMORY: what = "the video takes more memory than there is"
      default: what = "the video is damaged"
      }
      let words = VideoLibrary.words(message)
      return Diagnosis(what, place: path, found: words.isEmpty ? [] : [words], exitStatus: .input)
    }
  #endif

  package var hasPictures: Bool {
    #if READS_VIDEO
      cvideo_has_pictures(handle) != 0
    #else
      false
    #endif
  }

  package var hasSound: Bool {
    #if READS_VIDEO
      cvideo_has_sound(handle) != 0
    #else
      false
    #endif
  }

  /// More pixels than films have.
  package static let pixelLimit = 40_000_000

  /// What decodes its pictures and its sound: `h264`, `aac`.
  package var decoders: [String] {
    #if READS_VIDEO
      [0, 1].compactMap { cvideo_decoder(handle, $0).map { String(cString: $0) } }
    #else
      []
    #endif
  }

  /// The frame in the middle of part `number` of `count` equal parts of the clip.
  ///
  /// - Throws: a `Diagnosis` where there is none, or it cannot be decoded.
  package func frame(_ number: Int, of count: Int, pixelLimit: Int = VideoClip.pixelLimit) throws -> RGBImage {
    #if READS_VIDEO
      var picture = cvideo_picture()
      var message = [CChar](repeating: 0, count: Int(CVIDEO_MESSAGE_SIZE))
      let status = cvideo_frame(
        handle, Int32(clamping: number), Int32(clamping: count), UInt64(max(pixelLimit, 1)), &picture, &message)
      defer { cvideo_release(picture.pixels) }
      guard status == CVIDEO_OK else { throw Self.diagnosis(status, message, path) }
      let (width, height) = (Int(picture.width), Int(picture.height))
      return RGBImage(
        width: width, height: height,
        pixels: Array(UnsafeBufferPointer(start: picture.pixels, count: 3 * width * height)))
    #else
      throw Diagnosis("this build reads no video", place: path, remedy: VideoLibrary.remedy, exitStatus: .input)
    #endif
  }
}
