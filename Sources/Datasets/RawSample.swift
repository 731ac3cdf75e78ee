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
  /// The picture; `nil` where the row names none.
  public let imagePath: URL?
  /// Further pictures, such as frames of a clip; the features of all are averaged.
  public let frames: [URL]
  /// The text; `nil` where the row has none.
  public let text: String?
  /// The sound; `nil` where the row names none.
  public let audioPath: URL?
  /// The names of its classes, each once; one for a single-label task.
  public let labels: [String]
  public let split: RawSplit
  /// The `group` column: whom the sample belongs to, such as a speaker, a film or a family of products.
  public let group: String?

  public init(
    id: String, row: Int, file: String? = nil, imagePath: URL?, frames: [URL] = [], text: String?,
    audioPath: URL? = nil, labels: [String], split: RawSplit, group: String? = nil
  ) {
    self.id = id
    self.row = row
    self.file = file
    self.imagePath = imagePath
    self.frames = frames
    self.text = text
    self.audioPath = audioPath
    self.labels = labels
    self.split = split
    self.group = group
  }

  /// Where it is: `line 7`, `train.jsonl:7`.
  public var place: String { RawRows.place(row, in: file) }

  /// Whether it has something of a kind.
  public func has(_ kind: RawInput.Kind) -> Bool {
    switch kind {
    case .image: imagePath != nil
    case .text: text != nil
    case .audio: audioPath != nil
    }
  }
}

/// The part of the data that a sample belongs to.
///
/// Read tolerantly: `val`, `valid` and `dev` are the validation split, `training` is the training split.
public enum RawSplit: String, Sendable, Codable, CaseIterable {
  case train, validation, test

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
  /// The published layout to read; empty looks for `samples.csv` or `samples.jsonl`, and then for a layout by its files.
  public var layout = ""
  /// Which of the layout's ways to read it; empty takes its first.
  public var variant = ""

  public init() {}
}
