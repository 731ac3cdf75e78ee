public import Foundation

/// A folder of runs as MLflow keeps them in files: `mlflow ui --backend-store-uri FOLDER` shows them.
///
/// A run of ours is one of MLflow's, under a name that its folder and settings decide, so that it is replaced where it is
/// written again. Its parameters are its settings, its metrics those of every epoch (`train.…`, `validation.…`, the epoch as
/// step) and the scores of the kept epoch (`test.…`), and its artifacts are its own folder, which is not copied.
///
/// Source: mlflow/store/tracking/file_store.py of MLflow 2.
public struct MLflowStore: Sendable {
  private let root: URL

  public init(_ root: URL) { self.root = root.standardizedFileURL }

  /// Writes what a run's folder says of it now, whether it has ended or not.
  ///
  /// - Parameters:
  ///   - name: what the run is called; nil: by its method and seed.
  ///   - tags: besides its status and what it was made with.
  /// - Throws: a ``Diagnosis`` where the run cannot be read or the files cannot be written.
  public func write(_ folder: RunFolder, name: String? = nil, tags: [String: String] = [:]) throws {
    let record = try folder.readRecord()
    let epochs = FileManager.default.fileExists(atPath: folder.epochs.path) ? try folder.readEpochs() : []
    let evaluation = record.status == .finished ? try folder.readEvaluation() : nil
    try Diagnosis.placing(root) {
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }
    let experiment = try experiment(named: record.data.name)
    let method = record.configuration[path: "method.name"]?.stringValue ?? "run"
    let seed = record.configuration[path: "seed"]?.intValue ?? 0
    let place = folder.url.standardizedFileURL
    // Two runs in one folder, one after the other, are two where their settings differ.
    let settings = record.configuration.leafPaths.sorted().map { path in
      (path, Self.text(record.configuration[path: path] ?? .null))
    }
    let essence = settings.map { "\($0)=\($1)" }.joined(separator: "\n")
    let id = String(FileDigest.sha256(of: "\(place.path)\n\(essence)").prefix(32))
    let final = experiment.folder.appending(path: id)
    let made = experiment.folder.appending(path: ".\(id).\(UUID().uuidString.prefix(8))")
    defer { try? FileManager.default.removeItem(at: made) }
    for part in ["params", "metrics", "tags", "artifacts"] {
      try FileManager.default.createDirectory(at: made.appending(path: part), withIntermediateDirectories: true)
    }
    let begun = Self.milliseconds(record.started)
    try Self.meta(
      [
        ("artifact_uri", Self.quoted(place.absoluteString)),
        ("end_time", record.ended.map { "\(Self.milliseconds($0))" } ?? "null"), ("entry_point_name", "''"),
        ("experiment_id", "'\(experiment.id)'"), ("lifecycle_stage", "active"), ("run_id", id),
        ("run_name", Self.quoted(name ?? "\(method) seed \(seed)")), ("run_uuid", id), ("source_name", "''"),
        ("source_type", "4"), ("source_version", "''"), ("start_time", "\(begun)"),
        ("status", "\(Self.status(folder.status(of: record)))"), ("tags", "[]"), ("user_id", "''"),
      ], in: made)
    for (key, value) in settings { try Self.put(value, made.appending(path: "params/\(Self.key(key))")) }
    for (key, lines) in Self.metrics(record, epochs, evaluation, begun: begun) {
      try Self.put(lines.joined(separator: "\n") + "\n", made.appending(path: "metrics/\(key)"))
    }
    var tags = tags
    tags["mlflow.runName"] = name ?? "\(method) seed \(seed)"
    tags["mlflow.source.name"] = "seesaw"
    tags["mlflow.source.type"] = "LOCAL"
    tags["seesaw.version"] = record.versions.seesaw
    tags["seesaw.status"] = folder.status(of: record).rawValue
    tags["seesaw.folder"] = place.path
    tags["libtorch.version"] = record.versions.libtorch
    if !record.notes.isEmpty { tags["mlflow.note.content"] = record.notes.map { "- \($0)" }.joined(separator: "\n") }
    for (key, value) in tags { try Self.put(value, made.appending(path: "tags/\(Self.key(key))")) }
    try AtomicFolder.replace(final, with: made)
  }

