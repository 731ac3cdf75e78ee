import ArgumentParser
import Balancing
import Experiments
import Foundation
import Records

/// Settings laid over the defaults.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    name: .customLong("config"),
    help: ArgumentHelp(
      "A configuration laid over the defaults: YAML, JSON or a run.json; may be repeated.", valueName: "file"),
    completion: .file())
  var files: [String] = []

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("A setting laid over that, such as training.epochs=10; may be repeated.", valueName: "key=value")
  )
  var settings: [String] = []

  var urls: [URL] { files.map { URL(filePath: $0) } }
}

extension URL {
  /// Data as it was named: a path, or an address such as `s3://bucket/folder`.
  init(dataAt name: String) {
    if name.contains("://"), let address = URL(string: name), !address.isFileURL {
      self = address
    } else if name.hasPrefix("file://"), let file = URL(string: name) {
      self = file
    } else {
      self.init(filePath: name)
    }
  }
}

/// A published data set as it comes.
struct LayoutOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The published layout of the folder (default: known by its files); 'seesaw datasets' lists them.",
      valueName: "name"))
  var layout: String?

  @Option(
    help: ArgumentHelp("Which of the layout's ways to read it; 'seesaw datasets show' names them.", valueName: "name"))
  var variant: String?

  @Option(
    help: ArgumentHelp(
      "What members of tar archives are, by their endings: jpg=image,txt=text,cls=label,seg.png=none.",
      valueName: "endings"))
  var map: String?

  @Option(
    help: ArgumentHelp("The sign between several pictures of a cell, as ';' in a.jpg;b.jpg.", valueName: "sign"))
  var pictureSeparator: String?

  @Option(
    help: ArgumentHelp("Of how many frames of a clip the features are averaged (default: 3).", valueName: "number"))
  var frames: Int?

  /// As `--set` says it.
  var settings: [String] {
    (map.map { ["data.map=\($0)"] } ?? [])
      + (pictureSeparator.map { ["data.picture_separator='\($0.replacing("'", with: "''"))'"] } ?? [])
      + (frames.map { ["data.frames=\($0)"] } ?? [])
  }
}

/// How a table of samples is read.
struct TableOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Which column is what, where usual names do not say it: text=Title+Body,label=Category,image=Photo,image-root=photos, "
        + "id=, group=, split=.", valueName: "role=column,…"))
  var columns: String?

  @Option(help: ArgumentHelp("How the table is written, such as windows-1252 (default: UTF-8).", valueName: "name"))
  var encoding: String?

  @Option(help: ArgumentHelp("The sign between columns, or 'tab' (default: found out).", valueName: "sign"))
  var delimiter: String?

  @Option(
    help: ArgumentHelp(
      "The sign between several labels of a cell, or 'none' (default: |, and ; where parts recur).", valueName: "sign"))
  var labelSeparator: String?

  @Option(help: ArgumentHelp("A second table, with labels by id.", valueName: "file"))
  var labels: String?

  @Option(
    help: ArgumentHelp(
      "What the names or numbers of splits mean, as train=0+1+2,validation=3,test=4.", valueName: "split=name,…"))
  var splitNames: String?

  var request: TableRequest {
    var request = TableRequest()
    request.columns = columns
    request.encoding = encoding
    request.delimiter = delimiter
    request.labelSeparator = labelSeparator
    request.labels = labels
    request.splitNames = splitNames
    return request
  }
}

/// What raw samples are read for, where that is not classes.
enum TaskOption {
  static let help: String =
    "regression, where the labels are numbers to predict, as --columns label=price (default: they are classes)."

  static func checked(_ word: String?) throws -> String? {
    guard let word else { return nil }
    let key = word.lowercased()
    guard key != "regression" else { return key }
    throw Diagnosis(
      "--task is 'regression', or left out", found: ["it is '\(word)'"],
      remedy: "of classes the labels say whether a sample has one or several", exitStatus: .usage)
  }
}

/// What to do where another process is at work in the same folder.
struct LockOptions: ParsableArguments {
  @Flag(help: "Wait for another process that writes in the same folder, instead of refusing.")
  var wait = false
}

/// Lists that are written with commas.
enum Listed {
  /// The words between the commas, without the spaces around them.
  static func words(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }

  /// Names of methods, as the methods spell them.
  ///
  /// - Throws: `UnknownMethod`, or a `Diagnosis` where none or one is named twice.
  static func methods(_ text: String) throws -> [String] {
    let names = try words(text).map { try MethodRegistry.entry($0).card.name }
    guard !names.isEmpty else {
      throw Diagnosis(
        "no method is named", remedy: "--methods joint,balgrad  (seesaw methods lists all)", exitStatus: .usage)
    }
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw Diagnosis("method '\(twice)' is named twice", exitStatus: .usage)
    }
    return names
  }

  /// `image,text` or `image=img,text=txt`: each modality and the array it comes from.
  static func modalities(_ text: String) throws -> [(name: String, array: String)] {
    try words(text).map { word in
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.allSatisfy({ !$0.isEmpty }) else {
        throw Diagnosis("'\(word)' is not a modality, or modality=array", place: "--modalities", exitStatus: .usage)
      }
      return (String(parts[0]), String(parts[parts.count - 1]))
    }
  }

  /// `audio=audio.npy`: an array's name and its file.
  static func array(_ word: String) throws -> (name: String, file: URL) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else {
      throw Diagnosis("'\(word)' is not name=file.npy", place: "--array", exitStatus: .usage)
    }
    return (String(parts[0]), URL(filePath: String(parts[1])))
  }
}

/// What lies at a path that somebody typed.
enum Place {
  /// The folder of a feature set.
  ///
  /// - Throws: a `Diagnosis` where nothing is there, or raw samples that must be encoded first.
  static func features(_ path: String) throws -> URL {
    let url = URL(filePath: path)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw Diagnosis("there is no data set '\(path)'", remedy: "name the folder of one", exitStatus: .input)
    }
    if isRaw(path) { throw raw(path) }
    return url
  }

  /// Whether raw samples lie at a path: a table, or a folder of one or in a published layout.
  static func isRaw(_ path: String) -> Bool { Experiment.isRaw(URL(filePath: path)) }

  /// What to do with raw samples where features are needed.
  static func raw(_ path: String) -> Diagnosis {
    let name = path.trimmingSuffix("/")
    return Diagnosis(
      "'\(path)' holds raw samples, and features are needed",
      remedy: "encode them first:  seesaw encode \(name.shellQuoted) --out \((name + "-features").shellQuoted)",
      exitStatus: .input)
  }

  /// The working folder, what `make install` puts beside the program, and the program's folder, each with all that are above
  /// it: where what comes with Seesaw may lie.
  static func aboveProgramAndHere() -> [URL] {
    let starts = [
      URL(filePath: FileManager.default.currentDirectoryPath), Executable.shared,
      Executable.url?.deletingLastPathComponent(),
    ]
    return starts.compactMap { $0?.standardizedFileURL }.flatMap { start in
      var folders = [start]
      while let last = folders.last, last.path != "/" { folders.append(last.deletingLastPathComponent()) }
      return folders
    }
  }

  /// The last component of where a path leads, for the name of something made of it.
  static func name(of url: URL) -> String {
    let name = url.standardizedFileURL.lastPathComponent
    return name.isEmpty || name == "/" ? "data" : name
  }
}

/// What methods are called in tables.
enum MethodTitles {
  static let byName = Dictionary(
    MethodRegistry.entries.map { ($0.card.name, $0.card.title) }, uniquingKeysWith: { first, _ in first })
}
