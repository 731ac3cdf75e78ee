import Datasets
import Foundation
import Multimodal
import Records
import Torch

/// The labels of an import, as a feature set has them.
struct ImportLabels {
  private enum Values {
    /// [N]: the class of each row.
    case one([Int])
    /// [N, C], row by row.
    case many([UInt8])
  }

  let task: PredictionTask
  /// The one asked for, or the usual one of the task.
  let metric: Metric
  let classes: [String]
  let count: Int
  private let values: Values
  private(set) var notes: [String] = []

  /// Reads labels.
  ///
  /// - Parameter names: an array of class names, where the file has one.
  init(_ request: ImportRequest, _ array: ImportArray, names: ImportArray?) throws {
    let given = try request.task.map(Self.task(named:))
    let asked = try request.metric.map(Metric.init(named:))
    var reader = Reader(
      array: array, place: (request.file ?? request.parts["labels"])?.relativePath,
      given: request.classes.isEmpty ? try names?.strings() ?? [] : request.classes)
    if Set(reader.given).count < reader.given.count {
      throw Diagnosis("a class is named twice", place: names == nil ? nil : reader.place, exitStatus: .usage)
    }
    if let names, !reader.given.isEmpty { reader.notes.append("the classes are named by array '\(names.name)'") }
    count = array.shape.first ?? 0
    guard count > 0 else { throw reader.wrong("'\(array.name)' holds no labels") }

    let isList = array.column.count == 1 && !(given == .multiLabel && array.shape.count == 2)
    if isList {
      guard given != .multiLabel else {
        throw reader.wrong(
          "the task multi-label needs labels of shape [N, C], '\(array.name)' has the shape \(array.shape)")
      }
      let found = array.kind == .text ? try reader.texts() : try reader.numbers()
      (values, classes) = (.one(found.labels), found.classes)
      task = given ?? (classes.count == 2 && asked == .auroc ? .binary : .singleLabel)
    } else {
      guard array.shape.count == 2, array.shape[1] > 0, array.kind != .text else {
        throw reader.wrong("labels are [N] or [N, C], '\(array.name)' has the shape \(array.shape)")
      }
      let table = try reader.table()
      let hot = Self.oneHot(table, width: array.shape[1])
      classes = try reader.columnNames(array.shape[1])
      if given == nil, hot.bad.isEmpty {
        reader.notes.append(
          "every row of '\(array.name)' has exactly one 1, so the task is single-label; --task multi-label for the other"
        )
      }
      if given == .multiLabel || (given == nil && !hot.bad.isEmpty) {
        (values, task) = (.many(table), .multiLabel)
      } else {
        guard hot.bad.isEmpty else {
          throw reader.wrong(
            "the task \(given?.rawValue ?? "") needs exactly one 1 a row, '\(array.name)' has another number in "
              + ImportRows.words(hot.bad))
        }
        (values, task) = (.one(hot.labels), given ?? (classes.count == 2 && asked == .auroc ? .binary : .singleLabel))
      }
    }
    metric = asked ?? DatasetManifest.usualMetric(task)
    notes = reader.notes
    if task != .multiLabel, classes.count < 2 { throw reader.wrong("every row has the label '\(classes[0])'") }
    if task == .binary, classes.count != 2 {
      throw reader.wrong("the task binary needs two classes, there are \(classes.count)")
    }
    if metric == .auroc, task == .singleLabel, classes.count != 2 {
      throw Diagnosis(
        "AUROC needs two classes, there are \(classes.count)", remedy: "choose accuracy, macro-f1 or weighted-f1",
        exitStatus: .usage)
    }
    if given == nil, task == .singleLabel, classes.count == 2 {
      notes.append(
        "two classes are scored by \(metric.title); --metric auroc takes '\(classes[1])' as the positive one")
    }
  }

  /// The labels of some rows, [n] int64 or [n, C] uint8.
  func tensor(_ rows: [Int]) throws -> Tensor {
    switch values {
    case .one(let labels): try Tensor(rows.map { labels[$0] })
    case .many(let table):
      try Tensor(
        rows.flatMap { table[$0 * classes.count..<($0 + 1) * classes.count] }, shape: [rows.count, classes.count])
    }
  }

  /// How many of some rows each class has.
  func counts(_ rows: [Int]) -> [Int] {
    var counts = [Int](repeating: 0, count: classes.count)
    for row in rows { for label in labels(row) { counts[label] += 1 } }
    return counts
  }

  /// The class that a row is drawn by: its own, or the rarest of its own; C where it has none.
  func strata() -> [Int] {
    let counts = counts(Array(0..<count))
    return (0..<count).map { row in labels(row).min { (counts[$0], $0) < (counts[$1], $1) } ?? classes.count }
  }

  /// The classes of a row.
  func labels(_ row: Int) -> [Int] {
    switch values {
    case .one(let labels): [labels[row]]
    case .many(let table): classes.indices.filter { table[row * classes.count + $0] == 1 }
    }
  }

