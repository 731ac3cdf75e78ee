import Balancing
import Datasets
import Foundation
import Multimodal
import Records

// A specialist is joint training, trained, selected and tested for one condition alone: what one model gives away against
// it is a choice, and no loss that the condition makes.

extension Experiment {
  /// A specialist as it is to be trained.
  struct PlannedSpecialist {
    /// Those it is the specialist of: `image-missing`, and `image-absent` where that is measured; the first names its folder.
    var conditions: [String]
    /// What sets it apart from joint training on the whole data, as `key=value`.
    var settings: [String]
    var runs: [PlannedRun]
    /// By run, the place of a row's run that is the same; nil where there is none.
    var same: [Int?]
  }

  /// A trained specialist.
  struct TrainedSpecialist {
    let plan: PlannedSpecialist
    let summaries: [RunSummary]
  }

  /// The folder of specialists in a comparison's.
  static let specialistsFolder = "specialists"

  /// The specialists of the conditions that rows are measured under, and why some are left out.
  ///
  /// - Parameters:
  ///   - plans: of the rows: a specialist that is one of them is not trained twice.
  ///   - data: as the rows are shown it.
  ///   - whole: all of it, of which runs take their part.
  static func specialists(
    of request: CompareRequest, _ plans: [PlannedRun], _ data: LoadedData, _ whole: LoadedData
  ) throws -> (specialists: [PlannedSpecialist], notes: [String]) {
    guard request.specialists, data.set.test != nil else { return ([], []) }
    if let clash = plans.first(where: { folderName($0.label) == specialistsFolder }) {
      throw Diagnosis(
        "'\(clash.label)' would share the folder of the specialists",
        remedy: "rename the row, or leave them out with --no-specialists", exitStatus: .usage)
    }
    let base = try SpecialistBase(request, plans)
    let wanted = base.configuration.evaluation.conditions
    let conditions = try data.set.conditions().filter { $0 == Condition.full || wanted.isEmpty || wanted.contains($0) }
    var found: [PlannedSpecialist] = []
    var without: [String] = []
    for condition in conditions {
      guard let own = Self.settings(for: condition, base.configuration.data, data.set) else {
        if Condition(condition, modalities: data.set.manifest.modalities).kind != "swapped" {
          without.append(condition)
        }
        continue
      }
      let settings = own + base.selection
      // A modality that is missing is missing whether that is told or not.
      if let same = found.firstIndex(where: { $0.settings == settings }) {
        found[same].conditions.append(condition)
      } else {
        found.append(try planned(condition, settings, base, request, plans, whole))
      }
    }
    let notes =
      (without.isEmpty
        ? []
        : [
          "no specialist, and so no regret, under \(without.joined(separator: ", ")): "
            + "there is no view of training and validation to train it on"
        ]) + base.notes
    return (found, notes)
  }

  /// What is set for a condition's specialist; nil where there is nothing to train it on.
  private static func settings(for name: String, _ base: DataSettings, _ set: FeatureSet) -> [String]? {
    let condition = Condition(name, modalities: set.manifest.modalities)
    guard let modality = condition.modality else { return name == Condition.full ? [] : nil }
    if condition.kind == "missing" || condition.kind == "absent" {
      let others = set.manifest.modalities.filter { $0 != modality }
      guard !others.isEmpty else { return nil }
      let isViewed = set.view.map { Condition($0, modalities: set.manifest.modalities).modality == modality } ?? false
      return ["data.modalities=\(listed(others))"] + (isViewed ? ["data.view=\"\""] : [])
    }
    // Two views at once are none that there is a file for.
    guard base.view.isEmpty, set.hasViews(name) else { return nil }
    return ["data.view=\(name)"]
  }

  /// A list as a setting's value; quoted only where a name needs it.
  private static func listed(_ names: [String]) -> String {
    let isPlain = names.allSatisfy { name in
      name.first.map(\.isLetter) == true
        && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(name.lowercased())
    }
    return isPlain ? "[\(names.joined(separator: ", "))]" : Tree.list(names.map(Tree.string)).json()
  }

  private static func planned(
    _ condition: String, _ settings: [String], _ base: SpecialistBase, _ request: CompareRequest, _ plans: [PlannedRun],
    _ data: LoadedData
  ) throws -> PlannedSpecialist {
    var specialist = PlannedSpecialist(conditions: [condition], settings: settings, runs: [], same: [])
    for seed in 0..<request.seeds {
      let (configuration, resolved) = try base.resolved(seed: seed, settings)
      let plan = PlannedRun(
        label: "specialist \(condition)", configuration: configuration, resolved: resolved,
        folder: request.out.appending(path: "\(specialistsFolder)/\(folderName(condition))/seed-\(seed)"))
      let digest = try RunBuilder(configuration, data).digest(of: resolved.tree)
      specialist.runs.append(plan)
      specialist.same.append(
        try plans.firstIndex { row in
          guard row.configuration.seed == seed, row.configuration.methodName == configuration.methodName else {
            return false
          }
          return try RunBuilder(row.configuration, data).digest(of: row.resolved.tree) == digest
        })
    }
    return specialist
  }

  /// What the specialists cost, before they are trained; nil where they cost nothing.
  static func cost(of specialists: [PlannedSpecialist], besides plans: [PlannedRun]) -> String? {
    let own = specialists.flatMap { specialist in
      zip(specialist.runs, specialist.same).filter { $1 == nil }.map(\.0)
    }
    guard !own.isEmpty else { return nil }
    func cost(_ plans: [PlannedRun]) -> Double { plans.reduce(0) { $0 + Self.cost(of: $1) } }
    let share = cost(own) / max(cost(own) + cost(plans), 1e-9)
    let names = specialists.filter { $0.same.contains { $0 == nil } }.flatMap { $0.conditions.prefix(1) }
    return "\(own.count) \(own.count == 1 ? "run" : "runs") more, one model for each condition: "
      + "\(names.joined(separator: ", ")), about \(Int((100 * share).rounded())) % of the work"
  }

