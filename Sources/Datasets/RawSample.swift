public import Foundation
public import Multimodal
public import Records

/// One row of a raw data set.
public struct RawSample: Sendable, Equatable {
  /// The `id` column; the row number where there is none.
  public let id: String
  /// The line of the file on which it begins; the first line is 1.
  public let row: Int
  /// The file that ``row`` counts in, where the data set has several.
  public let file: String?
  /// What the paths of its files are relative to.
  public let folder: URL
  /// The path of the picture; `nil` where the row names none.
  public let image: String?
  /// The paths of further pictures, such as frames of a clip; the features of all are averaged.
  public let frames: [String]
  /// The text; `nil` where the row has none.
  public let text: String?
  /// The path of the sound; `nil` where the row names none.
  public let audio: String?
  /// The names of its classes, each once; one for a single-label task.
  public let labels: [String]
  public let split: RawSplit
  /// The `group` column: whom the sample belongs to, such as a speaker, a film or a family of products.
  public let group: String?
  /// Its place among all rows that were read, usable or not; the first is 0.
  package let number: Int
  /// What holds those of its inputs that are in no files of their own.
  let store: InputStore?

  init(_ row: RawRows.Row, number: Int, split: RawSplit, folder: URL, store: InputStore? = nil) {
    self.store = store
    id = row.sampleID
    self.row = row.number
    file = row.file
    self.folder = folder
    let pictures = row.pictures
    image = pictures.first
    frames = Array(pictures.dropFirst())
    text = row.text
    audio = row.audio
    labels = row.classNames
    self.split = split
    group = row.group
    self.number = number
  }

  /// Where one of its files is.
  public func url(_ path: String) -> URL { folder.appending(path: path) }

  /// A path without steps that lead nowhere.
  static func plain(_ path: String) -> String {
    guard path.contains("./") || path.contains("//") || path.hasSuffix("/.") else { return path }
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return parts.joined(separator: "/")
  }

  /// The picture.
  public var imagePath: URL? { image.map(url) }
  /// The sound.
  public var audioPath: URL? { audio.map(url) }

  /// Where it is: `line 7`, `train.jsonl:7`.
  public var place: String { RawRows.place(row, in: file) }

  /// Whether it has something of a kind.
  public func has(_ kind: RawInput.Kind) -> Bool {
    switch kind {
    case .image: image != nil
    case .text: text != nil
    case .audio: audio != nil
    }
  }
}

/// The part of the data that a sample belongs to.
///
/// Read tolerantly: `val`, `valid` and `dev` are the validation split, `training` is the training split.
public enum RawSplit: String, Sendable, Codable, CaseIterable {
  case train, validation, test

  /// The split that a spelling means: `val`, `dev`, `training`.
  package init?(spelling name: String) { self.init(named: name) }

  init?(named name: String) {
    switch name.lowercased() {
    case "train", "training": self = .train
    case "val", "valid", "validation", "dev", "development": self = .validation
    case "test", "testing": self = .test
    default: return nil
    }
  }
}

/// A row that is left out, and why.
public struct Quarantined: Sendable, Equatable, Codable {
  /// The line of the file on which it begins.
  public let row: Int
  /// The file, where the data set has several.
  public let file: String?
  /// Its id, where it could be read.
  public let id: String?
  /// The reason, in a few words.
  public let reason: String
  /// Its split, where the row names one.
  public let split: RawSplit?

  public init(row: Int, file: String? = nil, id: String?, reason: String, split: RawSplit? = nil) {
    self.row = row
    self.file = file
    self.id = id
    self.reason = reason
    self.split = split
  }

  /// Where it is: `line 7`, `train.jsonl:7`.
  public var place: String { RawRows.place(row, in: file) }
}

/// How a raw data set is read.
public struct RawDatasetSettings: Settings {
  /// Make an error of any row that would be left out.
  public var strict = false
  /// Take pictures also where a symbolic link leads out of the folder.
  public var followLinks = false
  /// The share of rows drawn for validation where no column says, in 0…1.
  public var validationShare = 0.1
  /// The share of rows drawn for testing where no column says, in 0…1.
  public var testShare = 0.2
  /// The share of training rows held out for validation where the data brings a test split and no validation, in 0..<1.
  public var heldOutShare = 0.0
  /// Of how many frames of a clip the features are averaged, at most; they are taken evenly.
  public var frames = 3
  /// Where the split is drawn from.
  public var splitSeed: UInt64 = 0
  /// The published layout to read; empty looks for a table with a usual name, then for a layout by its files, then for any
  /// table.
  public var layout = ""
  /// Which of the layout's ways to read it; empty takes its first.
  public var variant = ""
  /// Which column is what: `text=Title+Body,label=Category,image=Photo,image-root=photos,id=,group=,split=`; a role with
  /// nothing behind it has no column, and one that is not named is found by usual names.
  public var columns = ""
  /// How the table is written in bytes, such as `windows-1252`; empty is UTF-8, or UTF-16 with its mark.
  public var encoding = ""
  /// The sign between columns, or `tab`; empty finds out.
  public var delimiter = ""
  /// The sign between several labels of a cell, or `none`; empty takes `|`, and `;` where parts recur.
  public var labelSeparator = ""
  /// A second table with labels by id; empty has none.
  public var labels = ""
  /// Which names of splits mean what: `train=0+1,validation=2,test=3`; empty knows the usual ones.
  public var splitNames = ""
  /// The sign between several pictures of a cell, as in `a.jpg;b.jpg`; empty takes a cell for one path.
  public var pictureSeparator = ""
  /// What members of archives are by their endings, as `jpg=image,txt=text,cls=label`; empty takes the usual.
  public var map = ""
  /// `regression` where labels are numbers that are predicted; empty: they are classes.
  public var task = ""
  /// Takes samples of archives also where a member is lacking that others have; it is missing then.
  public var takeIncomplete = false

  public init() {}
}

extension RawDatasetSettings {
  /// Whether labels are numbers that are predicted.
  var isRegression: Bool { task.tolerantKey == PredictionTask.regression.rawValue.tolerantKey }

  /// How cells hold several labels; a number is taken as it is.
  var cellSeparator: String { isRegression ? LabelColumn.ofNumbers : labelSeparator }
}

extension RawRows.Row {
  /// Its name among samples.
  var sampleID: String { id ?? "\(number)" }
  var pictures: [String] { (image.map { [$0] } ?? []) + frames }
  /// Its labels, each once.
  var classNames: [String] {
    var seen: Set<String> = []
    return (labels ?? []).filter { seen.insert($0).inserted }
  }
}
