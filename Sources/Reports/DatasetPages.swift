import Foundation
public import Records

/// What is said of published data sets outside of the program, made from their cards.
public enum DatasetPages {
  /// The page of all data sets.
  public static func page(_ cards: [DatasetCard]) -> String {
    var parts = [opening]
    let rows = cards.map { card in
      [
        "[`\(card.name)`](#\(card.name))", Markdown.escaped(card.title), card.modalities.joined(separator: ", "),
        card.task, "\(card.classes)", card.metric, card.citation.map { Markdown.escaped($0.short) } ?? "–",
      ]
    }
    let header = ["name", "data set", "modalities", "task", "classes", "metric", "published"]
    parts.append(
      ([header, header.map { _ in ":--" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
        .joined(separator: "\n"))
    parts += cards.map(section)
    parts.append(closing)
    return parts.joined(separator: "\n\n") + "\n"
  }

  private static let opening = """
    # Published data sets

    <!-- Generated from the layouts' cards by 'make docs'. -->

    A data set that the field uses is read as it comes: its own files, splits, classes and metric. Nothing is downloaded; \
    `seesaw datasets show NAME` says where it is to be had.

    ```
    seesaw datasets                                          # this table
    seesaw datasets show hateful-memes                       # the files that belong where, terms, what surprises
    seesaw datasets check hateful-memes ~/data/hateful_memes # everything amiss at once, with counts
    seesaw encode ~/data/hateful_memes --layout hateful-memes --out hm
    seesaw compare hm --methods joint,balgrad --seeds 5
    ```

    Without `--layout` a folder is known by its files, and `encode` says which data set it took it for. A sample that \
    cannot be read is left out and listed in `quarantine.jsonl`, or refused with `--strict`; `check` exits with 1 where \
    something is amiss. Data of your own is read too ([samples](data-forms.md), [Parquet, archives, sounds](readers.md)), and features in `.npz`, `.npy`, \
    `.safetensors` or HDF5 (`seesaw import --help`).
    """

  private static let closing = """
    ## Features in an HDF5 file

    MM-IMDb also comes as `multimodal_imdb.hdf5`. It holds no text, only numbers of words whose vocabulary is a pickle; its \
    ready-made features, its genres and its own split become a feature set (more in \
    [features made elsewhere](features-made-elsewhere.md#hdf5)):

    ```
    seesaw check multimodal_imdb.hdf5
    seesaw import multimodal_imdb.hdf5 --labels genres --ids imdb_ids --modalities image=vgg_features,text=features \
    --metric macro-f1 --out mm-imdb
    ```
    """

  static func section(_ card: DatasetCard) -> String {
    var parts = ["## \(card.name)", Markdown.escaped("\(card.title). \(card.summary)")]
    var facts = [
      "- Modalities: \(card.modalities.joined(separator: ", "))",
      "- Task: \(card.task), \(card.classes) classes; metric \(card.metric)",
    ]
    if let splits = card.splitWords { facts.append("- Samples as published: \(splits)") }
    facts += card.sources.map { "- Where: \(Markdown.escaped($0))" }
    facts.append("- Terms: \(Markdown.escaped(card.terms))")
    if let citation = card.citation {
      let link = citation.url.map { " <\($0)>" } ?? ""
      facts.append(
        "- Paper: "
          + Markdown.escaped("\(citation.authors.joined(separator: ", ")): \(citation.title). \(citation.venue), ")
          + "\(citation.year).\(link)")
    }
    parts.append(facts.joined(separator: "\n"))
    parts.append("```\n\(card.layout.joined(separator: "\n"))\n```")
    if !card.variants.isEmpty {
      parts.append(
        "Variants (`--variant`; the first where none is named):\n\n"
          + card.variants.map { "- `\($0.name)`: \(Markdown.escaped($0.summary))" }.joined(separator: "\n"))
    }
    parts.append((card.protocols + card.peculiarities).map { "- \(Markdown.escaped($0))" }.joined(separator: "\n"))
    parts.append("```\n\(card.commands.joined(separator: "\n"))\n```")
    return parts.joined(separator: "\n\n")
  }
}

extension DatasetCard {
  /// `8,500 train, 500 validation, 1,000 test`; nil where nothing is known.
  public var splitWords: String? {
    let words = ["train", "validation", "test"].compactMap { name in
      splits[name].map { "\(grouped($0)) \(name)" }
    }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }

  /// What to type next.
  public var commands: [String] {
    let folder = layout.first.map { String($0.prefix { !$0.isWhitespace }.dropLast()) } ?? name
    return [
      "seesaw datasets check \(name) \(folder)", "seesaw encode \(folder) --layout \(name) --out \(name)",
    ]
  }
}
