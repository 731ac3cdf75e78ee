import Balancing
import Datasets
import Foundation
import Multimodal
import Records

// Every row has the same number of trials, so that no method wins by having been looked after better. Test scores take no
// part: a trial is judged by the validation split alone.

extension Experiment {
  /// Refuses what cannot be tuned.
  static func checkTuning(_ request: CompareRequest, _ data: LoadedData) throws {
    guard request.tuning >= 1 else {
      throw Diagnosis("the number of trials is \(request.tuning), must be at least 1", exitStatus: .usage)
    }
    guard data.set.validation != nil else {
      throw Diagnosis(
        "tuning chooses by validation score, and there is no validation split", place: data.set.folder.relativePath,
        remedy: "add validation.safetensors, or leave --tune out", exitStatus: .usage)
    }
  }

  /// One try of settings for a row.
  struct TuningTrial {
    let row: Int
    let number: Int
    let settings: [String: Tree]
    let plan: PlannedRun
  }

  /// Everything that a search tries.
  ///
  /// - Parameter plans: the runs of the comparison as it was asked for.
  static func trials(
    of request: CompareRequest, _ plans: [PlannedRun], _ data: LoadedData
  ) throws -> [TuningTrial] {
    let rows = plans.filter { $0.configuration.seed == 0 }
    var trials: [TuningTrial] = []
    for (index, row) in rows.enumerated() {
      let card = try MethodRegistry.entry(row.configuration.methodName).card
      for number in 0..<request.tuning {
        let settings = number == 0 ? [:] : trialSettings(number, of: card, row.resolved.tree)
        var (configuration, resolved) = try resolve(
          method: row.configuration.methodName, seed: 0, data: request.data, files: request.files,
          settings: request.settings + request.rows[index].settings + words(settings))
        if configuration.training.threads == 0 {
          configuration.training.threads = 1
          resolved.tree[path: "training.threads"] = 1
        }
        _ = try RunBuilder(configuration, data).method()
        let folder = row.folder.deletingLastPathComponent().appending(path: "trials/trial-\(number)")
        trials.append(
          TuningTrial(
            row: index, number: number, settings: settings,
            plan: PlannedRun(
              label: "\(row.label) trial \(number)", configuration: configuration, resolved: resolved, folder: folder)))
      }
    }
    return trials
  }

  /// Whether a trial has ended; one that diverged has.
  static func hasEnded(_ trial: TuningTrial, _ data: LoadedData) throws -> Bool {
    try finishedRun(trial.plan, data) != nil || hasDiverged(trial.plan, data)
  }

  /// Tries settings for every row, and lays the best over the row's own; `tuning.json` in `out` lists what was tried.
  ///
  /// - Parameter plans: the runs of the comparison as it was asked for.
  static func tuned(
    _ request: CompareRequest, _ plans: [PlannedRun], _ data: LoadedData, stop: StopFlag, events: @escaping EventSink
  ) throws -> (CompareRequest, TuningTable) {
    let trials = try trials(of: request, plans, data)
    if request.joins {
      let missing = try trials.filter { try !hasEnded($0, data) }.map { $0.plan.name(in: request.out) }
      guard missing.isEmpty else {
        throw Diagnosis(
          "\(missing.count) of \(trials.count) trials have not ended, and they choose the settings of the runs",
          place: request.out.relativePath, found: missing.listed(atMost: 10),
          remedy: "--plan lists them", exitStatus: .input)
      }
    }
    events(
      .phase(
        "Tuning", "\(trials.count) \(trials.count == 1 ? "run" : "runs"): \(request.tuning) for each row, with seed 0"))
    // What is noted of a trial is noted of the row's runs as well.
    let told = progress(to: events, as: "Tuning")
    let all = trials.map(\.plan)
    _ = try run(all, data, jobs: request.jobs, mayDiverge: true, stop: stop, events: told)
    let table = try table(of: trials, request, plans, data)
    try AtomicFile.write(Data((table.json() + "\n").utf8), to: request.out.appending(path: "tuning.json"))
    let tuned = try chosen(by: table, request, plans)
    let rows = plans.filter { $0.configuration.seed == 0 }
    for (index, row) in table.rows.enumerated() {
      guard let number = row.chosen?.number,
        let trial = trials.first(where: { $0.row == index && $0.number == number })
      else { continue }
      try take(trial.plan.folder, as: rows[index].folder)
    }
    return (tuned, table)
  }

