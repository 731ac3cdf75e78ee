import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Encoders

/// Clips of six plain colours with a tone of 500 Hz; `scripts/reference/clips.sh` made them.
@Suite("Video by FFmpeg's libraries", .enabled(if: VideoLibrary.version != nil))
struct VideoLibraryTests {
  private func golden(_ name: String) -> URL { Conditions.golden("clips/\(name)") }

  private func refusal(_ body: () throws -> Void) -> Diagnosis? {
    do {
      try body()
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  /// Whether a pixel is of a colour, as far as compression keeps it.
  private func isNear(_ image: RGBImage, _ x: Int, _ y: Int, _ colour: [Int]) -> Bool {
    let place = 3 * (y * image.width + x)
    return (0..<3).allSatisfy { abs(Int(image.pixels[place + $0]) - colour[$0]) < 12 }
  }

  private static let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 255, 255], [0, 0, 0]]

  @Test(
    "frames lie evenly: six of a clip of six colours are these, in MP4, WebM and AVI; the same every time, in any order",
    arguments: ["colours.mp4", "colours.webm", "silent.avi"])
  func frames(name: String) throws {
    let clip = try VideoClip(at: golden(name))
    #expect(clip.hasPictures && clip.hasSound == (name != "silent.avi"))
    for (number, colour) in Self.colours.enumerated() {
      let frame = try clip.frame(number, of: 6)
      #expect(frame.width == 64 && frame.height == 48)
      #expect(isNear(frame, 5, 5, colour) && isNear(frame, 60, 40, colour), "\(number)")
    }
    // Of one and of two parts the middle ones.
    #expect(isNear(try clip.frame(0, of: 2), 20, 20, Self.colours[1]))
    #expect(isNear(try clip.frame(1, of: 2), 20, 20, Self.colours[4]))
    for number in [5, 0, 3] {
      #expect(try clip.frame(number, of: 6) == VideoClip(at: golden(name)).frame(number, of: 6))
    }
    #expect(refusal { _ = try clip.frame(6, of: 6) }?.found == ["there is no such frame"])
  }

  @Test("a clip that notes how it was held stands upright: red on the left of blue, as ffmpeg shows it")
  func turned() throws {
    let lying = try VideoClip(at: golden("lying.mp4")).frame(0, of: 1)
    #expect(lying.width == 64 && lying.height == 48)
    #expect(isNear(lying, 32, 4, [255, 0, 0]) && isNear(lying, 32, 44, [0, 0, 255]))
    let upright = try VideoClip(at: golden("turned.mp4")).frame(0, of: 1)
    #expect(upright.width == 48 && upright.height == 64)
    #expect(isNear(upright, 4, 32, [255, 0, 0]) && isNear(upright, 44, 32, [0, 0, 255]))
  }

  @Test(
    "the sound of a clip, and sounds that libsndfile does not read, are a tone of 500 Hz of two seconds",
    arguments: ["colours.mp4", "colours.webm", "tone.m4a", "tone.wma", "tone.aac", "sound-only.mp4", "left.m4a"])
  func sounds(name: String) throws {
    let sound = try Waveform(decoding: Data(contentsOf: golden(name)))
    #expect(sound.rate == (name == "colours.webm" ? 48000 : 16000))
    let seconds = Double(sound.samples.count) / Double(sound.rate)
    #expect((1.9...2.2).contains(seconds))
    // Of the middle second, where no codec begins or ends.
    let middle = sound.samples[(sound.rate / 2)..<(3 * sound.rate / 2)]
    let rises = zip(middle, middle.dropFirst()).count { $0 < 0 && $1 >= 0 }
    #expect(abs(rises - 500) <= 2)
    // ffmpeg's tone has an amplitude of 1/8; that of one silent channel and one that sounds is half of it.
    let loudest = middle.map(abs).max() ?? 0
    #expect(abs(loudest - (name == "left.m4a" ? 0.0625 : 0.125)) < 0.02)
    #expect(try Waveform(decoding: Data(contentsOf: golden(name))) == sound)
  }

  @Test("a clip without sound, or without pictures, says so")
  func lacking() throws {
    #expect(
      refusal { _ = try Waveform(decoding: Data(contentsOf: golden("turned.mp4"))) }?.found == [
        "a sound file without samples"
      ])
    let sound = try VideoClip(at: golden("sound-only.mp4"))
    #expect(!sound.hasPictures && sound.hasSound && sound.decoders == ["aac"])
    #expect(refusal { _ = try sound.frame(0, of: 1) }?.found == ["it has no pictures"])
  }

  @Test("what is cut off, changed, a list of other files or no clip is refused with a sentence, never a crash")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a.mp4")
      #expect(refusal { _ = try VideoClip(at: golden("list.mp4")) }?.what == "the file is no video that is read")
      #expect(refusal { _ = try VideoClip(at: folder) }?.found == ["it cannot be opened"])
      #expect(refusal { _ = try VideoClip(at: file) }?.found == ["it cannot be opened: No such file or directory"])
      for name in ["colours.mp4", "colours.webm", "silent.avi"] {
        let whole = try Data(contentsOf: golden(name))
        for count in [0, 4, 40, 500, whole.count / 2] {
          try whole.prefix(count).write(to: file)
          let error = refusal {
            let clip = try VideoClip(at: file)
            _ = try (0..<6).map { try clip.frame($0, of: 6) }
          }
          #expect(error == nil || error?.place == file.relativePath)
          #expect(error != nil || count == whole.count / 2, "\(name) \(count)")
        }
      }
      let error = refusal { _ = try VideoClip(at: golden("colours.mp4")).frame(0, of: 1, pixelLimit: 1000) }
      #expect(error != nil)
    }
  }
}
