import Datasets
import Foundation
import Records

/// A table of predictions as a data frame's file holds it, Parquet or Arrow: one row a sample.
///
/// Scores of a condition are a column of lists (`full`), of structs by class, or one column for each class (`full:cat`,
/// `full:dog`); of two classes one number is the second's. What `seesaw predict` writes is such a table too, whose
/// `probability:cat` is `full:cat`; its `label` is the answer, and the truth is a column `truth`.
struct TableFrame {
  private let file: ColumnFile
  private let place: String
  /// By the array's name its columns: one, or one for each class.
  private var columns: [(name: String, columns: [String])] = []
  private var classes: [String]?
  private var isOfPredict = false

  private static let rowNames = ["id": "ids", "label": "labels", "truth": "labels", "group": "groups"]
  /// What `predict` writes besides probabilities.
  private static let besides: Set = ["place", "label", "labels", "present", "empty", "condition", "score", "metric"]
  private static let probability = "probability:"

  init(_ file: ColumnFile, place: String) throws {
    self.file = file
    self.place = place
    // pandas keeps an index of rows without a name so.
    let names = file.names.filter { !$0.hasPrefix("__index_level_") }
    isOfPredict = names.contains { $0.hasPrefix(Self.probability) } && names.contains("metric")
    if names.contains("value"), names.contains("metric"), !isOfPredict {
      throw Diagnosis(
        "an audit is of models that answer with classes, and these predictions are of a regression", place: place,
        remedy: "seesaw diagnose says of a model that Seesaw trained what it leans on", exitStatus: .input)
    }
    let wide = names.filter { Self.isOfClass($0) }
    classes = try listed("classes") ?? Self.classes(of: wide)
    var places: [String: Int] = [:]
    for name in names {
      if isOfPredict, Self.besides.contains(name) || name.hasPrefix("calibrated:") { continue }
      if isOfPredict, name == "error" {
        try refuseErrors()
        continue
      }
      let array = try array(name)
      if let known = places[array] {
        columns[known].columns.append(name)
      } else {
        places[array] = columns.count
        columns.append((array, [name]))
      }
    }
    try check()
    if isOfPredict { try refusePartial() }
  }

  private func refusal(_ what: String, found: [String] = [], remedy: String? = nil) -> Diagnosis {
    Diagnosis(what, place: place, found: found, remedy: remedy, exitStatus: .input)
  }

  // MARK: Names

  private static func isOfClass(_ name: String) -> Bool {
    ["full:", "logits/full:", probability].contains { name.hasPrefix($0) }
  }

  /// The classes that `full:cat` and `full:dog` name, in the order of the columns.
  private static func classes(of names: [String]) -> [String]? {
    guard let first = names.first, let colon = first.firstIndex(of: ":") else { return nil }
    let head = String(first[...colon])
    return names.filter { $0.hasPrefix(head) }.map { String($0.dropFirst(head.count)) }
  }

  /// The array that a column is of: `full` of `full:cat`, `missing:image` of `missing:image:cat`.
  private func array(_ name: String) throws -> String {
    if name.hasPrefix(Self.probability) { return "full" }
    if isOfPredict, name == "id" || name == "truth" || name == "group" { return Self.rowNames[name] ?? name }
    if let array = Self.rowNames[name] { return array }
    if Self.isOfClass(name) { return String(name[..<(name.firstIndex(of: ":") ?? name.endIndex)]) }
    for one in classes ?? [] where name.hasSuffix(":\(one)") {
      let head = String(name.dropLast(one.count + 1))
      let parts = TableNames.Parts(head)
      if parts.condition != nil || parts.swap != nil || ["full", "none"].contains(parts.rest) { return head }
    }
    return name
  }

  private func check() throws {
    for (array, names) in columns where names.count > 1 || names.first.map({ $0 != array }) ?? false {
      guard let classes, !["ids", "labels", "groups"].contains(array) else {
        guard names.count > 1 else { continue }
        throw refusal(
          "the columns \(names.map { "'\($0.escapedForTerminal.clipped(60))'" }.joined(separator: " and ")) say the same",
          remedy: "keep one of them")
      }
      let given = names.map { suffix($0, of: array) }
      let lacking = classes.filter { !given.contains($0) } + given.filter { !classes.contains($0) }
      guard lacking.isEmpty, given.count == classes.count else {
        throw refusal(
          "'\(array.escapedForTerminal.clipped(60))' does not have one column for each class",
          found: [
            "there are \(names.prefix(8).joined(separator: ", "))", "odd: \(lacking.prefix(8).joined(separator: ", "))",
          ],
          remedy: "name them '\(array):CLASS' for the classes \(classes.prefix(8).joined(separator: ", "))")
      }
    }
  }

