import Records

/// Memes, hateful or not, with the text in them.
enum HatefulMemes: DatasetLayout {
  static let classes = ["not-hateful", "hateful"]

  static let card = DatasetCard(
    name: "hateful-memes", title: "Hateful Memes",
    citation: Citation(
      authors: [
        "Douwe Kiela", "Hamed Firooz", "Aravind Mohan", "Vedanuj Goswami", "Amanpreet Singh", "Pratik Ringshia",
        "Davide Testuggine",
      ],
      title: "The Hateful Memes Challenge: Detecting Hate Speech in Multimodal Memes", venue: "NeurIPS", year: 2020,
      url: "https://arxiv.org/abs/2005.04790"),
    summary: "Memes and the text that stands in them; made so that neither picture nor text alone tells whether one is "
      + "hateful.",
    modalities: ["image", "text"], task: "binary", classes: 2, classNames: classes, metric: "auroc",
    splits: ["train": 8500, "validation": 500, "test": 1000],
    protocols: [
      "The area under the ROC curve, and accuracy beside it, as the data set's own README asks.",
      "Papers train on train.jsonl, choose on dev_seen.jsonl and score on test_seen.jsonl; the competition's second phase "
        + "is the variant 'unseen'.",
    ],
    sources: [
      "https://hatefulmemeschallenge.com",
      "https://www.drivendata.co/blog/hateful-memes-benchmark/ (describes the files)",
    ],
    terms: "Its own licence comes with the files (LICENSE.txt); read and accept it before use.",
    layout: [
      "hateful_memes/",
      "├── train.jsonl         {\"id\": 42953, \"img\": \"img/42953.png\", \"label\": 0, \"text\": \"…\"}",
      "├── dev_seen.jsonl      or dev.jsonl", "├── dev_unseen.jsonl    for the variant 'unseen'",
      "├── test_seen.jsonl     or test.jsonl", "├── test_unseen.jsonl   for the variant 'unseen'", "└── img/",
      "    └── 42953.png …",
    ],
    variants: [
      DatasetVariant("seen", "dev_seen and test_seen, those of the paper"),
      DatasetVariant("unseen", "dev_unseen and test_unseen, those of the competition's second phase"),
    ],
    peculiarities: [
      "The test.jsonl of the first release has no labels; its rows are left out. test_seen.jsonl holds the same memes with "
        + "their labels.",
      "The same picture or text occurs several times with the opposite label: that is how it was made.",
      "The files may also lie in a folder 'data' within.",
    ])

  private static func root(_ files: LayoutFiles) -> String? { files.root(["data"], holding: ["train.jsonl", "img"]) }

  static func recognises(_ files: LayoutFiles) -> Bool { root(files) != nil }

  static func read(_ reading: inout LayoutReading) {
    reading.classes = classes
    let root = root(reading.files) ?? ""
    let names: [(split: RawSplit, files: [String])] =
      reading.variant == "unseen"
      ? [(.train, ["train"]), (.validation, ["dev_unseen"]), (.test, ["test_unseen"])]
      : [(.train, ["train"]), (.validation, ["dev_seen", "dev"]), (.test, ["test_seen", "test"])]
    for (split, names) in names {
      let paths = names.map { LayoutFiles.join(root, "\($0).jsonl") }
      let path = paths.first(where: reading.files.has) ?? paths[0]
      for line in reading.lines(of: path) ?? [] {
        reading.rows.append(row(line, path, split, root))
      }
    }
  }

  private static func row(_ line: LayoutReading.Line, _ path: String, _ split: RawSplit, _ root: String) -> RawRows.Row
  {
    var row = RawRows.Row(number: line.number, file: path)
    row.split = split.rawValue
    let object: [String: Tree]
    do {
      guard let text = line.text else { throw Diagnosis("is not UTF-8") }
      guard case .table(let table) = try Tree(json: text, keepsDigits: true) else {
        throw Diagnosis("is not a JSON object")
      }
      object = table
    } catch {
      row.fault = RawRows.reason(error)
      return row
    }
    switch object["id"] {
    case .string(let id): row.id = id
    case .int(let id): row.id = "\(id)"
    default: row.fault = "has no 'id'"
    }
    guard let image = object["img"]?.stringValue else {
      row.fault = row.fault ?? "has no 'img'"
      return row
    }
    row.image = LayoutFiles.join(root, image)
    row.text = RawRows.present(object["text"]?.stringValue)
    // Without a label the row says so itself: the first release's test rows have none.
    if let label = object["label"], label != .null {
      switch label.intValue ?? label.stringValue.flatMap(Int.init) {
      case 0: row.labels = [classes[0]]
      case 1: row.labels = [classes[1]]
      default: row.fault = row.fault ?? "the label '\(label.json())' is not 0 or 1"
      }
    }
    return row
  }
}
