public import Auditing
public import Foundation
import Multimodal
import Records

extension PredictionTable {
  /// The table of a file of predictions: `.npz`, `.safetensors` or `.jsonl`, with arrays named as `Documentation/audit.md`
  /// has them.
  ///
  /// - Parameter needsLabels: whether a table without labels is refused.
  /// - Throws: a `Diagnosis` that names the file and the array.
  public init(reading url: URL, needsLabels: Bool = true) throws {
    do {
      self = try TableReader(TableArrays(reading: url)).table(needsLabels: needsLabels)
    } catch {
      var diagnosis = Diagnosis(describing: error)
      // What the table says of an array is said of this file's.
      if diagnosis.place == nil || diagnosis.exitStatus == .input { diagnosis.place = url.relativePath }
      throw diagnosis
    }
  }
}

/// A table put together from arrays.
private struct TableReader {
  let arrays: TableArrays
  private let place: String
  private var isMultiLabel = false

  init(_ arrays: TableArrays) throws {
    self.arrays = arrays
    place = arrays.place
  }

  private func refusal(_ what: String, found: [String] = [], remedy: String? = nil) -> Diagnosis {
    Diagnosis(what, place: place, found: found, remedy: remedy, exitStatus: .input)
  }

  func table(needsLabels: Bool) throws -> PredictionTable {
    try checkNames()
    let modalities = try modalities()
    guard let full = try matrix("full") else {
      throw refusal(
        "there is no array 'full' (or 'logits/full'): what the model says with everything there",
        found: ["arrays: " + listed(arrays.names)],
        remedy: arrays.names.isEmpty ? "seesaw audit --template shows how to write such a file" : nil)
    }
    let labels = try arrays.array("labels")
    guard labels != nil || !needsLabels else {
      if let own = arrays.withoutLabels { throw own }
      throw refusal(
        "there is no array 'labels'", found: ["arrays: " + listed(arrays.names)],
        remedy: "add one class number a row; --unlabelled audits predictions without labels")
    }
    var reader = self
    reader.isMultiLabel = labels.map { $0.shape.count == 2 && $0.shape[1] > 1 } ?? false
    let classes = try reader.classes(labels, count: full.classes)
    let scores = { (name: String) in try reader.scores(name, classes.count) }
    var conditions: [String: AnswerTable] = [:]
    var baseline: [String: AnswerTable] = [:]
    var held: [String: AnswerTable] = [:]
    var parts: [String: AnswerTable] = [:]
    var swaps: [PredictionTable.Swap] = []
    for name in arrays.names.sorted() {
      let known = TableNames.Parts(name)
      guard !TableNames.single.contains(known.rest), !known.rest.hasSuffix(":index"), known.grid == nil,
        known.embedding == nil
      else {
        continue
      }
      if let (modality, number) = known.swap {
        guard let index = try arrays.array("\(known.rest):index")?.indices(in: place) else {
          throw refusal(
            "'\(known.rest)' has no '\(known.rest):index': which row each row's \(modality) was taken from")
        }
        swaps.append(.init(modality: modality, k: number, index: index, scores: try scores(name)))
        continue
      }
      switch known.side {
      case .model: conditions[known.rest] = try scores(name)
      case .baseline: baseline[known.rest] = try scores(name)
      case .validation: held[known.rest] = try scores(name)
      case .parts: parts[known.rest] = try scores(name)
      }
    }
    return try PredictionTable(
      ids: arrays.array("ids")?.words(in: place), classes: classes, modalities: modalities,
      labels: labels.map { try reader.labels($0, classes) }, task: reader.task(classes),
      groups: arrays.array("groups")?.words(in: place), conditions: conditions,
      swaps: swaps.sorted { ($0.modality, $0.k) < ($1.modality, $1.k) }, grid: reader.grid(classes.count),
      grids: reader.grids(classes.count, modalities), baseline: baseline,
      validation: held.isEmpty
        ? nil
        : .init(labels: reader.validationLabels(classes), conditions: held),
      prior: arrays.array("prior")?.numbers(in: place), parts: parts.isEmpty ? nil : parts, embeddings: embeddings())
  }

  private func embeddings() throws -> [String: PredictionTable.Embedding] {
    var found: [String: PredictionTable.Embedding] = [:]
    for name in arrays.names {
      guard let modality = TableNames.Parts(name).embedding, let array = try arrays.array(name) else { continue }
      guard array.shape.count == 2, array.shape[1] > 0 else {
        throw refusal("'\(name)' has the shape \(array.words), rows × width was expected")
      }
      found[modality] = .init(width: array.shape[1], values: try array.numbers(in: place).map(Float.init))
    }
    return found
  }