  private static func task(named name: String) throws -> PredictionTask {
    guard let task = PredictionTask.allCases.first(where: { $0.rawValue.tolerantKey == name.tolerantKey }) else {
      throw UnknownChoice(found: name, allowed: PredictionTask.allCases.map(\.rawValue))
    }
    return task
  }

  private static func oneHot(_ table: [UInt8], width: Int) -> (labels: [Int], bad: [Int]) {
    var labels: [Int] = []
    var bad: [Int] = []
    for row in 0..<table.count / width {
      let columns = (0..<width).filter { table[row * width + $0] == 1 }
      labels.append(columns.first ?? 0)
      if columns.count != 1 { bad.append(row) }
    }
    return (labels, bad)
  }
}

extension ImportLabels {
  /// Reads the array one way or another.
  private struct Reader {
    let array: ImportArray
    let place: String?
    /// The names of the classes, where they are known.
    let given: [String]
    var notes: [String] = []

    func wrong(_ what: String, found: [String] = []) -> Diagnosis {
      Diagnosis(what, place: place, found: found, exitStatus: .input)
    }

    func texts() throws -> (labels: [Int], classes: [String]) {
      let texts = try array.strings()
      return try named(texts, inOrder: Self.sorted(Set(texts)))
    }

    mutating func numbers() throws -> (labels: [Int], classes: [String]) {
      let numbers = try whole()
      let distinct = Set(numbers).sorted()
      if array.kind == .boolean, given.isEmpty {
        return try named(
          numbers.map { $0 == 0 ? "false" : "true" }, inOrder: distinct.map { $0 == 0 ? "false" : "true" })
      }
      let texts = distinct.map(String.init)
      // Names that are the numbers themselves are meant as such; other names stand for 0, 1, 2, ….
      if given.isEmpty || Set(texts).isSubset(of: given) {
        if given.isEmpty, distinct != Array(distinct.indices) {
          notes.append("the labels \(Self.listed(texts)) are not 0 to C − 1: they became the names of the classes")
        }
        return try named(numbers.map(String.init), inOrder: texts)
      }
      let bad = numbers.indices.filter { !given.indices.contains(numbers[$0]) }
      guard bad.isEmpty else {
        throw wrong(
          "the \(given.count) classes named do not fit the labels",
          found: ["'\(array.name)' holds \(Self.listed(texts)), expected 0 to \(given.count - 1)"])
      }
      return (numbers, given)
    }

    /// [N, C] of 0 and 1.
    func table() throws -> [UInt8] {
      let width = array.shape[1]
      let values = try array.doubles()
      let bad = values.indices.filter { values[$0] != 0 && values[$0] != 1 }.map { $0 / width }
      guard bad.isEmpty else {
        throw wrong(
          "labels of shape [N, C] are 0 or 1, '\(array.name)' has others in \(ImportRows.words(Set(bad).sorted()))")
      }
      return values.map { $0 == 1 ? 1 : 0 }
    }

    func columnNames(_ width: Int) throws -> [String] {
      guard given.isEmpty || given.count == width else {
        throw wrong("\(given.count) classes are named, '\(array.name)' has \(width) columns")
      }
      return given.isEmpty ? (0..<width).map(String.init) : given
    }

    private func whole() throws -> [Int] {
      guard array.kind == .real else { return try array.ints() }
      let values = try array.doubles()
      let bad = values.indices.filter { Int(exactly: values[$0]) == nil }
      guard bad.isEmpty else {
        throw wrong("labels are classes, '\(array.name)' is not a whole number in \(ImportRows.words(bad))")
      }
      return values.map { Int($0) }
    }

    private func named(_ texts: [String], inOrder found: [String]) throws -> (labels: [Int], classes: [String]) {
      let classes = given.isEmpty ? found : given
      let places = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
      let unknown = found.filter { places[$0] == nil }
      guard unknown.isEmpty else {
        throw wrong(
          "the \(given.count) classes named do not fit the labels",
          found: ["'\(array.name)' also holds \(Self.listed(unknown.map { "'\($0)'" }))"])
      }
      return (texts.map { places[$0] ?? 0 }, classes)
    }

    private static func listed(_ texts: [String]) -> String {
      texts.prefix(8).joined(separator: ", ") + (texts.count > 8 ? ", …" : "")
    }

    /// In numerical order where all are whole numbers, else alphabetical.
    private static func sorted(_ names: Set<String>) -> [String] {
      let numbers = names.compactMap { Int($0) }
      guard numbers.count == names.count else { return names.sorted() }
      return names.sorted { (Int($0) ?? 0, $0) < (Int($1) ?? 0, $1) }
    }
  }
}

/// Which rows go where.
struct ImportSplit {
  /// Rows by split, in the order of the arrays; some may be empty.
  let rows: KeyValuePairs<String, [Int]>
  private(set) var notes: [String] = []

