import Foundation
import Records

/// Clips of actions that can be seen and heard: sound, and frames of the clip.
enum KineticsSounds: DatasetLayout {
  static let card = DatasetCard(
    name: "kinetics-sounds", title: "Kinetics-Sounds",
    citation: Citation(
      authors: ["Relja Arandjelović", "Andrew Zisserman"], title: "Look, Listen and Learn", venue: "ICCV", year: 2017,
      url: "https://arxiv.org/abs/1705.08168"),
    summary: "Ten-second clips of Kinetics in classes that are both seen and heard; sound, and frames, one a second.",
    modalities: ["image", "audio"], task: "single-label", classes: 31, metric: "accuracy",
    protocols: [
      "Accuracy on the test folder. The paper chose 34 classes; the copies in use have 31 or 32, for names have changed and "
        + "clips have gone: scores of different copies do not compare.",
      "Three frames of a clip, taken evenly; their features are averaged (--set data.frames=3).",
    ],
    sources: [
      "https://github.com/cvdfoundation/kinetics-dataset (the clips of Kinetics-400; choose the classes)",
      "https://github.com/GeWu-Lab/OGM-GE_CVPR2022 (lists of clips, and scripts for frames and sound)",
    ],
    terms: "The clips are of YouTube and belong to their owners; Kinetics itself is a list of addresses.",
    layout: [
      "kinect_sound/                 by class", "├── audio/", "│   ├── train/", "│   │   └── blowing_nose/",
      "│   │       └── -3Mwkq-7TV4_2.wav …", "│   └── test/ …", "└── visual/",
      "    ├── train_img/Image-01-FPS/", "    │   └── blowing_nose/", "    │       └── -3Mwkq-7TV4_2/",
      "    │           └── 00001.jpg …", "    └── val_img/Image-01-FPS/ …", "",
      "or, by clip, as the scripts of OGM-GE lay it out", "├── my_train.txt              -3Mwkq-7TV4_2,10,23",
      "├── my_test.txt", "├── train/", "│   └── -3Mwkq-7TV4_2/", "│       ├── frame_00001.jpg …",
      "│       └── -3Mwkq-7TV4_2.wav", "└── test/ …",
    ],
    peculiarities: [
      "What the frames call val is called test where the sounds lie; it is the test split.",
      "A clip may have frames and no sound, or the reverse; such a clip is left out, as it is by the loaders in use.",
      "By clip, classes are the numbers in my_train.txt; class.txt, names with commas between, gives them names.",
      "Spectrograms as .npy or .pkl files are not read; the sound itself is.",
    ])

  private static func isByClass(_ files: LayoutFiles) -> Bool {
    files.isFolder("visual/train_img") || (files.isFolder("audio/train") && files.isFolder("visual"))
  }

  static func recognises(_ files: LayoutFiles) -> Bool {
    isByClass(files) || (files.has("my_train.txt") && files.isFolder("train"))
  }

  static func read(_ reading: inout LayoutReading) {
    if isByClass(reading.files) || !reading.files.has("my_train.txt") {
      readByClass(&reading)
    } else {
      readByClip(&reading)
    }
  }

  // MARK: By class

  private static func readByClass(_ reading: inout LayoutReading) {
    let files = reading.files
    for (split, visual, audio) in [(RawSplit.train, "train_img", "train"), (.test, "val_img", "test")] {
      let pictures = ["visual/\(visual)/Image-01-FPS", "visual/\(visual)"].first(where: files.isFolder)
      let sounds = "audio/\(audio)"
      let gone = (pictures == nil ? ["visual/\(visual)"] : []) + (files.isFolder(sounds) ? [] : [sounds])
      guard let pictures, gone.isEmpty else {
        reading.miss(gone)
        continue
      }
      for name in Set(files.folders(in: pictures) + files.folders(in: sounds)).sorted() {
        let seen = Set(files.folders(in: "\(pictures)/\(name)"))
        let heard = Set(
          files.names(in: "\(sounds)/\(name)").filter { $0.hasSuffix(".wav") }.map { String($0.dropLast(4)) })
        for (place, clip) in seen.union(heard).sorted().enumerated() {
          var row = RawRows.Row(number: place + 1, file: "\(pictures)/\(name)")
          row.split = split.rawValue
          row.labels = [name]
          fill(&row, reading, clip, frames: "\(pictures)/\(name)/\(clip)", sound: "\(sounds)/\(name)/\(clip).wav")
          reading.rows.append(row)
        }
      }
    }
  }

  private static func fill(
    _ row: inout RawRows.Row, _ reading: LayoutReading, _ clip: String, frames folder: String, sound: String
  ) {
    row.id = clip
    row.audio = sound
    let frames = reading.frames(in: folder)
    row.image = frames.first
    row.frames = Array(frames.dropFirst())
    if frames.isEmpty { row.fault = "there are no frames in '\(folder)'" }
  }

  // MARK: By clip

  private static func readByClip(_ reading: inout LayoutReading) {
    let names = (reading.text(of: "class.txt") ?? "").split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    reading.classes = names
    for split in [RawSplit.train, .test] {
      let path = "my_\(split.rawValue).txt"
      for line in reading.lines(of: path) ?? [] {
        var row = RawRows.Row(number: line.number, file: path)
        row.split = split.rawValue
        // The clip, its length in seconds and its class; a clip's name holds no comma.
        let parts = (line.text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        if parts.count == 3, let number = Int(parts[2]), number >= 0 {
          let folder = "\(split.rawValue)/\(parts[0])"
          if names.isEmpty {
            row.labels = ["\(number)"]
          } else if number < names.count {
            row.labels = [names[number]]
          } else {
            row.fault = "the class \(number) is not in class.txt, which has \(names.count)"
          }
          let fault = row.fault
          fill(&row, reading, parts[0], frames: folder, sound: "\(folder)/\(parts[0]).wav")
          row.fault = fault ?? row.fault
        } else {
          row.fault = "is not a clip, its length and its class"
        }
        reading.rows.append(row)
      }
    }
  }
}
