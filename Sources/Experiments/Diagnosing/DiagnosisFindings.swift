import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records

extension DiagnosisWork {
  func findings(
    _ method: String, _ folders: [URL], _ trials: [ModelEvaluation], _ tables: [EvaluationTable],
    _ alone: [[Predictions]], _ aloneModels: [[ModelEvaluation]], _ aloneRuns: [[RunSummary]]
  ) throws -> ModelDiagnosis {
    let manifest = set.manifest
    let samples = set.test?.count ?? 0
    let conditions = try set.conditions()
    var bootstrap = Bootstrap<DiagnosisQuantity>(samples: samples)
    for condition in conditions {
      bootstrap.add(.score(condition), try trials.map { try $0.measure(under: condition) })
      guard manifest.task.hasClasses else { continue }
      bootstrap.add(
        .calibrationError(condition), try trials.map { try $0.predictions(under: condition).weightedCalibrationError() }
      )
      bootstrap.add(
        .overconfidence(condition), try trials.map { try $0.predictions(under: condition).weightedOverconfidence })
    }
    let game = CoalitionGame(modalities: names.count, samples: samples)
    let singles = names.indices.map { UInt64(1) << UInt64($0) }
    for present in Swift.Set(game.coalitions + singles).sorted() {
      try checkStop()
      bootstrap.add(.worth(present), try trials.map { try $0.measure(present: present) })
    }
    let metric = manifest.metric
    func measures(_ predictions: [Predictions]) -> [WeightedMeasure] {
      predictions.map { predictions in
        let score = WeightedScore(predictions, metric: metric)
        return { score($0) }
      }
    }
    for (name, predictions) in zip(names, alone) { bootstrap.add(.alone(name), measures(predictions)) }
    bootstrap.add(.chance, measures([try set.constantPredictions()]))
    let probes = try modalities.map { modality in
      try zip(trials, folders).map { try probe($0, RunFolder($1), modality) }
    }
    for (name, probes) in zip(names, probes) { bootstrap.add(.probe(name), measures(probes.map(\.test))) }

    let means = bootstrap.means
    let adds = try game.values { try means.known(.worth($0)) }
    let (best, chosenBy) = try bestAlone(aloneRuns, means)
    let order = adds.indices.sorted { (-adds[$0], $0) < (-adds[$1], $1) }
    // The choice of what adds most is made by the same numbers: of more modalities more could have seemed to.
    let tail = 0.05 / Double(names.count)
    let levels = Dictionary(
      names.indices.flatMap { [(DiagnosisQuantity.above($0), tail), (.behind($0), tail)] },
      uniquingKeysWith: { first, _ in first })
    let derived = DerivedQuantities(names: names, conditions: conditions, game: game, order: order, best: best)
    let estimates = bootstrap.estimates(replicates: request.replicates, levels: levels) { derived($0) }
    let training = try folders.map { try Experiment.trainingMeans($0) }
    func trainingMean(_ name: String) -> Double? { Statistics.mean(training.compactMap { $0[name] }) }
    let updates = Dictionary(
      names.compactMap { name in trainingMean("update.\(name)").map { (name, $0) } },
      uniquingKeysWith: { first, _ in first }
    )
    let worth = try names.map { name in
      let others = Statistics.mean(updates.filter { $0.key != name }.map(\.value))
      return try ModelDiagnosis.Worth(
        adds: estimates.known(.adds(name)), lost: estimates.known(.lost(name)),
        only: estimates.known(.only(name)), alone: estimates.known(.alone(name)),
        aloneAboveChance: estimates.known(.aloneAboveChance(name)), unused: estimates.known(.unused(name)),
        probe: estimates.known(.probe(name)),
        speed: updates[name].flatMap { own in others.flatMap { $0 > 0 ? own / $0 : nil } })
    }
    let (top, least) = (order[0], order[order.count - 1])
    var leaning = try leaning(order, total: adds.reduce(0, +), estimates)
    leaning.conventions = try Conventions(trials, game).found()
    let impaired = conditions.filter { $0 != Condition.full }
    let partings = folders.compactMap { folder in
      (try? RunFolder(folder).readSteps()).flatMap { LossSeparation($0, modalities: names) }
    }
    let aloneNamed = zip(names, alone).compactMap { name, predictions in predictions.first.map { (name, $0) } }
    var notes: [String] = []
    for note in (run?.notes ?? []) + (tables.first?.notes ?? []) where !notes.contains(note) { notes.append(note) }
    if let note = try set.shiftNote() { notes.append(note) }
    var found = ModelDiagnosis(
      subject: run == nil ? .data : .run, place: request.subject.relativePath, data: data.set.folder.relativePath,
      dataset: manifest.name,
      task: manifest.task.rawValue, metric: manifest.metric.rawValue, method: method, modalities: names,
      classes: manifest.classes.count, samples: samples, seeds: trials.map(\.builder.configuration.seed),
      quick: request.quick, missing: tables.first?.missing, chance: try means.known(.chance),
      scores: try estimates.known(conditions) { .score($0) }, conditions: conditions, leaning: leaning,
      worth: Dictionary(zip(names, worth), uniquingKeysWith: { first, _ in first }),
      gap: try ModelDiagnosis.GapParts(
        strong: names[top], weak: names[least], model: estimates.known(.modelGap), data: estimates.known(.dataGap),
        training: estimates.known(.trainingGap)),
      partings: partings,
      transfer: try ModelDiagnosis.Transfer(
        impaired: estimates.known(impaired) { .transfer($0) }, best: names[best], chosenBy: chosenBy,
        fused: estimates.known(.fused)),
      calibration: Dictionary(
        try (manifest.task.hasClasses ? conditions : []).map { condition in
          (
            condition,
            try ModelDiagnosis.Calibration(
              error: estimates.known(.calibrationError(condition)),
              overconfidence: estimates.known(.overconfidence(condition)))
          )
        }, uniquingKeysWith: { first, _ in first }),
      gradients: ModelDiagnosis.Gradients(
        conflict: trainingMean("probe.conflict") ?? trainingMean("conflict"),
        cosine: trainingMean("probe.cosine") ?? trainingMean("cosine"), updates: updates),
      reliance: try ModelReliance(trials, alone: manifest.task.hasClasses ? Array(zip(names, alone)) : []),
      evidence: try trials[0].evidence(
        tables[0], parting: partings.first, alone: aloneNamed, samples: request.samples),
      notes: notes)
    // Swaps, grids and bits are of class probabilities, and so are the parts of telling samples.
    guard manifest.task.hasClasses else { return found }
    try checkStop()
    events(.phase("Auditing", "swapped inputs, sums of what each modality says, bits that each holds"))
    found.audit = try ModelTable.audited(
      trials.enumerated().map { place, trial in
        ModelTable(
          trial: trial,
          alone: zip(aloneModels, alone).compactMap { models, answers in
            // Of a run that is diagnosed there may be more models of one modality than of all.
            guard models.indices.contains(place), answers.indices.contains(place) else { return nil }
            return ModelTable.Alone(trial: models[place], predictions: answers[place])
          }, probes: probes.compactMap { $0.indices.contains(place) ? $0[place] : nil })
      }, replicates: request.replicates)
    if let parts = try TellingParts(trials[0], warn: { events(.warning($0)) }) {
      found.evidence.telling = parts.explained(found.evidence.telling)
    }
    return found
  }

