import Multimodal
public import Records

/// How an audit is to be made.
public struct AuditOptions: Sendable, Equatable {
  /// What scores are by.
  public var metric: Metric
  /// Of everything that is drawn: two audits with one seed are equal.
  public var seed: UInt64
  /// Of the bootstrap behind every interval; 0 leaves the intervals out.
  public var replicates: Int
  /// Of labels, behind the rule for synergy.
  public var permutations: Int

  public init(metric: Metric = .accuracy, seed: UInt64 = 0, replicates: Int = 200, permutations: Int = 100) {
    self.metric = metric
    self.seed = seed
    self.replicates = replicates
    self.permutations = permutations
  }
}

/// Measures of a table of predictions.
public enum Audit {
  /// Everything that the table can tell, each number with its interval, and what it cannot for want of which array.
  ///
  /// - Throws: `Diagnosis` where the metric does not fit the task.
  public static func measure(_ table: PredictionTable, options: AuditOptions = AuditOptions()) throws -> AuditRecord {
    try measure([table], options: options)
  }

  /// The same of several models of one kind, such as those of several seeds, each with a table of the same rows.
  ///
  /// Numbers are means over the models. Their intervals are over models and rows: the percentiles of the means over rows that
  /// are drawn anew, the same for all models, joined with Student's half width over the models as `Bootstrap` joins them. Of
  /// one model they are of that model.
  ///
  /// - Throws: `Diagnosis` where the metric does not fit the task, or the tables are not of the same rows.
  public static func measure(
    _ tables: [PredictionTable], options: AuditOptions = AuditOptions()
  ) throws -> AuditRecord {
    try measured(tables, options: options).record
  }

  /// The same, and the bits of every sample where those can be told.
  package static func measured(
    _ tables: [PredictionTable], options: AuditOptions = AuditOptions()
  ) throws -> (record: AuditRecord, samples: SampleBits?) {
    guard let table = tables.first,
      tables.allSatisfy({
        $0.rows == table.rows && $0.labels == table.labels && $0.classes == table.classes
          && $0.modalities == table.modalities
      })
    else { throw Diagnosis("tables of one audit have the same rows, classes and modalities", exitStatus: .input) }
    let names = table.modalities
    let models = try tables.map { try MeasuredModel($0, metric: options.metric) }
    let audited = models[0].audited
    let swaps = names.indices.map { place in models.map { $0.swaps[place] } }
    // What one model has and another has not cannot be averaged.
    let measures = models[0].measures.indices.compactMap { place in Measure.mean(models.map { $0.measures[place] }) }
    let (values, intervals) = RowDraws(rows: table.rows, groups: table.groups)
      .numbers(of: measures, modalities: names.count, replicates: options.replicates, seed: options.seed)

    var record = AuditRecord(
      samples: table.rows, classes: table.classes, modalities: names, metric: options.metric.rawValue,
      task: table.task.rawValue)
    record.interval95 = intervals
    record.scores = byName(table.conditions.keys.sorted()) { condition in
      values["scores.\(condition)"].map { Estimate($0, interval95: intervals["scores.\(condition)"]) }
    }
    record.chance = values["chance"]
    record.aboveChance = values["aboveChance"]
    for measure in ["conflict", "routing", "swap", "variance", "missing", "shares", "divergence"] {
      let leads = byName(names) { values["leaning.\(measure).\($0)"] }
      // Of equals the first.
      guard let first = names.filter({ leads[$0] != nil }).max(by: { (leads[$0] ?? 0) < (leads[$1] ?? 0) }) else {
        continue
      }
      record.leaning[measure] = AuditRecord.Lead(modality: first, by: leads[first] ?? 0)
      record.interval95["leaning.\(measure)"] = intervals["leaning.\(measure).\(first)"]
    }
    for path in intervals.keys where path.hasPrefix("leaning.") && path.split(separator: ".").count > 2 {
      record.interval95[path] = nil
    }
    record.routing = Routing.record(values, names)
    for (name, tests) in zip(names, swaps) { record.swap[name] = SwapTests.record(values, name, tests) }
    record.emap = Additivity.record(values, names, models[0].additivity)
    record.pid = Decomposing.record(
      models.compactMap(\.decomposing), values, permutations: options.permutations, seed: options.seed)
    record.usable = UsableBits.record(models.compactMap(\.usable), values)
    let samples = PointwiseBits.mean(models.compactMap(\.pointwise))
    record.pointwise = PointwiseBits.record(samples)
    record.shares = byName(names) { values["shares.\($0)"] }
    record.contributions = byName(names) { values["contributions.\($0)"] }
    record.cooperation = values["cooperation"]
    record.utilisation = byName(names) { values["utilisation.\($0)"] }
    record.regret = byName(table.conditions.keys.sorted()) { values["regret.\($0)"] }
    record.worstRegret = values["worstRegret"]
    record.untold = Needs(audited, record).untold
    return (record, samples)
  }
}

/// All measures of one model's table.
private struct MeasuredModel {
  let audited: Audited
  /// By modality.
  let swaps: [SwapTests?]
  let additivity: Additivity?
  let decomposing: Decomposing?
  let usable: UsableBits?
  let pointwise: PointwiseBits?
  /// Always in the same order; nil where the table has not what it needs.
  let measures: [Measure?]

  init(_ table: PredictionTable, metric: Metric) throws {
    audited = try Audited(table, metric: metric)
    let names = table.modalities
    let routing = Routing(audited)
    let shares = try ModalityShares(audited)
    swaps = try names.map { [audited] in try SwapTests(audited, $0) }
    additivity = try Additivity(audited)
    decomposing = Decomposing(audited)
    usable = UsableBits(audited)
    pointwise = try PointwiseBits(audited, usable)
    measures = [
      try ScoreMeasures(audited).measure, routing?.measure, shares?.measure, additivity?.measure,
      decomposing?.measure, usable?.measure, SwapTests.measure(swaps.compactMap { $0 }, names),
    ]
  }
}
