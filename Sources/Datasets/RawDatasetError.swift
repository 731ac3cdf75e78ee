public import Records

/// Everything about a raw data set that makes it unusable as a whole.
public struct RawDatasetError: Diagnosable, Equatable {
  /// The file or folder.
  public let place: String
  /// At least one.
  public let faults: [RawDatasetFault]
  /// The rows left out up to then.
  public let quarantined: [Quarantined]

  public init(place: String, faults: [RawDatasetFault], quarantined: [Quarantined] = []) {
    self.place = place
    self.faults = faults
    self.quarantined = quarantined
  }

  public var diagnosis: Diagnosis {
    // The rows left out often are the cause of the fault, unless the fault is the list itself.
    let listed = faults.contains { if case .strict = $0 { true } else { false } }
    let rows = listed ? [] : Self.lines(quarantined)
    if faults.count == 1, let only = faults.first {
      return Diagnosis(
        only.sentence, place: place, found: only.evidence + rows, remedy: only.remedy, exitStatus: .input)
    }
    return Diagnosis(
      "\(faults.count) things are wrong with the data set", place: place,
      found: faults.flatMap { fault in
        [fault.sentence] + (fault.evidence + (fault.remedy.map { [$0] } ?? [])).map { "  " + $0 }
      } + rows, exitStatus: .input)
  }

  static func lines(_ rows: [Quarantined]) -> [String] {
    let shown = rows.prefix(10).map { "\($0.place): \($0.reason)" }
    return rows.count > 10 ? shown + ["… and \(rows.count - 10) more"] : shown
  }
}

/// One thing that makes a raw data set unusable.
public enum RawDatasetFault: Equatable, Sendable {
  /// No table of samples; what lies there instead.
  case noSampleFile(isFeatureSet: Bool, String)
  /// Several with usual names.
  case twoSampleFiles([String])
  /// Several tables, of which none says by its name that it holds the samples.
  case severalTables([String])
  /// A file of a kind that is not read.
  case unknownFileKind
  /// The file is no UTF-8 text.
  case otherEncoding(String)
  /// A column that must be there is not.
  case noLabelColumn(found: [String], meant: String?)
  /// Neither `image` nor `text` has anything in it.
  case noInputColumn(found: [String])
  case repeatedColumn(String)
  /// A column that was asked for.
  case noSuchColumn(String, found: [String], meant: String?)
  /// Columns that could all be meant.
  case severalColumns(String, [String])
  /// A column that names pictures which are here, and has another name.
  case picturesUnread(column: String, root: String, text: String?)
  /// Numbers in the column of splits.
  case numberedSplits([String])
  case unclosedQuote(line: Int)
  /// The file is one JSON object without rows in it.
  case jsonTable(keys: [String])
  case noRows
  /// Every row was left out.
  case nothingUsable(rows: Int)
  case onlyOneClass(String)
  /// Of a regression: the target of every training row.
  case onlyOneTarget(Double)
  case tooManyClasses(Int)
  case emptySplit(RawSplit, hasColumn: Bool)
  /// Classes of other splits that training never sees, with their first rows.
  case classesNotInTraining([String: [Int]])
  /// Rows that would be left out, where that is not allowed.
  case strict([Quarantined])
  /// Shares of a drawn split that leave nothing to train on.
  case shares(validation: Double, test: Double)
  /// Files of a published layout that are not there.
  case missingFiles([String])
  /// A file of a published layout that makes no sense.
  case unreadableFile(String, reason: String)
  /// Something that is not read, and what to do instead.
  case unsupported(String, remedy: String)
  /// Several published layouts have files like these.
  case severalLayouts([String])

  var sentence: String {
    switch self {
    case .noSampleFile: "there is no table of samples here, such as 'samples.csv' or 'samples.jsonl'"
    case .twoSampleFiles(let names): "there is both a '\(names[0])' and a '\(names[1])'"
    case .severalTables(let names): "there are \(names.count) tables, and nothing says which holds the samples"
    case .unknownFileKind: "a file of samples ends in .csv, .tsv, .jsonl, .ndjson, .json or .txt"
    case .otherEncoding(let name): "the file is written in \(name)"
    case .noLabelColumn: "there is no column 'label'"
    case .noInputColumn: "there is no column 'image' or 'text' with anything in it"
    case .repeatedColumn(let name): "there are two columns '\(name)'"
    case .noSuchColumn(let name, _, _): "there is no column '\(name)'"
    case .severalColumns(let role, let names):
      "\(names.count) columns could be '\(role)': \(names.prefix(8).map { "'\($0)'" }.joined(separator: ", "))"
    case .picturesUnread(let name, _, _):
      "the column '\(name)' names pictures that are here, and none is called 'image'"
    case .numberedSplits(let names):
      "the splits are numbers, \(names.prefix(12).joined(separator: ", "))\(names.count > 12 ? ", …" : ""), and nothing says which is which"
    case .unclosedQuote(let line): "a quote opened on line \(line) is never closed"
    case .jsonTable: "the file is one JSON object, and no table of samples"
    case .noRows: "there are no rows"
    case .nothingUsable(let rows): "not one of \(rows) rows can be used"
    case .onlyOneClass(let name): "every row has the label '\(name)'"
    case .onlyOneTarget(let target): "every training row has the target \(target): there is nothing to predict"
    case .tooManyClasses(let count):
      "there are \(count) different labels, more than the \(RawDataset.mostClasses) that are read"
    case .emptySplit(let split, _): "there are no \(split.rawValue) rows"
    case .classesNotInTraining(let classes):
      classes.count == 1
        ? "a class occurs in no training row" : "\(classes.count) classes occur in no training row"
    case .strict(let rows): rows.count == 1 ? "1 row cannot be used" : "\(rows.count) rows cannot be used"
    case .shares(let validation, let test):
      "shares of \(validation) for validation and \(test) for testing leave nothing to train on"
    case .missingFiles(let paths):
      paths.count == 1 ? "'\(paths[0])' is not here" : "\(paths.count) files or folders are not here"
    case .unreadableFile(let path, let reason): "'\(path)' cannot be read: \(reason)"
    case .unsupported(let sentence, _): sentence
    case .severalLayouts(let names): "the folder could be \(names.joined(separator: " or "))"
    }
  }

