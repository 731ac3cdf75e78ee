import Foundation
import Records

/// Dishes, each with a picture and the title (or text) of the page it was found on.
enum UPMCFood101: DatasetLayout {
  static let card = DatasetCard(
    name: "upmc-food-101", title: "UPMC Food-101",
    citation: Citation(
      authors: ["Xin Wang", "Devinder Kumar", "Nicolas Thome", "Matthieu Cord", "Frédéric Precioso"],
      title: "Recipe Recognition with Large Multimodal Food Dataset", venue: "ICME Workshops", year: 2015,
      url: "https://doi.org/10.1109/ICMEW.2015.7169757"),
    summary:
      "Pictures of 101 dishes found by an image search, each with the title or text of its web page; both are noisy.",
    modalities: ["image", "text"], task: "single-label", classes: 101, metric: "accuracy",
    splits: ["train": 67972, "test": 22716],
    protocols: [
      "Accuracy on the test folder. There is no validation split: some papers hold 5,000 training rows out "
        + "(--set data.held_out_share=0.0736), others choose nothing.",
      "Most papers use the titles; older ones the whole text of the page (variant 'pages').",
    ],
    sources: [
      "https://www.kaggle.com/datasets/gianmarco96/upmcfood101 (pictures and titles)",
      "http://visiir.lip6.fr (the authors' own; often out of reach)",
    ],
    terms: "No licence is stated with the copies in circulation; the pictures and pages were gathered from the web.",
    layout: [
      "UPMC_Food101/", "├── images/", "│   ├── train/", "│   │   └── apple_pie/", "│   │       └── apple_pie_0.jpg …",
      "│   └── test/", "│       └── apple_pie/ …", "├── texts/               variant 'titles'",
      "│   ├── train_titles.csv     apple_pie_0.jpg,Apple pie recipe,apple_pie", "│   └── test_titles.csv",
      "├── text.json            variant 'split': {\"apple_pie_0.jpg\": \"Apple pie recipe\", …}",
      "├── split.json           variant 'split': {\"train\": [\"apple_pie_0.jpg\", …], \"val\": […], \"test\": […]}",
      "└── texts_txt/           variant 'pages'", "    └── apple_pie/", "        └── apple_pie_0.txt …",
    ],
    variants: [
      DatasetVariant("titles", "the titles in texts/train_titles.csv and test_titles.csv"),
      DatasetVariant("split", "texts and splits, validation included, from text.json and split.json"),
      DatasetVariant("pages", "the text of the pages in texts_txt/"),
    ],
    peculiarities: [
      "90,840 pairs in the paper, 90,688 in the copies with titles: not every picture has a text.",
      "train_titles.csv has no header, opens quotes that it does not close (breakfast_burrito_730.jpg) and names some "
        + "pictures .txt; each line is therefore read on its own, and .txt means the picture.",
      "Without a variant named, the first is taken whose files are there.",
    ])

  static func recognises(_ files: LayoutFiles) -> Bool {
    files.isFolder("images/train") && files.isFolder("images/test") && present(files) != nil
  }

  private static let evidence = [
    "titles": ["texts/train_titles.csv", "texts/test_titles.csv"], "split": ["text.json", "split.json"],
    "pages": ["texts_txt"],
  ]

  /// The first variant of which something is there.
  private static func present(_ files: LayoutFiles) -> String? {
    card.variants.map(\.name).first { name in (evidence[name] ?? []).contains(where: files.has) }
  }

  static func read(_ reading: inout LayoutReading) {
    let folders = ["images/train", "images/test"].filter { !reading.files.isFolder($0) }
    if !folders.isEmpty { reading.miss(folders) }
    // The first variant is also what is meant by none.
    let variant = reading.settings.variant.isEmpty ? present(reading.files) ?? "titles" : reading.variant
    switch variant {
    case "split": readSplit(&reading)
    case "pages": readPages(&reading)
    default: readTitles(&reading)
    }
    if reading.faults.isEmpty { tellUnnamed(&reading) }
  }

  // MARK: Titles

  private static func readTitles(_ reading: inout LayoutReading) {
    var renamed = 0
    for split in [RawSplit.train, .test] {
      let path = "texts/\(split.rawValue)_titles.csv"
      guard let lines = reading.lines(of: path) else { continue }
      var parts: [(number: Int, text: String, isText: Bool)] = []
      for line in lines {
        let text = line.text ?? ""
        // A line that does not begin with a file belongs to the title above it; the first may be a header.
        if file(text) == nil, line.text != nil {
          if let last = parts.indices.last { parts[last].text += "\n" + text }
        } else {
          parts.append((line.number, text, line.text != nil))
        }
      }
      for part in parts {
        var row = RawRows.Row(number: part.number, file: path)
        row.split = split.rawValue
        if !part.isText {
          row.fault = "is not UTF-8"
        } else if var name = file(part.text) {
          if name.lowercased().hasSuffix(".txt") {
            name = name.dropLast(3) + "jpg"
            renamed += 1
          }
          fill(&row, name, split, title(part.text))
        }
        reading.rows.append(row)
      }
    }
    if renamed > 0 { reading.notes.append("\(renamed) lines name a picture .txt; .jpg is meant") }
  }

