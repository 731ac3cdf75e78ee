import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Datasets

@Suite("Clips in tables", .enabled(if: VideoLibrary.version != nil))
struct VideoClipsTests {
  private static let clips = ["colours.mp4", "colours.webm", "silent.avi", "turned.mp4"]

  /// A folder with clips and a table of them.
  private func folder(_ place: URL, header: String = "id,video,label", rows: [String]? = nil) throws {
    try FileManager.default.createDirectory(at: place.appending(path: "clips"), withIntermediateDirectories: true)
    for name in Self.clips {
      try FileManager.default.copyItem(
        at: Conditions.golden("clips/\(name)"), to: place.appending(path: "clips/\(name)"))
    }
    let rows = rows ?? Self.clips.enumerated().map { "\($0),clips/\($1),\($0 % 2 == 0 ? "a" : "b")" }
    try Data(([header] + rows).joined(separator: "\n").utf8).write(to: place.appending(path: "samples.csv"))
  }

  private func data(_ place: URL, _ change: (inout RawDatasetSettings) -> Void = { _ in }) throws -> RawDataset {
    var settings = RawDatasetSettings()
    change(&settings)
    return try RawDataset(at: place, settings: settings, for: .asking)
  }

  @Test("a column of clips is pictures and sound; a clip without sound is a sample without one; decoders are told")
  func column() throws {
    try withTemporaryFolder { place in
      try folder(place)
      let data = try data(place)
      #expect(data.modalities == [.image, .audio] && data.quarantined.isEmpty)
      let first = data.samples[0]
      #expect(first.image == "clips/colours.mp4@frame-1-of-3" && first.frames.count == 2)
      #expect(first.audio == "clips/colours.mp4" && data.samples.map { $0.audio != nil } == [true, true, false, false])
      #expect(data.notes.contains { $0.hasPrefix("the column 'video' is taken for clips") })
      let note = try #require(data.notes.first { $0.hasPrefix("4 clips, 2 of them without sound, decoded by FFmpeg ") })
      #expect(note.contains("aac, h264, mpeg4, opus") && data.interpretations.contains(note))
      // Red, green, blue, yellow, white, black.
      let six = try self.data(place) { $0.frames = 6 }.samples[0]
      let frames = try ([six.image ?? ""] + six.frames).map { try RGBImage(decoding: six.bytes(of: $0)) }
      #expect(frames.map { $0.pixels[1] > 127 } == [false, true, false, true, true, false])
      #expect(try Waveform(decoding: first.bytes(of: first.audio ?? "")).rate == 16000)
      // Long after the data set was read.
      let again = try StoredInput.bytes(of: "clips/colours.mp4@frame-2-of-3", in: place)
      #expect(try again == first.bytes(of: first.frames[0]))
      #expect(try self.data(place) { $0.frames = 5 }.samples[0].frames.last == "clips/colours.mp4@frame-5-of-5")
    }
  }

  @Test("clips stand in columns of pictures and of sounds too, and --columns video= names any")
  func named() throws {
    try withTemporaryFolder { place in
      try folder(
        place, header: "id,Film,text,label",
        rows: ["0,clips/colours.mp4,one,a", "1,clips/silent.avi,two,b", "2,,three,a"])
      let data = try data(place) { $0.columns = "video=Film" }
      #expect(data.modalities == [.image, .text, .audio])
      #expect(data.samples[2].image == nil && data.samples[2].audio == nil)
      let pictures = try self.data(place) { $0.columns = "image=Film" }
      #expect(pictures.modalities == [.image, .text] && pictures.samples[1].frames.count == 2)
    }
  }

  @Test("clips that are not there, lie outside or cannot be read are put aside with their rows")
  func refused() throws {
    try withTemporaryFolder { place in
      let inside = place.appending(path: "data")
      try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
      try folder(
        inside,
        rows: [
          "0,clips/colours.mp4,a", "1,clips/none.mp4,b", "2,../outside.mp4,a", "3,clips/link.mp4,b",
          "4,clips/broken.mp4,a", "5,clips/silent.avi,b",
        ])
      try FileManager.default.copyItem(
        at: Conditions.golden("clips/colours.mp4"), to: place.appending(path: "outside.mp4"))
      try FileManager.default.createSymbolicLink(
        at: inside.appending(path: "clips/link.mp4"), withDestinationURL: place.appending(path: "outside.mp4"))
      try Data("no clip".utf8).write(to: inside.appending(path: "clips/broken.mp4"))
      let data = try data(inside)
      let reasons = Dictionary(uniqueKeysWithValues: data.quarantined.map { ($0.id ?? "", $0.reason) })
      #expect(reasons["1"] == "there is no picture 'clips/none.mp4'")
      #expect(reasons["2"] == "'../outside.mp4' leads out of the folder")
      #expect(reasons["3"]?.contains("by a symbolic link") == true)
      let broken = try #require(data.samples.first { $0.id == "4" })
      #expect(throws: Diagnosis.self) { _ = try broken.bytes(of: broken.image ?? "") }
      #expect(data.samples.map(\.id) == ["0", "4", "5"])
    }
  }
}
