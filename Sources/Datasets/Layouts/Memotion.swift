import Records

/// Memes with their text, judged for sentiment, humour, sarcasm, offence and motivation.
enum Memotion: DatasetLayout {
  static let card = DatasetCard(
    name: "memotion", title: "Memotion 1.0 (memotion_dataset_7k)",
    citation: Citation(
      authors: [
        "Chhavi Sharma", "Deepesh Bhageria", "William Scott", "Srinivas PYKL", "Amitava Das", "Tanmoy Chakraborty",
        "Viswanath Pulabaigari", "Björn Gambäck",
      ],
      title: "SemEval-2020 Task 8: Memotion Analysis – The Visuo-Lingual Metaphor!", venue: "SemEval", year: 2020,
      url: "https://arxiv.org/abs/2008.03781"),
    summary:
      "Memes with the text in them, read by a machine and corrected by people; sentiment and four kinds of emotion.",
    modalities: ["image", "text"], task: "single-label", classes: 3, classNames: targets[0].classes, metric: "macro-f1",
    protocols: [
      "Macro F1 over negative, neutral and positive (task A of SemEval-2020); very negative and very positive count with "
        + "the milder ones.",
      "The files have no splits; 70/10/20 % are drawn by class, with --set data.split_seed for another draw.",
    ],
    sources: ["https://www.kaggle.com/datasets/williamscott701/memotion-dataset-7k"],
    terms: "As the page of the data set says; the pictures were gathered from the web.",
    layout: [
      "memotion_dataset_7k/",
      "├── labels.csv          ,image_name,text_ocr,text_corrected,humour,sarcasm,offensive,motivational,overall_sentiment",
      "└── images/", "    └── image_1.jpg …",
    ],
    variants: targets.map { DatasetVariant($0.name, "\($0.column): \($0.classes.joined(separator: ", "))") },
    peculiarities: [
      "Where text_corrected is empty, text_ocr is taken.",
      "The text was read by a machine from the picture: it is often broken, and names the site a meme came from.",
    ])

  private struct Target {
    let name: String
    let column: String
    let classes: [String]
    /// What stands in the file for a class, where it is another word.
    var renamed: [String: String] = [:]
  }

  private static let targets = [
    Target(
      name: "sentiment", column: "overall_sentiment", classes: ["negative", "neutral", "positive"],
      renamed: ["very_negative": "negative", "very_positive": "positive"]),
    Target(name: "humour", column: "humour", classes: ["not_funny", "funny", "very_funny", "hilarious"]),
    Target(
      name: "sarcasm", column: "sarcasm", classes: ["not_sarcastic", "general", "twisted_meaning", "very_twisted"]),
    Target(
      name: "offensive", column: "offensive",
      classes: ["not_offensive", "slight", "very_offensive", "hateful_offensive"]),
    Target(name: "motivational", column: "motivational", classes: ["not_motivational", "motivational"]),
  ]

  private static func root(_ files: LayoutFiles) -> String? {
    files.root(["memotion_dataset_7k"], holding: ["labels.csv", "images"])
  }

  static func recognises(_ files: LayoutFiles) -> Bool {
    guard let root = root(files) else { return false }
    var reading = LayoutReading(files: files, variant: "", settings: RawDatasetSettings())
    return reading.table(of: LayoutFiles.join(root, "labels.csv"), columns: ["image_name", "overall_sentiment"]) != nil
  }

  static func read(_ reading: inout LayoutReading) {
    let root = root(reading.files) ?? ""
    let target = targets.first { $0.name == reading.variant } ?? targets[0]
    reading.classes = target.classes
    if !reading.files.isFolder(LayoutFiles.join(root, "images")) { reading.miss([LayoutFiles.join(root, "images")]) }
    let path = LayoutFiles.join(root, "labels.csv")
    let columns = ["image_name", "text_ocr", "text_corrected", target.column]
    guard let (places, records) = reading.table(of: path, columns: columns) else { return }
    let width = places.values.max().map { $0 + 1 } ?? 0
    for record in records {
      var row = RawRows.Row(number: record.line, file: path)
      row.fault = record.fault
      if record.fields.count < width { row.fault = "has \(record.fields.count) fields where the header has \(width)" }
      guard row.fault == nil else {
        reading.rows.append(row)
        continue
      }
      func field(_ name: String) -> String? {
        places[name].flatMap { String(validating: record.fields[$0], as: UTF8.self) }.map(RawRows.trimmed)
      }
      row.id = RawRows.present(field("image_name"))
      row.image = row.id.map { LayoutFiles.join(root, "images/\($0)") }
      row.text = RawRows.present(field("text_corrected")) ?? RawRows.present(field("text_ocr"))
      if row.id == nil { row.fault = "has no 'image_name'" }
      if let word = RawRows.present(field(target.column)) {
        LayoutReading.label(target.renamed[word] ?? word, of: target.classes, in: &row)
      }
      reading.rows.append(row)
    }
  }
}
