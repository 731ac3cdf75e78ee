import Foundation
import Records

/// Birds of 200 species, each picture with ten captions.
enum CUB200: DatasetLayout {
  static let card = DatasetCard(
    name: "cub-200-2011", title: "Caltech-UCSD Birds-200-2011 with captions",
    citation: Citation(
      authors: ["Catherine Wah", "Steve Branson", "Peter Welinder", "Pietro Perona", "Serge Belongie"],
      title: "The Caltech-UCSD Birds-200-2011 Dataset", venue: "Caltech technical report CNS-TR-2011-001", year: 2011,
      url: "https://data.caltech.edu/records/20098"),
    summary: "11,788 pictures of 200 species of birds; ten captions each by Reed et al. (CVPR 2016).",
    modalities: ["image", "text"], task: "single-label", classes: 200, metric: "accuracy",
    splits: ["train": 5994, "test": 5794],
    protocols: [
      "Accuracy on the split of train_test_split.txt; there is no validation split "
        + "(--set data.held_out_share=0.1 draws one from training).",
      "Zero-shot work splits by species instead; that split is not read.",
    ],
    sources: [
      "https://data.caltech.edu/records/20098 (CUB_200_2011.tgz)",
      "https://github.com/reedscot/cvpr2016 (the captions, text_c10)",
    ],
    terms: "As the page of the data set says; the pictures are of Flickr and belong to their owners.",
    layout: [
      "CUB_200_2011/", "├── images.txt              1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg",
      "├── image_class_labels.txt  1 1", "├── train_test_split.txt    1 0   (1 is training)",
      "├── classes.txt             1 001.Black_footed_Albatross", "├── images/", "│   └── 001.Black_footed_Albatross/",
      "│       └── Black_Footed_Albatross_0046_18.jpg …", "└── text_c10/               or beside CUB_200_2011",
      "    └── 001.Black_footed_Albatross/", "        └── Black_Footed_Albatross_0046_18.txt …   a caption a line",
    ],
    variants: [
      DatasetVariant("all", "all captions of a picture, one after the other"),
      DatasetVariant("first", "the first caption only"),
    ],
    peculiarities: [
      "The captions are a download of their own; without them only the pictures are read.",
      "The captions may lie in text_c10 or text, in CUB_200_2011 or beside it.",
    ])

  private static let tables = ["images.txt", "image_class_labels.txt", "train_test_split.txt"]

  private static func root(_ files: LayoutFiles) -> String? { files.root(["CUB_200_2011"], holding: [tables[0]]) }

  static func recognises(_ files: LayoutFiles) -> Bool {
    files.root(["CUB_200_2011"], holding: tables) != nil
  }

  static func read(_ reading: inout LayoutReading) {
    let root = root(reading.files) ?? ""
    func path(_ name: String) -> String { LayoutFiles.join(root, name) }
    if !reading.files.isFolder(path("images")) { reading.miss([path("images")]) }
    let images = reading.pairs(of: path(tables[0]))
    let labels = reading.pairs(of: path(tables[1]))
    let splits = reading.pairs(of: path(tables[2]))
    let classes = reading.pairs(of: path("classes.txt"))
    guard let images, let labels, let splits, let classes else { return }
    let names = Dictionary(classes.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    let classOf = Dictionary(labels.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    let splitOf = Dictionary(splits.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    reading.classes = classes.map(\.value)
    let captions = captions(reading.files, root)
    if captions == nil {
      reading.notes.append("there are no captions (text_c10): only the pictures are read")
    }
    var short = 0
    for (line, number, picture) in images {
      var row = RawRows.Row(number: line, file: path(tables[0]))
      row.id = number
      row.image = path("images/\(picture)")
      switch splitOf[number] {
      case "1": row.split = RawSplit.train.rawValue
      case "0": row.split = RawSplit.test.rawValue
      case let other?: row.fault = "the split '\(other)' is not 0 or 1"
      case nil: row.fault = "has no line in train_test_split.txt"
      }
      if let name = classOf[number] {
        row.labels = names[name].map { [$0] }
        if row.labels == nil { row.fault = row.fault ?? "the class '\(name)' is not in classes.txt" }
      } else {
        row.fault = row.fault ?? "has no line in image_class_labels.txt"
      }
      if let captions {
        let stem = picture.lastIndex(of: ".").map { String(picture[..<$0]) } ?? picture
        let lines = (reading.text(of: "\(captions)/\(stem).txt") ?? "").split(whereSeparator: \.isNewline)
          .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        if !lines.isEmpty, lines.count < 10 { short += 1 }
        row.text = reading.variant == "first" ? lines.first : RawRows.present(lines.joined(separator: " "))
      }
      reading.rows.append(row)
    }
    if short > 0 { reading.notes.append("pictures with fewer than ten captions: \(short)") }
  }

  /// The folder of captions; it may lie beside the pictures' folder, even when that is the one named.
  private static func captions(_ files: LayoutFiles, _ root: String) -> String? {
    ["text_c10", "text", "../text_c10"].map { LayoutFiles.join(root, $0) }.first(where: files.isFolder)
  }
}