  /// The file that a line begins with.
  private static func file(_ line: String) -> String? {
    let name = line.prefix { $0 != "," }.trimmingCharacters(in: CharacterSet(charactersIn: "\" "))
    let isFile = (LayoutFiles.pictureEndings + ["txt"]).contains { name.lowercased().hasSuffix(".\($0)") }
    return isFile && !name.contains(" ") ? name : nil
  }

  /// What stands between the first and the last comma, and behind the last.
  private static func title(_ line: String) -> (text: String, label: String)? {
    guard let first = line.firstIndex(of: ","), let last = line.lastIndex(of: ","), first < last else { return nil }
    let quotes = CharacterSet(charactersIn: "\"").union(.whitespacesAndNewlines)
    var text = line[line.index(after: first)..<last].trimmingCharacters(in: .whitespacesAndNewlines)
    if text.hasPrefix("\"") { text.removeFirst() }
    if text.hasSuffix("\"") { text.removeLast() }
    return (text.replacing("\"\"", with: "\""), line[line.index(after: last)...].trimmingCharacters(in: quotes))
  }

  private static func fill(
    _ row: inout RawRows.Row, _ name: String, _ split: RawSplit, _ title: (text: String, label: String)?
  ) {
    row.id = stem(name)
    guard let title else {
      row.fault = "is not a file, a title and a class"
      return
    }
    row.text = RawRows.present(title.text)
    row.labels = [title.label]
    row.image = "images/\(split == .test ? "test" : "train")/\(title.label)/\(name)"
    if dish(name) != title.label { row.fault = "the label '\(title.label)' does not fit the file '\(name)'" }
  }

  private static func stem(_ name: String) -> String {
    name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
  }

  /// `apple_pie` of `apple_pie_0.jpg`.
  private static func dish(_ name: String) -> String {
    let stem = stem(name)
    return stem.lastIndex(of: "_").map { String(stem[..<$0]) } ?? stem
  }

  // MARK: text.json and split.json

  private static func readSplit(_ reading: inout LayoutReading) {
    let texts = reading.json(of: "text.json")?.tableValue
    let splits = reading.json(of: "split.json")?.tableValue
    guard let texts, let splits else {
      if reading.faults.isEmpty {
        reading.faults.append(.unreadableFile("text.json, split.json", reason: "one of them is no JSON object"))
      }
      return
    }
    // A dictionary has no order; that of training, validation and test is always the same.
    for (name, list) in splits.sorted(by: { $0.key < $1.key }) {
      guard let split = RawSplit(named: name), let files = list.listValue?.compactMap(\.stringValue) else {
        reading.faults.append(
          .unreadableFile("split.json", reason: "'\(name)' is not a list of files for train, val or test"))
        continue
      }
      for (place, file) in files.enumerated() {
        var row = RawRows.Row(number: place + 1, file: "split.json[\(name)]")
        row.split = split.rawValue
        fill(&row, file, split, (texts[file]?.stringValue ?? "", dish(file)))
        if texts[file] == nil { row.fault = row.fault ?? "'\(file)' has no text in text.json" }
        reading.rows.append(row)
      }
    }
  }

  // MARK: Pages

  private static func readPages(_ reading: inout LayoutReading) {
    if !reading.files.isFolder("texts_txt") { reading.miss(["texts_txt"]) }
    guard reading.faults.isEmpty else { return }
    for split in [RawSplit.train, .test] {
      let folder = "images/\(split.rawValue)"
      for dish in reading.files.folders(in: folder) {
        for (place, name) in reading.files.pictures(in: "\(folder)/\(dish)").enumerated() {
          var row = RawRows.Row(number: place + 1, file: "\(folder)/\(dish)")
          row.split = split.rawValue
          row.id = stem(name)
          row.image = "\(folder)/\(dish)/\(name)"
          row.labels = [dish]
          row.text = reading.text(of: "texts_txt/\(dish)/\(stem(name)).txt")
          reading.rows.append(row)
        }
      }
    }
  }

  /// Pictures that no row names are no damage, but worth a word.
  private static func tellUnnamed(_ reading: inout LayoutReading) {
    let named = Set(reading.rows.compactMap(\.image))
    var count = 0
    var first: String?
    for split in ["train", "test"] {
      for dish in reading.files.folders(in: "images/\(split)") {
        for name in reading.files.pictures(in: "images/\(split)/\(dish)") {
          let path = "images/\(split)/\(dish)/\(name)"
          guard !named.contains(path) else { continue }
          count += 1
          first = first ?? path
        }
      }
    }
    if let first { reading.notes.append("pictures that no text names, not used: \(count), such as '\(first)'") }
  }
}