  private init(_ places: [Int]) {
    func rows(_ place: Int) -> [Int] { places.indices.filter { places[$0] == place } }
    self.rows = ["train": rows(0), "validation": rows(1), "test": rows(2)]
  }

  /// Reads a split that is given.
  init(_ array: ImportArray, rows count: Int, place: String) throws {
    func wrong(_ what: String, _ remedy: String? = nil) -> Diagnosis {
      Diagnosis("the split '\(array.name)' \(what)", place: place, remedy: remedy, exitStatus: .input)
    }
    guard array.column.count == 1 else { throw wrong("has the shape \(array.shape), expected [N]") }
    guard array.column[0] == count else { throw wrong("has \(array.column[0]) rows, the labels have \(count)") }
    let remedy = "write train, validation and test, or 0, 1 and 2 for them"
    let places: [Int?]
    let words: [String]
    switch array.kind {
    case .text:
      words = try array.strings()
      places = words.map(Self.place(named:))
    case .integer, .real:
      let numbers = try array.doubles()
      words = numbers.map { Int(exactly: $0).map(String.init) ?? "\($0)" }
      places = numbers.map { Int(exactly: $0).flatMap { (0...2).contains($0) ? $0 : nil } }
    case .boolean: throw wrong("holds truth values", remedy)
    }
    let bad = places.indices.filter { places[$0] == nil }
    if let first = bad.first { throw wrong("holds '\(words[first])' and the like in \(ImportRows.words(bad))", remedy) }
    self.init(places.map { $0 ?? 0 })
    if rows[0].value.isEmpty { throw wrong("has no training rows", remedy) }
    if rows[1].value.isEmpty {
      notes.append("there is no validation split and none was made up: the last epoch of a training is used")
    }
    if rows[2].value.isEmpty { notes.append("there is no test split: nothing can be scored") }
  }

  /// Draws 70 % for training, 10 % for validation and 20 % for testing, in every class alike.
  init(drawing labels: ImportLabels, seed: Int) throws {
    guard seed >= 0 else { throw Diagnosis("the seed is \(seed), must be at least 0", exitStatus: .usage) }
    let strata = labels.strata()
    var numbers = SeededNumbers(seed: UInt64(seed), stream: "import/split")
    let order = numbers.permutation(labels.count).enumerated()
      .sorted { (strata[$0.element], $0.offset) < (strata[$1.element], $1.offset) }.map(\.element)
    let shares = [0.7, 0.1, 0.2]
    var given = [0, 0, 0]
    var places = [Int](repeating: 0, count: labels.count)
    for (position, row) in order.enumerated() {
      // The first of a class goes to training, which must know every class; then to whoever is furthest behind.
      let isFirst = position == 0 || strata[order[position - 1]] != strata[row]
      let due = shares.indices.map { shares[$0] * Double(position + 1) - Double(given[$0]) }
      let place = isFirst ? 0 : shares.indices.reduce(0) { due[$1] > due[$0] + 1e-9 ? $1 : $0 }
      given[place] += 1
      places[row] = place
    }
    self.init(Self.completed(places, labels))
    notes = [
      "there is no split: 70 % for training, 10 % for validation and 20 % for testing were drawn, stratified by class, "
        + "from the seed \(seed)"
    ]
  }

  /// The counts in words: `1,600 train, 400 test`.
  var words: String {
    rows.filter { !$0.value.isEmpty }
      .map { "\($0.value.count.formatted(.number.locale(Locale(identifier: "en_US")))) \($0.key)" }
      .joined(separator: ", ")
  }

  /// Refuses classes that are tried and never learnt.
  func check(_ labels: ImportLabels, place: String) throws {
    let trained = labels.counts(rows[0].value)
    let faults = rows.dropFirst().flatMap { name, rows in
      labels.counts(rows).enumerated().filter { $1 > 0 && trained[$0] == 0 }.map { label, count in
        "class '\(labels.classes[label])' has \(count) rows in \(name) and none in train"
      }
    }
    guard faults.isEmpty else {
      throw Diagnosis(
        faults.count == 1 ? faults[0] : "\(faults.count) classes are tried and never learnt", place: place,
        found: faults.count == 1 ? [] : Array(faults.prefix(10)),
        remedy: "move some of their rows to training, or remove them", exitStatus: .input)
    }
  }

  /// Sees to it that training knows every label, also where a row has several.
  private static func completed(_ places: [Int], _ labels: ImportLabels) -> [Int] {
    var places = places
    var trained = labels.counts(places.indices.filter { places[$0] == 0 })
    for row in places.indices where places[row] != 0 {
      let own = labels.labels(row)
      guard own.contains(where: { trained[$0] == 0 }) else { continue }
      places[row] = 0
      for label in own { trained[label] += 1 }
    }
    return places
  }

  private static func place(named name: String) -> Int? {
    switch name.lowercased() {
    case "train", "training": 0
    case "val", "valid", "validation", "dev", "development": 1
    case "test", "testing": 2
    default: nil
    }
  }
}
