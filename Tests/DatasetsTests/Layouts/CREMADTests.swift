import Datasets
import Foundation
import Multimodal
import TestSupport
import Testing

@Suite("The layout crema-d")
struct CREMADTests {
  /// Three actors, each with the two emotions; the last is tested.
  private func write(
    to folder: URL, audio: String = "AudioWAV", visual: String = "Image-01-FPS", frames: Int = 5, lists: Bool = true
  ) throws -> MadeUpFolder {
    let made = MadeUpFolder(folder)
    var lines: [String: String] = ["train": "", "test": ""]
    for actor in 1001...1003 {
      for emotion in ["NEU", "ANG"] {
        let clip = "\(actor)_IOM_\(emotion)_XX"
        lines[actor == 1003 ? "test" : "train", default: ""] += "\(clip),\(emotion)\r\n"
        try made.touch("\(audio)/\(clip).wav")
        for frame in 0..<frames { try made.touch("\(visual)/\(clip)/0000\(frame).jpg") }
      }
    }
    if lists { for (name, text) in lines { try made.write("\(name).csv", text) } }
    return made
  }

  @Test(
    "sound, evenly taken frames, emotion and actor of each clip",
    arguments: [("AudioWAV", "Image-01-FPS"), ("audio", "visual")])
  func reads(_ audio: String, _ visual: String) throws {
    try withTemporaryFolder { folder in
      _ = try write(to: folder, audio: audio, visual: visual)
      let data = try RawDataset(at: folder)
      #expect(data.name == "crema-d" && data.modalities == [.image, .audio] && data.quarantined.isEmpty)
      #expect(data.classes == ["NEU", "ANG"] && data.samples(in: .train).count == 4)
      let first = data.samples[0]
      #expect(first.id == "1001_IOM_NEU_XX" && first.group == "1001" && first.labels == ["NEU"])
      #expect(first.audioPath?.lastPathComponent == "1001_IOM_NEU_XX.wav")
      #expect(first.imagePath?.lastPathComponent == "00000.jpg")
      #expect(first.frames.map { $0.split(separator: "/").last } == ["00001.jpg", "00002.jpg"])
      var settings = RawDatasetSettings()
      settings.frames = 1
      let one = try RawDataset(at: folder, settings: settings).samples[0]
      #expect(one.imagePath?.lastPathComponent == "00002.jpg" && one.frames.isEmpty)
    }
  }

  @Test("without lists the emotion is that of the name, and no actor is on two sides of the split")
  func drawn() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder, frames: 1, lists: false)
      for actor in 1004...1012 {
        for emotion in ["NEU", "ANG"] {
          try made.touch("AudioWAV/\(actor)_IOM_\(emotion)_XX.wav", "Image-01-FPS/\(actor)_IOM_\(emotion)_XX/1.jpg")
        }
      }
      let data = try RawDataset(at: folder)
      #expect(data.samples.count == 24)
      for clips in Dictionary(grouping: data.samples, by: \.group).values {
        #expect(Set(clips.map(\.split)).count == 1)
      }
    }
  }

  @Test("each kind of damage is named, with its place; a modality that is not there is said")
  func damage() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      let train = try String(contentsOf: folder.appending(path: "train.csv"), encoding: .utf8)
      try made.write("train.csv", train + "1001_IOM_JOY_XX,JOY\n1001_IOM_SAD_XX,SAD\nnonsense\n1003_IOM_NEU_XX,NEU\n")
      try made.touch("Image-01-FPS/1001_IOM_JOY_XX/1.jpg", "AudioWAV/1001_IOM_SAD_XX.wav")
      try made.remove("AudioWAV/1002_IOM_ANG_XX.wav")
      let data = try RawDataset(at: folder)
      #expect(
        data.quarantined.map { "\($0.place): \($0.reason)" } == [
          "train.csv:4: there is no sound 'AudioWAV/1002_IOM_ANG_XX.wav'",
          "train.csv:5: the label 'JOY' is not one of NEU, HAP, SAD, FEA, DIS, ANG",
          "train.csv:6: there are no frames in 'Image-01-FPS/1001_IOM_SAD_XX'",
          "train.csv:7: is not a clip and an emotion",
          "test.csv:1: the id '1003_IOM_NEU_XX' is in two splits, first at train.csv:8",
        ])
      try made.remove("Image-01-FPS")
      let deaf = try RawDataset(at: folder)
      #expect(deaf.modalities == [.audio] && deaf.notes.contains { $0.hasPrefix("there are no frames (Image-01-FPS)") })
    }
  }
}
