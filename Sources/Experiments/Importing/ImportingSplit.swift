import Datasets
import Foundation
import Multimodal
import Records

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
  ///
  /// - Parameter groups: whom each row belongs to; those of one stay together.
  init(drawing labels: ImportLabels, seed: Int, groups: [String]?) throws {
    guard seed >= 0 else { throw Diagnosis("the seed is \(seed), must be at least 0", exitStatus: .usage) }
    if let groups {
      self.init(drawing: labels, seed: seed, wholly: groups)
      return
    }
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
      "there is no split: 70 % for training, 10 % for validation and 20 % for testing were drawn\(labels.task.hasClasses ? ", stratified by class," : "") "
        + "from the seed \(seed)"
    ]
  }

  private init(drawing labels: ImportLabels, seed: Int, wholly groups: [String]) {
    let strata = labels.strata()
    let splits = GroupedSplit.drawn(count: labels.count, seed: UInt64(seed)) { row in
      // Names that sort as the numbers do.
      (stratum: String(format: "%08d", strata[row]), group: groups[row])
    }
    let order = [RawSplit.train, .validation, .test]
    self.init(Self.completed(splits.map { order.firstIndex(of: $0) ?? 0 }, labels, groups))
    notes = [
      "there is no split: 70 % for training, 10 % for validation and 20 % for testing were drawn\(labels.task.hasClasses ? " by class" : ""), each of "
        + "\(Set(groups).count) groups whole, from the seed \(seed)"
    ]
  }

  /// The counts in words: `1,600 train, 400 test`.
  var words: String {
    rows.filter { !$0.value.isEmpty }
      .map { "\(grouped($0.value.count)) \($0.key)" }
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
        faults.count == 1 ? faults[0] : "\(faults.count) classes are tested but never trained", place: place,
        found: faults.count == 1 ? [] : Array(faults.prefix(10)),
        remedy: "move some of their rows to training, or remove them", exitStatus: .input)
    }
  }

  /// Sees to it that training knows every label, also where a row has several.
  private static func completed(_ places: [Int], _ labels: ImportLabels, _ groups: [String]? = nil) -> [Int] {
    var places = places
    var trained = labels.counts(places.indices.filter { places[$0] == 0 })
    let members = groups.map { Dictionary(grouping: $0.indices) { groups?[$0] ?? "" } } ?? [:]
    for row in places.indices where places[row] != 0 {
      guard labels.labels(row).contains(where: { trained[$0] == 0 }) else { continue }
      for moved in groups.flatMap({ members[$0[row]] }) ?? [row] where places[moved] != 0 {
        places[moved] = 0
        for label in labels.labels(moved) { trained[label] += 1 }
      }
    }
    return places
  }

  /// The split that a word stands for.
  static func split(named name: String) -> RawSplit? {
    place(named: name).map { [RawSplit.train, .validation, .test][$0] }
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
