import Foundation
import Records

/// Actors who speak sentences in six emotions: sound, and frames of the clip.
enum CREMAD: DatasetLayout {
  static let emotions = ["NEU", "HAP", "SAD", "FEA", "DIS", "ANG"]

  static let card = DatasetCard(
    name: "crema-d", title: "CREMA-D",
    citation: Citation(
      authors: [
        "Houwei Cao", "David G. Cooper", "Michael K. Keutmann", "Ruben C. Gur", "Ani Nenkova", "Ragini Verma",
      ],
      title: "CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset",
      venue: "IEEE Transactions on Affective Computing", year: 2014, url: "https://doi.org/10.1109/TAFFC.2014.2336244"),
    summary:
      "7,442 clips of 91 actors who speak twelve sentences in six emotions; sound, and frames taken of the film.",
    modalities: ["image", "audio"], task: "single-label", classes: 6, classNames: emotions, metric: "accuracy",
    splits: ["train": 6698, "test": 744],
    protocols: [
      "Accuracy on test.csv, with the lists of OGM-GE (CVPR 2022), which most work on balance uses; there is no validation "
        + "split (--set data.held_out_share=0.1 draws one, whole actors at a time).",
      "Frames are one a second; the features of up to three are averaged (--set data.frames=1 takes one).",
    ],
    sources: [
      "https://github.com/CheyneyComputerScience/CREMA-D (AudioWAV and VideoFlash; needs git-lfs)",
      "https://github.com/GeWu-Lab/OGM-GE_CVPR2022 (the lists of data/CREMAD, and a script that takes the frames)",
    ],
    terms: "As the page of the data set says, which asks users to fill in a form.",
    layout: [
      "CREMA-D/", "├── train.csv              1088_IOM_NEU_XX,NEU   (no header)", "├── test.csv",
      "├── AudioWAV/              or audio/", "│   └── 1088_IOM_NEU_XX.wav …", "└── Image-01-FPS/          or visual/",
      "    └── 1088_IOM_NEU_XX/", "        └── 00001.jpg …",
    ],
    peculiarities: [
      "The published lists put clips of the same actor into training and test; 'seesaw check' says so.",
      "Without train.csv and test.csv the emotion is read from the name of the clip, and a split is drawn by actor.",
      "The film is Flash video, which is not read; frames are taken with  ffmpeg -i VideoFlash/CLIP.flv -r 1 "
        + "Image-01-FPS/CLIP/%05d.jpg",
      "Spectrograms as .pkl or .pt files, which some copies hold, are not read: they are pickles.",
    ])

  private static func audio(_ files: LayoutFiles) -> String? {
    ["AudioWAV", "audio"].first { folder in
      files.isFolder(folder) && files.names(in: folder).contains { clip($0, ".wav") != nil }
    }
  }

  private static func visual(_ files: LayoutFiles) -> String? {
    let folders = files.folders()
    return folders.first { $0.wholeMatch(of: /Image-\d\d-FPS/) != nil }
      ?? (folders.contains("visual") && files.folders(in: "visual").contains { clip($0, "") != nil } ? "visual" : nil)
  }

  /// `1088_IOM_NEU_XX` of a file's name.
  private static func clip(_ name: String, _ ending: String) -> String? {
    guard name.hasSuffix(ending) else { return nil }
    let stem = String(name.dropLast(ending.count))
    return stem.wholeMatch(of: /\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{1,2}/) == nil ? nil : stem
  }

  static func recognises(_ files: LayoutFiles) -> Bool {
    audio(files) != nil || (visual(files) != nil && !isOther(files))
  }

  /// A folder `visual` may be another data set's.
  private static func isOther(_ files: LayoutFiles) -> Bool {
    !files.has("train.csv") && visual(files) == "visual"
  }

  static func read(_ reading: inout LayoutReading) {
    reading.classes = emotions
    let files = reading.files
    let audio = audio(files)
    let visual = visual(files)
    if audio == nil, visual == nil {
      reading.miss(["AudioWAV", "Image-01-FPS"])
      return
    }
    let sounds = Set(audio.map { files.names(in: $0) } ?? [])
    let pickles = sounds.isEmpty ? files.names(in: "audio").count { $0.hasSuffix(".pt") || $0.hasSuffix(".pkl") } : 0
    if audio == nil {
      reading.notes.append(
        pickles > 0
          ? "'audio' holds pickles, which are not read: only the frames are; AudioWAV of the data set itself has the sound"
          : "there is no folder of sounds (AudioWAV): only the frames are read")
    }
    if visual == nil {
      reading.notes.append("there are no frames (Image-01-FPS): only the sound is read; 'seesaw datasets show crema-d'")
    }
    func fill(_ row: inout RawRows.Row, _ clip: String, _ label: String) {
      row.id = clip
      // Who speaks; the same person must not be on both sides of a split that is drawn.
      row.group = String(clip.prefix { $0 != "_" })
      LayoutReading.label(label, of: emotions, in: &row)
      if let audio { row.audio = "\(audio)/\(clip).wav" }
      if let visual {
        let frames = reading.frames(in: "\(visual)/\(clip)")
        row.image = frames.first
        row.frames = Array(frames.dropFirst())
        if frames.isEmpty { row.fault = row.fault ?? "there are no frames in '\(visual)/\(clip)'" }
      }
    }
    guard files.has("train.csv") || files.has("test.csv") else {
      let clips =
        audio == nil ? files.folders(in: visual ?? "") : files.names(in: audio ?? "").compactMap { clip($0, ".wav") }
      for (place, name) in clips.enumerated() {
        let parts = name.split(separator: "_")
        guard parts.count == 4 else { continue }
        var row = RawRows.Row(number: place + 1, file: audio ?? visual)
        fill(&row, name, String(parts[2]))
        reading.rows.append(row)
      }
      return
    }
    for split in [RawSplit.train, .test] {
      let path = "\(split.rawValue).csv"
      for line in reading.lines(of: path) ?? [] {
        var row = RawRows.Row(number: line.number, file: path)
        row.split = split.rawValue
        let parts = (line.text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        if parts.count == 2 {
          fill(&row, parts[0], parts[1])
        } else {
          row.fault = "is not a clip and an emotion"
        }
        reading.rows.append(row)
      }
    }
  }
}