  private func suffix(_ name: String, of array: String) -> String {
    let head = name.hasPrefix(Self.probability) ? Self.probability : array + ":"
    return name.hasPrefix(head) ? String(name.dropFirst(head.count)) : name
  }

  /// A list of names beside the schema: in the file's metadata as JSON, or in what pandas keeps of `frame.attrs`.
  private func listed(_ name: String) throws -> [String]? {
    let attributes = file.metadata("PANDAS_ATTRS").flatMap { try? Tree(json: $0) }
    guard let tree = try file.metadata(name).map({ try Self.tree($0, name, place) }) ?? attributes?[path: name] else {
      return nil
    }
    guard let list = tree.listValue, list.allSatisfy({ $0.stringValue != nil }) else {
      throw refusal(
        "'\(name)' beside the schema is no JSON list of texts", found: [tree.json().escapedForTerminal.clipped(80)])
    }
    return list.compactMap(\.stringValue)
  }

  private static func tree(_ text: String, _ name: String, _ place: String) throws -> Tree {
    do { return try Tree(json: text) } catch {
      throw Diagnosis(
        "'\(name)' beside the schema is no JSON", place: place, found: [text.escapedForTerminal.clipped(80)],
        exitStatus: .input)
    }
  }

  /// Rows that `predict` could not answer for have no scores.
  private func refuseErrors() throws {
    guard case .texts(let texts) = try file.values("error", allowingEmpty: true),
      let row = texts.firstIndex(where: { !$0.isEmpty })
    else { return }
    throw refusal(
      "row \(row) has no prediction: \(texts[row].escapedForTerminal.clipped(120))",
      remedy: "leave out rows with an error: frame[frame.error.isna()]")
  }

  /// Rows that `predict` answered for without some modality are not what `full` means.
  private func refusePartial() throws {
    guard file.names.contains("present"), case .textLists(let lists) = try file.values("present") else { return }
    let all = Set(lists.joined())
    guard let row = lists.firstIndex(where: { Set($0) != all }) else { return }
    throw refusal(
      "row \(row) was predicted from \(lists[row].isEmpty ? "nothing" : lists[row].joined(separator: ", ")) alone, others from "
        + all.sorted().joined(separator: ", "),
      remedy: "keep rows with everything there: frame[frame.present.map(len) == \(all.count)]")
  }

  // MARK: Arrays

  func arrays() throws -> TableArrays {
    var all: [(name: String, load: () throws -> TableArray)] = []
    let order = try classes ?? fieldsOfFull()
    var index: TableArray?
    for (array, names) in columns {
      let parts = TableNames.Parts(array)
      if names.count > 1 || names[0] != array, let classes, !["ids", "labels", "groups"].contains(array) {
        all.append((array, { try wide(array, names, classes) }))
      } else if parts.rest == TableNames.partners {
        // Only rows of the grid have one.
        all.append((array, { try plain(array, names[0], nil, skippingEmpty: true) }))
      } else if parts.isOfGrid {
        let grid = try grid(array, names[0])
        all.append((array, { grid.scores }))
        if let index, case .numbers(let one, _) = index.content, case .numbers(let other, _) = grid.index.content,
          one != other
        {
          throw refusal("'\(array.escapedForTerminal.clipped(60))' is in other rows than the grids before it")
        }
        index = grid.index
      } else if array == "labels" {
        continue
      } else {
        all.append((array, { try plain(array, names[0], order) }))
      }
    }
    if let index { all.append(("grid:index", { index })) }
    if let labels = columns.first(where: { $0.name == "labels" }) {
      all.append(("labels", { try self.labels(labels.columns[0], order) }))
    }
    if let order { all.append(("classes", { Self.names("classes", order) })) }
    if let names = try listed("modalities") { all.append(("modalities", { Self.names("modalities", names) })) }
    if let prior = file.metadata("prior") {
      let values = try Self.tree(prior, "prior", place).listValue?.compactMap(\.numberValue) ?? []
      all.append(
        ("prior", { TableArray(name: "prior", shape: [values.count], content: .numbers(values, isWhole: false)) }))
    }
    var arrays = TableArrays(all, place: place)
    if isOfPredict {
      arrays.withoutLabels = refusal(
        "'label' is what the model answers, and there is no column 'truth'",
        remedy: "add the true class of each row: frame['truth'] = …")
    }
    return arrays
  }

  /// The order of a struct's fields is that of classes, where nobody says another.
  private func fieldsOfFull() throws -> [String]? {
    let full = columns.first { TableNames.Parts($0.name).rest == "full" && TableNames.Parts($0.name).side == .model }
    guard let full, case .rows(_, _, let fields) = try file.values(full.columns[0]) else { return nil }
    return fields
  }

