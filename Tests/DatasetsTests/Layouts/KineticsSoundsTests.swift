import Datasets
import Foundation
import Multimodal
import TestSupport
import Testing

@Suite("The layout kinetics-sounds")
struct KineticsSoundsTests {
  private func writeByClass(to folder: URL) throws -> MadeUpFolder {
    let made = MadeUpFolder(folder)
    for (visual, audio, clips) in [("train_img", "train", 0..<2), ("val_img", "test", 2..<3)] {
      for name in ["bowling", "tap_dancing"] {
        for clip in clips {
          for frame in 1...7 {
            try made.touch("visual/\(visual)/Image-01-FPS/\(name)/\(name)-\(clip)/0000\(frame).jpg")
          }
          try made.touch("audio/\(audio)/\(name)/\(name)-\(clip).wav")
        }
      }
    }
    return made
  }

  @Test("by class: frames of train_img and val_img with the sounds of train and test")
  func byClass() throws {
    try withTemporaryFolder { folder in
      let made = try writeByClass(to: folder)
      try made.remove("audio/train/bowling/bowling-1.wav")
      try made.touch("audio/test/bowling/other.wav")
      let data = try RawDataset(at: folder)
      #expect(data.name == "kinetics-sounds" && data.classes == ["bowling", "tap_dancing"])
      #expect(data.modalities == [.image, .audio])
      #expect(data.samples(in: .train).map(\.id) == ["bowling-0", "tap_dancing-0", "tap_dancing-1"])
      let first = data.samples[0]
      #expect(first.imagePath?.lastPathComponent == "00002.jpg")
      #expect(first.frames.map { $0.split(separator: "/").last } == ["00004.jpg", "00006.jpg"])
      #expect(
        data.quarantined.map(\.reason) == [
          "there is no sound 'audio/train/bowling/bowling-1.wav'",
          "there are no frames in 'visual/val_img/Image-01-FPS/bowling/other'",
        ])
      try made.remove("visual/val_img")
      try made.remove("audio/test")
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(error?.faults == [.missingFiles(["visual/val_img", "audio/test"])])
    }
  }

  @Test("by clip: lists with lengths and numbers of classes, which class.txt names")
  func byClip() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      for (split, clips) in [("train", ["-a_1", "b_2", "c_3"]), ("test", ["d_4", "e_5"])] {
        var lines = ""
        for (number, clip) in clips.enumerated() {
          try made.touch("\(split)/\(clip)/frame_00001.jpg", "\(split)/\(clip)/\(clip).wav")
          lines += "\(clip),10,\(number % 2)\n"
        }
        try made.write("my_\(split).txt", lines + (split == "train" ? "f_6,10\ng_7,10,9\n" : ""))
      }
      let numbered = try RawDataset(at: folder)
      #expect(numbered.classes == ["0", "1"] && numbered.samples[0].id == "-a_1")
      #expect(
        numbered.quarantined.map { "\($0.place): \($0.reason)" } == [
          "my_train.txt:4: is not a clip, its length and its class",
          "my_train.txt:5: there are no frames in 'train/g_7'",
        ])
      try made.write("class.txt", "tap dancing, bowling")
      let named = try RawDataset(at: folder)
      #expect(named.classes == ["tap dancing", "bowling"] && named.samples[1].labels == ["bowling"])
      #expect(named.quarantined.last?.reason == "the class 9 is not in class.txt, which has 2")
    }
  }
}