  // MARK: Experiments

  /// The experiment of a name: the one that is there, else one under a number that the name decides.
  private func experiment(named name: String) throws -> (id: String, folder: URL) {
    let ids = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    for id in ids.sorted() where id.allSatisfy(\.isNumber) {
      let meta = root.appending(path: "\(id)/meta.yaml")
      guard let text = try? String(contentsOf: meta, encoding: .utf8) else { continue }
      let said = text.split(separator: "\n").first { $0.hasPrefix("name:") }?.dropFirst(5)
        .trimmingCharacters(in: .whitespaces)
      if said == Self.quoted(name) || said == name { return (id, root.appending(path: id)) }
    }
    // As many digits as MLflow's own.
    let digest = FileDigest.sha256(of: name).prefix(15)
    let id = String(100_000_000_000_000_000 + (UInt64(digest, radix: 16) ?? 0) % 800_000_000_000_000_000)
    let folder = root.appending(path: id)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let now = "\(Self.milliseconds(RunRecord.timestamp()))"
    try Self.meta(
      [
        ("artifact_location", Self.quoted(folder.absoluteString)), ("creation_time", now),
        ("experiment_id", "'\(id)'"), ("last_update_time", now), ("lifecycle_stage", "active"),
        ("name", Self.quoted(name)),
      ], in: folder)
    return (id, folder)
  }

  // MARK: What is written

  /// A line for each value: when, what, at which step.
  private static func metrics(
    _ record: RunRecord, _ epochs: [EpochRow], _ evaluation: EvaluationTable?, begun: Int
  ) -> [String: [String]] {
    var lines: [String: [String]] = [:]
    var time = begun
    func add(_ key: String, _ value: Double, step: Int) {
      lines[Self.key(key), default: []].append("\(time) \(value) \(step)")
    }
    for row in epochs {
      time += Int(row.seconds * 1000)
      for (name, value) in row.train { add("train.\(name)", value, step: row.epoch) }
      for (name, value) in row.validation { add("validation.\(name)", value, step: row.epoch) }
      add("epoch.seconds", row.seconds, step: row.epoch)
    }
    guard let evaluation else { return lines }
    let step = record.selectedEpoch ?? epochs.last?.epoch ?? 0
    time = record.ended.map(milliseconds) ?? time
    for (condition, score) in evaluation.scores { add("test.\(condition)", score, step: step) }
    for (condition, metrics) in evaluation.metrics {
      for (name, value) in metrics { add("test.\(condition).\(name)", value, step: step) }
    }
    for (kind, value) in evaluation.average { add("test.average.\(kind)", value, step: step) }
    for (kind, value) in evaluation.gap { add("test.gap.\(kind)", value, step: step) }
    return lines
  }

  /// How MLflow numbers where a run stands.
  private static func status(_ status: RunStatus) -> Int {
    switch status {
    case .running: 1
    case .finished: 3
    case .diverged, .failed: 4
    case .interrupted, .killed: 5
    }
  }

  /// A name that MLflow takes and that is one component of a path.
  private static func key(_ name: String) -> String {
    let text = String(
      name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_-. ".contains($0)) ? $0 : "_" })
    return text.hasPrefix(".") ? "_" + text : text
  }

  private static func text(_ tree: Tree) -> String { tree.stringValue ?? tree.json() }

  private static func milliseconds(_ moment: String) -> Int {
    Int(((try? Date(moment, strategy: .iso8601))?.timeIntervalSince1970 ?? 0) * 1000)
  }

  /// As YAML has a text in one line.
  private static func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: "''").replacing("\n", with: " ") + "'"
  }

  private static func meta(_ entries: [(String, String)], in folder: URL) throws {
    try put(entries.map { "\($0): \($1)\n" }.joined(), folder.appending(path: "meta.yaml"))
  }

  private static func put(_ text: String, _ url: URL) throws {
    try Diagnosis.placing(url) { try Data(text.utf8).write(to: url) }
  }
}
