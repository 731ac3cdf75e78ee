import Encoders
import Foundation
import Multimodal
import Records

/// Frames of the video files that a table names: `clips/7.mp4@frame-2-of-8`.
///
/// A frame is decoded when it is asked for, and handed over as a PNG file, so that everything that reads pictures reads it.
/// The sound of a clip needs no name of its own: it is read from the file itself.
final class VideoClips: StoredInputs, @unchecked Sendable {
  private let folder: URL
  private let lock = NSLock()
  private var streams: [String: Streams] = [:]
  private var decoders: Set<String> = []

  /// What is in a clip.
  struct Streams {
    let hasPictures: Bool
    let hasSound: Bool
  }

  private let count: Int

  /// - Parameter count: of the frames that stand for a clip.
  init(_ folder: URL, frames count: Int = 1) {
    self.folder = folder
    self.count = count
  }

  var clipFrames: Int? { isEmpty ? nil : count }

  /// Whether no clip was named.
  var isEmpty: Bool { lock.withLock { streams.isEmpty } }

  /// The names of frames that lie evenly in a clip.
  static func frames(of clip: String, _ count: Int) -> [String] {
    (1...max(count, 1)).map { "\(clip)\(mark)\($0)-of-\(max(count, 1))" }
  }

  private static let mark = "@frame-"

  /// A clip, and which frame of how many, of a name.
  private static func parts(_ name: String) -> (clip: String, number: Int, count: Int)? {
    guard let place = name.range(of: mark, options: .backwards) else { return nil }
    let words = name[place.upperBound...].split(separator: "-", omittingEmptySubsequences: false)
    let clip = String(name[..<place.lowerBound])
    guard words.count == 3, words[1] == "of", let number = Int(words[0]), let count = Int(words[2]), number >= 1,
      number <= count, VideoLibrary.isVideo(clip)
    else { return nil }
    return (clip, number, count)
  }

  /// The file that a name is a frame of; nil for the name of anything else.
  static func clip(of name: String) -> String? { parts(name)?.clip }

  /// What is in a clip; one that cannot be opened is taken to have both, and says why when it is read.
  func streams(of clip: String) -> Streams {
    if let known = lock.withLock({ streams[clip] }) { return known }
    var found = Streams(hasPictures: true, hasSound: true)
    var names: [String] = []
    if let opened = try? VideoClip(at: folder.appending(path: clip), path: clip) {
      found = Streams(hasPictures: opened.hasPictures, hasSound: opened.hasSound)
      names = opened.decoders
    }
    lock.withLock {
      streams[clip] = found
      decoders.formUnion(names)
    }
    return found
  }

  /// What a person should know of how clips are decoded; features depend on it.
  var note: String? {
    let (count, silent, names) = lock.withLock {
      (streams.count, streams.values.count { !$0.hasSound }, decoders.sorted().joined(separator: ", "))
    }
    guard count > 0 else { return nil }
    let sound = silent == 0 ? "" : ", \(silent) of them without sound"
    let by = VideoLibrary.version.map { "\($0)\(names.isEmpty ? "" : ": \(names)")" } ?? "nothing in this build"
    return "\(count == 1 ? "1 clip" : "\(count) clips")\(sound), decoded by \(by)"
  }

  func holds(_ name: String) -> Bool { Self.parts(name) != nil }

  func bytes(of name: String, limit: Int) throws -> Data {
    guard let (path, number, count) = Self.parts(name) else {
      throw Diagnosis("there is no such frame", place: name, exitStatus: .input)
    }
    let clip = try VideoClip(at: folder.appending(path: path), path: name)
    return try clip.frame(number - 1, of: count).png()
  }

  func stamp(of name: String) -> String {
    FileStamp(folder.appending(path: Self.clip(of: name) ?? name).path(percentEncoded: false)).words
  }
}

/// Inputs that lie within files of several kinds.
final class JoinedInputs: StoredInputs {
  private let all: [any StoredInputs]

  init(_ all: [any StoredInputs]) { self.all = all }

  private func owner(_ name: String) -> (any StoredInputs)? { all.first { $0.holds(name) } }

  func holds(_ name: String) -> Bool { owner(name) != nil }

  func bytes(of name: String, limit: Int) throws -> Data {
    guard let owner = owner(name) else { throw Diagnosis("there is no such value", place: name, exitStatus: .input) }
    return try owner.bytes(of: name, limit: limit)
  }

  func stamp(of name: String) -> String { owner(name)?.stamp(of: name) ?? "" }

  var clipFrames: Int? { all.lazy.compactMap(\.clipFrames).first }
}
