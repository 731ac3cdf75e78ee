import Datasets
public import Foundation
import Multimodal
import Records

extension Experiment {
  /// What lies at a place, in some ten lines.
  ///
  /// Which files, which columns as what, how many rows, what is in doubt, and the command that takes it. It answers for
  /// anything, and opens no picture.
  public static func look(at request: CheckRequest) -> [String] {
    let place = request.data
    var isFolder: ObjCBool = false
    guard place.isFileURL else { return lookAtSamples(request) }
    guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) else {
      return ["there is nothing at \(place.relativePath)"]
    }
    if isFolder.boolValue {
      if RunFolder(place).exists { return lookAtRun(place) }
      if FileManager.default.fileExists(atPath: place.appending(path: "dataset.json").path) {
        return lookAtFeatures(place)
      }
    } else if isArrays(place) {
      return lookAtArrays(place)
    }
    return lookAtSamples(request)
  }

  /// Whether raw samples lie at a place, whether or not they can be read as they are.
  public static func isRaw(_ place: URL) -> Bool { RawDataset.isPlace(place) }

  static func next(_ command: String, _ place: URL, _ options: [String] = []) -> String {
    let name = place.deletingPathExtension().lastPathComponent
    let out = command == "encode" || command == "import" ? ["--out", "\(name)-features".shellQuoted] : []
    return "next: " + (["seesaw", command, place.relativePath.shellQuoted] + out + options).joined(separator: " ")
  }

  private static func lookAtRun(_ place: URL) -> [String] {
    let record = try? RunFolder(place).readRecord()
    return ["a run" + (record.map { ", its status is '\($0.status.rawValue)'" } ?? ""), next("diagnose", place)]
  }

  private static func lookAtFeatures(_ place: URL) -> [String] {
    do {
      let set = try FeatureSet(at: place)
      let counts = RawSplit.allCases.compactMap { split in
        set.counts[split.rawValue].map { "\(grouped($0)) \(split.rawValue)" }
      }
      let widths = zip(set.manifest.modalities, set.forms).map { "\($0) \($1.words)" }
      return [
        "a feature set: \(widths.joined(separator: ", "))", "samples: \(counts.joined(separator: ", "))",
        (set.manifest.task.hasClasses ? "classes: \(few(set.manifest.classes)); " : "target: a number; ")
          + "\(set.manifest.task.rawValue), scored by \(set.manifest.metric.rawValue)",
        next("diagnose", place),
      ]
    } catch {
      return ["a feature set that cannot be read: \(Diagnosis(describing: error).what)"]
    }
  }

  static func few(_ names: [String], _ shown: Int = 8, separator: String = ", ") -> String {
    "\(names.count) (\(names.prefix(shown).joined(separator: separator))\(names.count > shown ? "\(separator)…" : ""))"
  }

  private static func lookAtSamples(_ request: CheckRequest) -> [String] {
    let place = request.data
    var settings = RawDatasetSettings()
    do {
      let overlay = ConfigurationResolver(defaults: try Tree(encoding: CheckSettings()))
      settings = try overlay.resolve(settings: request.settings).tree.decode(CheckSettings.self).data
      settings = request.table.over(settings, layout: request.layout, variant: request.variant)
      let data = try RawDataset(at: place, settings: settings)
      return lines(of: data) + doubts(data) + [next("encode", place, options(request))]
    } catch {
      let diagnosis = Diagnosis(describing: error)
      var lines = ["no samples that could be read as they are"]
      if let words = SourceListing.words(of: place) { lines = ["in the folder: \(words)"] + lines }
      lines.append("in doubt: \(([diagnosis.what] + diagnosis.found.prefix(3)).joined(separator: "; "))")
      if let remedy = diagnosis.remedy { lines.append("what helps: \(remedy)") }
      return lines
    }
  }

  private static func lines(of data: RawDataset) -> [String] {
    let samples = data.samples
    var lines = [
      data.card.map { "a published data set: \($0.title)" }
        ?? "a table of samples: \(data.file.lastPathComponent)"
    ]
    if !data.roles.isEmpty { lines.append("columns: \(data.roles.joined(separator: "; "))") }
    let splits = RawSplit.allCases.map { split in samples.indices.count { samples.split(at: $0) == split } }
    let isDrawn = data.notes.contains { $0.hasPrefix("no column says which split") }
    let words = zip(RawSplit.allCases, splits).filter { $1 > 0 }.map { "\(grouped($1)) \($0.rawValue)" }
    lines.append(
      "rows: \(grouped(samples.count)) that can be used"
        + (data.quarantined.isEmpty ? "" : ", \(grouped(data.quarantined.count)) that cannot")
        + (isDrawn ? "; the split is to be drawn" : "; \(words.joined(separator: ", "))"))
    lines.append(
      data.isRegression
        ? targetWords(data)
        : "classes: \(few(data.classes))" + (data.isMultiLabel ? ", several to a sample" : ", one to a sample"))
    let having = data.modalities.map { kind in
      let count = samples.count { $0.has(kind) }
      return count == samples.count ? kind.rawValue : "\(kind.rawValue) in \(grouped(count))"
    }
    lines.append("inputs: \(having.joined(separator: ", "))")
    return lines
  }

  /// What numbers are to be predicted: `target: a number from 1 to 5, 3.2 on average`.
  private static func targetWords(_ data: RawDataset) -> String {
    let targets = data.samples.compactMap { data.target(of: $0) }
    func short(_ number: Double) -> String { String(format: "%.4g", number) }
    guard let low = targets.min(), let high = targets.max() else { return "target: a number" }
    return "target: a number from \(short(low)) to \(short(high)), "
      + "\(short(targets.reduce(0, +) / Double(targets.count))) on average"
  }

  /// What a person should look at, the most at once; the findings say the rest.
  private static func doubts(_ data: RawDataset) -> [String] {
    let known = ["no column says", "no validation rows", "the samples are in"]
    let notes = data.notes.filter { note in !known.contains { note.hasPrefix($0) } && !note.hasSuffix(" left out") }
    var lines: [String] = []
    if let first = data.quarantined.first {
      lines.append("in doubt: \(data.quarantined.count) rows left out, the first at \(first.place): \(first.reason)")
    }
    lines += notes.map { "in doubt: \($0)" }
    guard lines.count > 4 else { return lines }
    return lines.prefix(3) + ["in doubt: \(lines.count - 3) more, which 'seesaw encode' notes"]
  }

  /// The options that were given, for the next command.
  private static func options(_ request: CheckRequest) -> [String] {
    let table = request.table
    let named: [(String, String?)] = [
      ("--layout", request.layout), ("--variant", request.variant), ("--columns", table.columns),
      ("--encoding", table.encoding), ("--delimiter", table.delimiter), ("--label-separator", table.labelSeparator),
      ("--labels", table.labels), ("--split-names", table.splitNames), ("--task", table.task),
    ]
    return named.flatMap { name, value in value.map { [name, $0.shellQuoted] } ?? [] }
  }
}
