import Foundation
import Records

/// A file of predictions as JSON lines, one a row: `{"label": "cat", "full": [0.9, 0.1], "missing:image": {"cat": 0.6, …}}`.
///
/// A first line with `classes` or `modalities` names those. A row of the grid is in the line of its row.
struct TableLines {
  let arrays: TableArrays

  private static let names = ["classes", "modalities", "prior"]
  private static let rowNames = ["id": "ids", "label": "labels", "group": "groups"]

  init(reading url: URL) throws {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestTable)
    try self.init(data, place: url.relativePath)
  }

  init(_ data: Data, place: String) throws {
    var rows: [(line: Int, table: [String: Tree])] = []
    var head: [String: Tree] = [:]
    for (place0, bytes) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      let line = place0 + 1
      guard bytes.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
      func refusal(_ what: String) -> Diagnosis {
        Diagnosis(what, place: "\(place):\(line)", exitStatus: .input)
      }
      guard bytes.count <= LineReader.limit else {
        throw refusal("the line is longer than \(LineReader.limit >> 20) MiB")
      }
      guard let text = String(validating: bytes, as: UTF8.self) else { throw refusal("the line is not UTF-8 text") }
      var tree: Tree
      do { tree = try Tree(json: text) } catch { throw refusal(Diagnosis(describing: error).what) }
      guard var table = tree.tableValue else { throw refusal("the line is not a JSON object") }
      let own = table.filter { Self.names.contains($0.key) }
      if !own.isEmpty {
        guard rows.isEmpty else { throw refusal("'\(own.keys.sorted()[0])' belongs into the first line") }
        head.merge(own) { $1 }
        table = table.filter { !Self.names.contains($0.key) }
        if table.isEmpty { continue }
      }
      rows.append((line, table))
    }
    guard let first = rows.first else {
      throw Diagnosis("the file has no rows", place: place, exitStatus: .input)
    }
    let keys = first.table.keys.sorted()
    let classes = try head["classes"].map { try Self.texts($0, "classes", place) }
    var arrays: [TableArray] = []
    for key in keys where !TableNames.Parts(key).isOfGrid {
      arrays.append(try Self.column(key, rows, classes, place))
    }
    for row in rows {
      guard let other = row.table.keys.first(where: { !keys.contains($0) && !TableNames.Parts($0).isOfGrid }) else {
        continue
      }
      throw Diagnosis(
        "'\(other.escapedForTerminal.clipped(60))' is in this line and not in the first", place: "\(place):\(row.line)",
        remedy: "give every row the same keys", exitStatus: .input)
    }
    arrays += try Self.grids(rows, place)
    if let classes { arrays.append(Self.names("classes", classes)) }
    if let tree = head["modalities"] {
      arrays.append(Self.names("modalities", try Self.texts(tree, "modalities", place)))
    }
    if let tree = head["prior"] {
      let values = try Self.numbers(tree, "prior", "\(place):1")
      arrays.append(TableArray(name: "prior", shape: [values.count], content: .numbers(values, isWhole: false)))
    }
    self.arrays = TableArrays(arrays.map { array in (array.name, { array }) }, place: place)
  }

  private static func names(_ name: String, _ texts: [String]) -> TableArray {
    TableArray(name: name, shape: [texts.count], content: .texts(texts))
  }

  private static func texts(_ tree: Tree, _ key: String, _ place: String) throws -> [String] {
    guard let list = tree.listValue, list.allSatisfy({ $0.stringValue != nil }) else {
      throw Diagnosis("'\(key)' is no list of texts", place: "\(place):1", exitStatus: .input)
    }
    return list.compactMap(\.stringValue)
  }

  private static func numbers(_ tree: Tree, _ key: String, _ place: String) throws -> [Double] {
    guard let list = tree.listValue else {
      throw Diagnosis(
        "'\(key.escapedForTerminal.clipped(60))' is \(tree.described), not a list of numbers", place: place,
        exitStatus: .input)
    }
    return try list.map { element in
      if element == .null { return .nan }
      guard let number = element.numberValue else {
        throw Diagnosis(
          "'\(key.escapedForTerminal.clipped(60))' holds \(element.described), not a number", place: place,
          exitStatus: .input)
      }
      return number
    }
  }

  /// Scores of one row: a list, a table by class, or one number.
  private static func scores(_ tree: Tree, _ key: String, _ classes: [String]?, _ place: String) throws -> [Double] {
    if let number = tree.numberValue { return [number] }
    guard let table = tree.tableValue else { return try numbers(tree, key, place) }
    guard let classes else {
      throw Diagnosis(
        "'\(key.escapedForTerminal.clipped(60))' names classes, and the order of classes is not known", place: place,
        remedy: "begin the file with {\"classes\": [\"…\", …]}", exitStatus: .input)
    }
    guard Set(table.keys) == Set(classes) else {
      let odd = table.keys.filter { !classes.contains($0) } + classes.filter { table[$0] == nil }
      throw Diagnosis(
        "'\(key.escapedForTerminal.clipped(60))' does not name each class once", place: place,
        found: [odd.sorted().prefix(8).joined(separator: ", ")], exitStatus: .input)
    }
    return try numbers(.list(classes.map { table[$0] ?? .null }), key, place)
  }

  private static func column(
    _ key: String, _ rows: [(line: Int, table: [String: Tree])], _ classes: [String]?, _ place: String
  ) throws -> TableArray {
    let name = rowNames[key] ?? key
    func value(_ row: (line: Int, table: [String: Tree])) throws -> Tree {
      guard let tree = row.table[key] else {
        throw Diagnosis(
          "'\(key.escapedForTerminal.clipped(60))' is not in this line, and in the first",
          place: "\(place):\(row.line)",
          remedy: "give every row the same keys", exitStatus: .input)
      }
      return tree
    }
    if ["id", "group", "label"].contains(key) || key.hasSuffix(":index") {
      let values = try rows.map(value)
      if key == "label", values.contains(where: { $0.listValue != nil }) {
        return try severalLabels(values, rows.map(\.line), classes, place)
      }
      if key != "id", key != "group", values.allSatisfy({ $0.intValue != nil }) {
        return TableArray(
          name: name, shape: [rows.count], content: .numbers(values.map { Double($0.intValue ?? 0) }, isWhole: true))
      }
      let texts = try zip(rows, values).map { row, tree in
        guard let text = tree.stringValue ?? tree.intValue.map({ "\($0)" }) else {
          throw Diagnosis(
            "'\(key)' is \(tree.described), not a text or a whole number", place: "\(place):\(row.line)",
            exitStatus: .input)
        }
        return text
      }
      return names(name, texts)
    }
    var all: [Double] = []
    var width = 0
    for (number, row) in rows.enumerated() {
      let some = try scores(value(row), key, classes, "\(place):\(row.line)")
      if number == 0 { width = some.count }
      guard some.count == width, width > 0 else {
        throw Diagnosis(
          "'\(key.escapedForTerminal.clipped(60))' has \(some.count) numbers, and \(width) in the first line",
          place: "\(place):\(row.line)", exitStatus: .input)
      }
      all += some
    }
    return TableArray(name: name, shape: [rows.count, width], content: .numbers(all, isWhole: false))
  }

  /// Lists of names of classes, or of 0 and 1.
  private static func severalLabels(
    _ values: [Tree], _ lines: [Int], _ classes: [String]?, _ place: String
  ) throws -> TableArray {
    guard let classes else {
      throw Diagnosis(
        "'label' is a list, and the classes are not known", place: place,
        remedy: "begin the file with {\"classes\": [\"…\", …]}", exitStatus: .input)
    }
    var all: [Double] = []
    for (tree, line) in zip(values, lines) {
      let list = tree.listValue ?? [tree]
      let named = list.compactMap(\.stringValue)
      guard named.count == list.count, named.allSatisfy(classes.contains) else {
        throw Diagnosis(
          "'label' holds something that is no class", place: "\(place):\(line)",
          found: [tree.json().escapedForTerminal.clipped(120)], exitStatus: .input)
      }
      all += classes.map { named.contains($0) ? 1 : 0 }
    }
    return TableArray(name: "labels", shape: [values.count, classes.count], content: .numbers(all, isWhole: true))
  }

  /// The grid, or one for each modality, whose rows are in the lines of the rows that take part.
  private static func grids(_ rows: [(line: Int, table: [String: Tree])], _ place: String) throws -> [TableArray] {
    let keys = Set(rows.flatMap(\.table.keys)).filter { TableNames.Parts($0).isOfGrid }.sorted()
    let index = rows.indices.filter { row in keys.contains { rows[row].table[$0] != nil } }
    guard !index.isEmpty else { return [] }
    let arrays = try keys.map { key in
      let own = try index.map { row -> (tree: Tree, at: String) in
        let at = "\(place):\(rows[row].line)"
        guard let tree = rows[row].table[key] else {
          throw Diagnosis(
            "'\(key.escapedForTerminal.clipped(60))' is not in this line, and in others of the grid", place: at,
            exitStatus: .input)
        }
        return (tree, at)
      }
      return TableNames.Parts(key).rest == TableNames.partners ? try partners(own, key) : try grid(own, key)
    }
    return arrays + [
      TableArray(name: "grid:index", shape: [index.count], content: .numbers(index.map(Double.init), isWhole: true))
    ]
  }

  /// One list of rows, by modality, in each line.
  private static func partners(_ own: [(tree: Tree, at: String)], _ key: String) throws -> TableArray {
    let lists = try own.map { try numbers($0.tree, key, $0.at) }
    let width = lists.first?.count ?? 0
    if let odd = lists.firstIndex(where: { $0.count != width }) {
      throw Diagnosis(
        "'\(key)' has \(lists[odd].count) rows, and \(width) in the first", place: own[odd].at, exitStatus: .input)
    }
    return TableArray(
      name: key, shape: [lists.count, width], content: .numbers(lists.flatMap { $0 }, isWhole: true))
  }

  /// As many cells in each line as there are lines, each a list of scores.
  private static func grid(_ own: [(tree: Tree, at: String)], _ key: String) throws -> TableArray {
    var all: [Double] = []
    var classes = 0
    for (tree, at) in own {
      let cells = tree.listValue ?? []
      guard cells.count == own.count else {
        throw Diagnosis(
          "'\(key.escapedForTerminal.clipped(60))' has \(cells.count) cells, and \(own.count) rows have one", place: at,
          exitStatus: .input)
      }
      for cell in cells {
        let values = try numbers(cell, key, at)
        if all.isEmpty { classes = values.count }
        guard values.count == classes, classes > 0 else {
          throw Diagnosis(
            "a cell of '\(key.escapedForTerminal.clipped(60))' has \(values.count) numbers, and \(classes) in the first",
            place: at,
            exitStatus: .input)
        }
        all += values
      }
    }
    return TableArray(name: key, shape: [own.count, own.count, classes], content: .numbers(all, isWhole: false))
  }
}
