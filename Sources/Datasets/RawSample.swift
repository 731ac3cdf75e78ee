public import Foundation
public import Records

/// One row of a raw data set.
public struct RawSample: Sendable, Equatable {
  /// The `id` column; the row number where there is none.
  public let id: String
  /// The line of the file on which it begins; the first line is 1.
  public let row: Int
  /// The picture; `nil` where the row names none.
  public let imagePath: URL?
  /// The text; `nil` where the row has none.
  public let text: String?
  /// The names of its classes, each once; one for a single-label task.
  public let labels: [String]
  public let split: RawSplit
  /// The `group` column: whom the sample belongs to, such as a speaker, a film or a family of products.
  public let group: String?

  public init(
    id: String, row: Int, imagePath: URL?, text: String?, labels: [String], split: RawSplit, group: String? = nil
  ) {
    self.id = id
    self.row = row
    self.imagePath = imagePath
    self.text = text
    self.labels = labels
    self.split = split
    self.group = group
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
  /// Its id, where it could be read.
  public let id: String?
  /// The reason, in a few words.
  public let reason: String
  /// Its split, where the row names one.
  public let split: RawSplit?

  public init(row: Int, id: String?, reason: String, split: RawSplit? = nil) {
    self.row = row
    self.id = id
    self.reason = reason
    self.split = split
  }
}

/// How a raw data set is read.
public struct RawDatasetSettings: Settings {
  /// Make an error of any row that would be left out.
  public var strict = false
  /// The share of rows drawn for validation where no column says, in 0…1.
  public var validationShare = 0.1
  /// The share of rows drawn for testing where no column says, in 0…1.
  public var testShare = 0.2
  /// Where the split is drawn from.
  public var splitSeed: UInt64 = 0

  public init() {}
}