  private static func names(_ name: String, _ texts: [String]) -> TableArray {
    TableArray(name: name, shape: [texts.count], content: .texts(texts))
  }

  /// A column as an array; of structs in the order of the classes.
  private func plain(
    _ array: String, _ column: String, _ classes: [String]?, skippingEmpty: Bool = false
  ) throws -> TableArray {
    switch try file.values(column, allowingEmpty: skippingEmpty) {
    case .numbers(let values, let isWhole):
      return TableArray(name: array, shape: [values.count], content: .numbers(values, isWhole: isWhole))
    case .texts(let texts): return Self.names(array, texts)
    case .rows(let values, let width, let fields):
      guard let fields, let classes else {
        return TableArray(
          name: array, shape: [values.count / max(width, 1), width], content: .numbers(values, isWhole: false))
      }
      guard Set(fields) == Set(classes), fields.count == classes.count else {
        let odd = fields.filter { !classes.contains($0) } + classes.filter { !fields.contains($0) }
        throw refusal(
          "'\(array.escapedForTerminal.clipped(60))' does not name each class once",
          found: [odd.prefix(8).joined(separator: ", ")])
      }
      let places = classes.compactMap(fields.firstIndex)
      let ordered = stride(from: 0, to: values.count, by: width).flatMap { base in places.map { values[base + $0] } }
      return TableArray(name: array, shape: [values.count / width, width], content: .numbers(ordered, isWhole: false))
    case .textLists, .grids:
      throw refusal("'\(array.escapedForTerminal.clipped(60))' holds lists of texts or of lists, numbers were expected")
    }
  }

  /// One column for each class.
  private func wide(_ array: String, _ names: [String], _ classes: [String]) throws -> TableArray {
    let byClass = Dictionary(names.map { (suffix($0, of: array), $0) }, uniquingKeysWith: { first, _ in first })
    let all = try classes.map { name -> [Double] in
      guard case .numbers(let values, _) = try file.values(byClass[name] ?? name) else {
        throw refusal("'\((byClass[name] ?? name).escapedForTerminal.clipped(60))' does not hold one number a row")
      }
      return values
    }
    let rows = all.first?.count ?? 0
    let values = (0..<rows).flatMap { row in all.map { $0[row] } }
    return TableArray(name: array, shape: [rows, classes.count], content: .numbers(values, isWhole: false))
  }

  /// Numbers or names; lists of names, or of 0 and 1, where a row has several.
  private func labels(_ column: String, _ classes: [String]?) throws -> TableArray {
    switch try file.values(column) {
    case .textLists(let lists):
      guard let classes else {
        throw refusal(
          "'\(column)' holds lists of names, and the classes are not known",
          remedy: "name the columns full:CLASS, or put 'classes' beside the schema")
      }
      let values = try lists.enumerated().flatMap { row, names in
        if let odd = names.first(where: { !classes.contains($0) }) {
          throw refusal("row \(row) of '\(column)' is '\(odd.escapedForTerminal.clipped(60))', which is no class")
        }
        return classes.map { names.contains($0) ? 1.0 : 0 }
      }
      return TableArray(name: "labels", shape: [lists.count, classes.count], content: .numbers(values, isWhole: true))
    case .numbers(let values, _):
      if let row = values.firstIndex(where: \.isNaN) { throw refusal("row \(row) of '\(column)' has no value") }
      // pandas makes fractions of whole numbers where some row had none.
      return TableArray(name: "labels", shape: [values.count], content: .numbers(values, isWhole: true))
    default: return try plain("labels", column, classes)
    }
  }

  /// Rows of a grid stand in their own rows; the other rows have none.
  private func grid(_ array: String, _ column: String) throws -> (scores: TableArray, index: TableArray) {
    guard case .grids(let rows) = try file.values(column) else {
      throw refusal("'\(array)' does not hold a list of cells in each row of the grid")
    }
    let index = rows.indices.filter { rows[$0] != nil }
    let width = index.first.flatMap { rows[$0]?.first?.count } ?? 0
    var values: [Double] = []
    for row in index {
      let cells = rows[row] ?? []
      guard cells.count == index.count, cells.allSatisfy({ $0.count == width }), width > 0 else {
        throw refusal(
          "row \(row) of '\(array)' does not have \(index.count) cells of \(width) numbers, as \(index.count) rows have a grid"
        )
      }
      values += cells.joined()
    }
    return (
      TableArray(name: array, shape: [index.count, index.count, width], content: .numbers(values, isWhole: false)),
      TableArray(name: "grid:index", shape: [index.count], content: .numbers(index.map(Double.init), isWhole: true))
    )
  }
}