  /// What adds most, and what cannot be told from it where something else can.
  private func leaning(
    _ order: [Int], total: Double, _ estimates: [DiagnosisQuantity: Estimate]
  ) throws -> ModelDiagnosis.Leaning {
    let alike = try (1..<order.count).prefix { try !estimates.known(.behind($0)).isAbove(0) }.count
    let peers = alike < order.count - 1 ? order[1..<(1 + alike)].map { names[$0] } : []
    let above = try estimates.known(.above(peers.count))
    return ModelDiagnosis.Leaning(
      verdict: verdict(above, learned: try estimates.known(.fullAboveChance)), modality: names[order[0]], peers: peers,
      above: above,
      strength: total > 0 ? above.value * Double(1 + peers.count) / total : 0)
  }

  private func verdict(_ above: Estimate, learned: Estimate) -> ModelDiagnosis.Verdict {
    guard learned.isAbove(0) else { return .learnedNothing }
    guard let interval = above.interval95 else { return .unclear }
    if interval.low > 0 { return above.value >= ModelDiagnosis.smallestDifference ? .leans : .even }
    return max(abs(interval.low), abs(interval.high)) <= ModelDiagnosis.widestEven ? .even : .unclear
  }

  /// The modality whose models are best, and on which split.
  private func bestAlone(_ runs: [[RunSummary]], _ means: [DiagnosisQuantity: Double]) throws -> (Int, String) {
    let metric = set.manifest.metric.rawValue
    let scores = try runs.map { runs in
      Statistics.mean(try runs.compactMap { try Experiment.validationScore(RunFolder($0.folder), metric) })
    }
    if scores.allSatisfy({ $0 != nil }) {
      return (scores.indices.max { (scores[$0] ?? 0) < (scores[$1] ?? 0) } ?? 0, "validation")
    }
    let onTest = try names.map { try means.known(.alone($0)) }
    return (onTest.indices.max { onTest[$0] < onTest[$1] } ?? 0, "test")
  }
}
