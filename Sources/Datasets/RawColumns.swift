import Multimodal
import Records

/// What a column of a table is for.
enum RawRole: String, CaseIterable {
  case image, text, audio, label, id, split, group

  /// What columns of this role are often called, besides the role's own name; compared without case and signs.
  fileprivate var otherNames: Set<String> {
    switch self {
    case .image:
      [
        "img", "images", "imagepath", "imgpath", "imagefile", "imgfile", "imagename", "imgname", "imagefilename",
        "filename",
        "filepath", "file", "path", "picture", "pictures", "picturepath", "photo", "photos", "photopath", "imagesrc",
        "imagelocation", "poster", "posterpath",
      ]
    case .text:
      [
        "texts", "caption", "captions", "title", "sentence", "sentences", "tweet", "tweettext", "posttext",
        "description",
        "review", "reviewtext", "comment", "commenttext", "headline", "utterance", "transcript", "transcription",
        "content",
        "body", "message", "ocrtext", "textocr", "textcorrected", "plot", "summary", "productname", "producttitle",
      ]
    case .audio:
      ["sound", "wav", "wavpath", "audiopath", "audiofile", "soundpath", "soundfile", "speech", "clip"]
    case .label:
      [
        "labels", "class", "classes", "category", "categories", "target", "y", "genre", "genres", "sentiment",
        "emotion",
        "classname", "labelname", "productcategory", "tag", "tags", "groundtruth",
      ]
    case .split: ["set", "subset", "partition", "fold", "datasplit", "phase"]
    case .id, .group: []
    }
  }
}

/// What columns and arrays are usually called.
package enum UsualNames {
  /// Whether labels are often called so.
  package static func isLabel(_ name: String) -> Bool { RawColumns.role(of: name) == .label }
}

/// Which column of a table is what.
struct RawColumns {
  /// By role, in the order in which several are put together.
  private(set) var columns: [RawRole: [String]] = [:]
  /// Where paths of pictures and sounds are meant from.
  private(set) var root: String?
  /// What a person should know about what was taken for what, a sentence each.
  private(set) var notes: [String] = []
  private(set) var faults: [RawDatasetFault] = []
  /// Columns without a role.
  private(set) var unused: [String] = []

  /// The role that columns of a name usually have.
  static func role(of name: String) -> RawRole? {
    let key = key(name)
    return RawRole.allCases.first { $0.rawValue == key } ?? RawRole.allCases.first { $0.otherNames.contains(key) }
  }