  /// Lays a link where a specialist is one of the rows' runs, so that its folder is found among the specialists too.
  static func link(_ specialists: [PlannedSpecialist], to plans: [PlannedRun]) throws {
    let files = FileManager.default
    for specialist in specialists {
      for (run, same) in zip(specialist.runs, specialist.same) {
        guard let same, !files.fileExists(atPath: run.folder.path) else { continue }
        let row = plans[same].folder
        try Diagnosis.placing(run.folder) {
          try files.createDirectory(at: run.folder.deletingLastPathComponent(), withIntermediateDirectories: true)
          // A link to what is gone is in the way.
          if (try? files.destinationOfSymbolicLink(atPath: run.folder.path)) != nil {
            try files.removeItem(at: run.folder)
          }
          try files.createSymbolicLink(
            atPath: run.folder.path,
            withDestinationPath: "../../\(row.deletingLastPathComponent().lastPathComponent)/\(row.lastPathComponent)")
        }
      }
    }
  }

  /// The specialists as results have them, by condition.
  static func rows(of specialists: [TrainedSpecialist]) throws -> [String: ComparisonResults.Specialist] {
    var found: [String: ComparisonResults.Specialist] = [:]
    for specialist in specialists {
      let runs = try specialist.summaries.compactMap { summary in
        // To the model itself everything is there, as its data is what the condition leaves.
        try summary.evaluation.scores[Condition.full].map { score in
          ComparisonResults.Specialist.Run(
            seed: try RunConfiguration(recorded: summary.record.configuration).seed, score: score,
            seconds: summary.record.seconds)
        }
      }
      guard !runs.isEmpty else { continue }
      for condition in specialist.plan.conditions {
        found[condition] = ComparisonResults.Specialist(
          method: JointTraining.card.name, settings: specialist.plan.settings, runs: runs)
      }
    }
    return found
  }

  // MARK: Beforehand

  /// What differences the comparison will be able to tell, in a sentence; nil where there is nothing to compare.
  static func discernible(_ request: CompareRequest, _ data: LoadedData) -> String? {
    let methods = request.rows.count - 1
    // What is known of the spread of scores is of shares of samples; that of an R² depends on the data.
    guard methods > 0, data.set.manifest.task.hasClasses, let samples = data.set.test?.count else { return nil }
    func points(_ seeds: Int) -> String? {
      Discernible.difference(seeds: seeds, samples: samples, methods: methods).map { "\(Int((100 * $0).rounded(.up)))" }
    }
    guard let found = points(request.seeds) else {
      return "with one seed no difference can be told from noise"
    }
    let more = [5, 10, 20].first { $0 > request.seeds }.flatMap { count in points(count).map { (count, $0) } }
    return "with \(request.seeds) seeds, \(grouped(samples)) test samples and \(methods) "
      + "\(methods == 1 ? "method" : "methods") beside the first, differences from about \(found) points up are told from "
      + "noise" + (more.map { "; with \($0.0) seeds, from \($0.1)" } ?? "")
  }
}

/// Joint training as a comparison's specialists have it: architecture, budget and selection of the whole comparison.
private struct SpecialistBase {
  private let request: CompareRequest
  private let files: [URL]
  private let settings: [String]
  let configuration: RunConfiguration
  /// How the epoch is selected where the rows look at several conditions.
  let selection: [String]
  let notes: [String]

  init(_ request: CompareRequest, _ plans: [Experiment.PlannedRun]) throws {
    self.request = request
    let joint = JointTraining.card.name
    // What a method alone has a setting for says nothing of joint training.
    var settings = request.settings.filter { (try? Experiment.resolve(method: joint, settings: [$0])) != nil }
    var notes: [String] = []
    if request.tuning > 0 {
      if let row = request.rows.first(where: { (try? MethodRegistry.entry($0.method).card.name) == joint }) {
        settings += row.settings
      } else {
        notes.append("nothing was searched for the specialists, as joint training is no row of the comparison")
      }
    }
    var files = request.files
    if (try? Experiment.resolve(method: joint, files: files, settings: settings)) == nil, let plan = plans.first {
      settings = try Self.common(plan.configuration.methodName, files) + settings
      files = []
    }
    (self.files, self.settings, self.notes) = (files, settings, notes)
    configuration = try Experiment.resolve(method: joint, data: request.data, files: files, settings: settings)
      .configuration
    let selects = configuration.training.selection
    // A model for one condition is selected under it, and has no others to look at.
    selection = selects == .standing ? ["training.selection=\(Selection.full.rawValue)"] : []
  }

  /// What files of another method set besides its own settings.
  private static func common(_ method: String, _ files: [URL]) throws -> [String] {
    let defaults = try Experiment.resolve(method: method).resolved.tree
    let given = try Experiment.resolve(method: method, files: files).resolved.tree
    var common: Tree = [:]
    for path in given.leafPaths where !path.hasPrefix("method.") && path != "dataset" && path != "seed" {
      if given[path: path] != defaults[path: path] { common[path: path] = given[path: path] }
    }
    return Recipe.words(common)
  }

  /// A specialist's configuration.
  func resolved(seed: Int, _ own: [String]) throws -> (RunConfiguration, ResolvedConfiguration) {
    var (configuration, resolved) = try Experiment.resolve(
      method: JointTraining.card.name, seed: seed, data: request.data, files: files, settings: settings + own)
    Experiment.useOneThread(&configuration, &resolved)
    return (configuration, resolved)
  }
}
