import Balancing
import Datasets
import Multimodal
public import Foundation
public import Records

extension CompareRequest {
  /// A comparison by a recipe; `seeds` goes before the recipe's own number.
  public init(data: URL, recipe: Recipe, seeds: Int? = nil, out: URL) {
    let rows = recipe.rows.map {
      ComparisonRow(label: $0.label, method: $0.method, settings: Recipe.words($0.set))
    }
    self.init(data: data, rows: rows, seeds: seeds ?? recipe.seeds, out: out)
    settings = Recipe.words(recipe.settings)
    sweepRatios = recipe.sweep
  }
}

extension ComparisonRow {
  /// Every method that can work on a data set, and why the others cannot.
  ///
  /// Methods that scale gradients act on the optimizer's step here, since under Adam a factor on the gradient would
  /// cancel and the row would be joint training by another name.
  public static func all(on data: URL) throws -> (rows: [ComparisonRow], leftOut: [String]) {
    let set = try FeatureSet(at: data)
    var rows: [ComparisonRow] = []
    var leftOut: [String] = []
    var needClasses: [String] = []
    for entry in MethodRegistry.entries {
      if !set.manifest.task.hasClasses, entry.requirements.needsClasses != nil {
        needClasses.append(entry.card.name)
      } else if !entry.card.modalities.admits(set.modalities.count) {
        leftOut.append("'\(entry.card.name)' is left out: it needs \(entry.card.modalities.words) modalities")
      } else if entry.requirements.validation || entry.requirements.validationByDefault, set.validation == nil {
        leftOut.append("'\(entry.card.name)' is left out: it needs a validation split")
      } else {
        rows.append(
          ComparisonRow(label: entry.card.name, method: entry.card.name, settings: entry.settingsUnderAdam))
      }
    }
    if !needClasses.isEmpty {
      leftOut.append(
        "left out, as they need classes and the task is a regression: \(needClasses.joined(separator: ", ")) "
          + "('seesaw methods NAME' says why)")
    }
    return (rows, leftOut)
  }
}

extension Recipe {
  /// A recipe by its name or by its path.
  ///
  /// A name is looked up in the folder `Recipes` of the places given, in order.
  public init(_ name: String, in places: [URL]) throws {
    let folders = places.map { $0.appending(path: "Recipes") }
    let paths = name.hasSuffix(".yaml") || name.hasSuffix(".yml") || name.contains("/") ? [URL(filePath: name)] : []
    let candidates = paths + folders.map { $0.appending(path: "\(name).yaml") }
    guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
      let known = Self.names(in: places)
      throw Diagnosis(
        "there is no recipe '\(name)'",
        found: known.isEmpty ? [] : ["there are \(known.joined(separator: ", "))"],
        remedy: nearest(to: name, in: known).map { "did you mean '\($0)'?" } ?? "name a file: --recipe my-recipe.yaml",
        exitStatus: .input)
    }
    try self.init(reading: ConfigurationFile(reading: found))
  }

  /// The names of the recipes in the folder `Recipes` of some places, sorted, each once.
  public static func names(in places: [URL]) -> [String] {
    let files = places.flatMap {
      (try? FileManager.default.contentsOfDirectory(atPath: $0.appending(path: "Recipes").path)) ?? []
    }
    return Set(files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }).sorted()
  }
}