  private func task(_ classes: [String]) -> PredictionTask? { isMultiLabel ? .multiLabel : nil }

  private func listed(_ names: [String]) -> String {
    names.isEmpty
      ? "none"
      : names.prefix(16).map { "'\($0.escapedForTerminal.clipped(60))'" }.joined(separator: ", ")
        + (names.count > 16 ? ", …" : "")
  }

  // MARK: Names

  /// Refuses arrays that nobody would look at.
  private func checkNames() throws {
    var seen: Set<String> = []
    for name in arrays.names {
      let parts = TableNames.Parts(name)
      let isIndex = parts.rest.hasSuffix(":index") && TableNames.Parts(String(parts.rest.dropLast(6))).swap != nil
      let isKnown =
        TableNames.single.contains(parts.rest) || isIndex || parts.rest == PredictionTable.full || parts.rest == "none"
        || parts.swap != nil || parts.condition != nil || parts.grid != nil || parts.side == .parts
        || parts.embedding != nil
      guard isKnown else {
        let near = nearest(
          to: parts.rest, in: TableNames.single + ["full", "none", "missing:image", "absent:image", "only:text"])
        throw refusal(
          "an audit does not know the array '\(name.escapedForTerminal.clipped(80))'",
          remedy: near.map { "did you mean '\($0)'?" }
            ?? "names are full, missing:MODALITY, absent:MODALITY, swap:MODALITY:K …; leave other arrays out")
      }
      guard seen.insert("\(parts.side) \(parts.rest)").inserted else {
        throw refusal("'\(parts.rest.escapedForTerminal.clipped(80))' is there both as probabilities and as logits")
      }
    }
  }

  /// As they are named, or those that conditions name: image, text and audio first, then by the alphabet.
  private func modalities() throws -> [String] {
    if let array = try arrays.array("modalities") { return try array.words(in: place) }
    var found: Set<String> = []
    for name in arrays.names {
      let parts = TableNames.Parts(name)
      if parts.side == .parts { found.insert(parts.rest) }
      if let swap = parts.swap { found.insert(swap.modality) }
      if let grid = parts.grid { found.insert(grid) }
      if let embedding = parts.embedding { found.insert(embedding) }
      if let condition = parts.condition, !parts.rest.hasSuffix(":index") {
        found.formUnion(condition.modalities.split(separator: "+").map(String.init))
      }
    }
    let usual = RawInput.Kind.allCases.map(\.rawValue)
    return usual.filter(found.contains) + found.subtracting(usual).sorted()
  }

  // MARK: Scores

  private func given(_ name: String) throws -> TableArray? {
    try arrays.array(name) ?? arrays.array("logits/\(name)")
  }

  /// How many classes an array has; one number a row is the second of two.
  private func matrix(_ name: String) throws -> (classes: Int, array: TableArray)? {
    guard let array = try given(name) else { return nil }
    guard (1...2).contains(array.shape.count) else {
      throw refusal("'\(array.name)' has the shape \(array.words), rows × classes was expected")
    }
    return (array.shape.count == 1 || array.shape[1] == 1 ? 2 : array.shape[1], array)
  }

  private func scores(_ name: String, _ classes: Int) throws -> AnswerTable {
    guard let array = try arrays.array(name) else { throw refusal("there is no array '\(name)'") }
    let isLogits = TableNames.Parts(name).isLogits
    guard (1...2).contains(array.shape.count) else {
      throw refusal("'\(name)' has the shape \(array.words), rows × \(classes) was expected")
    }
    let rows = array.shape[0]
    let width = array.shape.count == 1 ? 1 : array.shape[1]
    return try scores(array, isLogits, rows: rows, width: width, classes)
  }

  private func scores(
    _ array: TableArray, _ isLogits: Bool, rows: Int, width: Int, _ classes: Int
  ) throws -> AnswerTable {
    var values = try array.numbers(in: place)
    if width == 1, classes == 2 {
      values = values.flatMap { isLogits ? [0, $0] : [1 - $0, $0] }
    } else if width != classes {
      throw refusal("'\(array.name)' has \(width) classes, and 'full' has \(classes)")
    }
    return try AnswerTable(
      rows: rows, classes: classes, kind: isLogits ? .logits : .probabilities, values: values,
      severalLabels: isMultiLabel, name: array.name)
  }

