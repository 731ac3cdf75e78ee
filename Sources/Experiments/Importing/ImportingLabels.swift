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
    /// [N]: the target of each row.
    case numbers([Double])
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

    if given == .regression {
      (task, classes, metric) = (.regression, [], asked ?? .r2)
      values = .numbers(try Self.targets(array, reader))
      if let fault = DatasetManifest.fault(metric, of: task) { throw Diagnosis(fault, exitStatus: .usage) }
      guard request.classes.isEmpty else {
        throw Diagnosis("a regression has no classes", remedy: "leave --classes out", exitStatus: .usage)
      }
      notes = reader.notes.filter { !$0.hasPrefix("the classes are named") }
      return
    }
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
    if let fault = DatasetManifest.fault(metric, of: task) {
      throw Diagnosis(
        fault, remedy: "--task regression predicts the labels as numbers", exitStatus: .usage)
    }
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

  /// The labels of some rows, [n] int64 or [n, C] uint8, or targets [n] float64.
  func tensor(_ rows: [Int]) throws -> Tensor {
    switch values {
    case .one(let labels): try Tensor(rows.map { labels[$0] })
    case .numbers(let targets): try Tensor(rows.map { targets[$0] })
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

  /// The names of the classes that some row has.
  var present: Set<String> {
    Set(zip(classes, counts(Array(0..<count))).compactMap { $1 > 0 ? $0 : nil })
  }

  /// The class that a row is drawn by: its own, or the rarest of its own; C where it has none.
  func strata() -> [Int] {
    let counts = counts(Array(0..<count))
    return (0..<count).map { row in labels(row).min { (counts[$0], $0) < (counts[$1], $1) } ?? classes.count }
  }

  /// The target of a row; nil where it has classes.
  func target(_ row: Int) -> Double? { if case .numbers(let targets) = values { targets[row] } else { nil } }

  /// What each row of an array says where a number is predicted.
  static func targetCells(_ array: ImportArray) throws -> [TargetCell] {
    array.kind == .text ? try array.strings().map { TargetCell($0) } : try array.doubles().map { TargetCell($0) }
  }

  /// Those of rows that all have one.
  private static func targets(_ array: ImportArray, _ reader: Reader) throws -> [Double] {
    guard array.column.count == 1 else {
      throw reader.wrong(
        "the task regression predicts one number a sample, '\(array.name)' has the shape \(array.shape)",
        remedy: "import one column of it")
    }
    return try targetCells(array).map { $0.value ?? .nan }
  }

  /// The classes of a row.
  func labels(_ row: Int) -> [Int] {
    switch values {
    case .one(let labels): [labels[row]]
    case .numbers: []
    case .many(let table): classes.indices.filter { table[row * classes.count + $0] == 1 }
    }
  }

  static func task(named name: String) throws -> PredictionTask {
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

    func wrong(_ what: String, found: [String] = [], remedy: String? = nil) -> Diagnosis {
      Diagnosis(what, place: place, found: found, remedy: remedy, exitStatus: .input)
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
        throw wrong(
          "labels are classes, '\(array.name)' is not a whole number in \(ImportRows.words(bad))",
          remedy: "--task regression predicts them as numbers; or make classes of them first, such as labels >= 0")
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