  private static func columns(_ found: [String]) -> String {
    "columns: " + (found.isEmpty ? "none" : found.prefix(40).map { "'\($0)'" }.joined(separator: ", "))
      + (found.count > 40 ? " and \(found.count - 40) more" : "")
  }

  var evidence: [String] {
    switch self {
    case .noLabelColumn(let found, _), .noInputColumn(let found):
      [Self.columns(found)]
    case .classesNotInTraining(let classes):
      classes.sorted { $0.key < $1.key }.prefix(10).map { name, rows in
        "'\(name)' on line \(rows.prefix(3).map(String.init).joined(separator: ", "))\(rows.count > 3 ? ", …" : "")"
      } + (classes.count > 10 ? ["… and \(classes.count - 10) more"] : [])
    case .strict(let rows): RawDatasetError.lines(rows)
    case .missingFiles(let paths): paths.count == 1 ? [] : paths
    case .noSuchColumn(_, let found, _): [Self.columns(found)]
    case .noSampleFile(let isFeatureSet, let words): isFeatureSet || words.isEmpty ? [] : ["here are \(words)"]
    case .severalTables(let names):
      ["they are \(names.prefix(12).joined(separator: ", "))\(names.count > 12 ? " and \(names.count - 12) more" : "")"]
    case .jsonTable(let keys):
      [
        "its keys are \(keys.prefix(12).joined(separator: ", "))\(keys.count > 12 ? " and \(keys.count - 12) more" : "")"
      ]
    default: []
    }
  }

  var remedy: String? {
    switch self {
    case .noSampleFile(let isFeatureSet, _):
      isFeatureSet
        ? "this is a feature set already; it needs no encoding"
        : "write one with the columns image, text, label and, if you like, id, split and group; "
          + "'seesaw datasets' lists the published layouts that are read as they are"
    case .twoSampleFiles: "name the one you mean"
    case .unknownFileKind: "convert it"
    case .otherEncoding: "save it as UTF-8, or name its encoding with --encoding"
    case .severalTables: "name the file that is meant; a second one with labels by id goes to --labels"
    case .noLabelColumn(_, let meant): "name the column of the class: --columns label=\(meant ?? "…")"
    case .noInputColumn:
      "'image' holds paths relative to the file, 'text' holds the text; --columns image=…,text=… names columns of other names"
    case .repeatedColumn: "rename or remove one of them"
    case .noSuchColumn(_, _, let meant): meant.map { "did you mean '\($0)'?" }
    case .severalColumns(let role, let names):
      "name the one that is meant: --columns \(role)=\(names[0])"
        + (role == "text" ? ", or several: --columns text=\(names.prefix(2).joined(separator: "+"))" : "")
        + "; --columns \(role)= does without"
    case .picturesUnread(let name, let root, _):
      "--columns image=\(name)\(root.isEmpty ? "" : ",image-root=\(root)") reads them (video=\(name) of clips, their sound too); "
        + "--columns image= does without pictures"
    case .numberedSplits:
      "0, 1 and 2 are taken for training, validation and testing; of others name which is which: "
        + "--split-names train=0+1+2,validation=3,test=4"
    case .unclosedQuote: "close it, and write a quote inside a quoted field twice"
    case .jsonTable: "write a list of objects, or one object a line"
    case .noRows: nil
    case .nothingUsable: nil
    case .onlyOneClass: "there must be two classes to tell apart"
    case .onlyOneTarget: "is 'label' the column of the target?"
    case .tooManyClasses: "is 'label' the column of the classes? --task regression predicts labels as numbers"
    case .emptySplit(let split, let hasColumn):
      hasColumn
        ? "write '\(split.rawValue)' in the column 'split' of some rows, or remove the column to have a split drawn"
        : "add more rows"
    case .classesNotInTraining: "move some of their rows to training, or remove them"
    case .strict: "correct them, or leave strict off to do without them"
    case .shares: "make them smaller"
    case .missingFiles: "'seesaw datasets show NAME' draws what belongs where"
    case .unreadableFile: nil
    case .unsupported(_, let remedy): remedy
    case .severalLayouts: "name the one with --layout"
    }
  }
}