  /// What trials scored, which have all ended.
  static func table(
    of trials: [TuningTrial], _ request: CompareRequest, _ plans: [PlannedRun], _ data: LoadedData
  ) throws -> TuningTable {
    let rows = plans.filter { $0.configuration.seed == 0 }
    let metric = data.set.manifest.metric.rawValue
    var table = TuningTable(dataset: data.set.manifest.name, metric: metric, trials: request.tuning, rows: [])
    for (index, row) in rows.enumerated() {
      table.rows.append(
        TuningTable.Row(
          name: row.label,
          trials: try trials.filter { $0.row == index }.map { trial in
            TuningTable.Trial(
              number: trial.number, settings: trial.settings,
              validation: hasDiverged(trial.plan, data)
                ? nil : try validationScore(RunFolder(trial.plan.folder), metric)
            )
          }))
    }
    return table
  }

  /// The comparison with the settings of the best trials.
  static func chosen(
    by table: TuningTable, _ request: CompareRequest, _ plans: [PlannedRun]
  ) throws -> CompareRequest {
    let rows = plans.filter { $0.configuration.seed == 0 }
    var tuned = request
    for (index, row) in table.rows.enumerated() {
      guard let chosen = row.chosen else {
        throw Diagnosis(
          "every trial of '\(row.name)' diverged", place: rows[index].folder.deletingLastPathComponent().relativePath,
          remedy: "a smaller learning rate, or --set optimizer.gradient_clip=1", exitStatus: .failed)
      }
      tuned.rows[index].settings += words(chosen.settings)
    }
    return tuned
  }

  /// The chosen trial is the row's run with seed 0: it need not be trained twice.
  static func take(_ trial: URL, as run: URL) throws {
    guard !FileManager.default.fileExists(atPath: run.path) else { return }
    let copy = run.deletingLastPathComponent().appending(path: ".\(run.lastPathComponent).copy")
    try Diagnosis.placing(run) {
      // Left by a comparison that was killed.
      if FileManager.default.fileExists(atPath: copy.path) { try FileManager.default.removeItem(at: copy) }
      try FileManager.default.copyItem(at: trial, to: copy)
    }
    try AtomicFolder.replace(run, with: copy)
  }

  /// What a trial sets: a learning rate from 10⁻⁴ to 10⁻², log-uniformly, and every number of the method's that has a
  /// range on its card times 2ᵘ, u uniform in −2 … 2, within that range.
  ///
  /// What every method has is drawn from a stream of the trial's number alone, so that every row tries the same learning
  /// rates; a method's own from one of its name and the number. More trials, other rows, other labels or another order
  /// change none of them.
  static func trialSettings(_ number: Int, of card: MethodCard, _ row: Tree) -> [String: Tree] {
    var common = SeededNumbers(seed: 0, stream: "tune/common/\(number)")
    var settings: [String: Tree] = ["optimizer.learning_rate": .number(pow(10, -4 + 2 * common.uniform()))]
    var numbers = SeededNumbers(seed: 0, stream: "tune/method/\(card.name)/\(number)")
    for setting in card.settings {
      guard let range = setting.range, setting.default.numberValue != nil else { continue }
      let factor = exp2(-2 + 4 * numbers.uniform())
      let path = "method.\(setting.key)"
      guard let value = row[path: path]?.numberValue else { continue }
      let isWhole = if case .int = setting.default { true } else { false }
      let stretched = within(range, value * factor, from: value, isWhole: isWhole)
      if stretched == value { continue }
      settings[path] = isWhole ? .int(Int(stretched)) : .number(stretched)
    }
    return settings
  }

  /// The number nearest to `wanted` that a range admits; at a bound that is itself refused, half way to `value`.
  private static func within(_ range: SettingRange, _ wanted: Double, from value: Double, isWhole: Bool) -> Double {
    var wanted = isWhole ? wanted.rounded() : wanted
    if let low = range.minimum, range.aboveMinimum ? wanted <= low : wanted < low {
      wanted =
        isWhole
        ? (range.aboveMinimum ? low.rounded(.down) + 1 : low.rounded(.up))
        : range.aboveMinimum ? (low + value) / 2 : low
    }
    if let high = range.maximum, range.belowMaximum ? wanted >= high : wanted > high {
      wanted =
        isWhole
        ? (range.belowMaximum ? high.rounded(.up) - 1 : high.rounded(.down))
        : range.belowMaximum ? (high + value) / 2 : high
    }
    return range.contains(wanted) ? wanted : value
  }

  /// `key=value` for each, in a fixed order.
  private static func words(_ settings: [String: Tree]) -> [String] {
    settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.description)" }
  }

  /// The validation score of the epoch whose weights a run kept.
  static func validationScore(_ folder: RunFolder, _ metric: String) throws -> Double? {
    let selected = try folder.readRecord().selectedEpoch
    return try folder.readEpochs().first { $0.epoch == selected }?.validation[metric]
  }
}
