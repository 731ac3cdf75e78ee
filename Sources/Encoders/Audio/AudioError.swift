public import Records

/// Why some bytes did not become a sound.
public enum AudioError: Diagnosable, Equatable {
  /// Not a WAVE file at all.
  case notWAVE
  /// The file contradicts its own format.
  case damaged(String)
  /// Samples of a kind that is not read.
  case unsupported(String)
  /// No samples in it.
  case empty
  case tooLong(seconds: Int, limit: Int)

  /// The fault in a few words.
  public var summary: String {
    switch self {
    case .notWAVE:
      "not a WAVE file" + (SoundLibrary.version == nil ? "" : ", nor FLAC, Ogg, MP3, AIFF or CAF")
        + (VideoLibrary.version == nil ? "" : ", nor one of FFmpeg's")
    case .damaged(let detail): "a damaged sound file: \(detail)"
    case .unsupported(let kind): "\(kind), which is not read"
    case .empty: "a sound file without samples"
    case .tooLong(let seconds, let limit): "\(seconds) seconds, where at most \(limit) are read"
    }
  }

  public var diagnosis: Diagnosis {
    Diagnosis(
      "a sound cannot be read", found: [summary],
      remedy: "write it as WAVE with whole numbers:  ffmpeg -i old -c:a pcm_s16le new.wav", exitStatus: .input)
  }
}
