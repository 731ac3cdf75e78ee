import Records

/// Films with their posters and plots, in several genres each.
enum MMIMDb: DatasetLayout {
  static let genres = [
    "Drama", "Comedy", "Romance", "Thriller", "Crime", "Action", "Adventure", "Horror", "Documentary", "Mystery",
    "Sci-Fi", "Fantasy", "Family", "Biography", "War", "History", "Music", "Animation", "Musical", "Western", "Sport",
    "Short", "Film-Noir",
  ]
  /// Genres that occur in the files, too seldom to be learnt.
  static let rareGenres = ["News", "Adult", "Talk-Show", "Reality-TV"]

  static let card = DatasetCard(
    name: "mm-imdb", title: "MM-IMDb",
    citation: Citation(
      authors: ["John Arevalo", "Thamar Solorio", "Manuel Montes-y-Gómez", "Fabio A. González"],
      title: "Gated Multimodal Units for Information Fusion", venue: "ICLR Workshop", year: 2017,
      url: "https://arxiv.org/abs/1702.01992"),
    summary: "Posters and plots of 25,959 films, each in one or several of 23 genres, which occur very unequally.",
    modalities: ["image", "text"], task: "multi-label", classes: 23, classNames: genres, metric: "macro-f1",
    splits: ["train": 15552, "validation": 2608, "test": 7799],
    protocols: [
      "Macro F1 over the 23 genres, often with micro, weighted and samples F1 beside it, on the splits of split.json.",
      "Of several plots the longest is taken, as the authors do.",
    ],
    sources: [
      "https://github.com/johnarevalo/gmu-mmimdb (the authors' code, with the address of mmimdb.tar.gz)",
      "http://lisi1.unal.edu.co/mmimdb/mmimdb.tar.gz",
    ],
    terms: "No licence is stated with the files; plots and posters are of IMDb and belong to their owners.",
    layout: [
      "mmimdb/", "├── split.json          {\"train\": [\"0000008\", …], \"dev\": […], \"test\": […]}", "└── dataset/",
      "    ├── 0000008.json    {\"genres\": [\"Drama\", …], \"plot\": [\"…\", …], …}", "    ├── 0000008.jpeg",
      "    └── …",
    ],
    peculiarities: [
      "The files know 27 genres; News (64 films), Adult (4), Talk-Show (2) and Reality-TV (1) belong to none of the 23 "
        + "classes and are not used.",
      "Copies with the posters in images/ and the JSON files in labels/ are read too.",
      "multimodal_imdb.hdf5 holds the plots only as numbers of words, and their vocabulary is a pickle (metadata.npy), "
        + "which is not read; its ready-made features are brought in by seesaw import (Documentation/features-made-elsewhere.md).",
    ])

  private static func root(_ files: LayoutFiles) -> String? {
    files.root(["mmimdb"], holding: ["split.json", "dataset"])
      ?? files.root(["mmimdb"], holding: ["split.json", "images", "labels"])
  }

  private static func archive(_ files: LayoutFiles) -> String? {
    ["multimodal_imdb.hdf5", "mmimdb/multimodal_imdb.hdf5"].first(where: files.has)
  }

  static func recognises(_ files: LayoutFiles) -> Bool { root(files) != nil || archive(files) != nil }

  static func read(_ reading: inout LayoutReading) {
    reading.classes = genres
    guard let root = root(reading.files) else {
      if let archive = archive(reading.files) {
        reading.faults.append(
          .unsupported(
            "'\(archive)' holds no plots that can be read: numbers of words, whose vocabulary is a pickle",
            remedy:
              "take mmimdb.tar.gz (split.json and dataset/), or bring its features in:  seesaw import \(archive) --labels genres "
              + "--ids imdb_ids --modalities image=vgg_features,text=features --out FOLDER"))
      } else {
        reading.miss(["split.json", "dataset"])
      }
      return
    }
    let splitPath = LayoutFiles.join(root, "split.json")
    guard let splits = reading.json(of: splitPath) else { return }
    guard let table = splits.tableValue else {
      return reading.faults.append(.unreadableFile(splitPath, reason: "is not a JSON object"))
    }
    let isOne = reading.files.isFolder(LayoutFiles.join(root, "dataset"))
    let labels = LayoutFiles.join(root, isOne ? "dataset" : "labels")
    let images = LayoutFiles.join(root, isOne ? "dataset" : "images")
    var rare: [String: Int] = [:]
    for name in ["train", "dev", "test"] where table[name] == nil {
      reading.faults.append(.unreadableFile(splitPath, reason: "there is no list '\(name)'"))
    }
    for (name, list) in table.sorted(by: { $0.key < $1.key }) {
      guard let split = RawSplit(named: name), let ids = list.listValue?.compactMap(id) else {
        reading.faults.append(
          .unreadableFile(splitPath, reason: "'\(name)' is not a list of films for train, dev or test"))
        continue
      }
      for (place, id) in ids.enumerated() {
        var row = RawRows.Row(number: place + 1, file: "\(splitPath)[\(name)]")
        row.id = id
        row.split = split.rawValue
        row.image = "\(images)/\(id).jpeg"
        fill(&row, reading, "\(labels)/\(id).json", &rare)
        reading.rows.append(row)
      }
    }
    if !rare.isEmpty {
      let words = rare.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      reading.notes.append("genres outside of the \(genres.count), not used: \(words)")
    }
  }

  private static func id(_ tree: Tree) -> String? { tree.stringValue ?? tree.intValue.map { "\($0)" } }

  private static func fill(
    _ row: inout RawRows.Row, _ reading: LayoutReading, _ path: String, _ rare: inout [String: Int]
  ) {
    guard reading.files.has(path) else {
      row.fault = "there is no file '\(path)'"
      return
    }
    let film: Tree
    do {
      let data = try BoundedFile.read(reading.files.url(path), limit: BoundedFile.largestRecord)
      film = try Tree(json: String(decoding: data, as: UTF8.self))
    } catch {
      row.fault = "'\(path)' cannot be read: \(RawRows.reason(error))"
      return
    }
    guard let found = film.tableValue?["genres"]?.listValue?.compactMap(\.stringValue) else {
      row.fault = "'\(path)' has no list 'genres'"
      return
    }
    for genre in found where rareGenres.contains(genre) { rare[genre, default: 0] += 1 }
    let strange = found.filter { !genres.contains($0) && !rareGenres.contains($0) }
    if let genre = strange.first { row.fault = "the genre '\(genre)' is not one of MM-IMDb's" }
    let labels = found.filter(genres.contains)
    row.labels = labels
    if labels.isEmpty { row.fault = row.fault ?? "has none of the \(genres.count) genres" }
    let plots: [String] =
      switch film.tableValue?["plot"] {
      case .list(let plots): plots.compactMap(\.stringValue)
      case .string(let plot): [plot]
      default: []
      }
    // The first of the longest.
    let longest = plots.reduce(nil as String?) { best, plot in plot.count > (best?.count ?? 0) ? plot : best }
    row.text = RawRows.present(longest)
  }
}