  private func grid(_ classes: Int) throws -> PredictionTable.Grid? {
    guard let array = try given("grid") else {
      let isOther = arrays.names.contains { TableNames.Parts($0).grid != nil }
      guard try isOther || arrays.array("grid:index") == nil else {
        throw refusal("'grid:index' is there, and no 'grid'")
      }
      return nil
    }
    let index = try gridIndex(of: array.name)
    return .init(index: index, scores: try cells(array, index.count, classes))
  }

  private func gridIndex(of name: String) throws -> [Int] {
    guard let index = try arrays.array("grid:index")?.indices(in: place) else {
      throw refusal("'\(name)' has no 'grid:index': which rows its sides are")
    }
    return index
  }

  /// The cells of a grid, row by row.
  private func cells(_ array: TableArray, _ count: Int, _ classes: Int) throws -> AnswerTable {
    let shape = array.shape
    guard (2...3).contains(shape.count), shape[0] == count, shape[1] == count else {
      throw refusal(
        "'\(array.name)' has the shape \(array.words), and 'grid:index' names \(count) rows",
        remedy: "give rows × rows × classes")
    }
    return try scores(
      array, TableNames.Parts(array.name).isLogits, rows: shape[0] * shape[1], width: shape.count == 3 ? shape[2] : 1,
      classes)
  }

  private func grids(_ classes: Int, _ modalities: [String]) throws -> PredictionTable.Grids? {
    let names = arrays.names.filter { TableNames.Parts($0).grid != nil }
    guard let first = names.first else { return nil }
    let index = try gridIndex(of: first)
    guard let partners = try arrays.array(TableNames.partners) else {
      throw refusal(
        "'\(first)' has no '\(TableNames.partners)': which rows the other modalities are of",
        remedy: "give n × \(modalities.count) rows, one for each modality in each of n draws")
    }
    let rows = try TableArray(
      name: partners.name, shape: [partners.shape.reduce(1, *)], content: partners.content
    ).indices(in: place)
    guard partners.shape == [index.count, modalities.count] else {
      throw refusal(
        "'\(partners.name)' has the shape \(partners.words), and \(index.count) draws of \(modalities.count) rows were expected"
      )
    }
    var scores: [String: AnswerTable] = [:]
    for name in names {
      guard let array = try arrays.array(name), let modality = TableNames.Parts(name).grid else { continue }
      scores[modality] = try cells(array, index.count, classes)
    }
    return .init(
      index: index,
      partners: stride(from: 0, to: rows.count, by: modalities.count).map {
        Array(rows[$0..<($0 + modalities.count)])
      }, scores: scores)
  }

  // MARK: Labels

  private func classes(_ labels: TableArray?, count: Int) throws -> [String] {
    if let array = try arrays.array("classes") {
      let names = try array.words(in: place)
      guard names.count == count else {
        throw refusal("'classes' names \(names.count) classes, and 'full' has \(count)")
      }
      return names
    }
    guard case .texts(let texts) = labels?.content else { return (0..<count).map { "\($0)" } }
    let names = Set(texts).sorted()
    guard names.count == count else {
      throw refusal(
        "'labels' names \(names.count) classes, and 'full' has \(count)",
        remedy: "add an array 'classes' with all names in the order of the columns")
    }
    return names
  }

  private func labels(_ array: TableArray, _ classes: [String]) throws -> PredictionTable.Labels {
    if isMultiLabel {
      guard array.shape.count == 2, array.shape[1] == classes.count else {
        throw refusal("'\(array.name)' has the shape \(array.words), and there are \(classes.count) classes")
      }
      let values = try array.numbers(in: place)
      if let wrong = values.firstIndex(where: { $0 != 0 && $0 != 1 }) {
        throw refusal("'\(array.name)' holds \(values[wrong]) in row \(wrong / classes.count), 0 or 1 was expected")
      }
      return .several(values.map { $0 == 1 })
    }
    if case .texts(let texts) = array.content {
      let places = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
      return .classes(
        try texts.enumerated().map { row, name in
          if let place = places[name] { return place }
          throw refusal(
            "row \(row) of '\(array.name)' is '\(name.escapedForTerminal.clipped(60))', which is no class",
            found: ["there are \(listed(classes))"],
            remedy: nearest(to: name, in: classes).map { "did you mean '\($0)'?" })
        })
    }
    let column = array.shape.count == 2 && array.shape[1] == 1 ? [array.shape[0]] : array.shape
    return .classes(
      try TableArray(name: array.name, shape: column, content: array.content).indices(in: place))
  }

  private func validationLabels(_ classes: [String]) throws -> PredictionTable.Labels {
    guard let array = try arrays.array("validation/labels") else {
      throw refusal("there are validation rows, and no 'validation/labels'")
    }
    return try labels(array, classes)
  }
}