  /// A column's name as names are compared: small letters and digits only.
  static func key(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

  subscript(role: RawRole) -> [String] { columns[role] ?? [] }

  /// The roles that have a column.
  var roles: Set<String> { Set(columns.filter { !$0.value.isEmpty }.keys.map(\.rawValue)) }

  /// What is asked for: `text=Title+Body,label=Category,image=,image-root=photos`.
  struct Choice: Equatable {
    var columns: [RawRole: [String]] = [:]
    var root: String?

    init(_ text: String) throws {
      for word in Self.parts(text, ",") where !word.allSatisfy(\.isWhitespace) {
        guard let sign = word.firstIndex(of: "=") else {
          throw Self.wrong("'\(word)' is not role=column")
        }
        let name = RawRows.trimmed(String(word[..<sign])).lowercased()
        let value = String(word[word.index(after: sign)...])
        if name == "image-root" || name == "root" {
          root = RawRows.trimmed(value)
          continue
        }
        // A clip is its pictures and its sound.
        let roles = name == "video" ? [.image, .audio] : RawRole(rawValue: name).map { [$0] } ?? []
        guard !roles.isEmpty else {
          throw Self.wrong(
            "'\(name)' is not one of \(RawRole.allCases.map(\.rawValue).joined(separator: ", ")), video, image-root")
        }
        for role in roles {
          columns[role, default: []] += Self.parts(value, "+").map(RawRows.trimmed).filter { !$0.isEmpty }
        }
      }
    }

    private static func wrong(_ what: String) -> Diagnosis {
      Diagnosis(
        what, place: "--columns", remedy: "--columns text=Title+Body,label=Category,image=Photo,image-root=photos",
        exitStatus: .usage)
    }

    /// What stands between the signs; a sign after a backslash is one of the text.
    private static func parts(_ text: String, _ sign: Character) -> [String] {
      var parts = [""]
      var isEscaped = false
      for character in text {
        if isEscaped {
          // For the next sign that is looked for.
          parts[parts.count - 1] += (character == sign ? "" : "\\") + String(character)
          isEscaped = false
        } else if character == "\\" {
          isEscaped = true
        } else if character == sign {
          parts.append("")
        } else {
          parts[parts.count - 1].append(character)
        }
      }
      return parts
    }
  }

  /// Finds out which column is what.
  ///
  /// - Parameters:
  ///   - names: all columns, in the order of the file.
  ///   - head: the first records.
  ///   - needsLabels: whether there must be a column of labels.
  init(
    _ choice: Choice, names: [String], head: [RawRecord], finder: RawFileFinder, needsLabels: Bool
  ) {
    root = choice.root
    for role in RawRole.allCases {
      guard let chosen = choice.columns[role] else { continue }
      columns[role] = chosen.compactMap { name in
        let found = Self.named(name, in: names)
        if found == nil { faults.append(.noSuchColumn(name, found: names, meant: nearest(to: name, in: names))) }
        return found
      }
    }
    for role in RawRole.allCases where columns[role] == nil { findByName(role, names) }
    for role in [RawRole.label, .image, .text, .audio, .split] where columns[role] == nil {
      findByOtherNames(role, names, head, finder)
    }
    findVideo(choice, names)
    if needsLabels, self[.label].isEmpty,
      !faults.contains(where: { if case .severalColumns = $0 { true } else { false } }),
      !faults.contains(where: { if case .noSuchColumn = $0 { true } else { false } })
    {
      faults.append(
        .noLabelColumn(
          found: names, meant: nearest(to: "label", in: names.filter { !isTaken($0) && Self.role(of: $0) == nil })))
    }
    unused = names.filter { !isTaken($0) && !$0.isEmpty }
  }

  /// Takes a column of clips for pictures and sounds where the table has no other input, and nobody said otherwise.
  private mutating func findVideo(_ choice: Choice, _ names: [String]) {
    guard [RawRole.image, .text, .audio].allSatisfy({ self[$0].isEmpty && choice.columns[$0] == nil }) else { return }
    let found = names.filter { Self.videoNames.contains(Self.key($0)) && !isTaken($0) }
    guard found.count == 1, let name = found.first else { return }
    columns[.image] = [name]
    columns[.audio] = [name]
    notes.append(
      "the column '\(name)' is taken for clips, their pictures and their sound; --columns video=… names another")
  }

  private static let videoNames: Set<String> = [
    "video", "videos", "videopath", "videofile", "videoname", "videofilename", "clippath", "clipfile", "movie", "film",
  ]

  /// The column that is meant: of that name, of the same letters, or the only one that begins so.
  private static func named(_ name: String, in names: [String]) -> String? {
    let key = key(name)
    if let same = names.first(where: { $0 == name }) ?? names.first(where: { Self.key($0) == key && !key.isEmpty }) {
      return same
    }
    let longer = names.filter { Self.key($0).hasPrefix(key) }
    return key.isEmpty || longer.count != 1 ? nil : longer[0]
  }

  private func isTaken(_ name: String) -> Bool { columns.values.contains { $0.contains(name) } }

  /// The column that is called as the role is, in any case.
  private mutating func findByName(_ role: RawRole, _ names: [String]) {
    let own = names.filter { $0.lowercased() == role.rawValue && !isTaken($0) }
    if let exact = own.first(where: { $0 == role.rawValue }) ?? own.first { columns[role] = [exact] }
    // Two columns of one name: nobody knows which is meant.
    if own.count > 1 { faults.append(.repeatedColumn(role.rawValue)) }
  }

  private mutating func findByOtherNames(
    _ role: RawRole, _ names: [String], _ head: [RawRecord], _ finder: RawFileFinder
  ) {
    var candidates = names.filter { role.otherNames.contains(Self.key($0)) && !isTaken($0) }
    if let kind = role.kind, kind != .text, candidates.count > 1 {
      // Addresses and names of files often stand beside each other; what lies here is meant.
      let here = candidates.filter { name in
        let cells = Self.cells(name, head)
        return !cells.isEmpty && 2 * finder.count(of: cells, kind) >= cells.count
      }
      if !here.isEmpty { candidates = here }
    }
    if role == .split {
      candidates = candidates.filter { name in
        let cells = Self.cells(name, head)
        return !cells.isEmpty && cells.allSatisfy { RawSplit(named: $0) != nil }
      }
    }
    guard let first = candidates.first else { return }
    guard candidates.count == 1 else {
      if role != .split { faults.append(.severalColumns(role.rawValue, candidates)) }
      return
    }
    columns[role] = [first]
    notes.append("the column '\(first)' is taken for '\(role.rawValue)'; --columns \(role.rawValue)=… names another")
  }

  /// The texts of a column in some records that are not missing.
  static func cells(_ name: String, _ head: [RawRecord]) -> [String] {
    head.compactMap { record in
      switch record.cells[name] {
      case .string(let text): MissingValue.present(RawRows.trimmed(text))
      case .int(let number): "\(number)"
      default: nil
      }
    }
  }

  /// Takes a column, or none, for a role, as what lies in the folder shows.
  mutating func take(_ names: [String], for role: RawRole) {
    columns[role] = names
    unused.removeAll { names.contains($0) }
  }

  mutating func take(root: String) { self.root = root }
}

extension RawRole {
  /// The input that it holds.
  var kind: RawInput.Kind? {
    switch self {
    case .image: .image
    case .text: .text
    case .audio: .audio
    default: nil
    }
  }
}
